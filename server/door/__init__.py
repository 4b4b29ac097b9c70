"""The outer door: who may be connected at all, for how long each step may take, and uvicorn's protocols with that."""
