"""The wire: a session behind its connections, its messages in, its queue out; models are in `protocol`."""
