"""How the keeping of records is, for `/health`: backups, the list of erasures, and the retention."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Work = Literal["backup", "erasures", "retention"]


@dataclass(slots=True)
class KeepingHealth:
    """What went wrong last in each kind of work, None where it went well."""

    faults: dict[Work, str] = field(default_factory=dict)

    def note(self, work: Work, fault: str | None) -> None:
        """Note how work went."""
        if fault is None:
            self.faults.pop(work, None)
        else:
            self.faults[work] = fault

    def as_json(self) -> dict[str, str]:
        """Return it as plain data: ok, or what is wrong."""
        kinds: tuple[Work, ...] = ("backup", "erasures", "retention")
        return {kind: self.faults.get(kind, "ok") for kind in kinds}
