"""How many cues were told in a practice."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "008"
down_revision = "007"


def upgrade() -> None:
    """Add the two columns; of role-plays that are over already nothing is known."""
    op.add_column("sessions", sa.Column("cues", sa.BigInteger(), nullable=True))
    op.add_column("sessions", sa.Column("cues_told", sa.BigInteger(), nullable=True))
