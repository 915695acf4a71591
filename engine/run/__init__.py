"""The run directory: files that survive a crash, commits, settings, metrics."""
