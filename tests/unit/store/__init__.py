"""The database: one suite, on SQLite and on PostgreSQL."""
