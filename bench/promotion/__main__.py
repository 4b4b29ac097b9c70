"""`python -m bench.promotion STAGE`: run the gates that a stage demands, and say whether this build may go there."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Annotated

import typer

from bench.promotion.gate_run import GateOutcome, run_gate
from bench.promotion.gates_file import GatesFile
from bench.promotion.promotion_report import Promotion
from common.errors import SettingsError
from server.metrics import package_version
from server.paths import ROOT

EXIT_WRONG = 2
GATES = Path("deploy") / "gates.yaml"


def promote(
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="Where the build is to go: dev, staging, production.")],
    only: Annotated[list[str] | None, typer.Option(metavar="GATE", help="Only this gate; again for more.")] = None,
    waive: Annotated[
        list[str] | None, typer.Option(metavar="GATE=REASON", help="Do without a gate that may be waived.")
    ] = None,
    timeout: Annotated[
        list[str] | None, typer.Option(metavar="GATE=SECONDS", help="Another time for a gate than the file's.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="For the report; else .cache/promotion/STAGE.")
    ] = None,
    tree: Annotated[Path, typer.Option(metavar="FOLDER", help="The checkout that is promoted.")] = ROOT,
    gates: Annotated[Path | None, typer.Option(metavar="FILE", help="The gates; else deploy/gates.yaml.")] = None,
) -> None:
    """Run every gate that STAGE demands, and say whether this build may go there.

    Exit 0: it may. 1: a gate failed. 2: the command or the file of gates is wrong. 3: a gate was not run.
    """
    try:
        file = GatesFile.load(gates or tree / GATES)
        if stage not in file.stages:
            raise SettingsError(f"there is no stage {stage}; there are {', '.join(file.stages)}")
        demanded = file.demanded(stage)
        chosen = _known(only or [], demanded, "--only") or demanded
        waived = _pairs(waive or [], demanded, "--waive")
        if firm := [name for name in waived if not file.gates[name].waivable]:
            raise SettingsError(f"--waive: {', '.join(firm)} can't be waived")
        times = {name: _seconds(name, text) for name, text in _pairs(timeout or [], demanded, "--timeout").items()}
        folder = (to or tree / ".cache" / "promotion" / stage).absolute()
        folder.mkdir(parents=True, exist_ok=True)
    except (SettingsError, OSError) as error:
        typer.echo(error.message if isinstance(error, SettingsError) else str(error), err=True)
        raise typer.Exit(EXIT_WRONG) from None
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    outcomes = []
    for name in demanded:
        gate = file.gates[name]
        if name in waived:
            outcomes.append(GateOutcome(name, gate.says, "waived", waived[name]))
        elif name not in chosen:
            outcomes.append(GateOutcome(name, gate.says, "skipped", "it was not chosen (--only)"))
        else:
            typer.echo(f"{name} ...", err=True)
            seconds = times.get(name, gate.timeout_s)
            outcomes.append(
                run_gate(name, gate, stage=stage, root=tree.absolute(), folder=folder / name, timeout_s=seconds)
            )
            typer.echo(f"{name}: {outcomes[-1].outcome}", err=True)
    commit, changed = _commit(tree)
    told = Promotion(stage, package_version(), commit, changed, began, tuple(outcomes))
    (folder / "report.json").write_text(json.dumps(told.as_json(), indent=2) + "\n", encoding="utf-8")
    (folder / "report.txt").write_text(told.as_text(), encoding="utf-8")
    typer.echo(told.as_text(), nl=False)
    typer.echo(f"The report is in {folder}.", err=True)
    raise typer.Exit(told.exit_status)


def _known(names: list[str], demanded: list[str], option: str) -> list[str]:
    if strange := [name for name in names if name not in demanded]:
        raise SettingsError(f"{option}: {', '.join(strange)} is no gate of this stage; they are {', '.join(demanded)}")
    return names


def _pairs(texts: list[str], demanded: list[str], option: str) -> dict[str, str]:
    pairs = {name: value for name, _, value in (text.partition("=") for text in texts)}
    _known(list(pairs), demanded, option)
    if bare := [name for name, value in pairs.items() if not value.strip()]:
        raise SettingsError(f"{option}: say what of {', '.join(bare)}, after '='")
    return pairs


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise SettingsError(f"--timeout: {name}={text} is no number of seconds")
    return seconds


def _commit(tree: Path) -> tuple[str, bool]:
    """Return the commit of a checkout, and whether it has what no commit has."""

    def git(*words: str) -> str:
        told = subprocess.run(["git", *words], cwd=tree, capture_output=True, text=True, check=False)  # noqa: S603, S607
        return told.stdout.strip()

    return git("rev-parse", "HEAD") or "unknown", bool(git("status", "--porcelain"))


if __name__ == "__main__":
    typer.run(promote)
