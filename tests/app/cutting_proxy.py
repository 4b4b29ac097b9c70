"""A TCP proxy that cuts, stalls and delays what goes through it, as networks do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK_BYTES = 16_384


class CuttingProxy:
    """Forwards connections on loopback to one port; open it with `proxying`."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.forwarding = 0  # connections now
        self.connections = 0  # that were forwarded so far
        self.delay_s = 0.0  # one way, for what is forwarded from now on
        self._target_port = target_port
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusing_until_s = 0.0
        self._flowing = asyncio.Event()
        self._flowing.set()

    def cut(self, for_s: float = 0.0) -> None:
        """Break every connection, and take none for a while."""
        self._refusing_until_s = asyncio.get_running_loop().time() + for_s
        self._flowing.set()
        for writer in tuple(self._writers):
            writer.transport.abort()

    def stall(self) -> None:
        """Forward nothing, without a word to anybody; new connections are taken and hang as well."""
        self._flowing.clear()

    def flow(self) -> None:
        """Go on where `stall` stopped."""
        self._flowing.set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection both ways until either end closes."""
        if asyncio.get_running_loop().time() < self._refusing_until_s:
            writer.transport.abort()
            return
        self.forwarding += 1
        with suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
            self.connections += 1
            both = [asyncio.create_task(self._pump(reader, back)), asyncio.create_task(self._pump(there, writer))]
            self._tasks.update(both)
            self._writers.update((writer, back))
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            self._tasks.difference_update(both)
            self._writers.difference_update((writer, back))
            for one in (writer, back):
                one.close()
        self.forwarding -= 1

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                await self._flowing.wait()
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def proxying(target_port: int) -> AsyncIterator[CuttingProxy]:
    """Forward a free port on loopback to `target_port` until the block ends."""
    proxy = CuttingProxy(target_port)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        await server.wait_closed()
        # These tasks are the library's own, and nobody else can wait for them.
        while proxy.forwarding:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
