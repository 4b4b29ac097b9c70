"""Whether the measures of speech are true: times against truth files, rates on real speech, fillers that are heard."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audio.files import mono_at, read_recording
from audio.frames import ANALYSIS_HZ, WIRE_HZ
from audio.resample import StreamResampler
from bench.consultations import Utterance, read_utterances
from bench.replay.plan import plan_replay
from bench.replay.run import replay_here
from bench.report_figures import Figure
from pipelines.assessment.fluency import FILLERS, PAUSE_MS, bare, syllables_a_second, words_a_minute
from pipelines.assessment.spoken import SpokenPause, spoken_of
from pipelines.assessment.syllables import syllables
from pipelines.assessment.track_times import AROUND_MS, timed_by_sound, voiced_stretch
from pipelines.engines import DecodeRequest, SegmentDecoder, SpeakRequest, Synthesiser, Voice
from pipelines.patient.card_library import CardLibrary
from pipelines.truth import load_truth
from server.measures import percentile
from server.settings.tree import Settings

WITHIN_MS = 50.0
# A pause that was found belongs to one of the truth file if they overlap.
UTTERANCE_WORDS = (5, 25)
# An utterance has a rate if it has so many words.
RATE_WORDS = 5


@dataclass(frozen=True, slots=True)
class Times:
    """How far measured ends of turns and pauses are from the true ones (ms), and what was missed or made up."""

    turn_ends: tuple[float, ...]
    pause_ends: tuple[float, ...]
    missed: int
    made_up: int

    def figures(self, name: str) -> Iterator[Figure]:
        """Yield the figures."""
        for what, errors in (("turns", self.turn_ends), ("pauses", self.pause_ends)):
            within = sum(abs(error) <= WITHIN_MS for error in errors)
            yield Figure(f"{name}/{what}_within_50", within / len(errors) if errors else None, "share", n=len(errors))
            yield Figure(f"{name}/{what}_p95", percentile(map(abs, errors), 0.95), "ms", n=len(errors))
        yield Figure(f"{name}/pauses_missed", self.missed, "pauses", n=len(self.pause_ends) // 2 + self.missed)
        yield Figure(f"{name}/pauses_made_up", self.made_up, "pauses", n=len(self.pause_ends) // 2 + self.made_up)


def times_of(paths: Sequence[Path], settings: Settings, cards: CardLibrary) -> Times:
    """Replay recordings with truth files as role-plays, and compare what is measured with what is true."""
    turn_ends: list[float] = []
    pause_ends: list[float] = []
    missed = made_up = 0
    for path in paths:
        truth = load_truth(path)
        assert truth is not None  # noqa: S101 - the caller names recordings with truth files
        plan = plan_replay([path])
        card = plan.cards[0] if plan.cards else next(iter(cards))
        outcome = replay_here(plan, card, settings=settings, cards=cards, pace="fast")
        assert outcome.stereo is not None  # noqa: S101 - a replay leaves its sound
        spoken = timed_by_sound(spoken_of(outcome.logs[-1], cards[card]), outcome.stereo[:, 0].copy(), WIRE_HZ)
        for result, turn in zip(outcome.runs[-1], truth.turns, strict=True):
            # Where the turn was spoken in the replay, against its place in the recording.
            shift_ms = result.voiced_end_ms - turn.to_ms
            own = [each for each in spoken.own if each.number in result.numbers]
            if not own:
                missed += sum(pause.duration_ms >= PAUSE_MS for pause in turn.pauses)
                continue
            turn_ends += [own[0].from_ms - shift_ms - turn.from_ms, own[-1].to_ms - shift_ms - turn.to_ms]
            found = [pause for each in own for pause in spoken.pauses.get(each.number, ())]
            found += [SpokenPause(before.to_ms, after.from_ms) for before, after in itertools.pairwise(own)]
            pairs, lost, extra = _paired(
                [SpokenPause(pause.from_ms + shift_ms, pause.to_ms + shift_ms) for pause in turn.pauses], found
            )
            pause_ends += [
                error for true, seen in pairs for error in (seen.from_ms - true.from_ms, seen.to_ms - true.to_ms)
            ]
            missed, made_up = missed + lost, made_up + extra
    return Times(tuple(turn_ends), tuple(pause_ends), missed, made_up)


def _paired(
    true: Sequence[SpokenPause], found: Sequence[SpokenPause]
) -> tuple[list[tuple[SpokenPause, SpokenPause]], int, int]:
    """Return pauses that overlap, and how many long ones were missed and made up."""
    left = list(found)
    pairs: list[tuple[SpokenPause, SpokenPause]] = []
    missed = 0
    for pause in true:
        match = next((each for each in left if each.from_ms < pause.to_ms and each.to_ms > pause.from_ms), None)
        if match is not None:
            left.remove(match)
            pairs.append((pause, match))
        else:
            missed += pause.length_ms >= PAUSE_MS
    return pairs, missed, sum(each.length_ms >= PAUSE_MS for each in left)


# ------------------------------------------------------------------ rates


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of one recording or one speaker, with what they were made from."""

    name: str
    words: int
    seconds: float
    words_a_minute: float
    syllables_a_second: float | None


