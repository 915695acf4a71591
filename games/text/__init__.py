"""Text tasks: problems with verifiers, that plug in like games."""
