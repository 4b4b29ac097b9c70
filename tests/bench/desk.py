"""What following costs and how late it is: sound and captions at an observer, a late join, what a candidate notices.

`python -m tests.bench.desk --observers 20 --turns 30 [--webrtc-observers 5] [--json FILE]`

A server of its own, with scripted engines, holds one role-play over a real socket. Clicks in the candidate's audio are
looked for in what an observer is sent. Turns are answered with and without the observers, in turns, so that a busy
machine is busy for both.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import numpy as np

from audio.frames import FRAME_MS, WIRE_HZ, Pcm, samples_for, silence
from bench.report_figures import Figure, print_figures, write_figures
from server.measures import percentile
from server.protocol.desk_messages import parse_sound
from tests.app.desk import Follower, following
from tests.app.desk_call import listening
from tests.app.process import ServerProcess, running
from tests.app.wire import Wire, joined, sentence

SETTINGS = ("engines.backend=mock", "conversation.fixed_wait_ms=300", "session.session_s=3600")
LISTEN = json.dumps({"type": "interlocutor.desk.listen", "on": True})
BACK = json.dumps({"type": "interlocutor.desk.listen", "on": True, "back_s": 30})
CLICKS = 40
CLICK_EVERY_S = 0.73  # in no step with pieces of 60 ms
LOST_S = 2.0
CLICK, LOUD = 30_000, 20_000
HEARD = 5_000  # of a click after Opus
BLOCK = 5  # turns with observers, then as many without
BACK_S = 31.0
# As the page keeps in hand before it plays (static/desk/ear_queue.js).
IN_HAND_MS = 90.0


Listen = Callable[[list[Follower], AsyncExitStack], Awaitable[None]]


async def measure(server: ServerProcess, *, observers: int, turns: int, on_calls: int = 0) -> list[Figure]:
    """Hold a role-play; return the figures."""
    async with joined(server, mode="exam") as wire:
        wire.microphone()
        await asyncio.sleep(1.0)
        sound_ms = await clicks(server, wire)
        captions_ms = await captions(server, wire)
        alone_ms, followed_ms, cpu, memory = await turns_of(server, wire, observers=observers, turns=turns)
        joined_ms, missing = await late(server, wire)
        called = await measure_calls(server, wire, observers=on_calls, turns=turns) if on_calls else []
        await wire.end()

    grown = at(followed_ms, 0.95) - at(alone_ms, 0.95)
    return [
        Figure("sound_at_an_observer_p50", at(sound_ms, 0.5), "ms", n=len(sound_ms)),
        Figure("sound_at_an_observer_p95", at(sound_ms, 0.95), "ms", n=len(sound_ms)),
        Figure("sound_at_an_ear_p95", at(sound_ms, 0.95) + IN_HAND_MS, "ms", n=len(sound_ms)),
        Figure("captions_after_the_candidates_p95", at(captions_ms, 0.95), "ms", n=len(captions_ms)),
        Figure("voice_to_voice_alone_p95", at(alone_ms, 0.95), "ms", n=len(alone_ms)),
        Figure("voice_to_voice_followed_p95", at(followed_ms, 0.95), "ms", n=len(followed_ms)),
        Figure("voice_to_voice_grown_p95", round(grown, 1), "ms", n=len(followed_ms)),
        Figure(
            "voice_to_voice_grown_p50", round(at(followed_ms, 0.5) - at(alone_ms, 0.5), 1), "ms", n=len(followed_ms)
        ),
        Figure("cpu_of_an_observer", round(cpu, 2), "%", n=observers),
        Figure("memory_of_an_observer", round(memory, 2), "MB", n=observers),
        Figure("late_join_with_30_s_of_sound", round(joined_ms), "ms", n=1),
        Figure("events_missing_or_doubled", float(missing), "events", n=1),
        *called,
    ]


async def measure_calls(server: ServerProcess, wire: Wire, *, observers: int, turns: int) -> list[Figure]:
    """Return the figures of observers who listen on calls."""
    sound_ms = await clicks_on_a_call(server, wire)
    alone_ms, followed_ms, cpu, memory = await turns_of(
        server, wire, observers=observers, turns=turns, listen=listen_on_calls
    )
    grown = at(followed_ms, 0.95) - at(alone_ms, 0.95)
    return [
        Figure("sound_on_a_call_p50", at(sound_ms, 0.5), "ms", n=len(sound_ms)),
        Figure("sound_on_a_call_p95", at(sound_ms, 0.95), "ms", n=len(sound_ms)),
        Figure("voice_to_voice_grown_by_calls_p95", round(grown, 1), "ms", n=len(followed_ms)),
        Figure("cpu_of_an_observer_on_a_call", round(cpu, 2), "%", n=observers),
        Figure("memory_of_an_observer_on_a_call", round(memory, 2), "MB", n=observers),
    ]


def at(values: list[float], share: float) -> float:
    """Return a quantile, to a tenth."""
    return round(percentile(values, share) or 0.0, 1)


async def clicks(server: ServerProcess, wire: Wire) -> list[float]:
    """Return how long after it was sent each click was at an observer, in milliseconds."""
    frame: Pcm = silence(FRAME_MS, WIRE_HZ).copy()
    frame[:24] = CLICK
    came_ms: list[float] = []
    async with following(server.address, wire.session_id) as one:
        await one.socket.send(LISTEN)
        await until(lambda: bool(one.sound))
        for _ in range(CLICKS):
            begun = len(one.sound)
            wire.speak(frame)
            await until(lambda: not wire.speaking)
            sent_s = time.perf_counter()

            def arrived(first: int = begun) -> bool:
                return any(loudest(piece) > LOUD for piece in one.sound[first:])

            # A client that was held up catches up in a burst, and the server takes no audio faster than it is spoken.
            with contextlib.suppress(TimeoutError):
                await until(arrived, within_s=LOST_S)
                came_ms.append(1e3 * (time.perf_counter() - sent_s))
            await asyncio.sleep(CLICK_EVERY_S)
    return came_ms


async def clicks_on_a_call(server: ServerProcess, wire: Wire) -> list[float]:
    """Return how long after it was sent each click was decoded by an observer on a call, in milliseconds.

    What a browser keeps in hand comes on top; our own jitter buffer hands on what comes in its turn.
    """
    frame: Pcm = silence(FRAME_MS, WIRE_HZ).copy()
    # Opus softens a click of a millisecond; one of four stays loud.
    frame[:96] = np.tile((CLICK, CLICK, -CLICK, -CLICK), 24)
    came_ms: list[float] = []
    async with following(server.address, wire.session_id) as one, listening(one) as ear:
        await until(lambda: bool(ear.heard))
        for _ in range(CLICKS):
            begun = len(ear.heard)
            wire.speak(frame)
            await until(lambda: not wire.speaking)
            sent_s = time.perf_counter()

            def clicked(first: int = begun) -> bool:
                return any(int(voices[:, 0].max(initial=0)) > HEARD for _, voices in ear.heard[first:])

            with contextlib.suppress(TimeoutError):
                await until(clicked, within_s=LOST_S)
                came_ms.append(1e3 * (time.perf_counter() - sent_s))
            await asyncio.sleep(CLICK_EVERY_S)
    return came_ms


async def listen_on_sockets(people: list[Follower], stack: AsyncExitStack) -> None:
    """Have observers listen, until sound has come to all of them."""
    for one in people:
        await one.socket.send(LISTEN)
    await until(partial(all_hear, people))


async def listen_on_calls(people: list[Follower], stack: AsyncExitStack) -> None:
    """Have observers listen on calls, until sound has come to all of them."""
    ears = [await stack.enter_async_context(listening(one)) for one in people]
    await until(lambda: all(ear.heard for ear in ears))


async def captions(server: ServerProcess, wire: Wire) -> list[float]:
    """Return how much later an observer has each committed turn than the candidate, in milliseconds."""
    later_ms: list[float] = []
    async with following(server.address, wire.session_id) as one:
        await until(lambda: bool(one.told))
        for _ in range(BLOCK):
            before = one.kinds().count("turn_committed")
            wire.speak(sentence())
            await wire.until("conversation.item.input_audio_transcription.completed")
            mine_s = time.perf_counter()
            await until(partial(has_turns, one, before + 1))
            later_ms.append(1e3 * (time.perf_counter() - mine_s))
            await wire.until("response.done")
    return later_ms


async def turns_of(
    server: ServerProcess, wire: Wire, *, observers: int, turns: int, listen: Listen = listen_on_sockets
) -> tuple[list[float], list[float], float, float]:
    """Return voice to voice alone and followed, and CPU (% of a core) and memory (MB) of an observer."""
    alone_ms: list[float] = []
    followed_ms: list[float] = []
    cpu_s = [0.0, 0.0]
    wall_s = [0.0, 0.0]
    memory_mb: list[float] = []
    while len(followed_ms) < turns:
        for watched, found in enumerate((alone_ms, followed_ms)):
            async with AsyncExitStack() as stack:
                before_mb = server.usage.memory_info().rss / 1e6
                if watched:
                    people = [
                        await stack.enter_async_context(following(server.address, wire.session_id))
                        for _ in range(observers)
                    ]
                    await listen(people, stack)
                used, since_s = server.usage.cpu_times(), time.perf_counter()
                found += [await turn(wire) for _ in range(BLOCK)]
                now = server.usage.cpu_times()
                cpu_s[watched] += now.user + now.system - used.user - used.system
                wall_s[watched] += time.perf_counter() - since_s
                if watched:
                    memory_mb.append((server.usage.memory_info().rss / 1e6 - before_mb) / observers)
    share = [100.0 * used / wall for used, wall in zip(cpu_s, wall_s, strict=True)]
    return alone_ms, followed_ms, (share[1] - share[0]) / observers, percentile(memory_mb, 0.5) or 0.0


async def turn(wire: Wire) -> float:
    """Say a sentence; return how long after its last frame the patient's first audio came, in milliseconds."""
    wire.speak(sentence())
    await until(lambda: not wire.speaking)
    sent_s = time.perf_counter()
    await wire.until(wire.first_audio)
    took_ms = 1e3 * (time.perf_counter() - sent_s)
    await wire.send("response.cancel")
    await wire.until("response.done")
    await asyncio.sleep(0.3)
    return took_ms


