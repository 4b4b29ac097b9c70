"""WebRTC: a peer for each call, its sound in and out, and its data channel."""
