"""Commands of the loop on text."""
