"""Who speaks for the patient best: the card's words, a language model here, or one elsewhere, on the same questions."""
