"""Commands on games: train, measure, play, and look into records."""
