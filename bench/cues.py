"""`eval cues`: how often the scripted patient takes a turn for what it is, from its true text and as recognised."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from audio.files import mono_at, read_recording
from audio.frames import ANALYSIS_HZ, WIRE_HZ, Pcm, samples_for
from audio.resample import resample_whole
from bench.cue_cases import VOLUNTEER, MatchingCase, MatchingReport, evaluate_matching
from bench.degradations import with_noise
from bench.report_figures import Figure
from bench.voice.ear import read_back
from common.errors import AudioError
from pipelines.engines import (
    HistoryItem,
    Interpreter,
    Recogniser,
    RecogniserStream,
    SegmentDecoder,
    SpeakRequest,
    StreamSpec,
    Synthesiser,
    Voice,
    Word,
)
from pipelines.patient.card import Card, Slug, Text
from pipelines.truth import Truth, TruthSpan, TruthTurn, load_truth

CONSULTATIONS = (
    "consultation", "consultation-medicine", "consultation-pharmacy", "consultation-veterinary", "explanation-40s",
)  # fmt: skip
HELD_OUT = frozenset(
    {"sentences_heldout", "sentences_fresh", "sentences_final", "sentences_strangers", "sentences_unseen_cards"}
)
"""Sentence files that serve to measure alone: once their failures are read and tuned to, their rate tells nothing."""
# A voice detector leaves so much of the audio around a segment.
MARGIN_MS = 150
FEED_MS = 20
FLITE_VOICES = (
    ("rms", Voice(sex="male", rate_wpm=175)),
    ("slt", Voice(sex="female", rate_wpm=193)),
)  # at these rates flite speaks unstretched

Cards = Mapping[str, Card]
Progress = Callable[[], None]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")

    card: Slug
    expect: Slug
    text: Text
    after: tuple[Slug, ...] | None = None


@dataclass(frozen=True, slots=True)
class CueResult:
    """What one set of cases gave: `kind` is `true_text` or `spoken`, `name` the set's."""

    kind: str
    name: str
    report: MatchingReport

    @property
    def held_out(self) -> bool:
        """Whether the rows of this set must stay unread; a spoken set is named after its file and voice."""
        return self.name.split("/", 1)[0] in HELD_OUT

    @property
    def figures(self) -> tuple[Figure, Figure]:
        """The share of cases that came out as expected, and the share that told a cue not asked for."""
        cases = len(self.report.results)
        wrong = self.report.wrong_tellings
        return (
            Figure(f"cue_matching_{self.kind}/{self.name}", self.report.rate if cases else None, "share", n=cases),
            Figure(f"cue_told_wrongly_{self.kind}/{self.name}", wrong / cases if cases else None, "share", n=cases),
        )


@dataclass(frozen=True, slots=True, eq=False)
class SpokenTurn:
    """A turn's case and the audio of its segments, int16 mono at 16 kHz; turns of one `speaker` share a stream."""

    case: MatchingCase
    segments: tuple[Pcm, ...]
    speaker: str


def load_sentences(path: Path, cards: Cards) -> list[MatchingCase]:
    """Return the rows of a sentence file as cases; raises AudioError (`sentences.invalid`) naming file and row.

    The patient has spoken before every sentence but a greeting; what it said last is the last cue told, if any.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        rows = [_Row.model_validate(row) for row in content or ()]
    except OSError as error:
        raise _broken(path, error.strerror or "can't be read") from error
    except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise _broken(path, "is no list of rows {card, expect, text, after}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise _broken(path, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    cases = []
    for row in rows:
        if row.card not in cards:
            raise _broken(path, f"there is no card '{row.card}'")
        card = cards[row.card]
        unknown = set(row.after or ()) - {cue.id for cue in card.cues}
        if unknown:
            raise _broken(path, f"'{min(unknown)}' is no cue of the card '{row.card}'")
        history = () if row.expect == "greeting" else _history(card, row.after or ())
        cases.append(MatchingCase(row.card, row.text, row.expect, row.after, history))
    return cases


def consultation_turns(folder: Path, cards: Cards) -> list[SpokenTurn]:
    """Return the turns of the committed consultations in order; raises AudioError when one is missing."""
    turns: list[SpokenTurn] = []
    for stem in CONSULTATIONS:
        path = folder / f"{stem}.flac"
        truth = load_truth(path)
        if truth is None or truth.card is None:
            raise AudioError(f"'{path.name}' has no truth file that names a card; make the fixtures again")
        audio = mono_at(read_recording(path), ANALYSIS_HZ)
        turns += _turns_of(stem, truth, audio, cards[truth.card])
    return turns


def _turns_of(stem: str, truth: Truth, audio: Pcm, card: Card) -> Iterator[SpokenTurn]:
    told: list[str] = []
    for number, turn in enumerate(truth.turns):
        if turn.expect is None:
            continue
        history = _history(card, told) if number else ()
        case = MatchingCase(card.id, turn.text, turn.expect, tuple(told), history)
        yield SpokenTurn(case, segment_sounds(turn, audio), stem)
        if turn.expect == VOLUNTEER:
            told += _due(card, told)[:1]
        elif turn.expect in {cue.id for cue in card.cues}:
            told.append(turn.expect)


def segment_sounds(turn: TruthTurn, audio: Pcm) -> tuple[Pcm, ...]:
    """Return the audio of each segment of a turn with up to 150 ms around it, none of it a neighbour's speech."""
    spans: tuple[TruthSpan, ...] = turn.segments or (turn,)
    pieces = []
    for number, span in enumerate(spans):
        begin_ms = max(0, span.from_ms - MARGIN_MS)
        end_ms = span.to_ms + MARGIN_MS
        if number:
            begin_ms = max(begin_ms, spans[number - 1].to_ms)
        if number + 1 < len(spans):
            end_ms = min(end_ms, spans[number + 1].from_ms)
        pieces.append(audio[samples_for(begin_ms, ANALYSIS_HZ) : samples_for(end_ms, ANALYSIS_HZ)])
    return tuple(pieces)


