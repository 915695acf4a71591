"""The games that come with the engine; each is registered in the entry-point group `selfplay.games`."""
