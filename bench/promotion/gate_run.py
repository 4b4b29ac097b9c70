"""One gate, run: a command in a process group of its own, within its time; what it said, and what is made of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.promotion.gates_file import ReleaseGate

Outcome = Literal["pass", "fail", "skipped", "waived"]

# As automake has it: there was nothing to look at here. The last line that was written says why.
EXIT_SKIPPED = 77
TAIL_LINES = 12
LONGEST_LINE = 300
GONE_WITHIN_S = 5.0
# Other braces are the command's own.
_PLACE = re.compile(r"\{(?:stage|python|out)\}")


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """What came of a gate: its outcome, the reason in a line, and what it ran."""

    name: str
    says: str
    outcome: Outcome
    reason: str
    seconds: float = 0.0
    command: tuple[str, ...] = ()
    exit_status: int | None = None
    figures: dict[str, float | None] = field(default_factory=dict)
    kept: Any = None
    tail: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def run_gate(name: str, gate: ReleaseGate, *, stage: str, root: Path, folder: Path, timeout_s: float) -> GateOutcome:
    """Run a gate in `root`, with `folder` for what it writes; all that it printed is in `output.txt` there."""
    # Figures of an earlier run must not stand for those that this run did not write.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    places = {"{stage}": stage, "{python}": sys.executable, "{out}": str(folder)}
    command = tuple(_PLACE.sub(lambda found: places[found[0]], word) for word in gate.run)
    output, began_s = folder / "output.txt", time.monotonic()
    try:
        status = _run(command, root=root, output=output, timeout_s=timeout_s)
    except OSError as error:
        return GateOutcome(name, gate.says, "fail", f"{command[0]} can't be run: {error.strerror}", command=command)
    seconds = round(time.monotonic() - began_s, 2)
    tail = _tail(output)
    figures: dict[str, float | None] = {}
    kept: Any = None
    outcome: Outcome = "fail"
    if status is None:
        reason = f"it took longer than {timeout_s:g} s and was ended"
    elif status == EXIT_SKIPPED:
        outcome, reason = "skipped", tail[-1] if tail else "it did not say why"
    elif status != 0:
        reason = f"exit status {status}: {tail[-1] if tail else 'it said nothing'}"
    else:
        figures, faults = _judged(gate, folder)
        try:
            kept = json.loads((folder / gate.kept).read_text(encoding="utf-8")) if gate.kept is not None else None
        except (OSError, ValueError):
            faults = [*faults, f"it wrote nothing that can be kept to {gate.kept}"]
        told = "; ".join(f"{figure} {value:g}" for figure, value in figures.items() if value is not None)
        outcome, reason = ("fail", "; ".join(faults)) if faults else ("pass", told or (tail[-1] if tail else ""))
    return GateOutcome(name, gate.says, outcome, reason, seconds, command, status, figures, kept, tail)


def _run(command: tuple[str, ...], *, root: Path, output: Path, timeout_s: float) -> int | None:
    """Return the exit status, or None when the time was up; whatever the command began has ended by then."""
    # Programs of this environment come first, so that `interlocutor` is the one of this checkout.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(root)}
    with output.open("wb") as to:
        process = subprocess.Popen(  # noqa: S603 - a command of the operator's own file
            command,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=to,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End what the command has left running, kindly at first."""
    for which in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, which)
        except (ProcessLookupError, PermissionError):
            break
        try:
            process.wait(GONE_WITHIN_S)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def _tail(output: Path) -> tuple[str, ...]:
    lines = output.read_text(encoding="utf-8", errors="replace").splitlines()
    said = [line.strip()[:LONGEST_LINE] for line in lines if line.strip()]
    return tuple(said[-TAIL_LINES:])


def _judged(gate: ReleaseGate, folder: Path) -> tuple[dict[str, float | None], list[str]]:
    """Return the figures that are limited, and what is wrong with them."""
    if gate.figures is None:
        return {}, []
    try:
        told = json.loads((folder / gate.figures).read_text(encoding="utf-8"))["figures"]
        known: dict[str, float | None] = {figure["name"]: figure["value"] for figure in told}
    except (OSError, ValueError, KeyError, TypeError):
        return {}, [f"it wrote no figures to {gate.figures}"]
    limited = {limit.figure: known.get(limit.figure) for limit in gate.limits}
    return limited, [fault for limit in gate.limits if (fault := limit.fault(limited[limit.figure])) is not None]
