"""Games played for training: callers, records, resignation, actors."""
