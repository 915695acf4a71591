"""Events: who plays whom, the log of games, what they say of the players, and a pool that goes on."""