def rates_of_readers(folder: Path) -> list[Rates]:
    """Return the rates of each sentence of a folder of NAME.flac with its text in NAME.txt."""
    found = []
    for path in sorted(folder.glob("*.flac")):
        text = path.with_suffix(".txt").read_text(encoding="utf-8").split()
        samples = mono_at(read_recording(path), ANALYSIS_HZ)
        # As in a session: a voice detector finds the turn, and the sound its ends.
        spans = [(turn.recorded_from_ms + turn.voiced_from_ms, turn.recorded_from_ms + turn.voiced_to_ms)
                 for turn in plan_replay([path]).turns]  # fmt: skip
        if not spans:
            continue
        from_ms, to_ms = max(0.0, spans[0][0] - AROUND_MS), spans[-1][1] + AROUND_MS
        stretch = voiced_stretch(samples, ANALYSIS_HZ, from_ms, to_ms)
        if stretch is None:
            continue
        from_ms, to_ms, pauses = stretch
        silent_ms = sum(pause.length_ms for pause in pauses if pause.length_ms >= PAUSE_MS)
        whole_ms = to_ms - from_ms
        rate = syllables_a_second(sum(map(syllables, text)), whole_ms - silent_ms)
        found.append(Rates(path.stem, len(text), whole_ms / 1000.0, words_a_minute(len(text), whole_ms), rate))
    return found


def rates_of_doctors(folder: Path) -> list[Rates]:
    """Return the speech rate of each doctor of a folder of NAME_doctor.TextGrid."""
    found = []
    for path in sorted(folder.glob("*_doctor.TextGrid")):
        said = [each for each in read_utterances(path) if len(each.text.split()) >= RATE_WORDS]
        words = sum(len(each.text.split()) for each in said)
        seconds = sum(each.end_s - each.start_s for each in said)
        name = path.name.removesuffix("_doctor.TextGrid")
        found.append(Rates(name, words, seconds, words_a_minute(words, 1000.0 * seconds), None))
    return found


def rate_figures(name: str, found: Sequence[Rates], others: dict[str, float]) -> Iterator[Figure]:
    """Yield the figures of rates; `others` are the speech rates that another script found, by name."""
    rates = [each.words_a_minute for each in found]
    ranks = (("p10", 0.1), ("p50", 0.5), ("p90", 0.9))
    for rank, share in ranks:
        yield Figure(f"{name}/words_a_minute_{rank}", percentile(rates, share), "words/min", n=len(rates))
    spoken = [each.syllables_a_second for each in found if each.syllables_a_second is not None]
    for rank, share in ranks if spoken else ():
        yield Figure(f"{name}/syllables_a_second_{rank}", percentile(spoken, share), "syllables/s", n=len(spoken))
    both = [(each.words_a_minute, others[each.name]) for each in found if each.name in others]
    off = [abs(ours - theirs) / theirs for ours, theirs in both]
    if off:
        yield Figure(f"{name}/off_another_script_p50", statistics.median(off), "share", n=len(off))
        yield Figure(f"{name}/off_another_script_p95", percentile(off, 0.95), "share", n=len(off))


# ------------------------------------------------------------------ fillers


@dataclass(frozen=True, slots=True)
class FillersHeard:
    """How many fillers were said and written, and how many of the other words."""

    said: int
    written: int
    words: int
    words_written: int

    def figures(self, name: str) -> Iterator[Figure]:
        """Yield the figures."""
        yield Figure(f"{name}/fillers_written", self.written / self.said if self.said else None, "share", n=self.said)
        yield Figure(f"{name}/words_written", self.words_written / max(1, self.words), "share", n=self.words)


def utterances_with_fillers(folder: Path, most: int) -> list[Utterance]:
    """Return so many utterances of doctors in which they say um or uh, evenly from all."""
    found = [
        each
        for path in sorted(folder.glob("*_doctor.TextGrid"))
        for each in read_utterances(path)
        if UTTERANCE_WORDS[0] <= len(each.text.split()) <= UTTERANCE_WORDS[1] and _fillers(each.text)
    ]
    step = max(1, len(found) // most)
    return found[::step][:most]


def fillers_heard(
    texts: Iterable[str], voice: Synthesiser, decoder: SegmentDecoder, advance: Callable[[], None]
) -> FillersHeard:
    """Have texts spoken and read back; words count as written where the same word is there as often."""
    said = written = words = words_written = 0
    for number, text in enumerate(texts):
        chunks = [chunk.samples for chunk in voice.speak(SpeakRequest(f"f{number}", text, Voice()))]
        samples = StreamResampler(WIRE_HZ, ANALYSIS_HZ).process(np.concatenate(chunks))
        (heard,) = decoder.decode([DecodeRequest(samples)]).results
        back = [bare(word.text) for word in heard.words]
        mine = [plain for word in text.split() if (plain := bare(word))]
        said += _fillers(text)
        written += min(_fillers(text), sum(word in FILLERS for word in back))
        plain_words = [word for word in mine if word not in FILLERS]
        words += len(plain_words)
        words_written += sum(min(plain_words.count(word), back.count(word)) for word in set(plain_words))
        advance()
    return FillersHeard(said, written, words, words_written)


def _fillers(text: str) -> int:
    return sum(bare(word) in FILLERS for word in text.split())
