"""Positions of known value, and the mistakes that players make on them."""

from engine.truth.truth import ILLEGAL, TruthSet

__all__ = ["ILLEGAL", "TruthSet"]
