"""Settings: one frozen tree, and the layers, secrets, names and profiles that it is read from."""
