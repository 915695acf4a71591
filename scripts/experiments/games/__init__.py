"""Experiments on games."""
