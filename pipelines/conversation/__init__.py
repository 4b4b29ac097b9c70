"""The heart: a pure machine that takes signals and returns commands. It owns no socket, thread, clock or model."""
