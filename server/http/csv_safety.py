"""Texts that people write, in tables that spreadsheets open."""

from __future__ import annotations


def safe_cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
