"""Self-play with tree search: game, search, selfplay, replay, learner, checkpoint, arena."""
