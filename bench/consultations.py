"""Transcribed consultations (Praat TextGrids, one file per speaker) as ends of turns, pauses inside them, and words.

The definitions are those by which end-of-turn policies are compared here. An *utterance* is the text of one speaker,
merged while the gap to the next interval is under 0.15 s (many intervals are split without a pause). Each end of a
speaker's utterance is one of four: *overlapped* (the other speaks at that time), *shift* (the other speaks next),
*hold* (the speaker goes on after a pause of at most 2 s) or *offered* (they go on after a longer one).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from common.errors import AudioError
from pipelines.endpointing.evidence import PauseEvidence

MERGE_S = 0.15
HOLD_S = 2.0

_SIZE = re.compile(r"intervals: size = (\d+)")
_INTERVAL = re.compile(r'xmin = ([\d.]+)\s*\n\s*xmax = ([\d.]+)\s*\n\s*text = "((?:[^"]|"")*)"')
# Annotators leave marks such as <UNSURE> and <UNIN/>.
_ASIDE = re.compile(r"<[^>]*>")


class EndKind(StrEnum):
    """What follows the end of an utterance."""

    SHIFT = "shift"
    HOLD = "hold"
    OFFERED = "offered"
    OVERLAPPED = "overlapped"


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one speaker said in one go."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """The end of an utterance: what is known by then, what followed, and after how many seconds."""

    consultation: str
    evidence: PauseEvidence
    kind: EndKind
    gap_s: float

    def said(self, text: str) -> TurnEnd:
        """Return the same end with another transcript."""
        return replace(self, evidence=replace(self.evidence, text=text))


@dataclass(frozen=True, slots=True)
class Consultation:
    """One talk: the ends of the doctor's utterances and of the patient's."""

    name: str
    doctor: tuple[TurnEnd, ...]
    patient: tuple[TurnEnd, ...]


def load_consultations(folder: Path) -> list[Consultation]:
    """Read a folder of `NAME_doctor.TextGrid` and `NAME_patient.TextGrid`; raises AudioError naming what is wrong."""
    if not folder.is_dir():
        raise AudioError(f"{folder} is no folder; give one with TextGrid files", code="audio.unreadable")
    names = sorted(path.name.removesuffix("_doctor.TextGrid") for path in folder.glob("*_doctor.TextGrid"))
    if not names:
        raise AudioError(
            f"{folder} has no files named like NAME_doctor.TextGrid and NAME_patient.TextGrid", code="audio.unreadable"
        )
    talks = []
    for name in names:
        doctor = read_utterances(folder / f"{name}_doctor.TextGrid")
        patient = read_utterances(folder / f"{name}_patient.TextGrid")
        talks.append(Consultation(name, tuple(_ends(name, doctor, patient)), tuple(_ends(name, patient, doctor))))
    return talks


def read_utterances(path: Path) -> list[Utterance]:
    """Read one speaker's TextGrid (long format, UTF-8 or UTF-16); raises AudioError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise AudioError(
            f"{path.name} is missing; each consultation needs both speakers", code="audio.unreadable"
        ) from None
    except OSError as error:
        raise AudioError(f"{path.name} can't be read ({error.strerror})", code="audio.unreadable") from error
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding).replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise AudioError(f"{path.name} is neither UTF-8 nor UTF-16 text", code="audio.format") from None
    if "TextGrid" not in text[:200]:
        raise AudioError(f"{path.name} is no Praat TextGrid in the long text format", code="audio.format")
    intervals = _INTERVAL.findall(text)
    announced = sum(int(size) for size in _SIZE.findall(text))
    if not intervals or len(intervals) < announced:
        raise AudioError(
            f"{path.name} is cut off or broken: it announces {announced} intervals, {len(intervals)} can be read",
            code="audio.format",
        )
    utterances: list[Utterance] = []
    for start, end, raw in intervals:
        said = _ASIDE.sub("", raw.replace('""', '"')).strip()
        if not said:
            continue
        found = Utterance(float(start), float(end), said)
        if utterances and found.start_s - utterances[-1].end_s < MERGE_S:
            before = utterances.pop()
            found = Utterance(before.start_s, found.end_s, f"{before.text} {found.text}")
        utterances.append(found)
    return utterances


def _ends(name: str, speaker: list[Utterance], other: list[Utterance]) -> Iterator[TurnEnd]:
    """Yield the ends of one speaker's utterances, with what can be known at each."""
    text, start_s, pieces = "", 0.0, 0
    for index, utterance in enumerate(speaker):
        since_s = speaker[index - 1].end_s if index else -1.0
        if any(since_s < heard.start_s < utterance.start_s for heard in other):
            text = ""
        if not text:
            start_s, pieces = utterance.start_s, 0
        text = f"{text} {utterance.text}".strip()
        pieces += 1
        before = [heard for heard in other if heard.start_s < start_s and heard.end_s <= utterance.end_s]
        evidence = PauseEvidence(
            text=text,
            stable=True,
            speech_ms=1000.0 * (utterance.end_s - start_s),
            last_piece_ms=1000.0 * (utterance.end_s - utterance.start_s),
            pieces=pieces,
            after_gap_ms=1000.0 * (start_s - before[-1].end_s) if before else None,
            after=before[-1].text if before else "",
        )
        following_s = speaker[index + 1].start_s if index + 1 < len(speaker) else float("inf")
        answer_s = min((heard.start_s for heard in other if heard.start_s > utterance.end_s), default=float("inf"))
        if any(heard.start_s <= utterance.end_s < heard.end_s for heard in other):
            yield TurnEnd(name, evidence, EndKind.OVERLAPPED, 0.0)
        elif answer_s == following_s == float("inf"):
            continue  # the last words of the talk
        elif answer_s <= following_s:
            yield TurnEnd(name, evidence, EndKind.SHIFT, answer_s - utterance.end_s)
        else:
            gap_s = following_s - utterance.end_s
            yield TurnEnd(name, evidence, EndKind.HOLD if gap_s <= HOLD_S else EndKind.OFFERED, gap_s)
