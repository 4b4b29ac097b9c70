"""Backups of the database and the data folder: made while the server runs, checked, kept for a while, restored.

The database is copied first and the files after it. What the database tells of is in the files by then, since a log is
on the disk before the index hears of it; what the files have beyond it, a start takes over as after a crash.
"""
