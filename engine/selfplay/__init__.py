"""Games played for training: actors, callers, resignation, the table of finished games."""
