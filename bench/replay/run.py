"""Runs replays: in this process at real or virtual pace, or against a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audio.clock import Clock, LoopClock
from audio.frames import WIRE_HZ, samples_for
from audio.vad import make_vad
from bench.replay.local import LocalLink
from bench.replay.loudspeaker import HeardStretch
from bench.replay.plan import Plan
from bench.replay.remote import fetch_debrief, reserve
from bench.replay.simulated_candidate import SimulatedCandidate, TurnResult
from bench.replay.transports import Transport, open_link
from common.errors import CardError
from pipelines.engine_choices import Choices, choose_engines
from pipelines.engine_lanes import build_lanes, start_lanes, stop_lanes
from pipelines.engines import Word
from pipelines.events import Audience, SegmentHeard
from pipelines.lanes.answer_times import PastAnswers
from pipelines.log.session_log import LogEntry
from pipelines.patient.card_library import CardLibrary
from pipelines.tts.beginnings import beginnings_of
from pipelines.virtual_time import VirtualClock, run_virtual, virtual_clock
from server.reports.waits import waits_of
from server.settings.tree import Settings

Pace = Literal["real", "fast"]
Progress = Callable[[int], None]
# A replayed consultation may take longer than a role-play's five minutes: nothing is cut.
ROOM_S = 120

UNTOLD = ("the times of single words", "when drafts were made and thrown away", "why each turn was waited for")
"""What a server keeps from the candidate that a replay is to it: its log has these, for developers; no message has."""

# The lanes get this much virtual time to finish their work on the run before.
SETTLE_S = 5.0


@dataclass(slots=True)
class Outcome:
    """What all runs of a replay gave."""

    runs: list[list[TurnResult]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    # A server's debrief tells those of the last run; where it is None the turns know their cues.
    topics: list[str] | None = None
    logs: list[list[LogEntry]] = field(default_factory=list)  # of each run in this process
    session_s: list[float] = field(default_factory=list)  # how long each run took on its own clock
    stereo: NDArray[np.int16] | None = None  # (n, 2) at 24 kHz: candidate, patient; of the last run
    heard: list[HeardStretch] = field(default_factory=list)  # of the patient, in the last run
    reply_words: dict[int, tuple[Word, ...]] = field(default_factory=dict)  # by reply, of the last run in this process
    engines: dict[str, str] = field(default_factory=dict)  # their names, where they ran in this process
    # The page can't show these things, because the server tells them to no candidate.
    untold: tuple[str, ...] = ()


def final_text_ms(outcome: Outcome) -> list[float]:
    """Return how long each segment's final text took, from the pause that asked for it (runs in this process only)."""
    return [r.event.latency_ms for log in outcome.logs for r in log if isinstance(r.event, SegmentHeard)]


def card_of(plan: Plan, asked: str | None) -> str:
    """Return the card to replay with: the one asked for, or the one the truth files name; raises CardError."""
    if asked is not None:
        return asked
    if not plan.cards:
        raise CardError("the recording has no truth file that names a card; choose one with --card ID")
    if len(plan.cards) > 1:
        raise CardError(f"the recordings are for different cards ({', '.join(plan.cards)}); choose with --card ID")
    return plan.cards[0]


