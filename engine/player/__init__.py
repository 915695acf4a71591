"""Players: whatever has a name and can be asked for moves and for what it thinks of a position."""

from engine.player.name import find_game, load_player
from engine.player.player import Analysis, Player

__all__ = ["Analysis", "Player", "find_game", "load_player"]
