"""Replay: recordings played as the candidate, in this process or against a server, and what came of it."""