def spoken_sentences(
    cases: Iterable[MatchingCase], voice: tuple[str, Voice], engine: Synthesiser
) -> Iterator[SpokenTurn]:
    """Yield each case spoken by `engine` in that voice, with 150 ms of silence around it."""
    name, settings = voice
    quiet = np.zeros(samples_for(MARGIN_MS, ANALYSIS_HZ), dtype=np.int16)
    for case in cases:
        chunks = [chunk.samples for chunk in engine.speak(SpeakRequest("eval", case.text, settings))]
        audio = resample_whole(np.concatenate(chunks), from_hz=WIRE_HZ, to_hz=ANALYSIS_HZ)
        yield SpokenTurn(case, (np.concatenate([quiet, audio, quiet]),), f"{name}/{case.card_id}")


def recognised(
    turns: Iterable[SpokenTurn], cards: Cards, recogniser: Recogniser, progress: Progress
) -> list[MatchingCase]:
    """Return the cases with the recogniser's text and words in place of the true text."""
    streams: dict[str, RecogniserStream] = {}
    heard: list[MatchingCase] = []
    try:
        for turn in turns:
            stream = streams.get(turn.speaker)
            if stream is None:
                vocabulary = cards[turn.case.card_id].vocabulary
                stream = streams[turn.speaker] = recogniser.open(StreamSpec(turn.speaker, vocabulary))
            texts: list[str] = []
            words: list[Word] = []
            for segment in turn.segments:
                step = samples_for(FEED_MS, ANALYSIS_HZ)
                for start in range(0, len(segment), step):
                    stream.feed(segment[start : start + step])
                final = stream.finish()
                texts += [final.text] if final.text else []
                words += final.words
            heard.append(replace(turn.case, text=" ".join(texts), words=tuple(words)))
            progress()
    finally:
        for stream in streams.values():
            stream.close()
    return heard


def heard_in_noise(
    turns: Iterable[SpokenTurn], decoder: SegmentDecoder, noise_below_db: float, progress: Progress
) -> list[MatchingCase]:
    """Return the cases as Whisper reads them in white noise that lies so far below the voice, without confidences."""
    heard = []
    for turn in turns:
        texts = [read_back(decoder, with_noise(segment, below_db=noise_below_db)) for segment in turn.segments]
        heard.append(replace(turn.case, text=" ".join(filter(None, texts))))
        progress()
    return heard


def measure(interpreter: Interpreter, kind: str, name: str, cases: Sequence[MatchingCase], cards: Cards) -> CueResult:
    """Return what the patient made of the cases."""
    return CueResult(kind, name, evaluate_matching(interpreter, cards, cases))


def _due(card: Card, told: Sequence[str]) -> list[str]:
    return [
        cue.id for cue in card.cues if cue.kind == "volunteered" and cue.id not in told and set(cue.after) <= set(told)
    ]


def _history(card: Card, told: Sequence[str]) -> tuple[HistoryItem, ...]:
    greeting = HistoryItem("patient", card.lines.greeting[0])
    return (greeting, *(HistoryItem("patient", card.cue(cue).says[0], (cue,)) for cue in told))


def _broken(path: Path, what: str) -> AudioError:
    return AudioError(f"{path.name}: {what}", code="sentences.invalid")
