"""`eval patient`: its questions, who words the replies, what a script finds wrong, and who is better at what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from bench.guard.cases import load_questions
from bench.guard.unreleased import Finder
from bench.minds.faithfulness import unfaithful
from bench.minds.mind_reply import NOT_ASKED, MindReply, kept_replies, reply_of
from bench.minds.mind_table import figures_of_minds, sums_by_kind, told_of
from bench.minds.minds import Mind, ask_all, minds_to_measure
from bench.minds.on_topic import TopicJudge
from bench.minds.patient_questions import KINDS, PatientQuestion, PatientTurn, load_patient_questions
from bench.minds.weighing import LEAST_TURNS, WeighedReply, by_chance, weigh
from common.errors import AudioError
from pipelines.choice import Choice
from pipelines.engine_settings import EngineSettings
from pipelines.engines import (
    CardTakesOver,
    Clause,
    EngineInfo,
    GuardDecision,
    GuardedRequest,
    IndexRequest,
    ModelUse,
    PrepareRequest,
    Release,
    ReplyAccount,
    ReplyEnd,
    ReplyPart,
)
from pipelines.intent.acts import Act
from pipelines.intent.encoder import Vectors
from pipelines.models.settings import ModelSettings
from pipelines.patient.card_library import CardLibrary
from pipelines.responders.card_words import CardWords
from server.paths import ROOT

CARDS = CardLibrary.load(ROOT / "configs" / "cards")
CARD = CARDS["nursing-leg-wound"]
QUESTIONS = ROOT / "tests" / "data" / "patient_questions.yaml"
FREE = Release(Act.UNKNOWN, "I'm not sure.", free=True)


def turn(ask: str = "Do you like music?", release: Release = FREE) -> PatientTurn:
    return PatientTurn(CARD, PatientQuestion(kind="off_card", ask=ask), release, (), ())


def replied(text: str, *, release: Release = FREE, ask: str = "Do you like music?", **changes: object) -> MindReply:
    made = reply_of(CardWords(), turn(ask, release), mind="card", number=0)
    return replace(made, reply=text, **changes)  # type: ignore[arg-type]


# ------------------------------------------------------------------ the questions


def test_each_card_is_asked_forty_questions_of_all_kinds() -> None:
    questions = load_patient_questions(QUESTIONS, CARDS)
    assert set(questions) == set(CARDS)
    for asked in questions.values():
        assert len({each.ask for each in asked}) == len(asked) == 40
        assert set(Counter(each.kind for each in asked)) == set(KINDS)
        assert all(each.expect for each in asked if each.kind == "legitimate")


def test_what_is_adversarial_is_what_the_guard_is_asked() -> None:
    known = load_questions(ROOT / "tests" / "data" / "guard" / "questions.yaml")
    for card, asked in load_patient_questions(QUESTIONS, CARDS).items():
        assert {each.ask for each in asked if each.kind == "adversarial"} <= set(known[card])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"nobody": []}, "there is no card 'nobody'"),
        ({CARD.id: [{"kind": "rude", "ask": "What?"}]}, "kind: Input should be"),
        ({CARD.id: [{"kind": "legitimate", "ask": "What?", "expect": "nothing"}]}, "has no cue 'nothing'"),
        ("{", "is not YAML"),
    ],
)
def test_a_faulty_file_is_named(content: object, told: str, tmp_path: Path) -> None:
    path = tmp_path / "asked.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    with pytest.raises(AudioError, match=told) as caught:
        load_patient_questions(path, CARDS)
    assert (caught.value.code, caught.value.message.partition(":")[0][:10]) == ("sentences.invalid", "asked.yaml")


# ------------------------------------------------------------------ who words the replies


@dataclass
class Answers:
    """A GuardedResponder that gives what it is made with, and counts how often it is asked."""

    parts: Sequence[ReplyPart | ReplyAccount]
    asked: int = 0
    info: EngineInfo = field(
        default_factory=lambda: EngineInfo("responder", "answers", demonstration=True, isolation="thread")
    )

    def warm(self) -> None:
        """Nothing to load."""

    def index(self, request: IndexRequest) -> None:
        """Nothing depends on the card."""

    def prepare(self, request: PrepareRequest) -> None:
        """Nothing depends on the patient."""

    def respond_guarded(self, request: GuardedRequest) -> Iterator[ReplyPart | ReplyAccount]:
        """Yield what it was made with."""
        assert request.request.may_leave
        self.asked += 1
        yield from [*self.parts, ReplyEnd()]


def allowed(text: str) -> list[ReplyPart | ReplyAccount]:
    return [GuardDecision(text, "allow", text, (), {}, "digest", 1.0), Clause(text)]


def used(outcome: str, reason: str = "") -> ModelUse:
    return ModelUse("small", "digest", outcome, reason, 1, 1, 0, 1.0, 1.0, "", "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parts", "worded", "why"),
    [
        ([*allowed("I do."), used("model")], "I do.", ""),
        ([*allowed("I'm not sure."), used("card", "template")], "", "template"),
        ([*allowed("I'm not sure.")], "", NOT_ASKED),
        ([used("model"), CardTakesOver("blocked", "a rule"), Clause("I'm not sure.")], "", "blocked"),
        ([*allowed("I do."), CardTakesOver("late", ""), Clause("I'm not sure."), used("finished")], "I do.", "late"),
    ],
)
def test_who_worded_a_reply_is_kept_with_the_reason(
    parts: list[ReplyPart | ReplyAccount], worded: str, why: str
) -> None:
    kept = reply_of(Answers(parts), turn(), mind="small", number=0)
    assert (kept.worded, kept.fell_back) == (worded, why)


def test_the_cards_words_fall_back_on_nothing() -> None:
    kept = reply_of(CardWords(), turn(), mind="card", number=0)
    assert (kept.reply, kept.worded, kept.fell_back) == ("I'm not sure.", "", "")


def test_a_run_that_was_broken_off_is_gone_on_with(tmp_path: Path) -> None:
    answers, file = Answers([*allowed("I do."), used("model")]), tmp_path / "model.jsonl"
    mind = Mind("model", "small", "1", Choice("small", lambda: answers, "thread", "tests"))
    turns = [turn("Do you sing?"), turn("Do you dance?")]
    advanced: list[None] = []

    def ask(*turns: PatientTurn, of: Mind = mind) -> list[MindReply]:
        return ask_all(of, turns, kept=file, advance=lambda: advanced.append(None))

    ask(turns[0])
    with file.open("a") as stream:
        stream.write('{"mind": "small@1", "card": "nur\n')
    assert [each.reply for each in ask(*turns)] == ["I do.", "I do."]
    assert (answers.asked, len(advanced), len(kept_replies(file))) == (2, 3, 2)
    # Another moment, or a mind with other settings, is asked anew.
    ask(replace(turns[0], release=replace(FREE, text="No idea.")))
    ask(turns[1], of=replace(mind, digest="2"))
    assert answers.asked == 4


def test_an_endpoint_is_asked_by_its_address_and_model(tmp_path: Path) -> None:
    def minds(model: str) -> list[Mind]:
        return minds_to_measure(
            EngineSettings(),
            ModelSettings(path=tmp_path),
            model=False,
            endpoint="http://127.0.0.1:9/v1",
            endpoint_model=model,
        )

    card, endpoint = minds("big")
    assert (card.kind, card.choice.name) == ("card", "scripted-patient")
    assert (endpoint.kind, endpoint.name, endpoint.choice.name) == ("endpoint", "big", "remote")
    assert "http://127.0.0.1:9" in endpoint.choice.reason
    assert minds("small")[1].id != endpoint.id


# ------------------------------------------------------------------ judged by scripts

NOT_MORE = Release(Act.CUE, "No, I don't smoke any more.", "smoking")


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (replied("It's fine, thank you."), ""),
        (replied("I'm not sure."), ""),
        (replied("I've had it for 37 weeks."), "invents a number"),
        (replied("You should ask Barbara about it."), "invents a name"),
        (replied("Yes, I love it."), "says yes where the card says nothing"),
        (replied("No, I don't.", release=replace(FREE, text="No idea, sorry.")), "says no where the card says nothing"),
        (replied("No idea, sorry."), ""),
        (
            replied("Yes, I do.", release=replace(FREE, text="No, nothing like that.")),
            "says yes where the card says no",
        ),
        (replied("No, no.", ask="I saw your face. Is it the cost?"), "says no where the card says nothing"),
        (replied("Yes, thank you.", ask="I'm sorry to hear that."), ""),
        (replied("Yes, I smoke.", release=NOT_MORE, ask="Do you smoke?"), "says yes where the card says no"),
        (replied("No, not any more.", release=NOT_MORE, ask="Do you smoke?"), ""),
        (
            replied("I can sleep at night though it throbs.", history=("I can't sleep at night because it throbs.",)),
            "turns round what was told",
        ),
        (replied(" ".join(CARD.cue("other-illness").says)), "tells other-illness"),
    ],
)
def test_what_a_script_finds_unfaithful(reply: MindReply, fault: str) -> None:
    found = unfaithful(Finder(CARDS), CARD, reply)
    assert any(fault in each for each in found) if fault else found == []


class ByWords:
    """An encoder for which two texts are as near as they share words."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        vocabulary = "music swim film bus pain doctor tea smoke fever leg sure yes".split()
        made = np.array([[word in text.lower() for word in vocabulary] for text in texts], dtype=np.float32) + 1e-6
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


