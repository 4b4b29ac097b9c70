"""Who takes everything that is kept about them: one export for each person, few in all, since each fills the disk."""

from __future__ import annotations

import asyncio

from common.errors import CapacityError

MOST = 4
RETRY_S = 60


class ExportPlaces:
    """Gives places out, from before an export is written until it was sent; `writing` is held while one is written."""

    def __init__(self) -> None:
        self.writing = asyncio.Lock()
        self._people: set[str] = set()

    def take(self, person_id: str) -> None:
        """Take a place for somebody; raises CapacityError while they have one, or others have them all."""
        if person_id in self._people:
            raise CapacityError(
                "your export is being sent already; wait until it is here, then try again",
                retry_after_s=RETRY_S,
                code="capacity.exporting",
            )
        if len(self._people) >= MOST:
            raise CapacityError(
                "others are taking their exports now; try again in a minute",
                retry_after_s=RETRY_S,
                code="capacity.exporting",
            )
        self._people.add(person_id)

    def give_back(self, person_id: str) -> None:
        """Let somebody's place go."""
        self._people.discard(person_id)
