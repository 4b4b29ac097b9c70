"""Pauses in speech as the live path takes them: cut-ins inside utterances, and the delay after their real ends.

The session driver runs with its own ear, recogniser, patient and voice under virtual time; a simulated candidate speaks
one utterance after another. A *cut-in* is any judgement, before an utterance's last voiced sample, that the turn is
over; it is *heard* if the patient's audio began before that sample. After a cut-in the patient is silenced, so that
what is left of the utterance is judged as a turn of its own.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from audio.clock import Clock
from audio.frames import FRAME_MS, Pcm
from bench.pauses_plan import KINDS, PausesPlan, PlannedUtterance
from bench.replay.local import LocalLink
from bench.replay.plan import Plan
from bench.replay.simulated_candidate import SimulatedCandidate
from bench.report_figures import Figure
from pipelines.conversation import signals as s
from pipelines.conversation.settings import ConversationSettings
from pipelines.endpointing.policy import EndpointPolicy
from pipelines.engine_choices import choose_engines
from pipelines.engine_lanes import build_lanes, start_lanes, stop_lanes
from pipelines.events import Audience, PauseJudged, ReplyStarted, TurnCommitted, TurnIgnored
from pipelines.log.session_log import LogEntry
from pipelines.patient.card_library import CardLibrary
from pipelines.virtual_time import run_virtual, virtual_clock
from server.measures import percentile
from server.settings.tree import Settings

BUCKETS_MS = (200.0, 300.0, 500.0, 700.0, 900.0)  # lower bounds; the last one is open
# The lanes get this much virtual time to finish their work on the recording before.
SETTLE_S = 5.0
# Each utterance has so much of a session: its silence, the patient's answer, time to give it up.
ROOM_S = 60


@dataclass(slots=True, eq=False)
class Judgement:
    """A moment at which a turn was judged to be over; times in milliseconds of the utterance's samples."""

    at_ms: float
    wait_ms: float  # of silence, as the policy asked
    text: str = ""  # of the turn, as it was understood
    noise: bool = False  # it was taken for no speech, and nobody answered
    answered_ms: float | None = None  # the patient's audio began


@dataclass(slots=True, eq=False)
class HeardUtterance:
    """An utterance and what the session made of it."""

    utterance: PlannedUtterance
    judged: list[Judgement] = field(default_factory=list)
    # What its pauses' waits were judged by, and when.
    why: list[tuple[float, PauseJudged]] = field(default_factory=list)

    @property
    def end_ms(self) -> float:
        """The utterance's last voiced sample."""
        return self.utterance.planned.voiced_to_ms

    @property
    def cut_ins(self) -> list[Judgement]:
        """The judgements that came too early."""
        return [j for j in self.judged if j.at_ms < self.end_ms and not j.noise]

    @property
    def cut_ins_heard(self) -> int:
        """How many of them let the patient's audio begin before the utterance's last voiced sample."""
        return sum(j.answered_ms is not None and j.answered_ms < self.end_ms for j in self.cut_ins)

    @property
    def cut_in_joined(self) -> bool:
        """Whether a cut-in came in a pause that somebody made by joining two sentences."""
        return any(self.pause_of(cut_in) in self.utterance.joined for cut_in in self.cut_ins)

    @property
    def cut_in_own(self) -> bool:
        """Whether a cut-in came anywhere else: in a pause of the speaker's own, or in speech."""
        return any(self.pause_of(cut_in) not in self.utterance.joined for cut_in in self.cut_ins)

    @property
    def delay_ms(self) -> float | None:
        """From the last voiced sample to the judgement that the turn is over; None when there was none."""
        return next((j.at_ms - self.end_ms for j in self.judged if j.at_ms >= self.end_ms and not j.noise), None)

    def pause_of(self, cut_in: Judgement) -> tuple[float, float] | None:
        """Return the inner pause in which a cut-in was made; None for one in the middle of speech."""
        return next((p for p in self.utterance.pauses if p[0] <= cut_in.at_ms <= p[1] + FRAME_MS), None)


