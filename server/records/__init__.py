"""What is left of a role-play: its folder, its record, what a candidate is shown afterwards, and the consent to it."""
