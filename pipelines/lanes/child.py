"""The program of a worker process: `python -m pipelines.lanes.child FD`, where FD is its end of a socket pair.

It ends when its parent does: reading from the closed pair fails, so no orphan is left even after `kill -9`.
"""

from __future__ import annotations

import signal
import sys
from multiprocessing.connection import Connection

from pipelines.lanes.messages import FromWorker, ToWorker
from pipelines.lanes.worker_loop import serve


def main(descriptor: int) -> None:
    """Serve the parent at the other end of `descriptor` until it closes."""
    # Ctrl-C reaches the whole group; the parent decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection: Connection = Connection(descriptor)

    def receive(block: bool) -> ToWorker:
        if not block and not connection.poll():
            raise BlockingIOError
        message: ToWorker = connection.recv()
        return message

    def send(message: FromWorker) -> None:
        connection.send(message)

    try:
        serve(connection.recv(), receive, send)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone


if __name__ == "__main__":
    main(int(sys.argv[1]))
