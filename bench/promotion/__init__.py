"""Promotion of a build from stage to stage: gates that a file names, run one by one, and the report of what they said.

`scripts/promote` begins it; `deploy/gates.yaml` says what each stage demands.
"""
