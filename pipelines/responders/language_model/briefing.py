"""What of a talk goes into a prompt: as much as there is room for, the newest first, and what was told before that."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.engines import HistoryItem, RespondRequest
from pipelines.responders.language_model.chat_template import Message
from pipelines.responders.language_model.model import LanguageModel
from pipelines.responders.language_model.prompt import UNASKED, Prompt, said_before
from pipelines.responders.language_model.settings import LanguageModelSettings

# What is kept free beside history and reply: the template's own words, and those around what was told.
_SPARE_TOKENS = 64
_LEAST_QUESTION_TOKENS = 128
# What names the speaker of a turn, in most templates.
_TURN_TOKENS = 6


class TooLong(Exception):
    """The prompt does not fit, whatever is left out of the history."""


def brief(
    model: LanguageModel, request: RespondRequest, settings: LanguageModelSettings, *, reply_tokens: int
) -> Prompt:
    """Return the prompt of a turn, which leaves room for a reply of so many tokens; raises TooLong, TemplateFailed."""
    context = min(settings.context_tokens, model.context_tokens)
    say = request.release.text if not request.release.free else ""
    fixed = model.count_beginning(model.prompts.fixed(request.persona))
    room = context - fixed - reply_tokens - _SPARE_TOKENS - model.count(say)
    if room < _LEAST_QUESTION_TOKENS:
        raise TooLong
    asked = request.text if request.text.strip() else UNASKED.get(request.kind, "")
    question = model.last_tokens(asked, max(_LEAST_QUESTION_TOKENS, room // 2))
    room -= model.count(question)
    said, told = _history(model, request.history, min(room, settings.history_tokens))
    prompt = model.prompts.write(request.persona, said, question, told=told, say=say)
    if model.count_beginning(prompt.fixed) + model.count(prompt.rest) + reply_tokens > context:
        raise TooLong
    return prompt


def _history(model: LanguageModel, history: Sequence[HistoryItem], room: int) -> tuple[list[Message], str]:
    """Return the newest of what was said, and what was told before that; both within `room` tokens."""
    kept: list[HistoryItem] = []
    older, left = list(history), room
    while older:
        needed = model.count(older[-1].text) + _TURN_TOKENS
        if needed > left:
            break
        left -= needed
        kept.insert(0, older.pop())
    # What was told stays, and makes the rest shorter: by half of the room at most.
    told: list[str] = []
    allowed = room // 2
    for item in reversed(older):
        if item.role == "patient" and item.cues:
            allowed -= model.count(item.text)
            if allowed < 0:
                break
            told.insert(0, item.text)
    spent = model.count(" ".join(told))
    while told and kept and spent > left:
        left += model.count(kept.pop(0).text) + _TURN_TOKENS
    return said_before(kept), " ".join(told)
