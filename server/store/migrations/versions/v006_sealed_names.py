"""People's names under their own keys. The next start seals what stands there in the plain: it has the keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "006"
down_revision = "005"


def upgrade() -> None:
    """Rename the columns of names, and add the one of keys; a row without a key is in the plain."""
    # By name and not by Alembic: for SQLite it would make the table anew, and with it drop all that points to it.
    op.execute("ALTER TABLE people RENAME COLUMN login TO login_digest")
    op.add_column("people", sa.Column("names", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE people SET names = name")
    op.execute("ALTER TABLE people DROP COLUMN name")
    op.add_column("people", sa.Column("wrapped_key", sa.Text(), nullable=True))
