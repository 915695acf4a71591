"""Games of users: rules in Python, and what else a game may bring."""

from engine.game.python_game import PythonGame, PythonState, board_symmetries

__all__ = ["PythonGame", "PythonState", "board_symmetries"]
