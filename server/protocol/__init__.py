"""The wire: client messages in, server events out, and the published table of what is supported."""
