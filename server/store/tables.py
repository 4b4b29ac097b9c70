"""The tables. Times are whole milliseconds since 1970 (UTC); of every token only the SHA-256 is kept.

A change here needs a migration in `migrations/versions`; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, MetaData, String, Table, Text, UniqueConstraint

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

facts = Table(
    "facts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

people = Table(
    "people",
    metadata,
    Column("id", String(32), primary_key=True),
    # Of what somebody types to log in, in one form (accounts/names.py), the keyed digest: see person_seals.py.
    Column("login_digest", String(254), nullable=False),
    # Log-in name and name, sealed; empty once erased.
    Column("names", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("password", Text, nullable=True),
    Column("made_ms", BigInteger, nullable=False),
    Column("password_ms", BigInteger, nullable=True),
    # The person's own key, wrapped: empty once destroyed. Null: an earlier version wrote the names in the plain.
    Column("wrapped_key", Text, nullable=True),
    UniqueConstraint("login_digest", name="uq_people_login"),
)

# People as the issuers of their accounts elsewhere know them; a subject says nothing to anybody else.
identities = Table(
    "identities",
    metadata,
    Column("issuer", String(255), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("person_id", ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("made_ms", BigInteger, nullable=False),
)

invitations = Table(
    "invitations",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("person_id", ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("made_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
)

logins = Table(
    "logins",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("person_id", ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("made_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    # Names of actions with spaces between them, "*" for all that a developer may do.
    Column("scopes", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=True),
    Column("revoked_ms", BigInteger, nullable=True),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("card_id", String(128), nullable=False),
    Column("card_title", Text, nullable=False),
    Column("mode", String(16), nullable=False),
    Column("person_id", ForeignKey("people.id", ondelete="SET NULL"), nullable=True),
    Column("state", String(16), nullable=False),
    Column("began_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger, nullable=True),
    Column("erased_ms", BigInteger, nullable=True),
    Column("turns", BigInteger, nullable=True),
    # How many lines the log has, and the SHA-256 of all of them: its head.
    Column("events", BigInteger, nullable=True),
    Column("head", String(64), nullable=True),
    # Of a practice: how many cues its card had, and how many of them were told.
    Column("cues", BigInteger, nullable=True),
    Column("cues_told", BigInteger, nullable=True),
    Index("ix_sessions_began", "began_ms", "id"),
    Index("ix_sessions_person", "person_id", "began_ms"),
)

consents = Table(
    "consents",
    metadata,
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("person_id", ForeignKey("people.id", ondelete="SET NULL"), nullable=True, index=True),
    Column("version", String(64), nullable=False),
    Column("text_digest", String(64), nullable=False),
    Column("given_ms", BigInteger, nullable=False),
)

holds = Table(
    "holds",
    metadata,
    # What is held: a session, or a person with all of theirs.
    Column("about", String(16), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("made_by", String(200), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
)

notes = Table(
    "notes",
    metadata,
    # A role-play may not be in the index yet when somebody writes about it.
    Column("session_id", String(64), primary_key=True),
    # Whoever writes it chooses it, so that what is sent twice is kept once.
    Column("id", String(32), primary_key=True),
    Column("author_id", String(64), nullable=False),
    Column("author", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("withdraws", String(32), nullable=True),
    Index("ix_notes_session", "session_id", "made_ms", "id"),
)

markings = Table(
    "markings",
    metadata,
    Column("session_id", String(64), primary_key=True),
    Column("examiner_id", String(64), primary_key=True),
    # Of an examiner's sheets on a session the first is 1; each takes the place of the one before, and none is changed.
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("examiner", String(200), nullable=False),
    Column("state", String(16), nullable=False),
    Column("sheet", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
)

# With fewer marks than are wanted: no more will come.
marking_closings = Table(
    "marking_closings",
    metadata,
    Column("session_id", String(64), primary_key=True),
    Column("marks", BigInteger, nullable=False),
    # A person's id, or a key's name.
    Column("closed_by", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("closed_ms", BigInteger, nullable=False),
)

exams = Table(
    "exams",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("title", String(200), nullable=False),
    Column("candidate_id", ForeignKey("people.id", ondelete="SET NULL"), nullable=True, index=True),
    # It may be begun from then until then.
    Column("opens_ms", BigInteger, nullable=False),
    Column("closes_ms", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("begun_ms", BigInteger, nullable=True),
    Column("closed_ms", BigInteger, nullable=True),
    Column("voided_ms", BigInteger, nullable=True),
    Column("voided_by", String(64), nullable=True),
    Column("void_reason", Text, nullable=True),
    Index("ix_exams_opens", "opens_ms", "id"),
)

exam_parts = Table(
    "exam_parts",
    metadata,
    Column("exam_id", ForeignKey("exams.id", ondelete="CASCADE"), primary_key=True),
    # 1 and 2; the warm-up before them has no card of its own.
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("card_id", String(128), nullable=False),
    Column("card_title", Text, nullable=False),
)

exam_examiners = Table(
    "exam_examiners",
    metadata,
    Column("exam_id", ForeignKey("exams.id", ondelete="CASCADE"), primary_key=True),
    Column("person_id", ForeignKey("people.id", ondelete="CASCADE"), primary_key=True, index=True),
)

# A session is known here before it is joined, and in `sessions` from then on.
exam_sessions = Table(
    "exam_sessions",
    metadata,
    Column("session_id", String(64), primary_key=True),
    Column("exam_id", ForeignKey("exams.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("part", BigInteger, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("voided_ms", BigInteger, nullable=True),
    Column("voided_by", String(64), nullable=True),
    Column("void_reason", Text, nullable=True),
)

exam_incidents = Table(
    "exam_incidents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("exam_id", ForeignKey("exams.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("session_id", String(64), nullable=True),
    Column("at_ms", BigInteger, nullable=False),
    # A person's id, a key's, or what of the server noticed it.
    Column("by", String(64), nullable=False),
    Column("what", String(64), nullable=False),
    Column("reason", Text, nullable=False),
)

# Of several servers that share this database, each tells here every second that it lives.
instances = Table(
    "instances",
    metadata,
    Column("name", String(64), primary_key=True),
    # Where the others reach it.
    Column("address", String(255), nullable=False),
    Column("version", String(32), nullable=False),
    # ready, draining, or why it is not ready.
    Column("state", Text, nullable=False),
    Column("leads", Boolean, nullable=False),
    Column("places", BigInteger, nullable=False),
    Column("free", BigInteger, nullable=False),
    # Its engines by their kind, as JSON.
    Column("engines", Text, nullable=False),
    # By the database's clock, which is one for all.
    Column("beat_ms", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("action", String(64), nullable=False),
    Column("content_digest", String(64), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
)

# Apart from the chain, so that what is personal can be erased while the chain still proves itself.
audit_contents = Table(
    "audit_contents",
    metadata,
    Column("seq", ForeignKey("audit.seq"), primary_key=True, autoincrement=False),
    Column("salt", String(64), nullable=False),
    Column("content", Text, nullable=False),
)