def test_a_reply_is_on_topic_if_it_is_nearer_to_its_question_than_to_others() -> None:
    others = ("pain", "doctor", "fever", "leg", "smoke", "tea", "bus", "film", "swim", "yes")
    asked = [("off_card", "Do you like music?"), *(("legitimate", f"Is it {word}?") for word in others)]
    judge = TopicJudge(ByWords(), {CARD.id: asked})
    told = Release(Act.CUE, "I take the bus.", "journey")
    assert judge.judge(
        [
            replied("Music? Very much."),
            replied("My leg hurts."),
            replied(""),
            replied("By bus.", release=told),
            replied("By bus."),
        ]
    ) == [True, False, False, True, False]
    assert judge.judge([]) == []


# ------------------------------------------------------------------ who is better at what


def judged(
    text: str, *, on_topic: bool, faults: tuple[str, ...] = (), fell_back: str = "", ms: float = 1.0
) -> WeighedReply:
    return WeighedReply(replied(text, fell_back=fell_back, first_ms=ms), faults, on_topic)


CARD_SAYS = [judged("I'm not sure.", on_topic=False)] * LEAST_TURNS


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ([judged("I do.", on_topic=True)] * LEAST_TURNS, "better"),
        ([judged("I do.", on_topic=True)] * (LEAST_TURNS - 1), "fewer than 20 turns"),
        ([judged("I do.", on_topic=True, faults=("lies",)), *[judged("I do.", on_topic=True)] * 19], "less faithful"),
        (
            [judged("I do.", on_topic=place < 4) for place in range(LEAST_TURNS)],
            "not more often on topic than by chance",
        ),
        ([judged("I do.", on_topic=True, ms=2_000.0)] * LEAST_TURNS, "2000 ms until its first clause"),
    ],
)
def test_a_model_is_better_only_if_it_is_as_faithful_as_quick_and_surely_more_on_topic(
    model: list[WeighedReply], why: str
) -> None:
    # Where the card has the words, the model was not asked, and nothing is concluded.
    more = [judged("It hurts.", on_topic=True, fell_back=NOT_ASKED)] * 5
    card = [*CARD_SAYS[: len(model)], *more]
    found = weigh(card, [*model, *more], name="small", date="2026-11-30")
    (of_act,) = found.acts
    assert (of_act.act, of_act.turns, of_act.better, of_act.why) == (Act.UNKNOWN, len(model), why == "better", why)
    assert (found.cards, found.questions) == (1, len(card))
    assert list(told_of(found))[-1].endswith("unknown_question" if why == "better" else "the card speaks")


def test_chance_is_that_of_a_coin() -> None:
    assert [by_chance(5, 0), by_chance(0, 0), by_chance(1, 1)] == [1 / 32, 1.0, 0.75]


def test_figures_are_by_mind_and_kind() -> None:
    model = [judged("I do like it.", on_topic=True, fell_back="blocked"), judged("I do.", on_topic=False)]
    figures = {each.name: each for each in figures_of_minds({"model": sums_by_kind(model)})}
    assert figures["patient_model_off_card_on_topic"].value == 0.5
    assert figures["patient_model_all_words"].value == 3.0
    assert figures["patient_model_all_worded"].note == "blocked 1"
    assert not any("empathy" in name for name in figures)
