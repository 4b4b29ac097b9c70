"""Measuring the guard: lines that it must let through, lines that it must block, and a model that leaks."""
