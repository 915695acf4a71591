"""How other programs talk to a trained player."""
