"""When a pause is the end of a turn: evidence in, a wait out."""
