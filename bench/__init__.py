"""Measuring, from outside the server: the simulated candidate, benches and evaluations, and their commands."""
