"""Why a turn was waited for, from the log to data and words: text, sound, habits, rules, and what came too late."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pipelines.events import (
    Audience,
    EndOfTurnAnswered,
    EndOfTurnAsked,
    Event,
    PauseJudged,
    SpeechResumed,
    SpeechStopped,
    TurnTimeline,
)
from pipelines.log.session_log import Envelope, LogEntry
from server.reports.wait_words import judged_in_words, paused_in_words, waited_in_words
from server.reports.waits import waits_of

FIRST_MS, LAST_MS = 1_000.0, 3_000.0  # media time of the last voiced samples of two pauses


def odds(part: float) -> float:
    return math.log(part / (1.0 - part))


def judged(
    silent_ms: float,
    wait_ms: float,
    *,
    text: float | None = 0.12,
    finished: float | None = None,
    since_ms: float = LAST_MS,
    **more: Any,
) -> PauseJudged:
    worth = {} if text is None else {"text": odds(text)}
    evidence = {} if finished is None else {"sound": odds(finished)}
    if finished is not None:
        worth["sound"] = -odds(finished) / 3
    evidence |= more.pop("evidence", {})
    known = {"stretch": 1.0, "ending": "it hurt?", **more}
    return PauseJudged(1, since_ms, silent_ms, wait_ms, evidence, worth, **known)


def waited(*events: PauseJudged, silence_ms: float | None = 560.0, late: bool = False, listens: bool = False) -> str:
    return waited_in_words(silence_ms, events, late=late, listens=listens)


def record(event: Event, media_ms: float) -> LogEntry:
    return LogEntry(Envelope(1, 0, media_ms, media_ms, "", event.type_name(), Audience.DEVELOPER, ""), event)


def timeline(endpoint_ms: float) -> TurnTimeline:
    return TurnTimeline(
        1, 1, LAST_MS, wait_ms=540.0, pause_ms=120.0, transcript_ms=130.0, draft_ms=None, clause_ms=None, sound_ms=None,
        endpoint_ms=endpoint_ms, committed_ms=600.0, released_ms=600.0, audible_ms=650.0, speculated=0, discarded=0,
        discarded_ms=0.0, reused=False,
    )  # fmt: skip


# ---------------------------------------------------------------- words


def test_a_plain_sentence_says_why() -> None:
    assert waited(judged(130, 560), listens=True) == (
        "Waited 560 ms: the text sounds complete (goes on in 12 of 100), the turn detector was not asked."
    )


@pytest.mark.parametrize(
    ("event", "more", "said"),
    [
        (judged(130, 560), {}, "(goes on in 12 of 100), the turn detector is off."),
        (judged(130, 560, text=0.5), {}, "the text is unclear (goes on in 50 of 100)"),
        (judged(130, 560, text=0.9), {}, "the text sounds unfinished (goes on in 90 of 100)"),
        (judged(130, 560, finished=0.96), {}, "12 of 100), and the voice sounds finished (goes on in 4)."),
        (judged(130, 560, finished=0.04), {}, "12 of 100), but the voice sounds unfinished (goes on in 96)."),
        (judged(130, 560, finished=0.5), {}, "12 of 100), and the voice is unclear (goes on in 50)."),
        (judged(130, 560), {"late": True, "listens": True}, "the turn detector was asked but did not answer in time."),
        (judged(130, 560, evidence={"asks": 0.9}), {}, "(goes on in 12 of 100, as it asks for something)"),
        (judged(0, 700, text=None, rule="fixed"), {}, "Waited 560 ms: the wait is fixed."),
        (judged(0, 900, text=None, rule="unheard"), {}, "Waited 560 ms: no word was understood."),
        (judged(130, 560, stretch=1.3), {}, ". The speaker's own pauses make waits 1.30 times as long."),
        (judged(130, 560, patience=1.25), {}, ". Patience makes waits 1.25 times as long."),
        (judged(130, 560), {"silence_ms": None}, "It is not known how long was waited: the text"),
    ],
)
def test_each_reason_has_its_words(event: PauseJudged, more: dict[str, Any], said: str) -> None:
    assert said in waited(event, **more)


def test_what_came_after_the_wait_was_over_is_told() -> None:
    late = judged(540, 240, finished=0.97)
    assert waited(judged(130, 700), late).endswith(" This was known only after 540 ms.")
    assert waited(late).endswith(" This was known only after 540 ms.")
    assert "known only" not in waited(judged(130, 560), judged(210, 540, finished=0.6))
    assert waited() == "Waited 560 ms: the text was not there in time."


def test_a_pause_inside_the_turn_says_what_would_have_been_waited() -> None:
    assert paused_in_words(430.0, [judged(130, 980, text=0.8)]) == (
        "Paused 430 ms and went on. The patient would have waited 980 ms: "
        "the text sounds unfinished (goes on in 80 of 100), the turn detector is off."
    )
    assert paused_in_words(200.0, []) == "Paused 200 ms and went on, before anything was judged."


def test_a_judgement_says_what_it_knew_that_the_one_before_did_not() -> None:
    first, second = judged(130, 700), judged(210, 540, finished=0.96)
    quoted = "\N{LEFT DOUBLE QUOTATION MARK}it hurt?\N{RIGHT DOUBLE QUOTATION MARK}"
    assert judged_in_words(first) == f"{quoted} sounds complete (goes on in 12 of 100)"
    assert judged_in_words(second, first) == "the voice sounds finished (goes on in 4)"
    assert judged_in_words(judged(230, 600, text=0.2, finished=0.96), second).endswith("(goes on in 20 of 100)")
    assert judged_in_words(second, second) == "nothing new"


# ---------------------------------------------------------------- data

LOG = (
    record(judged(130, 980, text=0.8, since_ms=FIRST_MS), 1_130.0),
    record(SpeechResumed(1, FIRST_MS, 430.0), 1_500.0),
    record(judged(130, 700), 3_130.0),
    record(EndOfTurnAsked(1, LAST_MS, 160.0), 3_160.0),
    record(EndOfTurnAnswered(1, LAST_MS, 210.0, 0.7), 3_210.0),
    record(judged(210, 540, finished=0.7), 3_210.0),
    record(judged(230, 540, finished=0.7, evidence={"pace": 2.0}), 3_230.0),
    record(EndOfTurnAsked(1, LAST_MS, 500.0), 3_500.0),
    record(SpeechStopped(1, LAST_MS), 3_600.0),
    record(timeline(560.0), 3_650.0),
)


def test_a_turn_has_its_pauses_with_what_was_judged_of_each() -> None:
    (turn,) = waits_of(LOG).values()
    assert (turn["turn"], turn["silence_ms"]) == (1, 560.0)
    assert turn["words"].startswith("Waited 560 ms: the text sounds complete (goes on in 12 of 100), and the voice")
    inner, last = turn["pauses"]
    assert (inner["silence_ms"], inner["went_on"], inner["wait_ms"]) == (430.0, True, 980.0)
    assert (last["silence_ms"], last["went_on"], last["wait_ms"]) == (560.0, False, 540.0)
    assert [(each["after_ms"], each["wait_ms"], each["look"]) for each in last["judged"]] == [
        (130.0, 700.0, None),
        (210.0, 540.0, 0),
    ]
    assert [(each["text_goes_on"], each["voice_goes_on"]) for each in last["judged"]] == [(0.12, None), (0.12, 0.3)]
    assert [(look["asked_ms"], look["answered_ms"], look["goes_on"]) for look in last["looks"]] == [
        (160.0, 210.0, 0.3),
        (500.0, None, None),
    ]


def test_a_turn_that_nobody_answered_was_taken_when_it_was_put_down() -> None:
    (turn,) = waits_of(LOG[:-1]).values()
    assert turn["silence_ms"] == 600.0


def test_a_noise_that_seemed_to_go_on_does_not_end_the_pause() -> None:
    noise = record(SpeechResumed(1, LAST_MS, 300.0), 3_400.0)
    (turn,) = waits_of((*LOG[:-2], noise, *LOG[-2:])).values()
    assert (turn["pauses"][-1]["went_on"], turn["silence_ms"]) == (False, 560.0)


def test_what_was_never_judged_is_told_too() -> None:
    (turn,) = waits_of([record(SpeechStopped(1, LAST_MS), 3_900.0)]).values()
    assert turn["words"] == "Waited 900 ms: the text was not there in time."
    assert waits_of([]) == {}
    assert waits_of([record(timeline(560.0), 3_650.0)]) == {}
