"""The whole command line, `interlocutor`: the server's commands, and those that measure it.

The server knows nothing of what measures it, so its commands (`server.cli`) are complete without these. Each module
here has `register(app)`, which adds its commands to them; as there, nothing heavy is imported before a command runs.
"""

from __future__ import annotations

from bench.cli import bench, bench_llm, bench_tts, evaluate, models_qualify, replay, sessions_replay
from server.cli import app, main

__all__ = ["app", "main"]

for _module in (replay, bench, bench_llm, bench_tts, evaluate, models_qualify, sessions_replay):
    _module.register(app)
