"""Connect Four: the C++ rules, and what the game brings for training and for truth."""

from engine import _core


class Connect4(_core.Connect4):
    """Connect Four, seven columns of six; a move is a column from 1 to 7."""

    def solver(self, table_mb: int = 128) -> _core.Connect4Solver:
        """A new exact solver with a transposition table of `table_mb` MB."""
        return _core.Connect4Solver(table_mb)
