"""Measures patients' voices: how fast, how clear, how loud, and whether word times are right."""
