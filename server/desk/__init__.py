"""The examiners' desk: who follows which role-play, and what they are sent."""
