"""Sounds over the patient's speech: how soon it falls silent, whether it yields or goes on, and what is lost by it.

A simulated candidate holds consultations; over most replies it makes one sound. What was heard is taken from its own
loudspeaker, sample by sample, and compared with the words' places in the reply and with the history.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

import numpy as np

from audio.clock import Clock, LoopClock
from audio.files import mono_at, read_recording
from audio.frames import WIRE_HZ, samples_for
from audio.loudness import VOICED_RANGE_DB, WINDOW_MS, first_audible_ms, last_voiced_ms, window_levels
from audio.recording_files import find_recordings
from bench.replay.local import LocalLink
from bench.replay.loudspeaker import HeardStretch
from bench.replay.plan import Plan
from bench.replay.planned_interruptions import ANSWERED, Interrupted, Interruption, Kind
from bench.replay.run import Pace, card_of
from bench.replay.simulated_candidate import SimulatedCandidate
from bench.replay.simulated_room import SimulatedRoom
from bench.report_figures import Figure
from common.errors import AudioError
from pipelines.engine_choices import choose_engines
from pipelines.engine_lanes import build_lanes, start_lanes, stop_lanes
from pipelines.engines import Word
from pipelines.patient.card import Card
from pipelines.patient.card_library import CardLibrary
from pipelines.virtual_time import VirtualClock, run_virtual, virtual_clock
from server.measures import percentile
from server.settings.tree import Settings

# Sounds come so long after the patient's first, in turns: at different places of words.
AFTER_MS = (500.0, 900.0, 700.0)
# Answers begin so long after the last word of a question does: before it, in it, after it.
ANSWER_AFTER_MS = (-300.0, 100.0, -100.0, 300.0)
# The patient asks these after what it has to tell, and in every other consultation goes on after that.
QUESTIONS = (
    "Do you think that is serious?", "Will it get better soon?", "Should I be worried about that?",
    "Is that normal at my age?", "Do I need to come back again?",
)  # fmt: skip
GOES_ON = "I have thought about that a lot since it began, and so has my family."
SESSION_S = 900
# The lanes get this much virtual time to finish their work on the run before.
SETTLE_S = 5.0
# A hold that comes later than this after the candidate's last sound has another cause.
CAUSE_MS = 500.0
# The consultations are held so often; by then every sound had its reply, or the patient says nothing long enough.
ROUNDS = 12
WHOLE = 0.9  # of a word: it was heard
# A word that was heard was said twice when this share of it is heard again.
TWICE = 0.5


@dataclass(frozen=True, slots=True)
class Echo:
    """The patient's own voice in the microphone: its level against what is played, and how much later it comes.

    `told_cancelled` is what the client says of it: browsers say so of echo cancellation that works badly, too.
    """

    level_db: float
    delay_ms: float
    told_cancelled: bool = False


@dataclass(slots=True, eq=False)
class InterruptionOutcome:
    """An interruption, with the words of the reply it fell on and what was heard of them."""

    made: Interrupted
    words: tuple[Word, ...]
    heard: tuple[HeardStretch, ...]  # of that reply

    @property
    def yielded(self) -> bool:
        """Whether the patient stopped for it."""
        return self.made.status == "interrupted"

    @property
    def right(self) -> bool:
        """Whether it did what its kind is to do: take the floor and be answered, take it and be waited for, or not."""
        if self.made.interruption.kind == "hold":
            return self.yielded and self.made.answered_at_ms is None
        if self.made.interruption.kind == "answer":
            return self.made.answered_at_ms is not None
        return self.yielded == (self.made.interruption.kind in ANSWERED)

    def covered(self, word: Word, span: HeardStretch) -> float:
        """Return the share of a word that one stretch of audio holds."""
        start, end = samples_for(word.start_ms, WIRE_HZ), samples_for(word.end_ms, WIRE_HZ)
        common = min(end, span.place + len(span.samples)) - max(start, span.place)
        return max(0, common) / max(1, end - start)

    def lost(self) -> list[str]:
        """Return the words of a reply that was heard to its end of which a part was never heard."""
        if self.yielded:
            return []
        return [w.text for w in self.words if _union(w, self.heard) < WHOLE]

    def twice(self) -> list[str]:
        """Return the words that were heard whole, and then again."""
        again = []
        for word in self.words:
            shares = [self.covered(word, span) for span in self.heard]
            whole = next((i for i, share in enumerate(shares) if share >= WHOLE), None)
            if whole is not None and any(share >= TWICE for share in shares[whole + 1 :]):
                again.append(word.text)
        return again

    def kept_off_by(self) -> int | None:
        """Return how many words more (or, below 0, fewer) the history has than were heard; None unless it was cut."""
        if not self.yielded or self.made.played_ms is None:
            return None
        heard = sum(_union(word, self.heard) >= 0.5 for word in self.words)
        return len(self.made.kept.split()) - heard


@dataclass(slots=True)
class InterruptionResult:
    """What all sessions gave."""

    outcomes: list[InterruptionOutcome] = field(default_factory=list)
    unused: int = 0
    false_holds: int = 0  # while the candidate made no sound
    false_yields: int = 0  # of replies over which nobody spoke
    false_turns: int = 0  # answered, though nobody had said anything
    troubles: list[str] = field(default_factory=list)


def load_interruptions(paths: Iterable[Path]) -> list[Interruption]:
    """Read sounds, or folders of them; what they are is the first word of the name: `backchannel-`, `noise-`, `floor-`,
    `answer-`, `correction-`, `hold-`.

    Kinds are taken in turns, answers last. Raises AudioError for a name or a sound that can't be used.
    """
    files = find_recordings(paths)
    if not files:
        raise AudioError("there are no sounds to interrupt with; give recordings, or folders of them")
    by_kind: dict[str, list[Interruption]] = {kind: [] for kind in get_args(Kind)}
    for file in files:
        kind, _, name = file.stem.partition("-")
        if kind not in by_kind or not name:
            raise AudioError(f"{file.name}: the name must begin with one of {', '.join(f'{k}-' for k in by_kind)}")
        by_kind[kind].append(_load(file, kind))  # type: ignore[arg-type]
    mixed, answers = [], by_kind.pop("answer")
    while any(by_kind.values()):
        mixed += [waiting.pop(0) for waiting in by_kind.values() if waiting]
    return [
        *(replace(sound, after_ms=AFTER_MS[index % len(AFTER_MS)]) for index, sound in enumerate(mixed)),
        *(
            replace(sound, after_ms=ANSWER_AFTER_MS[index % len(ANSWER_AFTER_MS)])
            for index, sound in enumerate(answers)
        ),
    ]


def _load(file: Path, kind: Kind) -> Interruption:
    samples = mono_at(read_recording(file), WIRE_HZ)
    levels = window_levels(samples, WIRE_HZ)
    end_ms = last_voiced_ms(samples, WIRE_HZ)
    if end_ms is None:
        raise AudioError(f"{file.name} is silent")
    onset_ms = float((levels >= levels.max() - VOICED_RANGE_DB).argmax()) * WINDOW_MS
    return Interruption(file.stem, kind, samples, onset_ms, end_ms)


def run_interruptions(
    plans: Sequence[Plan],
    interruptions: Sequence[Interruption],
    *,
    settings: Settings,
    cards: CardLibrary,
    pace: Pace,
    echo: Echo | None = None,
    progress: Callable[[int], None] = lambda _made: None,
) -> InterruptionResult:
    """Hold the planned consultations, one session each and again, until every sound was made over a reply.

    For answers the patient asks something at the end of each reply.
    """

    async def main() -> InterruptionResult:
        clock: Clock = virtual_clock() if pace == "fast" else LoopClock()
        engines = build_lanes(choose_engines(settings.engines, settings.models), settings.engines, clock)
        await start_lanes(engines)
        result = InterruptionResult()
        left = [sound for sound in interruptions if sound.kind != "answer"]
        answers = [sound for sound in interruptions if sound.kind == "answer"]
        try:
            for number in range(2 * ROUNDS * len(plans)):
                asking = not left or number >= ROUNDS * len(plans)
                now = answers if asking else left
                if not now:
                    break
                if isinstance(clock, VirtualClock):
                    await asyncio.sleep(SETTLE_S)
                    clock.rewind()
                plan = plans[number % len(plans)]
                card = cards.get_card(card_of(plan, None))
                link = LocalLink(
                    card=asking_card(card, goes_on=number % 2 == 1) if asking else card,
                    engines=engines,
                    conversation=settings.conversation,
                    speech=settings.speech,
                    conditioning=settings.audio,
                    vad=settings.vad,
                    clock=clock,
                    session_s=SESSION_S,
                    session_id=f"bench{number}",
                )
                link.start()
                room = (
                    SimulatedRoom(level_db=echo.level_db, delay_ms=echo.delay_ms, seed=number)
                    if echo is not None
                    else None
                )
                if echo is not None:
                    link.driver.echo_cancelled(echo.told_cancelled)
                candidate = SimulatedCandidate(
                    plan, link, clock, interruptions=now, question_ms=link.question_ms, room=room
                )
                await candidate.run()
                await link.close()
                outcomes = _outcomes(candidate, link)
                result.outcomes += outcomes
                result.troubles += candidate.troubles
                result.false_holds += _false_holds(candidate)
                result.false_yields += _false_yields(candidate)
                result.false_turns += _false_turns(candidate)
                del now[: len(outcomes)]
                progress(len(outcomes))
        finally:
            await stop_lanes(engines)
        result.unused = len(left) + len(answers)
        return result

    return run_virtual(main()) if pace == "fast" else asyncio.run(main())


def asking_card(card: Card, *, goes_on: bool) -> Card:
    """Return a card whose patient asks something after each thing that it tells; `goes_on`: and then goes on."""
    count, after = len(QUESTIONS), f" {GOES_ON}" if goes_on else ""
    cues = [
        cue.model_copy(update={"says": tuple(f"{text} {QUESTIONS[index % count]}{after}" for text in cue.says)})
        for index, cue in enumerate(card.cues)
    ]
    return card.model_copy(update={"cues": cues})


def _false_holds(candidate: SimulatedCandidate) -> int:
    """Count the holds before which nothing audible was sent, and in no sound, whose beginning may be soft."""
    track = np.concatenate(candidate.spoken)
    counted = 0
    for at_ms in candidate.held_at_ms:
        if any(made.onset_ms <= at_ms <= made.end_ms for made in candidate.interrupted):
            continue
        before = track[samples_for(max(0.0, at_ms - CAUSE_MS), WIRE_HZ) : samples_for(at_ms, WIRE_HZ)]
        counted += first_audible_ms(before, WIRE_HZ) is None
    return counted


def _false_yields(candidate: SimulatedCandidate) -> int:
    """Count the replies that were cut short though nothing was said over them."""
    cut = sum(status == "interrupted" for turn in candidate.results for status in turn.statuses)
    return cut - sum(made.status == "interrupted" for made in candidate.interrupted)


def _false_turns(candidate: SimulatedCandidate) -> int:
    """Count the turns that were taken though the candidate had said nothing."""
    turns = sum(made.interruption.kind in (*ANSWERED, "hold") for made in candidate.interrupted)
    said = len(candidate.results) + turns
    return max(0, sum(len(turn.heard) for turn in candidate.results) - said)


def _outcomes(candidate: SimulatedCandidate, link: LocalLink) -> list[InterruptionOutcome]:
    heard = candidate.heard
    return [
        InterruptionOutcome(
            made, link.words.get(made.reply, ()), tuple(span for span in heard if span.reply == made.reply)
        )
        for made in candidate.interrupted
    ]


def figures_of(result: InterruptionResult) -> list[Figure]:
    """Return the figures by name; times in milliseconds at the client, from the sound's first or last voiced sample."""
    outcomes = result.outcomes
    by_kind = {kind: [o for o in outcomes if o.made.interruption.kind == kind] for kind in get_args(Kind)}
    floor, others = by_kind["floor"], [*by_kind["backchannel"], *by_kind["noise"]]
    figures: list[Figure] = []

    def times(name: str, values: list[float], of: int, note: str = "") -> None:
        for label, q in (("p50", 0.5), ("p95", 0.95)):
            figures.append(Figure(f"{name}_{label}", percentile(values, q), "ms", n=len(values), note=f"of {of}{note}"))

    for name, group in (("", [*floor, *by_kind["backchannel"]]), *((f"/{kind}", of) for kind, of in by_kind.items())):
        held = [at - o.made.onset_ms for o in group if (at := _silenced_ms(o.made)) is not None]
        times(f"hold_after_onset{name}", held, len(group))
    taken = [o.made.cleared_at_ms - o.made.onset_ms for o in floor if o.yielded and o.made.cleared_at_ms is not None]
    times("yield_after_onset", taken, len(floor))
    resumed = [
        o.made.resumed_at_ms - o.made.end_ms for o in others if o.made.resumed_at_ms is not None and not o.yielded
    ]
    times("resume_after_end", resumed, len(others), "; those that were held")
    off = [abs(by) for o in floor if (by := o.kept_off_by()) is not None]
    for kind, of in by_kind.items():
        wrong = [o.made.interruption.name for o in of if not o.right]
        figures.append(Figure(f"wrong_among_{kind}", float(len(wrong)), "sounds", n=len(of), note=", ".join(wrong)))
    figures += [
        Figure("yields_among_floor", float(sum(o.yielded for o in floor)), "replies", n=len(floor)),
        *(
            Figure(f"yields_among_{kind}", float(sum(o.yielded for o in of)), "replies", n=len(of))
            for kind, of in by_kind.items()
            if kind != "floor"
        ),
        Figure("holds_among_noise", float(sum(o.made.held_at_ms is not None for o in by_kind["noise"])), "replies",
               n=len(by_kind["noise"])),
        Figure("false_holds", float(result.false_holds), "holds", note="without a sound of the candidate's"),
        Figure("false_yields", float(result.false_yields), "replies", note="without a sound of the candidate's"),
        Figure("false_turns", float(result.false_turns), "turns", note="of which nobody said a word"),
        Figure("kept_history_off_by_max", float(max(off)) if off else None, "words", n=len(off)),
        Figure("words_lost", float(sum(len(o.lost()) for o in outcomes)), "words", n=len(others)),
        Figure("words_said_twice", float(sum(len(o.twice()) for o in outcomes)), "words", n=len(outcomes)),
        Figure("not_made", float(result.unused), "sounds", note="no reply was long enough"),
    ]  # fmt: skip
    return figures


def _silenced_ms(made: Interrupted) -> float | None:
    """Return when the patient first fell silent because of the sound: held, or cut short at once."""
    moments = [at for at in (made.held_at_ms, made.cleared_at_ms) if at is not None]
    return min(moments) if moments else None


def _union(word: Word, spans: Iterable[HeardStretch]) -> float:
    """Return the share of a word that was heard, in whatever pieces."""
    start, end = samples_for(word.start_ms, WIRE_HZ), samples_for(word.end_ms, WIRE_HZ)
    heard = [False] * (end - start)
    for span in spans:
        first, last = max(start, span.place), min(end, span.place + len(span.samples))
        if first < last:
            heard[first - start : last - start] = [True] * (last - first)
    return sum(heard) / max(1, len(heard))
