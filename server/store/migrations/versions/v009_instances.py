"""The directory of servers that share this database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "009"
down_revision = "008"


def upgrade() -> None:
    """Add the table; nothing is in it until a server of several starts."""
    op.create_table(
        "instances",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("address", sa.String(255), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("leads", sa.Boolean(), nullable=False),
        sa.Column("places", sa.BigInteger(), nullable=False),
        sa.Column("free", sa.BigInteger(), nullable=False),
        sa.Column("engines", sa.Text(), nullable=False),
        sa.Column("beat_ms", sa.BigInteger(), nullable=False),
    )
