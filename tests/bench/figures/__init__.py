"""The figures of docs/benchmarks.md: JSON files in docs/benchmarks, one a section, from which the page is made."""
