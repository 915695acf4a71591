"""The loop on games."""
