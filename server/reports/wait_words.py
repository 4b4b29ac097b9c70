"""Why a pause lasted, in plain sentences: what the text said, what the sound said, and whose pauses are longer."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipelines.events import PauseJudged

# Between these shares a text is neither taken for whole nor for unfinished.
UNCLEAR_FROM, UNCLEAR_TO = 0.35, 0.65
COMPLETE, UNFINISHED = "sounds complete", "sounds unfinished"
# A factor closer to one than this changes no wait that anybody would notice.
LEAST_FACTOR = 1.03
# So surely the reply that was prepared answers what was asked, for it to be named as a reason.
ASKED = 0.5
# An answer that came so long after the wait was over is worth a sentence: a frame or two are always late.
LATE_MS = 40.0


def waited_in_words(
    silence_ms: float | None, judged: Sequence[PauseJudged], *, late: bool = False, listens: bool = False
) -> str:
    """Return why a turn was taken after so much silence, None where that is not known.

    `late`: the turn detector was asked and did not answer in time; `listens`: the session has one.
    """
    head = "It is not known how long was waited" if silence_ms is None else f"Waited {round(silence_ms)} ms"
    last = judged[-1] if judged else None
    told = f"{head}: {_why(last, late=late, listens=listens)}."
    if silence_ms is not None and last is not None and last.silent_ms > last.wait_ms + LATE_MS:
        told += f" This was known only after {round(last.silent_ms)} ms."
    return " ".join([told, *_factors(last)])


def paused_in_words(
    silence_ms: float | None, judged: Sequence[PauseJudged], *, late: bool = False, listens: bool = False
) -> str:
    """Return what was judged of a pause after which the speaker went on."""
    head = "Paused and went on" if silence_ms is None else f"Paused {round(silence_ms)} ms and went on"
    if not judged:
        return f"{head}, before anything was judged."
    last = judged[-1]
    told = f"{head}. The patient would have waited {round(last.wait_ms)} ms: {_why(last, late=late, listens=listens)}."
    return " ".join([told, *_factors(last)])


def judged_in_words(judged: PauseJudged, before: PauseJudged | None = None) -> str:
    """Return what one judgement was made of, as far as the one before it in the pause did not know it."""
    if judged.rule:
        return _RULES[judged.rule]
    text, sound = judged.worth.get("text"), judged.evidence.get("sound")
    parts = []
    if text is not None and (before is None or text != before.worth.get("text")):
        parts.append(f"{_quoted(judged.ending)} {_text(text, judged.evidence.get('asks'))}")
    if sound is not None and (before is None or sound != before.evidence.get("sound")):
        parts.append(f"the voice {_voice(1.0 - share(sound))}")
    return ", ".join(parts) or "nothing new"


def looked_in_words(finished: float | None) -> str:
    """Return what the turn detector said, None where it said nothing in time."""
    return "no answer in time" if finished is None else f"the voice {_voice(1.0 - finished)}"


def share(log_odds: float) -> float:
    """Return log odds as a share of 1."""
    return 1.0 / (1.0 + math.exp(-log_odds))


_RULES = {"fixed": "the wait is fixed", "unheard": "no word was understood"}


def _why(judged: PauseJudged | None, *, late: bool, listens: bool) -> str:
    if judged is None:
        return "the text was not there in time"
    if judged.rule:
        return _RULES[judged.rule]
    text, sound = judged.worth["text"], judged.evidence.get("sound")
    told = f"the text {_text(text, judged.evidence.get('asks'))}"
    if sound is not None:
        voice = 1.0 - share(sound)
        against = {_kind(share(text)), _kind(voice)} == {COMPLETE, UNFINISHED}
        return f"{told}, {'but' if against else 'and'} the voice {_voice(voice)}"
    if late:
        return f"{told}, the turn detector was asked but did not answer in time"
    return f"{told}, the turn detector was not asked" if listens else f"{told}, the turn detector is off"


def _kind(goes_on: float) -> str:
    return COMPLETE if goes_on < UNCLEAR_FROM else UNFINISHED if goes_on > UNCLEAR_TO else "is unclear"


def _text(log_odds: float, asks: float | None) -> str:
    goes_on = share(log_odds)
    known = ", as it asks for something" if goes_on < UNCLEAR_FROM and asks is not None and asks > ASKED else ""
    return f"{_kind(goes_on)} (goes on in {_of_hundred(goes_on)}{known})"


def _voice(goes_on: float) -> str:
    kind = "sounds finished" if goes_on < UNCLEAR_FROM else _kind(goes_on)
    return f"{kind} (goes on in {round(100 * goes_on)})"


def _of_hundred(part: float) -> str:
    return f"{round(100 * part)} of 100"


def _quoted(ending: str) -> str:
    return f"\N{LEFT DOUBLE QUOTATION MARK}{ending}\N{RIGHT DOUBLE QUOTATION MARK}" if ending else "the text"


def _factors(judged: PauseJudged | None) -> list[str]:
    if judged is None or judged.rule:
        return []
    factors = (("The speaker's own pauses make", judged.stretch), ("Patience makes", judged.patience))
    return [f"{what} waits {factor:.2f} times as long." for what, factor in factors if factor >= LEAST_FACTOR]
