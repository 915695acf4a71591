"""Connect Four: the C++ rules, and what the game brings for training and for truth."""

from engine import _core


class Connect4(_core.Connect4):
    """Connect Four, seven columns of six; a move is a column from 1 to 7."""
