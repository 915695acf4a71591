"""What a run keeps: its directory, the table of episodes, data sets for other programs."""
