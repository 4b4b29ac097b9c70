"""Traces that OpenTelemetry's own packages send; `scripts/nightly-tracing` brings them and runs these."""
