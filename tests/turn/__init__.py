"""Calls through a TURN server; `scripts/nightly-turn` brings coturn and runs them."""