def replay_here(
    plan: Plan,
    card_id: str,
    *,
    settings: Settings,
    cards: CardLibrary,
    pace: Pace,
    repeat: int = 1,
    as_recorded: bool = False,
    progress: Progress = lambda _turns: None,
    seed: int = 0,
    steady_ms: float | None = None,
    spoken_ahead: bool = False,
    past: PastAnswers | None = None,
) -> Outcome:
    """Replay in this process on the settings' engines; `seed` is what the patient's choices come from.

    At the fast pace a computation costs what it took, or `steady_ms`; answers that came in the `past` come at the same
    times again. `spoken_ahead`: the patient's lines begin as on a server that had time to speak them ahead.
    """
    card = cards.get_card(card_id)

    async def main() -> Outcome:
        clock: Clock = virtual_clock(steady_ms=steady_ms) if pace == "fast" else LoopClock()
        choices = choose_engines(settings.engines, settings.models)
        engines = build_lanes(choices, settings.engines, clock)
        await start_lanes(engines)
        outcome = Outcome(engines=names_of(choices, settings))
        try:
            for request in beginnings_of(card) if spoken_ahead else ():
                await engines.synthesiser.speak_ahead(request, priority=0)
            for number in range(repeat):
                if isinstance(clock, VirtualClock):
                    await asyncio.sleep(SETTLE_S)
                    clock.rewind()
                link = LocalLink(
                    card=card,
                    engines=engines,
                    conversation=settings.conversation,
                    speech=settings.speech,
                    conditioning=settings.audio,
                    vad=settings.vad,
                    clock=clock,
                    session_s=_session_s(plan),
                    session_id=f"replay{number}",
                    seed=seed,
                    past=past,
                )
                began_ms = clock.now_ms()
                link.start()
                candidate = SimulatedCandidate(plan, link, clock, as_recorded=as_recorded, progress=progress)
                await candidate.run()
                await link.close()
                _keep(outcome, candidate)
                outcome.reply_words = dict(link.words)
                outcome.session_s.append((clock.now_ms() - began_ms) / 1000.0)
                outcome.logs.append(list(link.driver.log.read_from(0, Audience.INTERNAL)))
                waits = waits_of(outcome.logs[-1])
                for result in candidate.results:
                    result.waits = [waits[number] for number in result.numbers if number in waits]
        finally:
            await stop_lanes(engines)
        return outcome

    return run_virtual(main()) if pace == "fast" else asyncio.run(main())


def replay_there(
    plan: Plan,
    card_id: str,
    *,
    url: str,
    transport: Transport = "websocket",
    repeat: int = 1,
    as_recorded: bool = False,
    progress: Progress = lambda _turns: None,
) -> Outcome:
    """Replay against the server at `url`, at real pace, over that transport."""

    async def main() -> Outcome:
        outcome = Outcome(untold=UNTOLD)
        for _ in range(repeat):
            reserved = await reserve(url, card_id)
            link = await open_link(reserved, transport, resume=True)
            candidate = SimulatedCandidate(plan, link, LoopClock(), as_recorded=as_recorded, progress=progress)
            try:
                await candidate.run()
            finally:
                await link.close()
            _keep(outcome, candidate)
            debrief = await fetch_debrief(reserved)
            outcome.topics = [cue["topic"] for cue in debrief.get("cues", ()) if cue["told"]]
        return outcome

    return asyncio.run(main())


def names_of(choices: Choices, settings: Settings) -> dict[str, str]:
    """Return the names of what hears, thinks and speaks."""
    return choices.names | {"vad": make_vad(settings.vad).vad.name}


def _session_s(plan: Plan) -> int:
    return round(len(plan.whole) / WIRE_HZ) * 3 + ROOM_S


def _keep(outcome: Outcome, candidate: SimulatedCandidate) -> None:
    outcome.runs.append(candidate.results)
    outcome.troubles += candidate.troubles
    outcome.stereo = stereo_of(candidate)
    outcome.heard = list(candidate.heard)


def stereo_of(candidate: SimulatedCandidate) -> NDArray[np.int16]:
    """Return what was said and heard at the candidate's side, int16 (n, 2) at 24 kHz."""
    said = np.concatenate(candidate.sent) if candidate.sent else np.zeros(0, dtype=np.int16)
    places = [(samples_for(heard.at_ms, WIRE_HZ), heard.samples) for heard in candidate.heard]
    length = max([len(said), *(place + len(pcm) for place, pcm in places)])
    stereo = np.zeros((length, 2), dtype=np.int16)
    stereo[: len(said), 0] = said
    for place, pcm in places:
        stereo[place : place + len(pcm), 1] = pcm
    return stereo
