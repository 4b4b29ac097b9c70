"""WebRTC: a peer for each call, its audio in and out, and its data channel."""
