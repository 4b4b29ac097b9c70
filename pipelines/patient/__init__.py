"""The patient: cards, cues and the words they are told in."""
