"""Exams: their parts, examiners, sessions and incidents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "007"
down_revision = "006"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "exams",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("candidate_id", sa.String(32), nullable=True),
        sa.Column("opens_ms", sa.BigInteger(), nullable=False),
        sa.Column("closes_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("begun_ms", sa.BigInteger(), nullable=True),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.Column("voided_ms", sa.BigInteger(), nullable=True),
        sa.Column("voided_by", sa.String(64), nullable=True),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_exams"),
        sa.ForeignKeyConstraint(["candidate_id"], ["people.id"], name="fk_exams_candidate_id", ondelete="SET NULL"),
    )
    op.create_index("ix_exams_candidate_id", "exams", ["candidate_id"])
    op.create_index("ix_exams_opens", "exams", ["opens_ms", "id"])
    op.create_table(
        "exam_parts",
        sa.Column("exam_id", sa.String(32), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("card_id", sa.String(128), nullable=False),
        sa.Column("card_title", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("exam_id", "number", name="pk_exam_parts"),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name="fk_exam_parts_exam_id", ondelete="CASCADE"),
    )
    op.create_table(
        "exam_examiners",
        sa.Column("exam_id", sa.String(32), nullable=False),
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("exam_id", "person_id", name="pk_exam_examiners"),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name="fk_exam_examiners_exam_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_exam_examiners_person_id", ondelete="CASCADE"),
    )
    op.create_index("ix_exam_examiners_person_id", "exam_examiners", ["person_id"])
    op.create_table(
        "exam_sessions",
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("exam_id", sa.String(32), nullable=False),
        sa.Column("part", sa.BigInteger(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("voided_ms", sa.BigInteger(), nullable=True),
        sa.Column("voided_by", sa.String(64), nullable=True),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("session_id", name="pk_exam_sessions"),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name="fk_exam_sessions_exam_id", ondelete="CASCADE"),
    )
    op.create_index("ix_exam_sessions_exam_id", "exam_sessions", ["exam_id"])
    op.create_table(
        "exam_incidents",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("exam_id", sa.String(32), nullable=False),
        sa.Column("session_id", sa.String(64), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("what", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_exam_incidents"),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name="fk_exam_incidents_exam_id", ondelete="CASCADE"),
    )
    op.create_index("ix_exam_incidents_exam_id", "exam_incidents", ["exam_id"])
