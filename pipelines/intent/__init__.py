"""What the candidate asked for: acts, cues, and how surely."""
