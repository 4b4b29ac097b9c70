"""Exams: their schedule, and how one is sat."""
