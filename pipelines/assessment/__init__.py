"""What a role-play shows of the candidate's speech and questions: measures with evidence, never a mark."""