async def late(server: ServerProcess, wire: Wire) -> tuple[float, int]:
    """Join late; return how long until all and half a minute of sound was there, and how many events were wrong."""
    async with following(server.address, wire.session_id) as first:
        await asyncio.sleep(BACK_S)
        known = len(first.events)
        began_s = time.perf_counter()
        async with following(server.address, wire.session_id) as one:
            await one.socket.send(BACK)
            await until(lambda: len(one.events) >= known and heard_ms(one) >= 29_500.0)
            took_ms = 1e3 * (time.perf_counter() - began_s)
            await turn(wire)
            await until(lambda: len(one.events) == len(first.events))
            mine, theirs = ([event["seq"] for event in each.events] for each in (one, first))
    return took_ms, len(set(mine) ^ set(theirs)) + len(mine) - len(set(mine))


def heard_ms(one: Follower) -> float:
    """Return how much sound somebody has."""
    return parse_sound(one.sound[-1])[0] - parse_sound(one.sound[0])[0] if one.sound else 0.0


def has_turns(one: Follower, count: int) -> bool:
    """Whether somebody has so many of the candidate's turns."""
    return one.kinds().count("turn_committed") >= count


def all_hear(people: list[Follower]) -> bool:
    """Whether sound has come to all of them."""
    return all(one.sound for one in people)


def loudest(piece: bytes) -> int:
    """Return the candidate's loudest sample of a piece."""
    pairs = np.frombuffer(parse_sound(piece)[1], dtype="<i2").reshape(-1, 2)
    return int(pairs[:, 0].max(initial=0))


async def until(ready: Callable[[], bool], *, within_s: float = 60.0) -> None:
    """Return once `ready()`; it looks every millisecond, which is fine enough for what is measured."""
    async with asyncio.timeout(within_s):
        while not ready():  # noqa: ASYNC110 - the other end of a socket tells nobody
            await asyncio.sleep(0.001)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--observers", type=int, default=20)
    parser.add_argument("--turns", type=int, default=30, help="with observers, and as many without")
    parser.add_argument("--webrtc-observers", type=int, default=0, help="who listen on calls, after the others")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    assert samples_for(FRAME_MS, WIRE_HZ) > 24
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data", *SETTINGS) as server:
        figures = asyncio.run(
            measure(
                server,
                observers=arguments.observers,
                turns=arguments.turns,
                on_calls=arguments.webrtc_observers,
            )
        )
    print_figures(f"{arguments.observers} observers", figures)
    if arguments.json:
        write_figures(arguments.json, figures)


if __name__ == "__main__":
    main()
