"""Memory: how much there is for this process, how much it takes, amounts as people write them, and giving it back."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re
import sys
from pathlib import Path

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_BINARY_UNITS = {"ki": 1024, "mi": 1024**2, "gi": 1024**3, "ti": 1024**4}
_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(%|[kmgt]i?b?|b)?", re.IGNORECASE)
LEAST_BYTES = 1024**2  # below a mebibyte somebody forgot the unit
_M_ARENA_MAX = -8  # of glibc's malloc.h
# What the older control groups say for "no limit" is a little below 2**63.
_UNLIMITED_BYTES = 1 << 60


def parse_amount(text: str, *, of_bytes: int) -> int:
    """Return an amount of memory in bytes: `8GB`, `512MiB`, `80%` of `of_bytes`, or `0.8` of it.

    Raises ValueError with what to write instead.
    """
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise ValueError("no amount of memory; write it as 8GB, 512MiB or 80%")
    number, unit = float(found[1]), (found[2] or "").lower()
    if unit == "%" or (not unit and 0 < number <= 1):
        share = number / 100 if unit == "%" else number
        if not 0 < share <= 1:
            raise ValueError("no share of the memory; write it as 80%, above 0% and at most 100%")
        return int(of_bytes * share)
    unit = unit.removesuffix("b")
    amount = int(number * (_UNITS[unit] if unit in _UNITS else _BINARY_UNITS[unit]))
    if amount < LEAST_BYTES:
        raise ValueError("less than a megabyte; write it with its unit, as 8GB, 512MiB or 80%")
    return amount


def show_bytes(amount: int) -> str:
    """Return an amount for people: `512 MiB`, `1.5 GiB`."""
    mib = amount / 1024**2
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib:.0f} MiB"


def available_to_process(root: Path = Path("/")) -> int:
    """Return the memory in bytes there is for this process: the machine's, or a container's limit where that is less.

    Reads the limits of the process's own control group and of every one above it (version 2, else version 1).
    """
    import psutil

    limits = [int(psutil.virtual_memory().total), *_limits(root)]
    return min(limits)


def _limits(root: Path) -> list[int]:
    groups = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return []
    found = []
    for line in lines:
        _, controllers, own = line.split(":", 2)
        if not controllers:
            top, name = groups, "memory.max"
        elif "memory" in controllers.split(","):
            top, name = groups / "memory", "memory.limit_in_bytes"
        else:
            continue
        place = top / own.strip("/")
        # Inside a container the path is the host's and may not be there: then its own group is mounted at the top.
        for folder in (place, *place.parents):
            if not folder.is_relative_to(top):
                break
            with contextlib.suppress(OSError, ValueError):
                limit = int((folder / name).read_text(encoding="utf-8"))
                if 0 < limit < _UNLIMITED_BYTES:
                    found.append(limit)
    return found


def resident_bytes(*, with_children: bool = True) -> int:
    """Return the resident memory in bytes of this process and, if asked, of the processes it started."""
    import psutil

    this = psutil.Process()
    processes = [this, *(this.children(recursive=True) if with_children else ())]
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):  # gone meanwhile
            total += int(process.memory_info().rss)
    return total


def keep_one_arena() -> None:
    """Let all threads of this process share one pool of memory (glibc); to be called before they start.

    Of the pools that threads get otherwise, what was freed at their end is not handed back: a process that loaded and
    unloaded three sizes of Whisper again and again came to keep 13 MB, and with one pool 1 MB. Decoding is as fast.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Collect garbage and hand freed pages back to the system."""
    gc.collect()
    trim()


def trim() -> None:
    """Hand freed pages back to the system, which the C library (glibc) keeps otherwise; takes milliseconds."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
            ctypes.CDLL(None).malloc_trim(0)


def files_bytes(folder: Path) -> int:
    """Return what the files of a model's folder take on the disk, in bytes: the least that it takes when loaded."""
    return sum(place.stat().st_size for place in folder.iterdir() if place.is_file())
