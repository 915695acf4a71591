"""Chess: the C++ rules of the standard game, Chess960 and Gardner's game, and their presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from engine import _core
from games.opening import read_suite

USUAL_START = 518
"""Of the 960."""


class _Recorded(_core.Chess):
    def __init__(self, variant: str, draws: str, start: int, history: int, max_plies: int) -> None:
        super().__init__(variant, draws, start, history, max_plies)
        self._options: dict[str, Any] = {"draws": draws, "history": history, "max_plies": max_plies}
        self._start = start

    def uci_games(self) -> dict[str, tuple[_core.Game, _core.Game | None]]:
        """Chess with Chess960, and Gardner's game, with the options of this one; its own first."""
        eight = Chess(**self._options), Chess960(self._start, **self._options)
        games: dict[str, tuple[_core.Game, _core.Game | None]]
        games = {"chess": eight, "gardner": (Gardner(**self._options), None)}
        return games if self.initial().encode().shape[-1] == 8 else dict(reversed(games.items()))

    def without_claims(self) -> _core.Game:
        """Played on after the third occurrence and after 50 moves."""
        return self._with(self._options | {"draws": "fide"})

    def _with(self, options: Mapping[str, Any]) -> _core.Game:
        return type(self)(**options)

    record_suffix = "pgn"
    """Of the files that hold `record_text`."""

    first_color = "white"
    """Who moves first."""

    def describe(self, state: _core.State) -> dict[str, Any]:
        """What the rules service adds."""
        assert isinstance(state, _core.ChessState)
        return {"fen": state.fen(), "repetitions": state.repetitions()}

    def record_text(self, state: _core.State, tags: Mapping[str, str]) -> str:
        """The game as PGN; `tags` are those of engine.game.offer.HasRecordText."""
        from games.records.pgn import writer as pgn

        names = {"event": "Event", "round": "Round", "date": "Date", "first": "White", "second": "Black"}
        written = {names[key]: value for key, value in tags.items() if key in names}
        if "winner" in tags:
            written["Result"] = {"first": "1-0", "second": "0-1", "none": "1/2-1/2"}[tags["winner"]]
        if "termination" in tags:
            words = {"time": "time forfeit", "illegal": "rules infraction", "resignation": "normal"}
            written["Termination"] = words.get(tags["termination"], tags["termination"])
        return pgn.write(self, state, written)


class Chess(_Recorded):
    """Chess; moves in UCI or SAN, positions in FEN or EPD.

    Args:
        draws: `threefold` ends the game at the third occurrence of a position and after 50 moves, `fide` at
            the fifth and after 75.
        history: earlier positions in the planes, 0 to 7.
        max_plies: a draw after so many; 0 for as many as the rules allow.
    """

    uci_variant = "chess"
    """As `UCI_Variant` names it."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "default": {
            "network": {"blocks": 4},
            "selfplay": {
                "simulations": 80,
                "fast_simulations": 16,
                "full_search_fraction": 0.5,
                "max_opening_plies": 4,
                "temperature_half_life": 15.0,
            },
            "loop": {"positions": 4096},
        },
        "large": {
            "network": {"channels": 128, "blocks": 10},
            "selfplay": {"simulations": 400, "max_opening_plies": 4, "temperature_half_life": 15.0},
        },
    }
    """Settings over the defaults of engine.config, by name."""

    def openings(self) -> list[str]:
        """Well-known ones, as moves."""
        return read_suite("chess")

    def __init__(self, draws: str = "threefold", history: int = 1, max_plies: int = 0) -> None:
        super().__init__("standard", draws, USUAL_START, history, max_plies)


class Chess960(_Recorded):
    """Chess960; castling is the king taking its rook. `start` is the number of the start, 0 to 959."""

    uci_variant = "chess960"
    """As `UCI_Variant` names it."""

    presets = Chess.presets
    """Settings over the defaults of engine.config, by name."""

    def _with(self, options: Mapping[str, Any]) -> _core.Game:
        return Chess960(self._start, **options)

    def __init__(
        self, start: int = USUAL_START, draws: str = "threefold", history: int = 1, max_plies: int = 0
    ) -> None:
        super().__init__("chess960", draws, start, history, max_plies)

    def openings(self) -> list[str]:
        """Every twentieth of the 960 starts, as FEN."""
        starts = (_core.Chess("chess960", start=number).initial() for number in range(0, 960, 20))
        return [start.fen() for start in starts if isinstance(start, _core.ChessState)]


class Gardner(_Recorded):
    """Gardner's chess on five by five: no castling, no double step, otherwise as chess."""

    uci_variant = "gardner"
    """As `UCI_Variant` names it."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "default": {
            "network": {"blocks": 4},
            "selfplay": {"full_search_fraction": 0.5, "max_opening_plies": 4},
        },
    }
    """Settings over the defaults of engine.config, by name."""

    def __init__(self, draws: str = "threefold", history: int = 1, max_plies: int = 0) -> None:
        super().__init__("gardner", draws, USUAL_START, history, max_plies)

    def openings(self) -> list[str]:
        """Two and four plies, as moves."""
        return read_suite("gardner")
