"""What a game may bring beside its rules, all of it by choice: a protocol an offer, and a table of them.

A game makes an offer by having the attribute or the method; None in its place withdraws it. The engine asks
through engine.game.inquiry alone, which refuses by name what has another form than is declared here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Protocol

from engine._core import Game, State
from engine.game.truth_set import TruthSet


class HasPresets(Protocol):
    """Settings of its own, asked for by every command that trains or measures speed."""

    @property
    def presets(self) -> Mapping[str, Mapping[str, Any]]:
        """By name, a layer over the defaults of engine.config each; `default` is taken without asking."""


class HasAsymmetricStart(Protocol):
    """Symmetries that turn the first position into another, asked for where the laws are checked."""

    @property
    def start_is_symmetric(self) -> bool:
        """False where some symmetry does not keep the start; True for all who do not say."""


class HasSource(Protocol):
    """Where its rules stand, named in messages about them. Games in Python and Numba have it already."""

    def source(self) -> str:
        """file:line of what makes its moves."""


class HasPositionText(Protocol):
    """A notation of positions beyond the moves that lead there, asked for wherever one is written.

    Games in Python and Numba have it already: the moves.
    """

    def position_text(self, state: State) -> str:
        """What `Game.parse` reads as this position, on one line."""


class HasDescription(Protocol):
    """More to say of a position, asked for by `selfplay rules` and by the readers of records."""

    def describe(self, state: State) -> Mapping[str, Any]:
        """Fields to add to an answer, as JSON has them."""


class HasRecordSuffix(Protocol):
    """A file format of its own for played games, in which a run leaves a sample of each iteration."""

    @property
    def record_suffix(self) -> str:
        """Of its files, without the dot."""


class HasRecordText(Protocol):
    """What writes that format; it goes with `record_suffix`."""

    def record_text(self, state: State, tags: Mapping[str, str]) -> str:
        """The game that led to `state`, over or not.

        tags: event, round, date, first and second (the players' names), as far as they are known; and where
            the game did not end by its rules, winner (`first`, `second` or `none`) and termination
            (`resignation`, `adjudication`, or a forfeit's kind: `time`, `illegal`, `crash` …).
        """


class HasOpenings(Protocol):
    """Balanced positions to begin matches from, which `arena --openings suite` plays."""

    def openings(self) -> Iterable[str]:
        """What `Game.parse` reads; none over, none turned or mirrored into another. None for some options."""


class HasTruthSets(Protocol):
    """Positions of known value, on which `train` and `eval` score every checkpoint."""

    def truth_sets(self) -> Iterable[TruthSet]:
        """Classes of positions, outcomes [N, num_actions] each."""


class Solver(Protocol):
    """Exact values of positions, which are given in the game's notation and are not over.

    A score is higher the sooner a won game ends and the later a lost one, and its sign is the outcome.
    """

    def score(self, position: str) -> int:
        """Of the position, for the player to move."""

    def scores(self, position: str) -> Sequence[int | None]:
        """Of every action [num_actions], for the player to move; None where it is illegal."""

    def outcomes(self, position: str) -> Sequence[int | None]:
        """1, 0 or -1 for every action [num_actions], for the player to move; None where it is illegal."""


class HasSolver(Protocol):
    """Exact values of any position, asked for by `selfplay solve` and the player `solver`."""

    def solver(self) -> Solver:
        """A new solver, for one thread."""


class HasPretrainedCheckpoint(Protocol):
    """A network that comes with it, which is the player `GAME:pretrained`."""

    def pretrained_checkpoint(self) -> str | PathLike[str]:
        """The folder of a checkpoint."""


class HasBenchCheckpoint(Protocol):
    """A trained network that `selfplay bench` measures self-play with; else it takes an untrained one."""

    def bench_checkpoint(self) -> str | PathLike[str]:
        """The folder of a checkpoint."""


class HasReferenceRun(Protocol):
    """The run that its published results come from; every run says in the end how far it came beside it."""

    def reference_run(self) -> Mapping[str, Any]:
        """`machine` in words, `minutes` and `positions` of the run."""


class HasUntrainable(Protocol):
    """Rules that self-play cannot train under; `selfplay train` refuses them before there is a run."""

    def untrainable(self) -> str | None:
        """Why not, and the remedy: `game 'NAME' cannot be trained: ` stands before. None where it can."""


class HasBoardMarks(Protocol):
    """What stands on its board, asked for by programs that show it; else taken from drawing and planes."""

    def board_marks(self, state: State) -> Sequence[Sequence[str]]:
        """Marks of the cells, row by row from the top: `.` empty, X and O stones of the first and the second
        player, other capital letters pieces of the first, small ones of the second."""


class HasMoveCells(Protocol):
    """Where its moves are pointed at, asked for by programs that play by clicks.

    Without it that is found from the moves' names, their number or what they change.
    """

    def move_cells(self, state: State, action: int) -> Sequence[tuple[int, int]]:
        """(row from the top, column) of the cells to point at in turn for a legal move; none for a pass."""


class HasFirstColor(Protocol):
    """The color of who moves first, asked for by protocols in which players are black and white."""

    @property
    def first_color(self) -> str:
        """`black`, as without it, or `white`."""


class HasUciVariant(Protocol):
    """A game that is played in the Universal Chess Interface; its `describe` gives a `fen` too."""

    @property
    def uci_variant(self) -> str:
        """As `UCI_Variant` names it, `chess` without one; `chess960` is what `UCI_Chess960` switches on."""


class HasRuleSet(Protocol):
    """Rules as programs for the same game write them to each other; it goes with `with_rule_set`."""

    def rule_set(self) -> Mapping[str, Any]:
        """The rules in use, by the names of their parts."""


class HasWithRuleSet(Protocol):
    """The same game under other rules; it goes with `rule_set`."""

    def with_rule_set(self, rules: str | Mapping[str, Any]) -> Game:
        """Rules by the name of a set, or by parts; parts that are left out stay. Raise InputError for what is
        unknown or not played."""


class Goban(Protocol):
    """Go as the commands of the Go Text Protocol speak of it.

    Points are texts such as `D4`; players are 0, black, and 1, white. Scores are black's less white's.
    """

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""

    @property
    def komi(self) -> float:
        """Points for white, without a bonus for a handicap."""

    @property
    def counts_dead(self) -> bool:
        """Whether the rules have players agree about dead stones; else the board counts as it stands."""

    def resized(self, columns: int, rows: int) -> Game:
        """The same game on another board; InputError where there is none."""

    def with_komi(self, komi: float) -> Game:
        """The same game with another komi; InputError."""

    def stones(self, state: State) -> tuple[list[str], list[str]]:
        """Points of black's and of white's stones."""

    def captures(self, state: State) -> tuple[int, int]:
        """Stones that black and white have taken."""

    def strings(self, state: State) -> list[tuple[int, list[str], list[str]]]:
        """Of every string on the board its player, its points and its liberties."""

    def regions(self, state: State) -> list[tuple[list[str], list[str]]]:
        """Of every empty region its points, and the points with stones that it touches."""

    def point(self, column: int, row: int) -> str:
        """From column and row, counted from 0 at the lower left."""

    def cell(self, point: str) -> tuple[int, int]:
        """The opposite: column and row of a point."""

    def placed(self, black: Sequence[str], white: Sequence[str], player: int) -> State:
        """A position that is set up, the player to move; InputError."""

    def handicap(self, points: Sequence[str]) -> State:
        """White to move after these stones of black, with the rules' bonus for them; InputError."""

    def fixed_handicap(self, stones: int) -> list[str]:
        """The points that the protocol fixes for so many stones; InputError where it has none."""

    def without(self, state: State, dead: Sequence[str]) -> State:
        """The board after the stones at these points have been taken off."""

    def score(self, state: State, dead: Sequence[str]) -> float:
        """By the rules, all included, the strings at these points dead."""

    def read_record(self, data: bytes) -> tuple[Game, str, list[str]]:
        """The game of a record in SGF under these rules, its start and its moves; UserError for none."""


class HasGoban(Protocol):
    """A board of stones, asked for where a client of the Go Text Protocol is played with."""

    def goban(self) -> Goban:
        """A new one."""


class HasUciGames(Protocol):
    """The games that one client of UCI may ask a player for; it goes with `uci_variant`."""

    def uci_games(self) -> Mapping[str, tuple[Game, Game | None]]:
        """By the value of UCI_Variant, with this one's options: the game, and the one that UCI_Chess960 asks
        for instead; the first is what a client gets without asking."""


class HasUnclaimed(Protocol):
    """Endings that a player has to claim, asked for where others are the referee and nobody has."""

    def without_claims(self) -> Game:
        """The same game, going on where an end would have to be claimed."""


@dataclass(frozen=True)
class Offer:
    """One line of the table: the protocol that declares it, how a class writes it and what it is or gives."""

    protocol: type
    form: str
    gives: str

    @property
    def is_method(self) -> bool:
        """Whether it is called, and not only looked at."""
        return "(" in self.form

    @property
    def what(self) -> str:
        """In one line, from the protocol."""
        return (self.protocol.__doc__ or "").split("\n", 1)[0]


OFFERS = {
    "presets": Offer(HasPresets, "presets", "settings by section, by the preset's name"),
    "start_is_symmetric": Offer(HasAsymmetricStart, "start_is_symmetric", "True or False"),
    "source": Offer(HasSource, "source()", "a text such as file.py:12"),
    "position_text": Offer(HasPositionText, "position_text(state)", "a text of one line"),
    "describe": Offer(HasDescription, "describe(state)", "fields by name"),
    "record_suffix": Offer(HasRecordSuffix, "record_suffix", "letters and digits, without a dot"),
    "record_text": Offer(HasRecordText, "record_text(state, tags)", "a text"),
    "openings": Offer(HasOpenings, "openings()", "texts of positions"),
    "truth_sets": Offer(HasTruthSets, "truth_sets()", "engine.truth.TruthSet objects"),
    "solver": Offer(HasSolver, "solver()", "an object with score, scores and outcomes"),
    "pretrained_checkpoint": Offer(HasPretrainedCheckpoint, "pretrained_checkpoint()", "a path"),
    "bench_checkpoint": Offer(HasBenchCheckpoint, "bench_checkpoint()", "a path"),
    "reference_run": Offer(
        HasReferenceRun,
        "reference_run()",
        "machine (a text), minutes and positions (numbers above 0)",
    ),
    "goban": Offer(HasGoban, "goban()", "an object with the methods of engine.game.offer.Goban"),
    "untrainable": Offer(HasUntrainable, "untrainable()", "a reason with its remedy, or None"),
    "board_marks": Offer(
        HasBoardMarks, "board_marks(state)", "rows of as many marks each, a letter or a dot"
    ),
    "move_cells": Offer(HasMoveCells, "move_cells(state, action)", "pairs of row and column"),
    "first_color": Offer(HasFirstColor, "first_color", "'black' or 'white'"),
    "uci_variant": Offer(HasUciVariant, "uci_variant", "small letters, digits and hyphens"),
    "uci_games": Offer(HasUciGames, "uci_games()", "pairs of a game and a game or None, by name"),
    "without_claims": Offer(HasUnclaimed, "without_claims()", "a game"),
    "rule_set": Offer(HasRuleSet, "rule_set()", "values by name"),
    "with_rule_set": Offer(HasWithRuleSet, "with_rule_set(rules)", "a game"),
}
"""By the name that the engine looks for."""
