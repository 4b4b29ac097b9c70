"""Benches and evaluations: figures that anyone can measure again."""
