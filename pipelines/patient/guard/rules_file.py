"""The file of the rules, read again when it has changed; a bad one leaves the rules as they were, and says so."""

from __future__ import annotations

import hashlib
from pathlib import Path

import structlog

from common.errors import EngineError
from pipelines.patient.guard.guard_rules import GuardRules

logger = structlog.get_logger("pipelines.guard")

DIGITS = 12


class RulesFile:
    """The rules of a file as they stand; `digest` names them in the log, `problem` says what is wrong with the file."""

    def __init__(self, path: Path) -> None:
        """Read the file; raises EngineError (`guard.rules`): without rules there is no guard."""
        self.path = path
        self.problem = ""
        self._seen = self._stamp()
        data = self._read()
        self.rules = GuardRules.parse(data, name=str(path))
        self.digest = _digest(data)

    def refresh(self) -> bool:
        """Read the file again if it has changed; return whether the rules are others now."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            data = self._read()
            rules = GuardRules.parse(data, name=str(self.path))
        except EngineError as error:
            self.problem = error.message
            logger.error("guard_rules_refused", file=str(self.path), reason=error.message, kept=self.digest)
            return False
        self.problem, changed = "", _digest(data) != self.digest
        if changed:
            self.rules, self.digest = rules, _digest(data)
            logger.info("guard_rules_read", file=str(self.path), digest=self.digest)
        return changed

    def _read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            reason = error.strerror or str(error)
            raise EngineError(
                f"the guard's rules {self.path} can't be read ({reason}): set engines.guard_rules", code="guard.rules"
            ) from error

    def _stamp(self) -> tuple[int, int, int]:
        try:
            found = self.path.stat()
        except OSError:
            return (0, 0, 0)
        return found.st_mtime_ns, found.st_size, found.st_ino


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGITS]
