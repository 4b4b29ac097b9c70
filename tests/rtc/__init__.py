"""What tests of calls need: a caller, and a network that loses packets."""
