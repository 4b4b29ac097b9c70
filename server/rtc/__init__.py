"""WebRTC: a peer for each call, its sound in and out, its data channel, and the routes that set it up."""
