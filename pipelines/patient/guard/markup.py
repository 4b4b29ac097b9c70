"""What was written and can't be spoken: stage directions, markdown, HTML, emoji, labels of speakers."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

# What people do, not what they say: "*sighs*", "(coughs)", "[looks away]", "_shrugs_", "<pause>".
_STAGE = re.compile(
    r"(?<!\*)\*(?!\*)[^*\n]{2,80}\*(?!\*)|\[[^\]\n]{2,80}\]|\([^()\n]{2,80}\)|(?:^|(?<=[.!?…]\s))_[^_\n]{2,80}_(?!\w)"
)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>|<!--.*?-->")
_TAG_SPOKEN = re.compile(r"</?(?:b|i|em|strong|p|br|span|div|u|a|li|ul|ol|h[1-6])\b[^<>]*>", re.IGNORECASE)
# An emphasised word is spoken: "I *never* smoked", "**yes**", and "it _hurts_" within a sentence.
_EMPHASIS = re.compile(r"\*\*([^*]+)\*\*|__([^_]+)__|`([^`]+)`|~~([^~]+)~~")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_LINE_MARKS = re.compile(r"^\s*(?:#{1,6}\s+|[-*+•]\s+|>\s+|\d+[.)]\s+)", re.MULTILINE)
_URL = re.compile(r"\bhttps?://\S+|\bwww\.\S+", re.IGNORECASE)
_LEFT_OVER = re.compile(r"[*_#`~<>()\[\]{}|\\]+")
_BLANKS = re.compile(r"\s+")
# A single emphasised word of these is no stage direction.
_ADVERBS = re.compile(
    r"[*_](?:never|always|really|very|so|not|no|yes|all|every|that|this|too|only|did|do|is|was|am)[*_]"
)


@dataclass(frozen=True, slots=True)
class CleanedClause:
    """A clause without what can't be spoken, and what that was."""

    text: str
    stage: str = ""  # the first stage direction, if there was one
    markup: str = ""  # the first other mark, if there was one


def spoken_text(text: str) -> CleanedClause:
    """Return what of a clause can be spoken."""
    markup: list[str] = []

    def drop(pattern: re.Pattern[str], within: str, to: str) -> str:
        found = pattern.search(within)
        if found is not None:
            markup.append(found[0])
        return pattern.sub(to, within)

    kept = drop(_TAG_SPOKEN, text, " ")
    kept = drop(_LINK, kept, r"\1")
    kept = drop(_EMPHASIS, kept, r"\1\2\3\4")
    kept = _ADVERBS.sub(lambda found: found[0][1:-1], kept)
    staged = _STAGE.search(kept) or _TAG.search(kept)
    kept = _TAG.sub(" ", _STAGE.sub(" ", kept))
    kept = drop(_LINE_MARKS, kept, "")
    kept = drop(_URL, kept, " ")
    kept, pictures = _without_pictures(kept)
    markup += pictures
    kept = drop(_LEFT_OVER, kept, " ")
    kept = re.sub(r"\s+([,.;:!?])", r"\1", _BLANKS.sub(" ", kept)).strip()
    if not any(sign.isalnum() for sign in kept):
        kept = ""
    return CleanedClause(kept, staged[0] if staged else "", markup[0] if markup else "")


def _without_pictures(text: str) -> tuple[str, list[str]]:
    """Take away emoji and other signs that no voice reads."""
    if text.isascii():
        return text, []
    pictures = [sign for sign in text if _is_picture(sign)]
    return "".join(" " if _is_picture(sign) else sign for sign in text), pictures


def _is_picture(sign: str) -> bool:
    return not sign.isascii() and (
        unicodedata.category(sign) in ("So", "Sk", "Cs", "Co", "Cn") or sign in "\ufe0f\u200d"
    )
