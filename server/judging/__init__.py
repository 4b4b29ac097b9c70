"""The judge of the patient: a language model that says afterwards whether its replies kept the rules."""
