"""Measures the language model that speaks for the patient."""
