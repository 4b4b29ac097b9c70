"""The guard: reads what a language model would have the patient say, before the voice gets it."""
