"""The games that come with the engine; each registers itself in the entry-point group `selfplay.games`."""
