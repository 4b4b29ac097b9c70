"""People with accounts: their names and passwords, how they get in, what limits guessing, and the keys of programs."""
