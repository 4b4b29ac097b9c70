"""What so many people need: a simulation of a busy day on measured instances (`python -m bench.scale`)."""
