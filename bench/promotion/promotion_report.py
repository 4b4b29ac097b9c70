"""What a promotion came to: for programs as JSON, for people as text, for the shell as an exit status."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from bench.promotion.gate_run import GateOutcome

EXIT_PROMOTED, EXIT_FAILED, EXIT_INCOMPLETE = 0, 1, 3
"""A fault of the file of gates or of an option exits with 2, as every command does."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """Whether a build may go to a stage: every gate that the stage demands, and what came of it."""

    stage: str
    version: str
    commit: str
    # Whether the tree has what no commit has.
    changed: bool
    began: str
    gates: tuple[GateOutcome, ...]

    @property
    def exit_status(self) -> int:
        """0: it may go; 1: a gate failed; 3: nothing failed, but a gate that is demanded was not run."""
        outcomes = {gate.outcome for gate in self.gates}
        if "fail" in outcomes:
            return EXIT_FAILED
        return EXIT_INCOMPLETE if "skipped" in outcomes else EXIT_PROMOTED

    @property
    def verdict(self) -> str:
        """The outcome in a sentence."""
        count = Counter(gate.outcome for gate in self.gates)
        if self.exit_status == EXIT_FAILED:
            return f"may not go to {self.stage}: {count['fail']} of {len(self.gates)} gates failed"
        if self.exit_status == EXIT_INCOMPLETE:
            return f"may not go to {self.stage} yet: {count['skipped']} of {len(self.gates)} gates were not run"
        waived = f", {count['waived']} waived" if count["waived"] else ""
        return f"may go to {self.stage}: all {len(self.gates)} gates passed{waived}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "stage": self.stage,
            "version": self.version,
            "commit": self.commit,
            "changed": self.changed,
            "began": self.began,
            "verdict": self.verdict,
            "exit_status": self.exit_status,
            "gates": [gate.as_json() for gate in self.gates],
        }

    def as_text(self) -> str:
        """Return it as lines for people: each gate, and of those that failed what they said last."""
        changed = ", with changes that no commit has" if self.changed else ""
        lines = [f"Version {self.version}, commit {self.commit}{changed}, {self.began}", ""]
        wide = max(len(gate.name) for gate in self.gates)
        for gate in self.gates:
            took = f" ({gate.seconds:.1f} s)" if gate.command else ""
            lines.append(f"{gate.outcome:<8} {gate.name:<{wide}}  {gate.says}{took}")
            if gate.reason:
                lines.append(f"{'':<8} {'':<{wide}}  {gate.reason}")
            if gate.outcome == "fail":
                lines += [f"{'':<8} {'':<{wide}}  | {line}" for line in gate.tail[:-1]]
        return "\n".join([*lines, "", f"This build {self.verdict}.", ""])
