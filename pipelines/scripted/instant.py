"""The scripted engines at no cost, for timing the house's own code: what `engines.backend: mock` stands for."""

from __future__ import annotations

import os

from pipelines.scripted.interpreter import ScriptedInterpreter
from pipelines.scripted.recogniser import ScriptedRecogniser
from pipelines.scripted.scripted_responder import ScriptedResponder
from pipelines.scripted.synthesiser import ToneSynthesiser
from pipelines.scripted.turn_detector import ScriptedTurnDetector


def recogniser() -> ScriptedRecogniser:
    """Return a recogniser that costs nothing."""
    return ScriptedRecogniser(feed_cost_ms=0.0, finish_cost_ms=0.0)


def interpreter() -> ScriptedInterpreter:
    """Return an interpreter that costs nothing and takes every turn for a statement."""
    return ScriptedInterpreter()


def responder() -> ScriptedResponder:
    """Return a responder that answers every turn with the same few seconds of speech, at once."""
    return ScriptedResponder(dict.fromkeys(range(1, 10_000), REPLY), cost_ms=0.0)


def synthesiser() -> ToneSynthesiser:
    """Return a voice that costs nothing."""
    return ToneSynthesiser(cost_ms=0.0)


def turn_detector() -> ScriptedTurnDetector:
    """Return a turn detector that costs nothing and never knows."""
    return ScriptedTurnDetector()


# Whoever has no need of a long answer may have another; a variable reaches a server in a process of its own.
REPLY = tuple(
    os.environ.get("SCRIPTED_REPLY", "It began about three weeks ago,|and it has not got better since then.").split("|")
)
