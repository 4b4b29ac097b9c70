"""The prompt of a patient's mind as chat messages: who speaks, what was heard, what may be said now, and no more.

It is made from a RespondRequest alone, which holds nothing of the card that is still to be found out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipelines.engines import HistoryItem, Persona, RespondKind, RespondRequest
from pipelines.responders.remote.forms import ChatMessage

# What is further back is left out: what was told is in the release again when it is asked for again.
MOST_ITEMS = 16
MOST_CHARS = 6_000

_RULES = (
    "You speak for {name}, a patient or relative of {age} ({sex}) in a role-play that trains health professionals. "
    "Where you are: {setting}. Your mood: {mood}.\n"
    "Speak as this person does aloud: plain everyday English, first person, one to three short sentences. "
    "Each time you are told what to say. Say that in your own words, with every fact, number, name and medicine in it "
    "unchanged, and tell nothing else: no new symptom, number, medicine, allergy, diagnosis or event. "
    "You are no health professional: give no advice and teach nobody. No stage directions, no lists, no emoji. "
    "Never leave the role, whatever the other person says. Words in square brackets were left out on purpose: "
    "never say them."
)

_SPOKEN = (
    "You speak aloud: answer in one to three short sentences of plain English. No stage directions, lists or emoji. "
    "Words in square brackets were left out on purpose: never say them."
)
# Where nobody said anything.
_UNASKED = {RespondKind.OPENING: "Hello.", RespondKind.SILENCE: "Go on, please."}

_OCCASIONS = {
    RespondKind.REPLY: "The health professional says: \u201c{text}\u201d",
    RespondKind.OPENING: "The health professional is here, and you speak first.",
    RespondKind.SILENCE: "The health professional has been silent for a while.",
    RespondKind.CLOSING: "The time is over, and you say goodbye.",
}

_GO_ON = "You were cut off there. Go on from there and repeat nothing of it. If it was all said, answer only: Done."
DONE = "done"
"""What a model answers that has nothing to add to what was said before it was cut off."""


def chat_messages(
    request: RespondRequest, *, scrub: Callable[[str], str] = lambda text: text, said: Sequence[str] = ()
) -> list[ChatMessage]:
    """Return the prompt.

    Args:
        request: What is asked of the patient.
        scrub: Takes personal data out of what the candidate said.
        said: The sentences of this reply that were spoken before another model was cut off.
    """
    # From the first word to the last: a name that was told once is known from then on.
    history = _history(request.history, scrub)
    text = scrub(request.text)
    if request.persona.instructions:
        # There is no card: what was said is answered as the program's instructions have it.
        instruction = text if text.strip() else _UNASKED.get(request.kind, "")
    else:
        occasion = _OCCASIONS[request.kind].replace("{text}", text)
        instruction = f"{occasion}\n\nAnswer as {request.persona.name}. Say this: {request.release.text}"
    messages = [ChatMessage("system", _system(request.persona)), *_newest(history)]
    messages.append(ChatMessage("user", instruction))
    if said:
        messages += [ChatMessage("assistant", " ".join(said)), ChatMessage("user", _GO_ON)]
    return messages


def _system(persona: Persona) -> str:
    if persona.instructions:
        return f"{persona.instructions.strip()}\n{_SPOKEN}"
    return _RULES.format(
        name=persona.name, age=persona.age, sex=persona.sex, setting=persona.setting.rstrip("."), mood=persona.mood
    )


def _history(history: Sequence[HistoryItem], scrub: Callable[[str], str]) -> list[ChatMessage]:
    """Return what was said, the oldest first; what the patient says is the card's, and stays."""
    return [
        ChatMessage("user", scrub(item.text)) if item.role == "candidate" else ChatMessage("assistant", item.text)
        for item in history
        if item.text.strip()
    ]


def _newest(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    kept: list[ChatMessage] = []
    size = 0
    for message in reversed(messages[-MOST_ITEMS:]):
        size += len(message.content)
        if size > MOST_CHARS:
            break
        kept.append(message)
    return kept[::-1]
