"""Every registered game as an environment: Gymnasium for one agent, PettingZoo for two."""
