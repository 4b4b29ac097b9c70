"""One connection: the realtime protocol over a channel, its queue out, its messages in; models are in `protocol`."""
