"""The latency page for developers: its routes and settings."""
