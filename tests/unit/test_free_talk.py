"""A conversation without a card, part by part: what may be told, what models are told, what the guard lets through."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import CardError
from pipelines.engines import Interpretation, Persona, Release, RespondKind
from pipelines.intent.acts import Act
from pipelines.patient.card import public_view
from pipelines.patient.card_library import CardLibrary, check
from pipelines.patient.disclosure import DISTRESS_LINE, Disclosure, Moment
from pipelines.patient.free import FREE_CARD, FREE_ID, NO_ANSWER_LINE, USUAL_INSTRUCTIONS, disclosure_of, read_as
from pipelines.patient.guard.guard import Guard
from pipelines.patient.guard.guard_rules import SUPPLIED
from pipelines.patient.guard.rules_file import RulesFile
from pipelines.patient.guard.verdict import GuardAction
from pipelines.patient.persona import persona_of
from pipelines.responders.language_model.chat_template import ChatTemplate
from pipelines.responders.language_model.prompt import SPOKEN, Prompts
from pipelines.responders.remote.chat_messages import chat_messages
from tests.fakes.remote import request
from tests.unit.test_cards import make_card, write

CARDS = Path(__file__).resolve().parents[2] / "configs" / "cards"
ASKED = Release(Act.UNKNOWN, NO_ANSWER_LINE, free=True)
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NO_SYSTEM = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('none') }}{% endif %}"
    "[{{ m['role'] }}: {{ m['content'] }}]{% endfor %}"
)


def free(instructions: str = "You are a pirate.") -> Persona:
    return replace(persona_of(FREE_CARD), instructions=instructions)


def disclosed(kind: RespondKind, *, distress: str = "") -> Release:
    disclose = disclosure_of(FREE_CARD, Disclosure(FREE_CARD))
    return disclose(Moment(kind, 1, "Hello there", Interpretation(Act.UNKNOWN, distress=distress)))


def test_nothing_is_to_be_found_out_and_all_may_be_worded_freely() -> None:
    assert not FREE_CARD.cues
    assert not FREE_CARD.facts
    assert disclosed(RespondKind.REPLY) == Release(Act.UNKNOWN, NO_ANSWER_LINE, reason="there is no card", free=True)
    assert disclosed(RespondKind.OPENING).free
    assert disclosed(RespondKind.SILENCE).free
    assert not disclosed(RespondKind.CLOSING).free


def test_whoever_is_in_distress_is_not_left_to_the_model() -> None:
    told = disclosed(RespondKind.REPLY, distress="self_harm")
    assert (told.text, told.free) == (DISTRESS_LINE, False)


def test_a_cards_rules_stay_what_they_are() -> None:
    card = CardLibrary.load(CARDS)["nursing-leg-wound"]
    rules = Disclosure(card)
    assert disclosure_of(card, rules) is rules
    assert read_as(card) is card
    assert persona_of(card).instructions == ""


def test_it_is_found_by_its_name_and_no_card_to_choose() -> None:
    library = CardLibrary.load(CARDS).with_beside(CardLibrary.load(CARDS.parent / "exam")).with_free()
    assert library[FREE_ID] is FREE_CARD
    assert "warm-up" in library  # what lay beside it before is still there
    assert FREE_ID not in list(library)
    assert len(library.digest(FREE_ID)) == 64
    with pytest.raises(CardError, match="there is no card 'free'"):
        library.get_card(FREE_ID)
    assert public_view(FREE_CARD).tasks == ()


def test_no_card_may_have_its_name(tmp_path: Path) -> None:
    write(tmp_path, make_card(id=FREE_ID))
    (fault,) = check(tmp_path)
    assert "names the conversation without a card" in fault


# ---------------------------------------------------------------- what the models are told


def test_a_model_of_this_machine_is_told_the_instructions_and_nothing_of_a_patient() -> None:
    prompts = Prompts(ChatTemplate(CHATML), specials=("<|im_start|>", "<|im_end|>"))
    prompt = prompts.write(free("You are a pirate.<|im_end|>"), [], "Who are you?", told="", say="")
    whole = prompt.fixed + prompt.rest
    assert prompt.fixed == f"<|im_start|>system\nYou are a pirate.\n{SPOKEN}<|im_end|>\n"
    assert whole.count("<|im_end|>") == 2
    assert "patient" not in whole
    assert USUAL_INSTRUCTIONS in prompts.fixed(persona_of(FREE_CARD))


def test_a_template_without_a_system_message_has_them_in_the_first_turn() -> None:
    prompts = Prompts(ChatTemplate(NO_SYSTEM))
    assert prompts.fixed(free()).startswith("[user: You are a pirate.")
    prompt = prompts.write(free(), [{"role": "user", "content": "Hi."}], "Who are you?", told="", say="")
    assert (prompt.fixed + prompt.rest).startswith(f"[user: You are a pirate.\n{SPOKEN}\n\nHi.")


def test_a_remote_model_is_told_the_instructions_and_what_was_said() -> None:
    asked = replace(request("Where do you live?"), persona=free(), release=ASKED)
    system, *history, last = chat_messages(asked)
    assert system.content.startswith("You are a pirate.")
    assert "patient" not in system.content
    assert last.content == "Where do you live?"
    assert len(history) == 2
    unasked = replace(asked, kind=RespondKind.OPENING, text="", history=())
    assert chat_messages(unasked)[-1].content == "Hello."


# ---------------------------------------------------------------- what the guard lets through


@pytest.mark.parametrize(
    ("clause", "action"),
    [
        ("I am Captain Jack, and I have 40 parrots.", GuardAction.ALLOW),
        ("You should take two tablets of ibuprofen a day.", GuardAction.ALLOW),
        ("Yes, I have epilepsy and I smoke.", GuardAction.ALLOW),
        ("You haven't asked about my allergies yet.", GuardAction.ALLOW),
        ("How can I help you today?", GuardAction.WARN),
        ("(laughs) Of course, my friend.", GuardAction.WARN),
        ("Je ne sais pas, je suis désolé.", GuardAction.BLOCK),
        ("You're an idiot.", GuardAction.BLOCK),
        ("word " * 400, GuardAction.BLOCK),
    ],
)
def test_the_guard_keeps_to_how_one_speaks_aloud(clause: str, action: GuardAction) -> None:
    guard = Guard(RulesFile(SUPPLIED))
    verdict = guard.read(clause, FREE_CARD, release=ASKED, question="Go on.")
    assert verdict.action is action, verdict.reasons
    assert bool(verdict.text) is (action is not GuardAction.BLOCK)


def test_what_the_rules_let_through_is_let_through_freely_too(tmp_path: Path) -> None:
    path = tmp_path / "guard.yaml"
    text = SUPPLIED.read_text(encoding="utf-8")
    path.write_text(text.replace("  unkind: block", "  unkind: allow").replace("  role: block", "  role: allow"))
    guard = Guard(RulesFile(path))
    for clause in ("You're an idiot.", "How can I help you today?"):
        assert guard.read(clause, FREE_CARD, release=ASKED).action is GuardAction.ALLOW
