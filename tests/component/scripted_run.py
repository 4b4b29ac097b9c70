"""Runs a script on the real session driver under virtual time, with engines that do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from audio.conditioning import AudioSettings
from audio.speech import SpeechDetector, SpeechSettings
from pipelines.conversation import signals as s
from pipelines.conversation.settings import ConversationSettings
from pipelines.engines import Clause, HistoryItem, RespondKind
from pipelines.events import Audience, Event
from pipelines.log.session_log import LogEntry, SessionLog
from pipelines.patient.card import Card
from pipelines.patient.card_library import CardLibrary
from pipelines.scripted.synthesiser import ToneSynthesiser
from pipelines.session.driver import SessionDriver, SessionSpec
from pipelines.session.recording import SessionRecorder
from pipelines.virtual_time import run_virtual, virtual_clock
from tests.component.engines import engines_on_lanes
from tests.component.scripted import Answer, Script, ScriptError
from tests.component.scripted_client import INPUT_HZ, Placed, ScriptedClient
from tests.component.scripted_ledger import Ledger
from tests.fakes.lines import Lines, LinesResponder
from tests.fakes.words import LevelVad, Lexicon, WordRecogniser

ROOT = Path(__file__).resolve().parents[2]
E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a script: times in session milliseconds."""

    script: Script
    records: list[LogEntry]
    placed: list[Placed]
    ledger: Ledger
    history: list[HistoryItem]
    told: list[str]
    # These are the client's: refused audio, a conversation without end.
    troubles: list[str]
    errors: list[str]  # exceptions on the loop
    kinds: dict[int, RespondKind]  # of the replies that were asked for
    ended_ms: float

    def events(self, kind: type[E]) -> list[tuple[float, E]]:
        """Return the events of a type with their session times."""
        return [(r.envelope.session_ms, r.event) for r in self.records if isinstance(r.event, kind)]


def run_script(script: Script) -> Outcome:
    """Run a script to its end."""
    return run_virtual(play_script(script))


async def play_script(
    script: Script,
    *,
    make_recorder: Callable[[int], SessionRecorder] | None = None,
    on_frame: Callable[[float], None] | None = None,
) -> Outcome:
    """Play a script on a virtual-time loop; `on_frame` is told the session time (ms) after each 20 ms."""
    errors: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: errors.append(repr(context.get("exception") or context["message"]))
    )
    clock = virtual_clock()
    lexicon = Lexicon()
    own = partial(_settings, script)
    responder = LinesResponder(_lines(script.answers), **own("responder"))
    async with engines_on_lanes(
        recogniser=lambda: WordRecogniser(lexicon, **own("recogniser")),
        responder=lambda: responder,
        synthesiser=lambda: ToneSynthesiser(**own("synthesiser")),
    ) as engines:
        client = ScriptedClient(script, lexicon=lexicon, clock=clock, on_frame=on_frame)
        session = own("session")
        driver = SessionDriver(
            SessionSpec("script", card_of(script), "practice", int(session.get("length_s", 1_200)), 0, INPUT_HZ),
            engines=engines,
            settings=ConversationSettings.model_validate(own("conversation")),
            detector=SpeechDetector(LevelVad(), SpeechSettings.model_validate(own("speech"))),
            conditioning=AudioSettings(high_pass=False, level=False),  # words are told by their very samples
            clock=clock,
            sink=client,
            make_log=lambda media_ms: SessionLog(now_ms=clock.now_ms, media_ms=media_ms, salt=lambda: "salt"),
            make_recorder=make_recorder,
        )
        driver.signal(
            s.TurnDetectionSet(
                auto_endpoint=bool(session.get("auto_endpoint", True)),
                auto_respond=bool(session.get("auto_respond", True)),
                fixed_wait_ms=driver.settings.fixed_wait_ms,
            )
        )
        driver.start()
        await client.run(driver)
        ended_ms = client.now_ms
        driver.end("ended")
    return Outcome(
        script,
        list(driver.log.read_from(0, Audience.INTERNAL)),
        client.placed,
        client.ledger,
        list(driver.core.memory.history),
        list(driver.core.memory.told),
        client.troubles,
        errors,
        {int(request_id.rsplit("/", 1)[1]): kind for request_id, kind in responder.kinds.items()},
        ended_ms,
    )


def card_of(script: Script) -> Card:
    """Return a card on which the candidate starts, unless the script has an opening line."""
    opening = next((a.clauses[0][0] for a in script.answers if a.kind == "opening"), None)
    return _card().model_copy(update={"opening": opening})


@cache
def _card() -> Card:
    return CardLibrary.load(ROOT / "configs" / "cards")["nursing-leg-wound"]


def _settings(script: Script, room: str) -> dict[str, Any]:
    """Return the script's settings of a room as a tree."""
    tree: dict[str, Any] = {}
    for key, value in script.settings.items():
        first, *path = key.split(".")
        if first != room:
            continue
        node = tree
        for part in path[:-1]:
            node = node.setdefault(part, {})
        node[path[-1]] = value
    return tree


def _lines(answers: list[Answer]) -> Lines:
    lines: dict[tuple[RespondKind, str], list[Clause]] = {}
    for answer in answers:
        clauses = [Clause(text, cue) for text, cue in answer.clauses]
        lines[RespondKind(answer.kind), answer.question] = clauses
    return lines


def event_matches(event: Event, wanted: Mapping[str, str]) -> bool:
    """Return whether an event has these fields, compared as text; raises ScriptError for a field it has not."""
    payload = event.payload()
    for key, value in wanted.items():
        if key not in payload:
            raise ScriptError(f"{event.type_name()} has no field {key!r}; it has {', '.join(payload)}")
        if not _same_value(payload[key], value):
            return False
    return True


def _same_value(found: object, wanted: str) -> bool:
    """Compare with what a script says: `600` is 600.0, `true` is True, `none` is None."""
    if isinstance(found, float):
        return found == float(wanted)
    return str(found).lower() == wanted.lower()