class WatchedLink(LocalLink):
    """A link that notes when turns are judged over, and silences a patient who began too early."""

    def __init__(self, *, on_progress: Callable[[int], None], **options: Any) -> None:
        super().__init__(**options)
        self.heard: list[HeardUtterance] = []
        self._utterances: Sequence[PlannedUtterance] = ()
        self._on_progress = on_progress
        self._sent_ms = 0.0
        self._began_ms = 0.0
        self._judged = 0
        self.driver.log.subscribe(Audience.DEVELOPER, self._note)

    def expect(self, utterances: Sequence[PlannedUtterance]) -> None:
        """Take the utterances that will be spoken."""
        self._utterances = utterances

    def begin(self, index: int) -> None:
        """Note that the next utterance begins with the next frame."""
        self._on_progress(1)
        if index < len(self._utterances):
            self.heard.append(HeardUtterance(self._utterances[index]))
            self._began_ms = self._sent_ms

    def send(self, samples: Pcm) -> None:
        """Hand audio to the driver and look at what it made of it."""
        self._sent_ms += FRAME_MS
        super().send(samples)
        self._look()
        heard = self.heard[-1] if self.heard else None
        early = heard is not None and self.at_ms < heard.end_ms
        if early and any(j.answered_ms is not None for j in self.heard[-1].judged):
            self.driver.signal(s.CancelAsked(0.0))

    @property
    def at_ms(self) -> float:
        """Where the utterance at hand is, in milliseconds of its samples."""
        return self._sent_ms - self._began_ms

    def _look(self) -> None:
        while self._judged < self.driver.core.turns_over:
            self._judged += 1
            if self.heard:
                self.heard[-1].judged.append(Judgement(self.at_ms, self.driver.core.wait_ms))

    def _note(self, record: LogEntry) -> None:
        self._look()
        last = self.heard[-1].judged[-1] if self.heard and self.heard[-1].judged else None
        match record.event:
            case PauseJudged() as judged if self.heard and judged.worth:
                self.heard[-1].why.append((self.at_ms, judged))
            case TurnCommitted(text=text) if last is not None:
                last.text = text
            case TurnIgnored(reason="noise") if last is not None and not last.text:
                last.noise = True
            case ReplyStarted() if last is not None:
                last.answered_ms = self.at_ms


def run_pauses(
    plans: Sequence[PausesPlan],
    *,
    settings: Settings,
    conversation: ConversationSettings,
    cards: CardLibrary,
    card: str | None = None,
    policy_of: Callable[[PausesPlan], EndpointPolicy | None] = lambda _plan: None,
    progress: Callable[[int], None] = lambda _count: None,
) -> list[HeardUtterance]:
    """Have all utterances spoken under virtual time, a session for each recording.

    `card` is for recordings that name none, `policy_of` gives the endpointing of a recording where it is not the
    settings'. Raises CardError for a card that is not there.
    """

    async def main() -> list[HeardUtterance]:
        clock = virtual_clock()
        engines = build_lanes(choose_engines(settings.engines, settings.models), settings.engines, clock)
        await start_lanes(engines)
        heard: list[HeardUtterance] = []
        try:
            for plan in plans:
                await asyncio.sleep(SETTLE_S)
                clock.rewind()
                link = WatchedLink(
                    on_progress=progress,
                    card=cards.get_card(plan.card or card or next(iter(cards))),
                    engines=engines,
                    conversation=conversation,
                    speech=settings.speech,
                    conditioning=settings.audio,
                    vad=settings.vad,
                    clock=clock,
                    session_s=ROOM_S * (len(plan.utterances) + 1),
                    policy=policy_of(plan),
                )
                heard += await _hold(plan, link, clock)
        finally:
            await stop_lanes(engines)
        return heard

    return run_virtual(main())


async def _hold(plan: PausesPlan, link: WatchedLink, clock: Clock) -> list[HeardUtterance]:
    turns = tuple(utterance.planned for utterance in plan.utterances)
    link.expect(plan.utterances)
    link.start()
    spoken = Plan((), turns, np.zeros(0, dtype=np.int16))
    candidate = SimulatedCandidate(spoken, link, clock, progress=link.begin)
    await candidate.run()
    await link.close()
    return link.heard


