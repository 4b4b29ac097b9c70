"""Other people's clients of the protocol, unmodified, each holding a spoken turn (`scripts/nightly-stock-clients`)."""
