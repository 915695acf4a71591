"""Text tasks with exact verifiers."""
