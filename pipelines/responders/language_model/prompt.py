"""What the model is told: who the patient is, how patients talk, what was said, and what may be said now.

The beginning depends on the patient alone, so that it is computed once. It holds nothing of what the card hides: a
responder is not given that. The examples are ours, and tell of nothing that a card could ask for.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.engines import HistoryItem, Persona, RespondKind
from pipelines.responders.language_model.chat_template import ChatTemplate, Message, TemplateFailed

RULES = (
    "You are {name}, {age} years old, at this place: {setting}. You are the patient or the one who brings the patient, "
    "never a helper or a doctor, and you are {mood}. Answer in one or two short, simple sentences, as people talk. Say "
    "'I' of yourself. Give no advice. Tell no symptom, medicine, number or illness that you have not told already. If "
    "you do not know, say so."
)
EXAMPLES = (
    ("How was your journey here today?", "It was fine, thank you. The bus was a bit late."),
    ("Have you been waiting long?", "Not too long, don't worry."),
    ("That must have been very hard for you.", "Yes, it has been. Thank you for saying that."),
    ("Did you watch the football last night?", "No, I went to bed early."),
    ("I can see that you are worried.", "I am, a little. I just want to know what is going on."),
    ("Has anyone in your family had gout?", "I'm not sure, to be honest. Nobody has ever said so."),
    ("It's lovely weather outside, isn't it?", "It is. It makes a nice change."),
    ("I'm sorry to hear that.", "Thank you. That's kind of you."),
)
SPOKEN = "You speak aloud: answer in one to three short sentences of plain English, without lists or emoji."
"""What follows a program's own instructions."""
TOLD = "You have said of yourself: {told}"
SAY = "What you may say now, in your own words, all of it and no more: {text}"
# So many patients' beginnings are kept as text.
PATIENTS = 64
_ROLES = {"candidate": "user", "patient": "assistant"}
_SPEAKS_FIRST = "Hello."
# Of a model that is to speak though nobody said anything.
UNASKED = {RespondKind.OPENING: _SPEAKS_FIRST, RespondKind.SILENCE: "Go on, please."}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt in two parts: what is the same in all turns of a patient, and what is not."""

    fixed: str
    rest: str


class Prompts:
    """Writes the prompts of one model, by its template."""

    def __init__(self, template: ChatTemplate, *, specials: Sequence[str] = ()) -> None:
        """Write by this template; `specials` are the model's control words, which nobody may say."""
        self._template = template
        self._system = True
        # Each patient's beginning, the newest last.
        self._fixed: OrderedDict[Persona, str] = OrderedDict()
        self._specials = re.compile("|".join(re.escape(word) for word in specials)) if specials else None

    def fixed(self, persona: Persona) -> str:
        """Return what begins every prompt of this patient; raises TemplateFailed."""
        known = self._fixed.get(persona)
        if known is None:
            known = self._fixed[persona] = self._render(self._beginning(persona), answer=False)
            while len(self._fixed) > PATIENTS:
                self._fixed.popitem(last=False)
        return known

    def write(self, persona: Persona, said: Sequence[Message], question: str, *, told: str, say: str) -> Prompt:
        """Return the prompt for one turn; raises TemplateFailed.

        Args:
            persona: Who the patient is.
            said: What was said before, as messages.
            question: The candidate's words.
            told: What the patient told before that is no longer among `said`; empty if nothing.
            say: What the patient may say, where the model is to word it; else empty.
        """
        beginning = self._beginning(persona)
        notes = [TOLD.format(told=told)] if told else []
        notes += [SAY.format(text=say)] if say else []
        content = "\n".join([question, *(f"({note})" for note in notes)])
        turns = [*said, {"role": "user", "content": content}]
        plain: list[Message] = [{"role": turn["role"], "content": self._plain(turn["content"])} for turn in turns]
        messages = _alternating([*beginning, *plain])
        whole = self._render(messages, answer=True)
        fixed = self.fixed(persona)
        if not whole.startswith(fixed):
            # A template may write something about the last message into the first.
            return Prompt("", whole)
        return Prompt(fixed, whole[len(fixed) :])

    def _plain(self, text: str) -> str:
        """Return what was said without the model's control words: who types them would begin another turn."""
        return self._specials.sub(" ", text) if self._specials is not None else text

    def _beginning(self, persona: Persona) -> list[Message]:
        if persona.instructions:
            return [{"role": "system", "content": f"{self._plain(persona.instructions).strip()}\n{SPOKEN}"}]
        return _patients_beginning(persona)

    def _render(self, messages: Sequence[Message], *, answer: bool) -> str:
        if self._system:
            try:
                return self._template.render(messages, answer=answer)
            except TemplateFailed:
                # Some templates know no system message: then it belongs to the first turn.
                made = self._template.render(_without_system(messages), answer=answer)
                self._system = False
                self._fixed.clear()
                return made
        return self._template.render(_without_system(messages), answer=answer)


def said_before(history: Sequence[HistoryItem]) -> list[Message]:
    """Return what was said as messages, turn by turn."""
    return [{"role": _ROLES[item.role], "content": item.text.strip()} for item in history if item.text.strip()]


def _patients_beginning(persona: Persona) -> list[Message]:
    rules = RULES.format(name=persona.name, age=persona.age, setting=persona.setting, mood=persona.mood)
    messages: list[Message] = [{"role": "system", "content": rules}]
    for question, answer in EXAMPLES:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return messages


def _alternating(messages: Sequence[Message]) -> list[Message]:
    """Return the messages so that user and assistant take turns: some templates refuse anything else."""
    made: list[Message] = []
    for message in messages:
        before = made[-1]["role"] if made else ""
        if message["role"] == before == "user":
            made[-1] = {"role": "user", "content": f"{made[-1]['content']} {message['content']}"}
            continue
        if message["role"] == before == "assistant":
            made.append({"role": "user", "content": _SPEAKS_FIRST})
        made.append(message)
    return made


def _without_system(messages: Sequence[Message]) -> list[Message]:
    rules, *others = messages
    if not others:
        return [{"role": "user", "content": rules["content"]}]
    return [{"role": "user", "content": f"{rules['content']}\n\n{others[0]['content']}"}, *others[1:]]
