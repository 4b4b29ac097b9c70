"""Said as people say it: figures, units, abbreviations and symbols of a written clause as the words that say them."""
