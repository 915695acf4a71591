"""Players, openings, matches and ratings."""
