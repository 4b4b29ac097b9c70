"""The audio fixtures and test sentences say what their truth files and tables claim."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pocketsphinx
import pytest
import soundfile
import yaml
from pydantic import BaseModel, ConfigDict
from rapidfuzz import fuzz

from bench.cues import HELD_OUT
from common.errors import AudioError
from pipelines.patient.card import Card
from pipelines.truth import Truth, TruthTurn, load_truth
from tests.data.make_fixtures import HERE, FixturePlan, TurnPlan, flite, main, make, read_plans
from tests.data.sound import Sound, quiet_spans, window_levels

CARDS_FOLDER = Path(__file__).parents[2] / "configs" / "cards"
CARDS = ("nursing-leg-wound", "medicine-headaches", "pharmacy-new-inhaler", "veterinary-itchy-dog")
INTENTS = {"greeting", "open", "explanation", "farewell", "repeat", "unknown-question", "volunteer"}
PLANS = {plan.name: plan for plan in read_plans()}
SPOKEN = [name for name, plan in PLANS.items() if plan.turns]
SENTENCES = {  # with the least number of rows that each card has
    "sentences.yaml": 30,
    "sentences_more.yaml": 55,
    "sentences_heldout.yaml": 12,
    "sentences_fresh.yaml": 12,
    "sentences_final.yaml": 18,
}
CONSULTATIONS = [name for name in PLANS if name.startswith("consultation")]


class Sentence(BaseModel):
    """One row of the sentence tables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    card: str
    text: str
    expect: str
    after: tuple[str, ...] = ()


def sentences(name: str) -> list[Sentence]:
    rows = yaml.safe_load((HERE / name).read_text(encoding="utf-8"))
    return [Sentence.model_validate(row) for row in rows]


def read(name: str) -> tuple[Sound, int, Truth]:
    """Return the channel that carries the speech, its rate and the truth."""
    samples, rate_hz = soundfile.read(HERE / name, dtype="float64", always_2d=True)
    truth = load_truth(HERE / name)
    assert truth is not None
    return np.asarray(samples[:, 0], dtype=np.float64), rate_hz, truth


def cards() -> dict[str, Card]:
    loaded = {}
    for path in CARDS_FOLDER.glob("*.yaml"):
        card = Card.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        loaded[card.id] = card
    return loaded


def due(card: Card, told: Collection[str]) -> list[str]:
    """Return the volunteered cues whose turn has come once `told` were told."""
    return [
        cue.id for cue in card.cues if cue.kind == "volunteered" and cue.id not in told and set(cue.after) <= set(told)
    ]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def copied(text: str, card: Card) -> list[str]:
    """Return the card's triggers that the text holds nearly word for word; of long ones a little less is enough."""
    said = " ".join(words(text))
    found = []
    for trigger in (trigger for cue in card.cues for trigger in cue.triggers):
        asked = words(trigger)
        if fuzz.token_set_ratio(said, " ".join(asked)) >= (90 if len(asked) > 5 else 95):
            found.append(trigger)
    return found


