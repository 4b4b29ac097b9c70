"""A record's turns and the places of their words, from events alone."""

from __future__ import annotations

import pytest

from pipelines import events as e
from pipelines.engines import Word
from pipelines.log.recorded_turns import PlacedWord, RecordedTurn, recorded_turns, turns_as_json
from pipelines.log.session_log import Envelope, LogEntry
from pipelines.patient.card import Card
from pipelines.patient.card_library import CardLibrary
from server.settings.tree import CONFIG_FOLDER


def record(media_ms: float, event: e.Event) -> LogEntry:
    head = Envelope(1, 0, media_ms, media_ms, "", event.type_name(), event.audience, "")
    return LogEntry(head, event)


def turns(*happened: tuple[float, e.Event]) -> tuple[RecordedTurn, ...]:
    return recorded_turns(record(media_ms, event) for media_ms, event in happened)


def places(turn: RecordedTurn) -> list[tuple[str, int, int]]:
    return [(word.text, round(word.from_ms), round(word.to_ms)) for word in turn.words]


def heard(*words: tuple[str, int, int]) -> e.SegmentHeard:
    return e.SegmentHeard(1, 0, " ".join(w for w, _, _ in words), tuple(Word(*word) for word in words), 10.0)


def test_words_have_the_recognisers_times_and_others_share_what_is_between() -> None:
    (turn,) = turns(
        (3_000, heard(("good", 1_000, 1_300), ("morning", 1_300, 1_700))),
        (4_000, heard(("i", 2_000, 2_100), ("am", 2_100, 2_200), ("hannah", 2_200, 2_600))),
        (4_100, e.TurnCommitted(1, "Good morning, I'm Anna.", 980.0, 2_700.0)),
    )
    assert places(turn)[:2] == [("Good", 1_000, 1_300), ("morning,", 1_300, 1_700)]
    assert places(turn)[2:] == [("I'm", 1_700, 2_200), ("Anna.", 2_200, 2_700)]
    assert (turn.from_ms, turn.to_ms, turn.typed) == (980.0, 2_700.0, False)


def test_a_typed_turn_has_no_place_in_the_sound() -> None:
    (turn,) = turns((500, e.TurnCommitted(1, "Say that again?", 500.0, 500.0, typed=True)))
    assert turn.typed
    assert turn.words == ()


def test_a_reply_is_where_it_was_heard_its_clauses_exactly_its_words_by_their_length() -> None:
    (turn,) = turns(
        (5_000, e.ReplyStarted(1, 1)),
        (5_000, e.ClauseSpoken(1, "It hurts", 0.0)),
        (5_600, e.ClauseSpoken(1, "at night.", 800.0)),  # sent ahead: it is heard when the first is over
        (6_700, e.TurnLatency(1, 1, 640.0, 0, 0, 0, 0, 640.0, 4_300.0, False)),
        (6_800, e.ReplyFinished(1, 1, "completed", "It hurts at night.", 1_700.0, False)),
        (6_800, e.CueHeard("pain", 1, 1)),
    )
    assert places(turn) == [
        ("It", 5_000, 5_267),
        ("hurts", 5_267, 5_800),
        ("at", 5_800, 6_070),
        ("night.", 6_070, 6_700),
    ]
    assert (turn.from_ms, turn.to_ms, turn.latency_ms, turn.cues) == (5_000.0, 6_700.0, 640.0, ("pain",))


def test_a_pause_of_the_patient_and_a_clause_that_came_late_move_what_follows() -> None:
    (turn,) = turns(
        (1_000, e.ReplyStarted(1, 1)),
        (1_000, e.ClauseSpoken(1, "One two", 0.0)),
        (1_400, e.ReplyHeld(1, 400.0)),
        (2_000, e.ReplyResumed(1, 300.0)),  # from the word it stopped in
        (3_500, e.ClauseSpoken(1, "three", 800.0)),  # it would have been due at 2500
        (4_000, e.ReplyFinished(1, 1, "completed", "One two three", 1_300.0, False)),
    )
    assert places(turn) == [("One", 1_000, 2_100), ("two", 2_100, 3_500), ("three", 3_500, 4_000)]


@pytest.mark.parametrize("known_at_once", [True, False])
def test_an_interrupted_reply_ends_where_it_was_last_heard(known_at_once: bool) -> None:
    begins = ((1_000, e.ReplyStarted(1, 1)), (1_000, e.ClauseSpoken(1, "It hurts at night.", 0.0)))
    if known_at_once:
        happened = (*begins, (1_600, e.ReplyFinished(1, 1, "interrupted", "It hurts", 600.0, False)))
    else:
        finished = (2_000, e.ReplyFinished(1, 1, "completed", "It hurts at night.", 1_700.0, True))
        unheard = ((2_050, e.CueHeard("pain", 1, 1)), (2_100, e.ReplyTruncated(1, "It hurts", 600.0)))
        happened = (*begins, finished, *unheard, (2_100, e.CueUnheard("pain", 1, 1)))  # type: ignore[assignment]
    (turn,) = turns(*happened)
    assert places(turn) == [("It", 1_000, 1_200), ("hurts", 1_200, 1_600)]
    assert (turn.interrupted, turn.to_ms, turn.cues) == (True, 1_600.0, ())


def test_what_was_not_heard_at_all_is_no_turn() -> None:
    assert turns((1_000, e.ReplyStarted(1, 1)), (1_010, e.ReplyFinished(1, 1, "cancelled", "", 0.0, False))) == ()


def test_cues_are_told_by_their_subject_and_in_an_exam_not_at_all() -> None:
    card: Card = CardLibrary.load(CONFIG_FOLDER / "cards").get_card("nursing-leg-wound")
    cue = card.cues[0]
    turn = RecordedTurn("patient", "It hurts.", 0.4, 1_000.0, (PlacedWord("It", 0.4, 500.0),), cues=(cue.id, "gone"))
    (shown,) = turns_as_json([turn], card, show_cues=True)
    assert (shown["cues"], shown["words"], shown["from_ms"]) == ([cue.topic], [["It", 0, 500, None]], 0)
    (hidden,) = turns_as_json([turn], card, show_cues=False)
    assert hidden["cues"] == []
