"""Nightly: schemathesis asks every route of the HTTP API for what nobody would ask, as everybody who may come."""
