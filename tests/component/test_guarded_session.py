"""A whole session in which a guarded model speaks: what the log has, and what a candidate may see."""

from __future__ import annotations

from pipelines.events import Audience, CardTookOver, ClauseGuarded, ReplyFinished
from pipelines.patient.guard.guard import Guard
from pipelines.patient.guard.guard_rules import SUPPLIED
from pipelines.patient.guard.rules_file import RulesFile
from pipelines.responders.guarded import Guarded
from pipelines.scripted.scripted_responder import ScriptedResponder
from tests.component.conftest import Replay, Replayed

LEAK = ("Well, let me think.", "I smoke fifteen a day, and my father lost his leg.")


def guarded() -> Guarded:
    return Guarded(ScriptedResponder(dict.fromkeys(range(40), LEAK)), Guard(RulesFile(SUPPLIED)))


def test_a_leak_is_never_heard_and_the_log_says_why(replay: Replay) -> None:
    replayed: Replayed = replay("consultation.flac", turns=3, responder=guarded)
    decided = replayed.events(ClauseGuarded)
    assert {event.action for event in decided} >= {"block"}
    assert all(event.audience is Audience.EXAMINER for event in decided)
    assert all(event.spoken == "" and event.reasons for event in decided if event.action == "block")
    assert {event.reason for event in replayed.events(CardTookOver)} == {"blocked"}
    heard = [event.heard for event in replayed.events(ReplyFinished)]
    assert len(heard) >= 3
    assert not any("fifteen" in text or "father" in text for text in heard)
    assert all(event.turn > 0 or event.reply > 0 for event in decided)
