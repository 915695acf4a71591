"""UCI: a player for chess clients, and for any game whose positions and moves are written that way."""
