"""A server that is killed, or stopped, with role-plays under way: the next one goes on with them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from pathlib import Path

import pytest

from audio.frames import WIRE_HZ
from bench.replay.remote import Reserved, reserve
from common.errors import AppError
from server.wire.ticket import Ticket
from tests.app.inside import until
from tests.app.process import ServerProcess, faults_of, running
from tests.app.short_turns import short_turns
from tests.app.test_history import command
from tests.app.wire import CARD, Wire, check_log, connect_to, joined
from tests.bench.restarts import draw_delays, figures_of, run, verify_audit
from tests.nightly import NIGHTLY

MOCK = ("engines.backend=mock", "engines.recogniser_workers=1")


# A server that is told to stop leaves them as they stand, once its deadline has come.
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM] if NIGHTLY else [signal.SIGKILL])
def test_role_plays_go_on_with_the_next_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    monkeypatch.setenv("SCRIPTED_REPLY", "It began|three weeks ago.")
    times = 3 if NIGHTLY else 1
    survivals, restarts_ms = run(
        tmp_path, draw_delays(times, 7), settings=MOCK, plan=short_turns(3), sessions=4 if NIGHTLY else 2, how=how
    )
    assert [one.faults for one in survivals] == [[]] * len(survivals)
    assert [one.lost for one in survivals] == [[]] * len(survivals)
    assert all(one.resumed == one.restored == 1 for one in survivals)
    figures = {figure.name: figure.value for figure in figures_of(survivals, restarts_ms, verify_audit(tmp_path))}
    assert figures["sessions_resumed"] == len(survivals)
    assert figures["audit_faults"] == 0


def kill(server: ServerProcess) -> None:
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()


@pytest.mark.asyncio
async def test_who_can_not_come_back_finds_a_record_that_is_closed(tmp_path: Path) -> None:
    with running(tmp_path, *MOCK) as server:
        async with joined(server) as wire:  # it asked for no way back
            await wire.answered()
            session = wire.session_id
            kill(server)
    with running(tmp_path, *MOCK) as server:
        types = await check_log(server, session)
        assert types[-1] == "session_ended"
        assert server.entries(session)[-1].payload == {"reason": "interrupted"}
        assert not (server.folder(session) / "live.json").exists()
    assert faults_of(server) == []
    assert verify_audit(tmp_path) == ""


@pytest.mark.asyncio
async def test_a_session_that_nobody_had_joined_is_there_after_a_restart(tmp_path: Path) -> None:
    with running(tmp_path, *MOCK) as server:
        reserved = await reserve(server.url, CARD)
        port = int(server.url.rpartition(":")[2])
        left = server.folder(reserved.id) / "live.json"
        # It is written beside the answer, not before it.
        await until(left.is_file)
        kill(server)
    # What was kept would let nobody in who reads the disk.
    kept = left.read_text()
    assert reserved.token not in kept
    assert json.loads(kept)["tokens"]
    with running(tmp_path, *MOCK, port=port):
        socket = await connect_to(reserved)
        assert json.loads(await socket.recv())["session"]["id"] == reserved.id
        await socket.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("revoked", [False, True])
async def test_a_ticket_of_a_key_that_was_revoked_meanwhile_leads_nowhere(
    tmp_path: Path, revoked: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("--set", f"data_path={tmp_path}")
    assert await asyncio.to_thread(command, "keys", "make", "x", "--scope", "*", *place) == 0
    told = capsys.readouterr()
    key, key_id = told.out.strip(), re.findall(r"key_[0-9a-f]+", told.err)[0]
    with running(tmp_path, *MOCK) as server:
        opened = Reserved("", key, f"ws://{server.address}/v1/realtime?model=card:{CARD}", server.url)
        wire = Wire(await connect_to(opened))
        await wire.answered()
        token = (await wire.may_come_back())["token"]
        left = server.folder(wire.session_id) / "live.json"
        await until(lambda: left.is_file() and key_id in left.read_text())
        kill(server)
        await wire.drop()
    if revoked:
        assert await asyncio.to_thread(command, "keys", "revoke", key_id, *place) == 0
    with running(tmp_path, *MOCK) as server:
        back = Reserved("sess", "", f"ws://{server.address}/v1/realtime", server.url)
        again = Wire(await connect_to(back, Ticket(token, 0)))
        if revoked:
            assert await again.closed() == 4403
        else:
            await again.until("interlocutor.session.resumed")
        await again.drop()


@pytest.mark.asyncio
async def test_what_is_left_of_a_checkpoint_never_stops_a_start(tmp_path: Path) -> None:
    with running(tmp_path, *MOCK) as server:
        names = []
        for broken in ("", "{}", '{"v": 9}', "\x00\xff"):
            reserved = await reserve(server.url, CARD)
            names.append((reserved, broken))
        kill(server)
    for reserved, broken in names:
        (tmp_path / "sessions" / reserved.id / "live.json").write_text(broken, encoding="latin-1")
    with running(tmp_path, *MOCK) as server:
        assert faults_of(server) == []
        with pytest.raises(AppError):
            await reserve(server.url, "no-such-card")
        assert (await reserve(server.url, CARD)).id
    assert WIRE_HZ
