"""How the patient says what is released."""
