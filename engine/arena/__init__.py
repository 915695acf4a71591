"""Openings, matches and ratings of players."""
