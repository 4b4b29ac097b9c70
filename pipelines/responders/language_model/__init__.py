"""A language model on this machine words the patient's replies."""
