"""The responder with a language model: what it is asked, what it may say, and how a turn ends when it fails."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import EngineError
from pipelines.engines import (
    Cancellable,
    Clause,
    HistoryItem,
    ModelUse,
    Persona,
    PrepareRequest,
    Release,
    ReplyEnd,
    Responder,
    RespondKind,
    RespondRequest,
)
from pipelines.intent.acts import Act
from pipelines.models.cache import ModelCache
from pipelines.models.devices import Device
from pipelines.models.gguf_llama import convert_gguf
from pipelines.responders.language_model.model import GeneratedAnswer, LanguageModel
from pipelines.responders.language_model.model_responder import LanguageModelResponder
from pipelines.responders.language_model.prompt import Prompt
from pipelines.responders.language_model.reply_manner import manner_of
from pipelines.responders.language_model.settings import LanguageModelSettings
from tests.tiny_llama import TinyLlama

PERSONA = Persona("Susan Clarke", 52, "female", "polite", "Veterinary clinic")
CARD_WORDS = "I'm not sure about that."
ASKED = RespondRequest(
    "s/1", 1, 0, RespondKind.REPLY, PERSONA, Release(Act.UNKNOWN, CARD_WORDS, free=True), "Is it raining?"
)
CPU = Device("cpu", 0, "float32", "tests")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("model")
    convert_gguf(TinyLlama(told={"llama.context_length": 4096}).write(root / "tiny.gguf"), root / "tiny")
    return root / "tiny"


def responder_of(
    folder: Path, settings: LanguageModelSettings | None = None, *, cards: int = 4, forget_after_s: float = 300.0
) -> LanguageModelResponder:
    cache = ModelCache(max_models=2, max_bytes=1 << 40)
    return LanguageModelResponder(
        lambda: cache.lease(
            "tiny",
            lambda: LanguageModel(folder, device=CPU, cached_cards=cards, forget_after_s=forget_after_s),
            estimate_bytes=1,
        ),
        settings or LanguageModelSettings(),
        "tiny",
    )


class Writing(LanguageModelResponder):
    """A responder whose model writes what it is told to, however its weights feel about it."""

    def __init__(self, folder: Path, text: str, *, ended: bool = True, error: Exception | None = None) -> None:
        super().__init__(responder_of(folder)._load, LanguageModelSettings(), "tiny")
        self.prompt = Prompt("", "")

        def write(
            prompt: Prompt,
            answer: GeneratedAnswer,
            *,
            most_tokens: int,
            temperature: float = 0.0,
            stop: Callable[[], bool] = lambda: False,
        ) -> Iterator[str]:
            self.prompt = prompt
            words = text.split(" ")
            for number, word in enumerate(words[:most_tokens]):
                answer.tokens_out += 1
                piece = f" {word}" if number else word
                answer.text += piece
                yield piece
            if error is not None:
                raise error
            answer.ended = ended and len(words) <= most_tokens

        self.model.write = write  # type: ignore[method-assign]


def answers(responder: LanguageModelResponder, request: RespondRequest = ASKED) -> tuple[str, ModelUse | None]:
    parts = list(responder.respond(request))
    assert isinstance(parts[-1], ReplyEnd)
    assert sum(isinstance(part, ReplyEnd) for part in parts) == 1
    uses = [part for part in parts if isinstance(part, ModelUse)]
    assert parts[len(parts) - 1 - len(uses) : -1] == uses
    return " ".join(part.text for part in parts if isinstance(part, Clause)), uses[0] if uses else None


def test_it_keeps_the_contract(folder: Path) -> None:
    responder = responder_of(folder)
    assert isinstance(responder, Responder)
    assert isinstance(responder, Cancellable)
    responder.warm()
    responder.prepare(PrepareRequest(PERSONA))
    text, use = answers(responder)
    assert text
    assert use is not None
    assert (use.model, len(use.digest)) == ("tiny", 64)
    again, other = answers(responder)
    assert other is not None
    assert again == text
    assert replace(other, first_token_ms=None, took_ms=0.0) == replace(use, first_token_ms=None, took_ms=0.0)


def test_the_words_of_the_model_are_spoken_clause_by_clause(folder: Path) -> None:
    responder = Writing(folder, "No, it stopped an hour ago. The sun is out again.")
    parts = list(responder.respond(ASKED))
    assert [part.text for part in parts if isinstance(part, Clause)] == [
        "No, it stopped an hour ago.",
        "The sun is out again.",
    ]
    use = parts[-2]
    assert isinstance(use, ModelUse)
    assert (use.outcome, use.reason) == ("model", "")
    assert use.completion == "No, it stopped an hour ago. The sun is out again."
    assert use.prompt == responder.prompt.fixed + responder.prompt.rest


@pytest.mark.parametrize(
    "release",
    [
        Release(Act.CUE, "It itches at night.", cue="itching"),
        Release(Act.CUE, "She is five.", fact="age"),
        Release(Act.IDENTITY, "It's Susan Clarke."),
        Release(Act.UNKNOWN, ""),
    ],
)
def test_what_the_card_tells_is_said_in_its_own_words(folder: Path, release: Release) -> None:
    responder = Writing(folder, "Something else entirely.")
    assert answers(responder, replace(ASKED, release=release)) == (release.text, None)


@pytest.mark.parametrize("kind", [RespondKind.OPENING, RespondKind.SILENCE, RespondKind.CLOSING])
def test_openings_and_closings_are_the_cards(folder: Path, kind: RespondKind) -> None:
    assert answers(Writing(folder, "Something else."), replace(ASKED, kind=kind)) == (CARD_WORDS, None)


def test_a_model_that_words_everything_is_given_what_is_released_and_nothing_else(folder: Path) -> None:
    responder = Writing(folder, "Mostly at night.")
    responder._settings = LanguageModelSettings(speaks_for="everything")
    parts = list(responder.respond(replace(ASKED, release=Release(Act.CUE, "It itches at night.", cue="itching"))))
    assert parts[0] == Clause("Mostly at night.", cue="itching", pause_after_ms=300)
    assert "all of it and no more: It itches at night.)" in responder.prompt.rest


@pytest.mark.parametrize(
    ("text", "ended", "reason"),
    [
        ("", True, "empty"),
        ("😀 *smiles*", True, "empty"),
        ("**  **", True, "empty"),
        ("and so on " * 40, False, "repeats"),
        (" ".join(f"w{number}" for number in range(20)), False, "length"),
    ],
)
def test_where_the_model_says_nothing_that_can_be_spoken_the_card_does(
    folder: Path, text: str, ended: bool, reason: str
) -> None:
    said, use = answers(Writing(folder, text.strip(), ended=ended))
    assert said == CARD_WORDS
    assert use is not None
    assert (use.outcome, use.reason) == ("card", reason)


def test_four_hundred_tokens_without_a_mark_end(folder: Path) -> None:
    said, use = answers(Writing(folder, " ".join(f"word{number}" for number in range(400)), ended=False))
    assert use is not None
    assert (use.outcome, use.reason, use.tokens_out) == ("finished", "length", LanguageModelSettings().max_new_tokens)
    assert 16 <= len(said.split()) <= use.tokens_out


def test_a_model_that_never_stops_is_stopped(folder: Path) -> None:
    said, use = answers(Writing(folder, " ".join(f"I saw bird number {number}." for number in range(99)), ended=False))
    assert said == "I saw bird number 0. I saw bird number 1."
    assert use is not None
    assert (use.outcome, use.tokens_out < 20) == ("model", True)


def test_a_model_that_says_what_it_said_before_is_not_heard(folder: Path) -> None:
    before = HistoryItem("patient", "I'm so sorry. I hope you're well today.")
    said, use = answers(Writing(folder, "I hope you're well today."), replace(ASKED, history=(before,)))
    assert said in (CARD_WORDS, "I hope you're well today.")
    said, use = answers(Writing(folder, before.text), replace(ASKED, history=(before,)))
    assert (said, use.reason if use else "") == (CARD_WORDS, "repeats")


def test_a_failure_in_mid_reply_ends_it_and_one_before_it_gives_the_cards_words(folder: Path) -> None:
    broken = EngineError("the language model can't go on (out of memory)")
    said, use = answers(Writing(folder, "I went out early. And", error=broken))
    assert said == "I went out early."
    assert use is not None
    assert (use.outcome, use.reason) == ("finished", "failed")
    said, use = answers(Writing(folder, "I went", error=broken))
    assert use is not None
    assert (said, use.outcome, use.reason) == (CARD_WORDS, "card", "failed")


@pytest.mark.parametrize("template", ["{{ raise_exception('no') }}", "{{ ''.__class__.__mro__[9] }}"])
def test_a_template_that_fails_gives_the_cards_words(folder: Path, template: str, tmp_path: Path) -> None:
    broken = tmp_path / "tiny"
    broken.mkdir()
    for path in folder.iterdir():
        (broken / path.name).symlink_to(path)
    (broken / "tokenizer_config.json").unlink()
    (broken / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    responder = responder_of(broken)
    responder.prepare(PrepareRequest(PERSONA))
    said, use = answers(responder)
    assert use is not None
    assert (said, use.outcome, use.reason, use.tokens_out) == (CARD_WORDS, "card", "template", 0)


# ------------------------------------------------------------------ context and history


def test_the_newest_of_the_history_is_kept_and_what_was_told(folder: Path) -> None:
    history = [HistoryItem("patient", "It itches at night.", ("itching",))]
    for number in range(40):
        history += [HistoryItem("candidate", f"Question {number}?"), HistoryItem("patient", f"Answer {number}.")]
    responder = Writing(folder, "Yes, it is.")
    answers(responder, replace(ASKED, history=tuple(history)))
    assert "Answer 39." in responder.prompt.rest
    assert "Answer 20." not in responder.prompt.rest
    assert "You have said of yourself: It itches at night." in responder.prompt.rest
    model = responder.model
    room = LanguageModelSettings().history_tokens + model.count("You have said of yourself: ") + 120
    assert model.count(responder.prompt.rest) < room


@pytest.mark.parametrize("letters", [5_000, 100_000])
def test_a_turn_without_end_is_cut_to_its_end(folder: Path, letters: int) -> None:
    responder = Writing(folder, "Yes, it is.")
    said, use = answers(responder, replace(ASKED, text="x" * letters + " is it raining?"))
    assert (said, use.outcome if use else "") == ("Yes, it is.", "model")
    assert "is it raining?" in responder.prompt.rest
    assert responder.model.count(responder.prompt.fixed + responder.prompt.rest) < 4096


def test_a_context_that_is_too_small_gives_the_cards_words(folder: Path) -> None:
    responder = Writing(folder, "Yes, it is.")
    responder._settings = LanguageModelSettings(context_tokens=512)
    said, use = answers(responder)
    assert use is not None
    assert (said, use.outcome, use.reason) == (CARD_WORDS, "card", "context")


# ------------------------------------------------------------------ the model


def test_a_kept_beginning_changes_nothing_but_the_time(folder: Path) -> None:
    kept, plain = responder_of(folder), responder_of(folder, cards=0)
    kept.prepare(PrepareRequest(PERSONA))
    plain.prepare(PrepareRequest(PERSONA))
    (said, use), (same, other) = answers(kept), answers(plain)
    assert use is not None
    assert other is not None
    assert (said, use.completion, use.tokens_in) == (same, other.completion, other.tokens_in)
    assert 0 < use.cached_tokens < use.tokens_in
    assert other.cached_tokens == 0


def test_patients_beyond_the_most_are_answered_without_and_old_ones_make_room(folder: Path) -> None:
    others = [replace(PERSONA, name=f"Patient {number}") for number in range(3)]
    full, moving = responder_of(folder, cards=2), responder_of(folder, cards=2, forget_after_s=0.0)
    for responder, cached in ((full, [True, True, False]), (moving, [True, True, True])):
        found = []
        for persona in others:
            responder.prepare(PrepareRequest(persona))
            use = answers(responder, replace(ASKED, persona=persona))[1]
            found.append(bool(use and use.cached_tokens))
        assert found == cached
        assert responder.model.kept <= 2
    assert (full.model.forgotten, moving.model.forgotten) == (0, 1)


def test_writing_stops_within_a_token_of_the_wish(folder: Path) -> None:
    model = responder_of(folder).model
    answer, wished = GeneratedAnswer(), threading.Event()
    pieces = model.write(Prompt("", "Hello"), answer, most_tokens=300, stop=wished.is_set)
    next(pieces)
    wished.set()
    at = answer.tokens_out
    for _ in pieces:
        pass
    assert answer.tokens_out < 300
    # Tokens that lay in the queue already are told, and one may be under way.
    assert answer.tokens_out >= at
    assert not answer.ended


def test_a_cancelled_reply_ends(folder: Path) -> None:
    responder = responder_of(folder, LanguageModelSettings(max_new_tokens=400))
    responder.warm()
    responder.cancel(ASKED.id)
    said, use = answers(responder)
    assert use is not None
    assert (use.tokens_out <= 2, use.reason) == (True, "cancelled")
    assert said == CARD_WORDS
    # The next one by that name is asked anew.
    assert answers(responder)[1] != use


def test_closing_the_reply_stops_the_model(folder: Path) -> None:
    responder = Writing(folder, "I went out early. And I came back late. Then")
    parts = responder.respond(ASKED)
    assert isinstance(next(parts), Clause)
    parts.close()  # type: ignore[attr-defined]


def test_an_unloaded_model_says_so(folder: Path) -> None:
    model = responder_of(folder).model
    model.unload_model()
    with pytest.raises(EngineError, match="is unloaded"):
        next(model.write(Prompt("", "Hello"), GeneratedAnswer(), most_tokens=2))


def test_a_damaged_tokenizer_is_told(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "tiny"
    broken.mkdir()
    for path in folder.iterdir():
        (broken / path.name).symlink_to(path)
    (broken / "tokenizer.json").unlink()
    (broken / "tokenizer.json").write_text("{}")
    with pytest.raises(EngineError, match=r"tokenizer.json can't be used .*: pull it again"):
        LanguageModel(broken, device=CPU)


@pytest.mark.parametrize(
    ("mood", "sentences", "tokens"),
    [
        ("warm and talkative about her dog", 3, 48),
        ("short-tempered from lack of sleep", 1, 28),
        ("polite", 2, 48),
    ],
)
def test_who_chats_says_more(mood: str, sentences: int, tokens: int) -> None:
    manner = manner_of(replace(PERSONA, mood=mood), most_tokens=48, temperature=0.8)
    assert (manner.sentences, manner.tokens) == (sentences, tokens)
    assert manner_of(replace(PERSONA, mood=mood), most_tokens=48, temperature=0.0).temperature == 0.0


def test_it_words_only_the_turns_that_it_was_measured_for(folder: Path) -> None:
    responder = Writing(folder, "That's kind of you.")
    responder._acts = frozenset({Act.EMPATHY})
    kind = replace(ASKED, release=Release(Act.EMPATHY, "Thank you.", free=True), text="I'm sorry to hear that.")
    assert answers(responder, kind)[0] == "That's kind of you."
    assert answers(responder) == (CARD_WORDS, None)
