"""Commands of GTP 2 and of what clients add to it, by what they are about."""
