"""What examiners have signed, over all role-plays: the outcome of each, and how far they agree."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from server.marking.coefficients import make_coefficients
from server.marking.marker_agreement import MarkerAgreement, Pair, pairs_of
from server.marking.outcome import MarkingOutcome, Signed, outcome_of
from server.marking.sheet import Sheet
from server.settings.marking import MarkingSettings
from server.store import marking_closings, markings
from server.store.markings import Marking
from server.store.store import Store


def outcome_of_rows(
    rows: Iterable[Marking], settings: MarkingSettings, *, closed_with: int | None = None
) -> MarkingOutcome:
    """Return what comes of a role-play's rows; of each examiner the last sheet that was signed stands.

    `closed_with` is the number of marks that it was closed with, None where it was not.
    """
    standing: dict[str, Signed] = {}
    for row in rows:
        if row.state == "signed":
            sheet = Sheet.model_validate_json(row.sheet)
            first_ms = standing[row.examiner_id].signed_ms if row.examiner_id in standing else row.made_ms
            standing[row.examiner_id] = Signed(row.examiner_id, row.examiner, sheet, first_ms)
    return outcome_of(list(standing.values()), settings, closed_with=closed_with)


async def outcome_of_session(connection: AsyncConnection, session_id: str, settings: MarkingSettings) -> MarkingOutcome:
    """Return what comes of all that was signed on a role-play."""
    rows = await markings.of_session(connection, session_id)
    closing = await marking_closings.of_session(connection, session_id)
    return outcome_of_rows(rows, settings, closed_with=closing.marks if closing is not None else None)


async def all_pairs(store: Store, settings: MarkingSettings) -> tuple[list[Pair], dict[str, str]]:
    """Return all pairs of marks that were given blind, and the examiners' names by their ids."""
    async with store.database.reading() as connection:
        rows = await markings.signed_everywhere(connection)
    sessions = [(session_id, list(each)) for session_id, each in groupby(rows, key=lambda row: row.session_id)]
    names = {row.examiner_id: row.examiner for row in rows}
    return pairs_of((session_id, outcome_of_rows(each, settings)) for session_id, each in sessions), names


async def examiners_agreement(store: Store, settings: MarkingSettings) -> dict[str, Any]:
    """Return how far examiners agree, with the coefficients where there is enough to make them of."""
    agreement = MarkerAgreement(*await all_pairs(store, settings), wanted=settings.coefficients_from)
    made = await make_coefficients(agreement.asked(), python=settings.statistics_python)
    return agreement.as_json(made)
