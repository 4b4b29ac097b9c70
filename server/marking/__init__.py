"""Marks on the nine criteria: what can be marked, who sees what when, and what comes of two examiners."""
