"""Role-plays whose marking was closed with fewer marks than are wanted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "010"
down_revision = "009"


def upgrade() -> None:
    """Add the table; each role-play waits for all its marks until somebody closes it."""
    op.create_table(
        "marking_closings",
        sa.Column("session_id", sa.String(64), primary_key=True),
        sa.Column("marks", sa.BigInteger(), nullable=False),
        sa.Column("closed_by", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("closed_ms", sa.BigInteger(), nullable=False),
    )
