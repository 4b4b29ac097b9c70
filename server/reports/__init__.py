"""The statistics of a report: `interlocutor replay` and the latency page have their figures from here."""
