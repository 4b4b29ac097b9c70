"""Bars for pulls: bytes, rate and time left on a terminal, one line for each file elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class Bars:
    """The watcher of a pull: one bar at a time, above which what was done stays."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """Tell a line above the bar."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def begin(self, label: str, *, done_bytes: int, total_bytes: int | None) -> None:
        """Begin a bar, of which so much is done already."""
        if not self._console.is_terminal and done_bytes:
            self.say(f"{label}: going on after {done_bytes} bytes")
        elif not self._console.is_terminal:
            self.say(label)
        self._task = self._progress.add_task(label, total=total_bytes, completed=done_bytes)

    def advance(self, count: int) -> None:
        """So many bytes more."""
        if self._task is not None:
            self._progress.advance(self._task, count)

    def end(self) -> None:
        """Take the bar away."""
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
