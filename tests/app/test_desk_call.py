"""The desk's voices by WebRTC, over real sockets: encoded once, beside the words, and over when these are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.host import Server
from server.rtc.opus import OpusEncoder
from tests.app.desk import Follower, following, ticket
from tests.app.desk_call import DeskEar, listening
from tests.app.inside import serving, until
from tests.app.test_desk import examined, followed, talking
from tests.app.wire import Wire, sentence

LISTEN_NO_MORE = '{"type": "interlocutor.desk.listen", "on": false}'


def sounds(one: Follower) -> list[tuple[bool, str, str]]:
    return [(told["on"], told["reason"], told["by"]) for told in one.told if told["type"] == "interlocutor.desk.sound"]


def loudness(ear: DeskEar) -> list[int]:
    """Return the loudest sample of candidate and patient."""
    return [int(each) for each in np.abs(ear.voices.astype(np.int32)).max(axis=0)]


@asynccontextmanager
async def talk(folder: Path, mode: str = "practice") -> AsyncIterator[tuple[str, Server, Wire, str]]:
    async with serving(folder) as (address, server), talking(address, mode) as (wire, session_id):
        wire.microphone()
        yield address, server, wire, session_id


@pytest.mark.asyncio
async def test_both_voices_come_on_the_call_encoded_once_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoders: list[int] = []
    made = OpusEncoder.__init__

    def counted(self: OpusEncoder, channels: int = 1) -> None:
        encoders.append(channels)
        made(self, channels)

    async with talk(tmp_path) as (address, _, wire, session_id), AsyncExitStack() as stack:
        monkeypatch.setattr(OpusEncoder, "__init__", counted)
        assert (await ticket(address, session_id))["calls"] is True
        people = [await stack.enter_async_context(following(address, session_id)) for _ in range(3)]
        ears = [await stack.enter_async_context(listening(one)) for one in people]
        await until(lambda: all(ear.heard for ear in ears))
        await wire.until("interlocutor.session.observed", lambda event: event["listening"] == 3)
        wire.speak(sentence())
        await wire.say("How are you today?")
        await wire.until("response.done")
        # Each voice has a side of its own.
        await until(lambda: all(min(loudness(ear)) > 1_000 for ear in ears))
        assert encoders == [2]
        assert [sounds(one) for one in people] == [[(True, "asked", "call")]] * 3
        assert [one.sound for one in people] == [[], [], []]
        # The very same packets.
        last = ears[0].packets[-5]
        await until(lambda: all(last in ear.packets for ear in ears))


@pytest.mark.asyncio
async def test_whoever_listens_no_more_hears_no_more_and_may_come_back_by_either_way(tmp_path: Path) -> None:
    async with talk(tmp_path) as (address, server, wire, session_id), following(address, session_id) as one:
        async with listening(one) as ear:
            await until(lambda: bool(ear.heard))
            await one.socket.send(LISTEN_NO_MORE)
            await until(lambda: server.desk.present(session_id) == (1, 0))
            await until(lambda: sounds(one)[-1] == (False, "asked", "call"))
        await one.socket.send('{"type": "interlocutor.desk.listen", "on": true}')
        await until(lambda: bool(one.sound))
        async with listening(one) as again:
            await until(lambda: bool(again.heard))
            # By one way or the other, never by both.
            before = len(one.sound)
            heard = len(again.heard)
            await until(lambda: len(again.heard) > heard + 10)
            assert len(one.sound) <= before + 1
            # A second call takes the place of the first.
            async with listening(one) as third:
                await until(lambda: bool(third.heard))
                await until(lambda: server.desk.present(session_id) == (1, 1))
        await wire.answered()


@pytest.mark.asyncio
async def test_whoever_loses_the_right_hears_nothing_more_on_the_call_either(tmp_path: Path) -> None:
    async with examined(tmp_path) as (address, server, secret, session):
        one = await followed(address, server, secret, session)
        ear = DeskEar(one)
        await ear.call()
        eva = await server.accounts.find("eva@example.org")
        await server.accounts.change("a test", eva.id, role="candidate")
        await one.task
        assert one.close_code == 4403
        await until(lambda: not [task for task in asyncio.all_tasks() if task.get_name() == "desk-call"])
        await ear.close()


@pytest.mark.asyncio
async def test_what_is_no_offer_to_listen_is_refused_and_the_words_go_on(tmp_path: Path) -> None:
    async with talk(tmp_path) as (address, server, wire, session_id), following(address, session_id) as one:
        ear = DeskEar(one)
        good = await ear.offer()
        asked: list[tuple[Any, str]] = [
            ("nonsense", "rtc.bad_offer"),
            ("", "protocol.invalid_field"),
            (7, "protocol.invalid_field"),
            (good.replace("a=recvonly", "a=sendrecv"), "rtc.bad_offer"),
            (good.replace("opus/48000/2", "other/48000/2"), "rtc.no_opus"),
            (good.replace("a=fingerprint", "a=nothing"), "rtc.bad_offer"),
        ]
        for sdp, _ in asked:
            await one.socket.send(json.dumps({"type": "interlocutor.desk.call", "sdp": sdp}))
        await until(lambda: len([told for told in one.told if told["type"].endswith(".error")]) == len(asked))
        assert [told["code"] for told in one.told if told["type"].endswith(".error")] == [code for _, code in asked]
        await ear.close()
        await wire.answered()
        await until(lambda: "turn_committed" in one.kinds())
        assert server.desk.present(session_id) == (1, 0)


@pytest.mark.asyncio
async def test_a_listener_who_is_gone_without_a_word_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.rtc.listener_peer.GONE_S", 1.0)
    async with talk(tmp_path) as (address, server, _, session_id), following(address, session_id) as one:
        async with listening(one) as ear:
            await until(lambda: bool(ear.heard))
        await until(lambda: sounds(one)[-1] == (False, "lost", "call"))
        await until(lambda: server.desk.present(session_id) == (1, 0))
