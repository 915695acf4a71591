"""Go: the C++ rules under the options of the command line, and presets by size of the board."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from engine import _core
from engine.errors import InputError
from games import go_rules
from games.goban import Goban
from games.opening import go_suite

_HANDICAP = re.compile(r"[0-9]*|[A-Za-z][0-9]{1,2}(\+[A-Za-z][0-9]{1,2})*")


class Go(_core.Go):
    """Go; a move is a point such as D4, or pass.

    Args:
        size: of the board, 2 to 25, or columns and rows such as `7x5`.
        rules: `tromp-taylor`, `chinese`, `aga`, `new-zealand`, `japanese` and others, or an object with
            `ko`, `suicide` and `scoring`.
        ko: `simple`, `positional` or `situational`, over the rule set's; so the next four.
        suicide: whether it is allowed.
        scoring: `area` or `territory`.
        komi: points for White, whole or half.
        handicap_bonus: what White gets for a handicap: `none`, `stones` or `stones-1`.
        handicap: a number of stones on the fixed points, or points such as `C3+G7`.
        max_plies: the game is scored as it stands after so many; 0 for three a point and 20.
        resumptions: moves that may follow two passes: a stone, after a dispute, or a further pass.
    """

    record_suffix = "sgf"
    """Of the files that hold `record_text`."""

    def __init__(
        self,
        size: int | str = 19,
        rules: str | dict[str, Any] = "tromp-taylor",
        ko: str | None = None,
        suicide: bool | None = None,
        scoring: str | None = None,
        komi: float | None = None,
        handicap_bonus: str | None = None,
        handicap: int | str = 0,
        max_plies: int = 0,
        resumptions: int = 0,
    ) -> None:
        self._options = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        columns, rows = _sides(size)
        for name in ("komi", "max_plies", "resumptions"):
            if isinstance(self._options[name], bool):
                raise InputError(f"{name} {self._options[name]} is not a number")
        if isinstance(handicap, bool) or not _HANDICAP.fullmatch(str(handicap)):
            shown = str(handicap)[:60]
            raise InputError(f"handicap '{shown}' is neither a number of stones nor points such as C3+G7")
        over: dict[str, Any] = {"ko": ko, "suicide": suicide, "scoring": scoring}
        if isinstance(rules, dict):
            unknown = sorted(rules.keys() - over.keys())
            if unknown:
                raise InputError(f"rules: unknown key '{unknown[0]}'; known are ko, suicide, scoring")
            over = {key: rules.get(key) if value is None else value for key, value in over.items()}
            rules = "tromp-taylor"
        super().__init__(
            columns, rows, rules, **over, komi=komi, handicap_bonus=handicap_bonus, handicap=str(handicap),
            max_plies=max_plies, resumptions=resumptions,
        )  # fmt: skip
        self.start_is_symmetric = str(handicap) in ("", "0")
        self.presets = {"default": _preset(max(columns, rows))}

    def untrainable(self) -> str | None:
        """Territory rules leave it to the players which stones are dead."""
        if not self.needs_agreement:
            return None
        return (
            "it is scored by agreement about dead stones, which self-play has nobody for; train under "
            "rules=tromp-taylor or chinese"
        )

    def openings(self) -> list[str]:
        """One and two plies, all different under the board's symmetries; none with a handicap."""
        _, rows, columns = self.planes_shape
        return go_suite(self, columns, rows) if self.start_is_symmetric else []

    def with_options(self, **options: Any) -> Go:
        """The same game but for these options."""
        return Go(**{**self._options, **options})

    def rule_set(self) -> dict[str, Any]:
        """The rules as KataGo writes them."""
        options = dict(part.partition("=")[::2] for part in self.name.partition(":")[2].split(","))
        return go_rules.rule_set(options)

    def with_rule_set(self, rules: str | Mapping[str, Any]) -> Go:
        """The same board and komi under rules in KataGo's spelling: a name, an object or its JSON."""
        return self.with_options(**go_rules.options_of(rules, self.rule_set()), komi=self.komi)

    def goban(self) -> Goban:
        """What the commands of the Go Text Protocol ask of it."""
        return Goban(self, self.with_options)

    def record_text(self, state: _core.State, tags: Mapping[str, str]) -> str:
        """The game as SGF; `tags` are those of engine.game.offer.HasRecordText."""
        from games.records.sgf import writer as sgf

        names = {"event": "EV", "round": "RO", "date": "DT", "first": "PB", "second": "PW"}
        written = {names[key]: value for key, value in tags.items() if key in names}
        if "winner" in tags:
            how = {"time": "T", "resignation": "R"}.get(tags.get("termination", ""), "F")
            written["RE"] = {"first": f"B+{how}", "second": f"W+{how}", "none": "0"}[tags["winner"]]
        return sgf.write(self, state, written)

    def describe(self, state: _core.State) -> dict[str, Any]:
        """What the rules service adds: score (Black's less White's, komi included), owners, captures."""
        assert isinstance(state, _core.GoState)
        black, white = state.captures()
        return {
            "score": state.area_score(),
            "owner": state.area_owners(),
            "captures": {"black": black, "white": white},
        }


def _sides(size: int | str) -> tuple[int, int]:
    match = re.fullmatch("([0-9]{1,9})(?:x([0-9]{1,9}))?", str(size))
    if match is None:
        raise InputError(f"size '{size}' is neither a number nor columns and rows such as 7x5")
    return int(match[1]), int(match[2] or match[1])


def _preset(side: int) -> dict[str, Any]:
    """Larger boards get a larger network and more plies of random opening."""
    if side <= 6:
        network, opening = {"channels": 64, "blocks": 4}, 4
    elif side <= 9:
        network, opening = {"channels": 64, "blocks": 6}, 4
    elif side <= 13:
        network, opening = {"channels": 96, "blocks": 8}, 6
    else:
        network, opening = {"channels": 128, "blocks": 10}, 8
    return {
        "network": network,
        "selfplay": {
            "full_search_fraction": 0.5,
            "max_opening_plies": opening,
            "temperature_half_life": float(side),
        },
    }
