"""Completions of many prompts side by side, drawn independently or without replacement."""
