"""The card of a network: one page of Markdown for whoever is given the folder, from its state alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from engine.export.origin import ORIGIN, Origin
from engine.run.settings_file import toml_text

UNKNOWN = "unknown"
_LICENCES = {"apache-2.0": "Apache-2.0", "mit": "MIT", "cc0-1.0": "CC0-1.0", "cc-by-4.0": "CC-BY-4.0"}


def card_text(state: Mapping[str, Any]) -> str:
    """The page of an exported folder.

    state: its state.json, in which `origin` says where the network comes from. The same state gives the same
    page.
    """
    origin = Origin(**state[ORIGIN])
    parts = [_head(state, origin), _facts(state, origin), _strength(origin), _use(state), _settings(state)]
    return "\n".join(parts)


def _head(state: Mapping[str, Any], origin: Origin) -> str:
    network = state["config"]["network"]
    licence = [] if origin.licence is None else [f"license: {origin.licence.lower()}"]
    tags = ["selfplay", "self-play", "tree-search", _tag(state["game"])]
    lines = ["---", *licence, "library_name: selfplay", "pipeline_tag: reinforcement-learning", "tags:"]
    lines += [f"- {tag}" for tag in tags] + ["---", ""]
    lines += [
        f"# {_shown(state['game'])}: {network['channels']} channels, {network['blocks']} blocks",
        "",
        "The network of a player that searches: from a position to a prior of every move and the chances to "
        "win, draw and lose. It was trained by self-play.",
        "",
    ]
    return "\n".join(lines)


def _facts(state: Mapping[str, Any], origin: Origin) -> str:
    planes = "x".join(str(size) for size in state["planes_shape"])
    began = state["config"].get("init") or {}
    first = f"those of `{_shown(began['path'])}`" if began.get("path") else "random"
    versions = {name: text for name, text in origin.versions.items() if name != "commit"}
    told = ", ".join(f"{name} {_shown(text)}" for name, text in versions.items())
    rows = {
        "game": f"`{_shown(state['game'])}`",
        "takes, gives": f"planes {planes}, {state['num_actions']} actions",
        "first weights": first,
        "iterations": _number(origin.iteration),
        "gradient steps": _number(origin.steps),
        "minutes of training": _number(origin.minutes, ".1f"),
        "games played": _number(origin.games),
        "positions learnt from": _number(origin.positions),
        "hardware": UNKNOWN if origin.machine is None else _shown(origin.machine),
        "versions": told or UNKNOWN,
        "commit of selfplay": _shown(origin.versions.get("commit", UNKNOWN)),
        "licence of the weights": _licence(origin.licence),
        "SHA-256 of the weights": f"`{state['files']['model.safetensors']['sha256']}`",
    }
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {text} |\n" for name, text in rows.items())


def _strength(origin: Origin) -> str:
    return "\n".join(["## How good it is", "", _truth(origin), "", _matches(origin), ""])


def _truth(origin: Origin) -> str:
    """A row a set and network, a column a number of simulations."""
    if not origin.truth:
        return f"Mistakes where the exact value is known: {UNKNOWN}."
    counts = sorted({row["simulations"] for row in origin.truth})
    cells = {(row["network"], row["set"], row["simulations"]): row for row in origin.truth}
    names = list(dict.fromkeys((row["network"], row["set"], row["positions"]) for row in origin.truth))
    columns = ["network alone" if count == 0 else f"{count} simulations" for count in counts]
    lines = [
        "Moves whose exact result (win, draw, loss) is worse than the best move's, in percent. An untrained "
        "network with the same search stands beside it, because search alone solves what is near the end.",
        "",
        f"| positions | network | {' | '.join(columns)} |",
        f"|---|---|{'---|' * len(counts)}",
    ]
    for network, name, positions in names:
        shares = [
            f"{100 * cells[network, name, count]['mistakes']:.1f}" if (network, name, count) in cells else ""
            for count in counts
        ]
        size = "a sample" if positions is None else f"{positions:,}"
        lines.append(f"| {_shown(name)} ({size}) | {network} | {' | '.join(shares)} |")
    return "\n".join(lines)


def _matches(origin: Origin) -> str:
    if not origin.matches:
        return f"Ratings: {UNKNOWN}."
    lines = [
        "| against | simulations a move | won, drawn, lost | Elo difference, 95 % |",
        "|---|---|---|---|",
    ]
    for match in origin.matches:
        results = ", ".join(str(match[name]) for name in ("wins", "draws", "losses"))
        bounds = f"{_elo(match, 'elo')} [{_elo(match, 'elo_low')}, {_elo(match, 'elo_high')}]"
        lines.append(f"| `{_shown(match['opponent'])}` | {match['simulations']:,} | {results} | {bounds} |")
    return "\n".join(lines)


def _use(state: Mapping[str, Any]) -> str:
    spec = state["game"]
    trained = f"    selfplay train {spec} --init .\n" if re.fullmatch(r"[\w:=,.+-]+", spec) else ""
    return (
        "## How to use it\n\n"
        "In this folder, with `selfplay` installed:\n\n"
        "    selfplay play .\n"
        "    selfplay arena . mcts:1000\n"
        f"{trained}\n"
        "`model.safetensors` holds the weights and `state.json` the settings; nothing is a pickle or code.\n"
    )


def _settings(state: Mapping[str, Any]) -> str:
    return f"## Settings\n\n```toml\n{toml_text(state['config'])}```\n"


def _licence(licence: str | None) -> str:
    if licence is None:
        return f"{UNKNOWN}: ask whoever gave you this"
    return _LICENCES.get(licence.lower(), _shown(licence))


def _number(value: float | None, form: str = ",") -> str:
    return UNKNOWN if value is None else format(value, form)


def _elo(match: Mapping[str, Any], name: str) -> str:
    value = match[name]
    if value is not None:
        return f"{value:+.0f}"
    if name == "elo":
        return "+inf" if match["wins"] > match["losses"] else "-inf"
    return "-inf" if name == "elo_low" else "+inf"


def _tag(game: str) -> str:
    name = game.partition(":")[0].rpartition("/")[2].removesuffix(".py")
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "game"


def _shown(text: str) -> str:
    """Text of a run in a cell of a table: on one line, and no bar that ends the cell."""
    line = "".join(letter if letter.isprintable() else " " for letter in str(text))
    return line.replace("`", "'").replace("|", "\\|")
