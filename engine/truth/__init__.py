"""Positions of known value, and the mistakes that players make on them."""

from engine.game.truth_set import ILLEGAL, TruthSet

__all__ = ["ILLEGAL", "TruthSet"]
