"""Models: the catalogue, how they reach the machine, and how they are loaded and let go."""