def inside(turn: TruthTurn, levels: np.ndarray) -> np.ndarray:
    return levels[turn.from_ms // 10 : turn.to_ms // 10]


# ---------------------------------------------------------------- audio


def test_every_sound_is_planned_and_every_plan_is_made() -> None:
    sounds = {path.name for path in HERE.iterdir() if path.suffix in {".flac", ".wav"}}
    truths = {path.name.removesuffix(".truth.yaml") for path in HERE.glob("*.truth.yaml")}
    assert sounds == set(PLANS)
    assert truths == {Path(name).stem for name in PLANS}


def test_sounds_stay_small() -> None:
    assert sum((HERE / name).stat().st_size for name in PLANS) < 4_200_000


@pytest.mark.parametrize("name", PLANS)
def test_truth_matches_its_sound_and_plan(name: str) -> None:
    info = soundfile.info(HERE / name)
    truth = load_truth(HERE / name)
    assert truth is not None
    assert (info.samplerate, info.subtype) == (truth.rate_hz, "PCM_16")
    assert info.channels == (2 if truth.speech_in == "left" else 1)
    assert [turn.text for turn in truth.turns] == [" ".join(turn.pieces) for turn in PLANS[name].turns]
    assert [turn.expect for turn in truth.turns] == [turn.expect for turn in PLANS[name].turns]
    duration_ms = 1000 * info.frames / info.samplerate
    assert all(span.to_ms <= duration_ms for span in (*truth.turns, *truth.sounds))


@pytest.mark.parametrize("name", SPOKEN)
def test_turns_are_loud_and_the_rest_is_quiet(name: str) -> None:
    sound, rate_hz, truth = read(name)
    levels = window_levels(sound, rate_hz)
    outside = np.ones(len(levels), dtype=bool)
    for turn in truth.turns:
        outside[turn.from_ms // 10 : turn.to_ms // 10] = False
        spoken = inside(turn, levels)
        # The rule allows 25 dB; noise and resampling may move the level of one window a little.
        assert min(spoken[0], spoken[-1]) > spoken.max() - 27
    quietest_turn = min(inside(turn, levels).max() for turn in truth.turns)
    assert levels[outside].max() < quietest_turn - (10 if PLANS[name].boost_db else 20)


@pytest.mark.parametrize("name", SPOKEN)
def test_segments_and_planned_pauses_fill_each_turn(name: str) -> None:
    _, _, truth = read(name)
    for turn, plan in zip(truth.turns, PLANS[name].turns, strict=True):
        gaps = [later.from_ms - earlier.to_ms for earlier, later in itertools.pairwise(turn.segments)]
        assert gaps == list(plan.pauses_ms)
        assert (turn.segments[0].from_ms, turn.segments[-1].to_ms) == (turn.from_ms, turn.to_ms)
        measured = {(pause.from_ms, pause.to_ms) for pause in turn.pauses}
        assert measured >= {(a.to_ms, b.from_ms) for a, b in itertools.pairwise(turn.segments)}


@pytest.mark.parametrize(("name", "number"), [("thinking-pause.flac", 0), ("consultation.flac", 4)])
def test_thinking_pause_is_700_ms_in_the_sound_itself(name: str, number: int) -> None:
    sound, rate_hz, truth = read(name)
    turn = truth.turns[number]
    part = sound[turn.from_ms * rate_hz // 1000 : turn.to_ms * rate_hz // 1000]
    loudest_db = float(window_levels(part, rate_hz).max())
    pauses = quiet_spans(part, rate_hz, loudest_db=loudest_db, at_least_ms=400)
    assert len(pauses) == 1
    assert pauses[0][1] - pauses[0][0] == pytest.approx(700, abs=30)


def test_long_explanation_is_one_turn_with_short_pauses() -> None:
    sound, rate_hz, truth = read("explanation-40s.flac")
    question, turn, last = truth.turns
    assert 38_000 <= turn.duration_ms <= 45_000
    assert max(question.duration_ms, last.duration_ms) < 5_000
    part = sound[turn.from_ms * rate_hz // 1000 : turn.to_ms * rate_hz // 1000]
    loudest_db = float(window_levels(part, rate_hz).max())
    between = quiet_spans(part, rate_hz, loudest_db=loudest_db, at_least_ms=280)
    assert len(between) >= len(turn.segments) - 1
    assert all(end - start <= 520 for start, end in between)


def test_main_consultation_is_long_and_varied() -> None:
    _, _, truth = read("consultation.flac")
    plan = PLANS["consultation.flac"]
    assert len(truth.turns) >= 10
    assert set(truth.voices) == {"rms", "slt"}
    assert len({turn.stretch for turn in plan.turns}) >= 4
    assert all(2000 <= b.from_ms - a.to_ms <= 3000 for a, b in itertools.pairwise(truth.turns))


@pytest.mark.parametrize("name", CONSULTATIONS)
def test_consultations_run_from_greeting_to_farewell(name: str) -> None:
    expected = [turn.expect for turn in PLANS[name].turns]
    assert expected[0] == "greeting"
    assert expected[-1] == "farewell"
    assert {"explanation", "volunteer"} & set(expected)
    assert len(expected) >= 6


@pytest.mark.parametrize("name", CONSULTATIONS)
def test_consultations_follow_the_card(name: str) -> None:
    plan = PLANS[name]
    assert plan.card is not None
    card = cards()[plan.card]
    told: list[str] = []
    for turn in plan.turns:
        if turn.expect in {"volunteer", "explanation"}:
            waiting = due(card, told)
            assert bool(waiting) == (turn.expect == "volunteer"), turn.say
            told += waiting[:1]
        elif turn.expect is not None and turn.expect not in INTENTS:
            assert card.cue(turn.expect).kind == "asked"
            told.append(turn.expect)
    assert len(told) >= 4


def test_room_noise_lies_25_to_30_db_below_the_speech() -> None:
    sound, rate_hz, truth = read("consultation.flac")
    levels = window_levels(sound, rate_hz)
    spoken = np.concatenate([inside(turn, levels) for turn in truth.turns])
    voiced_db = 10 * np.log10(np.mean(10 ** (spoken[spoken > spoken.max() - 25] / 10)))
    noise_db = 10 * np.log10(np.mean(10 ** (levels[:80] / 10)))  # before the first turn
    assert 25 <= voiced_db - noise_db <= 32


def test_sounds_without_speech_are_what_they_say() -> None:
    silence, rate_hz, _ = read("silence.flac")
    assert len(silence) == 10 * rate_hz
    assert not silence.any()
    cough, rate_hz, truth = read("cough.flac")
    levels = window_levels(cough, rate_hz)
    for burst in truth.sounds:
        part = levels[burst.from_ms // 10 : burst.to_ms // 10]
        assert burst.duration_ms == pytest.approx(250, abs=10)
        assert part.max() > np.median(levels) + 40
        assert part.argmax() < 10  # the onset is the loudest, then it decays
    assert len(truth.sounds) == 2


def test_clipped_turn_really_is_clipped() -> None:
    sound, _, _ = read("clipped.flac")
    assert np.mean(np.abs(sound) > 0.999) > 0.01


def test_right_channel_of_the_stereo_sound_is_noise_alone() -> None:
    samples, rate_hz = soundfile.read(HERE / "rate-48k-stereo.flac", dtype="float64")
    left, right = (window_levels(np.asarray(samples[:, side], dtype=np.float64), rate_hz) for side in (0, 1))
    assert left.max() > right.max() + 20
    assert right[5:-5].max() - right[5:-5].min() < 15


# ---------------------------------------------------------------- sentences


@pytest.mark.parametrize(("name", "least"), SENTENCES.items())
def test_each_card_has_enough_sentences(name: str, least: int) -> None:
    rows = sentences(name)
    counts = Counter(row.card for row in rows)
    assert set(counts) == set(CARDS)
    assert min(counts.values()) >= least
    assert len({" ".join(words(row.text)) for row in rows}) == len(rows)
    assert all(2 <= len(words(row.text)) <= 26 for row in rows)


@pytest.mark.parametrize("name", SENTENCES)
def test_sentences_expect_what_the_card_has(name: str) -> None:
    by_id = cards()
    for row in sentences(name):
        cues = {cue.id: cue for cue in by_id[row.card].cues}
        assert set(row.after) <= set(cues), row
        if row.expect in {"volunteer", "explanation"}:
            assert bool(due(by_id[row.card], row.after)) == (row.expect == "volunteer"), row
        elif row.expect not in INTENTS:
            assert cues[row.expect].kind == "asked", row


def test_each_asked_cue_has_several_phrasings() -> None:
    counts = Counter((row.card, row.expect) for row in sentences("sentences.yaml"))
    for card in cards().values():
        if card.id in CARDS:
            assert all(counts[card.id, cue.id] >= 2 for cue in card.cues if cue.kind == "asked")


def test_held_out_sentences_are_others() -> None:
    tuned = [row for name in SENTENCES if Path(name).stem not in HELD_OUT for row in sentences(name)]
    known = {" ".join(words(row.text)) for row in tuned}
    for name in HELD_OUT:
        assert not known & {" ".join(words(row.text)) for row in sentences(f"{name}.yaml")}


def test_the_recogniser_knows_every_word() -> None:
    dictionary = Path(pocketsphinx.__file__).parent / "model" / "en-us" / "cmudict-en-us.dict"
    known = {line.split(" ", 1)[0] for line in dictionary.read_text(encoding="utf-8").splitlines()}
    spoken = [name for name in SENTENCES if name != "sentences_fresh.yaml"]  # that one serves as text only
    texts = [row.text for name in spoken for row in sentences(name)]
    texts += [piece for plan in PLANS.values() for turn in plan.turns for piece in turn.pieces]
    assert not {word for text in texts for word in words(text)} - known


@pytest.mark.parametrize("name", CONSULTATIONS)
def test_consultation_turns_are_not_copied_from_triggers(name: str) -> None:
    for card in cards().values():
        for text in [text for turn in PLANS[name].turns for text in (*turn.pieces, " ".join(turn.pieces))]:
            assert not copied(text, card), f"too close to a trigger, or holds a whole one: {text}"


def test_sentences_are_not_copied_from_triggers() -> None:
    by_id = cards()
    for row in sentences("sentences.yaml"):
        assert not copied(row.text, by_id[row.card]), f"too close to a trigger, or holds a whole one: {row.text}"


# ---------------------------------------------------------------- the maker


def tone(text: str, voice: str, stretch: float) -> Sound:
    """Stand in for flite: 100 ms of silence, a steady tone as long as the text, 60 ms of silence."""
    length_ms = round(40 * len(text) * stretch)
    hum = 0.3 * np.sin(2 * np.pi * 200 * np.arange(16 * length_ms) / 16_000)
    return np.concatenate([np.zeros(1600), hum, np.zeros(960)])


def plan_of(*turns: TurnPlan) -> FixturePlan:
    return FixturePlan(name="made-up.flac", note="Made for this test.", noise_db=-30, turns=turns)


def test_maker_places_turns_and_pauses_to_the_millisecond() -> None:
    first = TurnPlan(voice="rms", stretch=1.0, gap_ms=500, expect="greeting", say=("x" * 10, 700, "y" * 20))
    second = TurnPlan(voice="slt", stretch=1.0, gap_ms=2000, expect="farewell", say=("z" * 10,))
    _, truth = make(plan_of(first, second), tone)
    assert [(turn.from_ms, turn.to_ms) for turn in truth.turns] == [(500, 2400), (4400, 4800)]
    assert [(pause.from_ms, pause.to_ms) for pause in truth.turns[0].pauses] == [(900, 1600)]
    assert truth.voices == ("rms", "slt")


def test_maker_gives_the_same_samples_twice() -> None:
    plan = plan_of(TurnPlan(voice="rms", stretch=1.1, gap_ms=500, expect="greeting", say=("hello there",)))
    once, _ = make(plan, tone)
    twice, _ = make(plan, tone)
    other, _ = make(plan.model_copy(update={"name": "another.flac"}), tone)
    assert np.array_equal(once, twice)
    assert not np.array_equal(once, other)


@pytest.mark.parametrize("say", [("a", "b"), (300, "a"), ("a", 300), ("a", 305, "b")])
def test_plan_refuses_what_is_not_text_pause_text(say: tuple[int | str, ...]) -> None:
    with pytest.raises(ValueError, match="'say' must"):
        TurnPlan(voice="rms", stretch=1.0, gap_ms=500, expect="greeting", say=say)


def test_missing_flite_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudioError, match="apt-get install flite"):
        flite("hello", "rms", 1.0)
    assert main(["thinking-pause.flac", "--out", str(tmp_path)]) == 1
    assert "apt-get install flite" in capsys.readouterr().err
    assert not (tmp_path / "thinking-pause.flac").exists()
