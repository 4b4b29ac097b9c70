"""The database: people, keys, the index of sessions, consents and the audit, on SQLite or PostgreSQL.

The event log of a session stays a file in its folder; the database holds what has to be found, and proved, across
sessions. No conversation waits for it: what a role-play has to say to it is queued (`ledger.py`).
"""
