"""The listening socket and the data folder, as the server takes them."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from common.errors import SettingsError, StorageError
from server.records.locking import lock_folder
from server.running import listen
from server.settings.tree import Settings, load_settings


def settings_for(port: int = 0) -> Settings:
    return load_settings(overrides=[f"server.port={port}"], environ={})


@pytest.mark.asyncio
async def test_small_messages_are_sent_at_once() -> None:
    """Nagle's algorithm held a reply's audio back until the client's next packet: 18 ms in every turn."""

    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        accepted.set_result(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listening = listen(settings_for())
    async with await asyncio.start_server(serve, sock=listening) as server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        no_delay = await accepted
        writer.close()
        await writer.wait_closed()
    assert no_delay == 1


def test_a_port_in_use_is_said_with_what_to_do() -> None:
    first = listen(settings_for())
    try:
        with pytest.raises(SettingsError, match="--port"):
            listen(settings_for(first.getsockname()[1]))
    finally:
        first.close()


def test_a_data_folder_has_one_server(tmp_path: Path) -> None:
    lock = lock_folder(tmp_path)
    with pytest.raises(StorageError, match="another server"):
        lock_folder(tmp_path)
    os.close(lock)
    os.close(lock_folder(tmp_path))


def test_a_data_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        lock_folder(tmp_path / "file" / "data")
