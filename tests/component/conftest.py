"""What component tests share: a replay in this process under virtual time, with scripted or given engines."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest

from audio.speech import SpeechSettings
from bench.replay.local import LocalLink
from bench.replay.plan import plan_replay
from bench.replay.simulated_candidate import SimulatedCandidate
from pipelines.conversation.settings import ConversationSettings
from pipelines.engines import Isolation
from pipelines.events import Audience
from pipelines.lanes.worker_loop import Factory
from pipelines.log.session_log import LogEntry
from pipelines.patient.card_library import CardLibrary
from pipelines.scripted.interpreter import ScriptedInterpreter
from pipelines.scripted.recogniser import ScriptedRecogniser
from pipelines.scripted.scripted_responder import ScriptedResponder
from pipelines.scripted.synthesiser import ToneSynthesiser
from pipelines.stt.whisper_settings import WhisperSettings
from pipelines.virtual_time import run_virtual, virtual_clock
from tests.component.engines import engines_on_lanes
from tests.component.realtime_talk import TRANSPORT

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"


# Each test in these files is about the conversation and is run over every transport, unless it is marked `by_messages`.
OVER_EACH = ("test_realtime_messages", "test_realtime_pause", "test_realtime_resume")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test over each transport."""
    if metafunc.module.__name__.rpartition(".")[2] in OVER_EACH:
        only_one = metafunc.definition.get_closest_marker("by_messages")
        metafunc.parametrize("transport", ["websocket"] if only_one else ["websocket", "webrtc"], indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Run a coroutine that is marked `virtual` on an event loop of its own, under virtual time.

    Where the module is marked `virtual` and one test `asyncio`, that test keeps real time: what pytest-asyncio hands
    over is no coroutine any more.
    """
    test = pyfuncitem.obj
    if pyfuncitem.get_closest_marker("virtual") and iscoroutinefunction(test):
        pyfuncitem.obj = lambda **fixtures: run_virtual(test(**fixtures))
    return (yield)


@pytest.fixture(autouse=True)
def transport(request: pytest.FixtureRequest) -> Iterator[str]:
    """What the talks of a test are held over."""
    token = TRANSPORT.set(getattr(request, "param", "websocket"))
    yield TRANSPORT.get()
    TRANSPORT.reset(token)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay."""

    candidate: SimulatedCandidate
    records: list[LogEntry]
    virtual_ms: float

    def events(self, kind: type[Any]) -> list[Any]:
        return [r.event for r in self.records if isinstance(r.event, kind)]


Replay = Callable[..., Replayed]


@pytest.fixture(scope="session")
def replay() -> Replay:
    def run(
        *names: str,
        recogniser: Factory = ScriptedRecogniser,
        decoder: Factory | None = None,
        interpreter: Factory = ScriptedInterpreter,
        responder: Factory = ScriptedResponder,
        synthesiser: Factory = ToneSynthesiser,
        turn_detector: Factory | None = None,
        isolation: Isolation = "thread",
        as_recorded: bool = False,
        session_s: int = 900,
        fixed_wait_ms: float | None = 900.0,
        turns: int | None = None,
        link_of: Callable[..., LocalLink] = LocalLink,
        **conversation: Any,
    ) -> Replayed:
        async def main() -> Replayed:
            clock = virtual_clock()
            async with engines_on_lanes(
                recogniser=recogniser,
                decoder=decoder,
                growth=WhisperSettings().growth,
                interpreter=interpreter,
                responder=responder,
                synthesiser=synthesiser,
                turn_detector=turn_detector,
                isolation=isolation,
            ) as engines:
                plan = plan_replay([DATA / name for name in names])
                plan = dataclasses.replace(plan, turns=plan.turns[:turns])
                card = CardLibrary.load(ROOT / "configs" / "cards")[next(iter(plan.cards), "nursing-leg-wound")]
                link = link_of(
                    card=card,
                    engines=engines,
                    conversation=ConversationSettings(fixed_wait_ms=fixed_wait_ms, **conversation),
                    speech=SpeechSettings(),
                    vad="silero",
                    clock=clock,
                    session_s=session_s,
                )
                link.start()
                candidate = SimulatedCandidate(plan, link, clock, as_recorded=as_recorded)
                await candidate.run()
                await link.close()
            return Replayed(candidate, list(link.driver.log.read_from(0, Audience.INTERNAL)), clock.now_ms())

        return run_virtual(main())

    return run
