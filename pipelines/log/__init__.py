"""The session log: an append-only record that everybody reads, and the disk thread that keeps it."""