def figures_of(heard: Sequence[HeardUtterance], fixed: Sequence[HeardUtterance] = ()) -> Iterator[Figure]:
    """Yield all figures, by kind and over all; `fixed` is the same with a fixed wait, given as the baseline."""
    kinds = [kind for kind in (*KINDS, "other") if any(each.utterance.kind == kind for each in heard)]
    for kind in (*kinds, "all"):
        mine, theirs = _of(heard, kind), _of(fixed, kind)
        baseline = {name: value for name, value, _, _ in _measures(theirs)} if theirs else {}
        for name, value, unit, n in _measures(mine):
            rounded = None if value is None else round(value, 4)
            yield Figure(f"{name}/{kind}", rounded, unit, baseline=baseline.get(name), n=n)


def _of(heard: Sequence[HeardUtterance], kind: str) -> list[HeardUtterance]:
    return [each for each in heard if kind in ("all", each.utterance.kind)]


def _measures(heard: Sequence[HeardUtterance]) -> Iterator[tuple[str, float | None, str, int]]:
    pauses = [pause for each in heard for pause in each.utterance.pauses]
    cuts = [(each, cut_in) for each in heard for cut_in in each.cut_ins]
    delays = [each.delay_ms for each in heard if each.delay_ms is not None]
    yield "utterances", len(heard), "", len(heard)
    yield "inner_pauses", len(pauses), "", len(pauses)
    yield "cut_ins", len(cuts), "", len(heard)
    yield "cut_ins_heard", sum(each.cut_ins_heard for each in heard), "", len(heard)
    yield "cut_in_per_pause", _share(len(cuts), len(pauses)), "", len(pauses)
    yield "cut_in_per_utterance", _share(sum(bool(each.cut_ins) for each in heard), len(heard)), "", len(heard)
    joined = [each for each in heard if each.utterance.joined]
    if joined:
        yield "cut_in_own_per_utterance", _share(sum(each.cut_in_own for each in heard), len(heard)), "", len(heard)
        cut_in_joined = sum(each.cut_in_joined for each in joined)
        yield "cut_in_joined_per_joined_utterance", _share(cut_in_joined, len(joined)), "", len(joined)
    lengths = [each.pause_of(cut_in) for each, cut_in in cuts]
    within = _buckets(span[1] - span[0] for span in lengths if span is not None)
    for number, count in enumerate(_buckets(stop - start for start, stop in pauses)):
        if count:
            yield f"cut_in_per_pause_{_name(number)}", _share(within[number], count), "", count
    yield "unanswered", len(heard) - len(delays), "", len(heard)
    yield "delay_p50_ms", percentile(delays, 0.5), "ms", len(delays)
    yield "delay_p95_ms", percentile(delays, 0.95), "ms", len(delays)
    yield "delay_mean_ms", sum(delays) / len(delays) if delays else None, "ms", len(delays)


def _share(count: int, of: int) -> float | None:
    return count / of if of else None


def _buckets(lengths_ms: Iterable[float]) -> list[int]:
    counts = [0] * len(BUCKETS_MS)
    for length_ms in lengths_ms:
        counts[max(0, bisect_right(BUCKETS_MS, length_ms) - 1)] += 1
    return counts


def _name(bucket: int) -> str:
    upper = BUCKETS_MS[bucket + 1 : bucket + 2]
    return f"{BUCKETS_MS[bucket]:g}_{upper[0]:g}_ms" if upper else f"from_{BUCKETS_MS[bucket]:g}_ms"


def as_rows(heard: Sequence[HeardUtterance]) -> list[dict[str, Any]]:
    """Return every utterance as plain data: its pauses, the cut-ins with what was understood, and the delay."""
    return [
        {
            "source": each.utterance.planned.source,
            "number": each.utterance.number,
            "kind": each.utterance.kind,
            "made": each.utterance.made,
            "text": each.utterance.planned.text,
            "pauses_ms": [round(stop - start) for start, stop in each.utterance.pauses],
            "delay_ms": each.delay_ms,
            "judged": [
                {
                    "at_ms": round(j.at_ms - each.end_ms, 3),
                    "wait_ms": round(j.wait_ms, 3),
                    "text": j.text,
                    "noise": j.noise,
                    "pause_ms": None if (span := each.pause_of(j)) is None else round(span[1] - span[0]),
                    "answered_ms": None if j.answered_ms is None else round(j.answered_ms - each.end_ms, 3),
                }
                for j in each.judged
            ],
        }
        for each in heard
    ]
