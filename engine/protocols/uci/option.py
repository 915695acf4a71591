"""Options: what a client may set, and what it has set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.protocols.uci.command import UciError, read_number

SCORE_TYPES = ("centipawn", "Q", "W-L", "win_percentage", "WDL_mu")
"""What a score is made of: see engine.protocols.uci.score."""


@dataclass(frozen=True)
class Option:
    """A line of what is offered. kind: check, spin, combo, string or button. least, most: of a spin. choices:
    of a combo."""

    name: str
    kind: str
    default: str = ""
    least: int = 0
    most: int = 0
    choices: tuple[str, ...] = ()

    def line(self) -> str:
        """As `uci` is answered."""
        words = f"option name {self.name} type {self.kind}"
        if self.kind == "button":
            return words
        words += f" default {self.default or '<empty>'}"
        if self.kind == "spin":
            words += f" min {self.least} max {self.most}"
        return words + "".join(f" var {choice}" for choice in self.choices)

    def read(self, value: str) -> str:
        """A value as it is kept; raise UciError where it is none of this option's."""
        if self.kind == "check" and value.lower() in ("true", "false"):
            return value.lower()
        if self.kind == "spin":
            number = read_number(value)
            if number is not None and self.least <= number <= self.most:
                return str(number)
            raise self._refusal(value, f"a number from {self.least} to {self.most}")
        if self.kind == "combo":
            found = [choice for choice in self.choices if choice.lower() == value.lower()]
            if found:
                return found[0]
            raise self._refusal(value, " or ".join(self.choices))
        if self.kind in ("string", "button"):
            return "" if value == "<empty>" else value
        raise self._refusal(value, "true or false")

    def _refusal(self, value: str, asked: str) -> UciError:
        return UciError(f"option {self.name} '{value[:60]}': give {asked}")


class Factor(Option):
    """A string that must be a number from 0 on."""

    def read(self, value: str) -> str:
        """The number as it was written; raise UciError."""
        try:
            number = float(value) if value.isascii() else -1.0
        except ValueError:
            number = -1.0
        if not 0 <= number <= 1000:
            raise self._refusal(value, "a number from 0 to 1000")
        return value


class Options:
    """All that are offered, by name, whose values are read by the methods of their kinds."""

    def __init__(self, offered: Sequence[Option]) -> None:
        self._offered = {_folded(each.name): each for each in offered}
        self._values = {name: each.default for name, each in self._offered.items()}

    def lines(self) -> list[str]:
        """As `uci` is answered."""
        return [each.line() for each in self._offered.values()]

    def find(self, name: str) -> Option:
        """By its name in whatever case, with blanks or without; raise UciError."""
        option = self._offered.get(_folded(name))
        if option is None:
            raise UciError(f"there is no option '{name[:60]}'")
        return option

    def set(self, name: str, value: str) -> Option:
        """Take a value; raise UciError."""
        option = self.find(name)
        self._values[_folded(option.name)] = option.read(value)
        return option

    def text(self, name: str) -> str:
        """Its value."""
        return self._values[_folded(name)]

    def is_on(self, name: str) -> bool:
        """Of a check."""
        return self.text(name) == "true"

    def number(self, name: str) -> int:
        """Of a spin."""
        return int(self.text(name))


def offered_options(
    variants: Sequence[str], shuffles: bool, simulations: int, threads: int, max_threads: int
) -> list[Option]:
    """Those of a session.

    Args:
        variants: that the player plays, the first to begin with.
        shuffles: whether there is a second spelling for shuffled starts.
        simulations: of a move where nothing else is said, 0: as many as time allows.
        threads, max_threads: of the player, to begin with and at most.
    """
    options = [
        Option("Threads", "spin", str(threads), 1, max(threads, max_threads)),
        Option("Hash", "spin", "256", 1, 1 << 20),
        Option("Clear Hash", "button"),
        Option("Ponder", "check", "false"),
        Option("MultiPV", "spin", "1", 1, 500),
        Option("Simulations", "spin", str(simulations), 0, 1 << 30),
        Option("Move Overhead", "spin", "10", 0, 10_000),
        Option("UCI_AnalyseMode", "check", "false"),
        Option("UCI_ShowWDL", "check", "false"),
        Option("UCI_Opponent", "string"),
        Option("UCI_Variant", "combo", variants[0], choices=tuple(variants)),
        Factor("SmartPruningFactor", "string", "0"),
        Option("ScoreType", "combo", SCORE_TYPES[0], choices=SCORE_TYPES),
        Option("VerboseMoveStats", "check", "false"),
        Option("LogLiveStats", "check", "false"),
    ]
    return options + [Option("UCI_Chess960", "check", "false")] * shuffles


def _folded(name: str) -> str:
    return "".join(name.split()).lower()
