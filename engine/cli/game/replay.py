"""The command `replay`: what is in a run's data."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.option import JsonOption
from engine.cli.stream import print_json
from engine.errors import CorruptFileError, UserError

if TYPE_CHECKING:
    from engine._core import Game, State
    from engine.selfplay.game_table import Games

SHOWN_MOVES = 5
"""Moves of the search's policy target shown at a ply."""


def replay(
    run: Annotated[str, typer.Argument(metavar="RUN", help="a run directory")],
    game: Annotated[int | None, typer.Option("--game", min=0, metavar="ID", help="show one game")] = None,
    columns: Annotated[
        bool, typer.Option("--columns", help="say what RUN/replay holds, by column, also of a run on text")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Look into a run's games.

    How many there are, how long, how they end and how many are alike; or one of them, move by move.
    """
    from engine.registry import load_game

    if columns:
        _show_columns(Path(run), json)
        return
    rules, batches, damaged = read_run_games(Path(run))
    for line in damaged:
        typer.echo(f"warning: {line}", err=True)
    played = load_game(rules)
    if game is None:
        document = {"run": run, "game": rules, **summarize(batches), "damaged": damaged}
        print_json(document) if json else _print_summary(document)
        return
    for batch in batches:
        found = [index for index, number in enumerate(batch["game_id"]) if number == game]
        if found:
            document = describe_game(played, batch, found[0])
            print_json(document) if json else _print_game(played, document)
            return
    numbers = [int(number) for batch in batches for number in batch["game_id"]]
    known = (
        f"its games are {min(numbers)} to {max(numbers)}, not all of them ended" if numbers else "it has none"
    )
    raise UserError(f"run '{run}' has no game {game}; {known}")


def _show_columns(run: Path, json: bool) -> None:
    from engine.language.record.episode_table import EPISODE_SCHEMA
    from engine.run.parquet import column_rows
    from engine.run.settings_file import read_content
    from engine.selfplay.game_table import GAME_SCHEMA

    is_text = "method" in read_content(run)
    rows = column_rows(EPISODE_SCHEMA if is_text else GAME_SCHEMA)
    if json:
        print_json({"columns": rows})
        return
    for row in rows:
        typer.echo(f"{row['column']:15} {row['type']:22} {row['holds']}")


def summarize(batches: list[Games]) -> dict[str, Any]:
    """Counts over all games; results are the first player's."""
    lengths: Counter[int] = Counter()
    results: Counter[str] = Counter()
    lines: Counter[tuple[str, bytes]] = Counter()
    positions = truncated = resigned = 0
    checkpoints: set[int] = set()
    for batch in batches:
        offsets, moves = batch["move_offsets"], batch["moves"]
        positions += int((batch["weight"] > 0).sum())
        truncated += int(batch["truncated"].sum())
        resigned += int(batch["resigned"].sum())
        checkpoints.update(int(number) for number in batch["checkpoint"])
        for index, outcome in enumerate(batch["outcome"]):
            line = moves[offsets[index] : offsets[index + 1]]
            lengths[len(line)] += 1
            lines[batch["start"][index], line.tobytes()] += 1
            results["first" if outcome > 0 else "second" if outcome < 0 else "draw"] += 1
    games = sum(lengths.values())
    plies = sum(length * count for length, count in lengths.items())
    return {
        "shards": len(batches),
        "games": games,
        "plies": plies,
        "positions": positions,
        "length": {
            "min": min(lengths, default=0),
            "mean": plies / games if games else 0.0,
            "max": max(lengths, default=0),
        },
        "results": {name: results[name] for name in ("first", "draw", "second")},
        "truncated": truncated,
        "resigned": resigned,
        "search": _summarize_search(batches),
        "distinct_games": len(lines),
        "duplicate_games": games - len(lines),
        "most_repeated": max(lines.values(), default=0),
        "checkpoints": len(checkpoints),
    }


def describe_game(game: Game, batch: Games, index: int) -> dict[str, Any]:
    """One game move by move: what was on the board, what the search said, what was played."""
    first, last = (int(offset) for offset in batch["move_offsets"][index : index + 2])
    state = game.parse(batch["start"][index])
    moves = []
    for ply in range(first, last):
        moves.append(_describe_ply(state, batch, ply))
        state.play(int(batch["moves"][ply]))
    return {
        "game_id": int(batch["game_id"][index]),
        "start": batch["start"][index],
        "outcome": float(batch["outcome"][index]),
        "truncated": bool(batch["truncated"][index]),
        "resigned": bool(batch["resigned"][index]),
        "holdout": bool(batch["holdout"][index]),
        "opening_plies": int(batch["opening_plies"][index]),
        "moves": moves,
        "text": state.text(),
    }


def read_run_games(run: Path) -> tuple[str, list[Games], list[str]]:
    """The game of a run with its options, its committed games, and a line for each damaged file."""
    from engine.game_run import read_run
    from engine.run.layout import REPLAY
    from engine.selfplay.game_table import read_games

    _, manifest = read_run(run)
    batches, damaged = [], []
    for shard in manifest.shards:
        try:
            batches.append(read_games(run / REPLAY / shard.name, manifest.game, shard.digest))
        except CorruptFileError as error:
            damaged.append(str(error))
    return manifest.game, batches, damaged


def _summarize_search(batches: list[Games]) -> dict[str, float]:
    """Means over the searched moves whose records tell what the search did."""
    names = (
        "visits",
        "evaluations",
        "cache_hits",
        "terminal_hits",
        "proven_hits",
        "transpositions",
        "reused_visits",
    )
    sums: Counter[str] = Counter()
    depth = 0.0
    for batch in batches:
        kept = batch["budget"] > 0
        sums["moves"] += int(kept.sum())
        sums["early"] += int((batch["visits"] < batch["budget"])[kept].sum())
        depth += float((batch["mean_depth"] * batch["visits"])[kept].sum())
        for name in names:
            sums[name] += int(batch[name][kept].sum())
    moves = max(sums["moves"], 1)
    return {
        "moves": sums["moves"],
        **{name: sums[name] / moves for name in names},
        "mean_depth": depth / max(sums["visits"], 1),
        "ended_early": sums["early"] / moves,
    }


def _describe_search(batch: Games, ply: int) -> dict[str, Any] | None:
    """What the search of a move did; None where there was none, or the file does not tell."""
    from engine.selfplay.game_table import SEARCH_COLUMNS

    if batch["budget"][ply] <= 0:
        return None
    counts = {name: int(batch[name][ply]) for name in SEARCH_COLUMNS if name != "proof"}
    proof = {1: "win", 0: "draw", -1: "loss"}.get(int(batch["proof"][ply]))
    return {**counts, "proof": proof, "mean_depth": float(batch["mean_depth"][ply])}


def _describe_ply(state: State, batch: Games, ply: int) -> dict[str, Any]:
    start, end = (int(offset) for offset in batch["policy_offsets"][ply : ply + 2])
    policy = {
        state.action_text(int(batch["policy_actions"][entry])): float(batch["policy_probs"][entry])
        for entry in range(start, end)
    }
    return {
        "to_play": state.player(),
        "text": state.text(),
        "move": state.action_text(int(batch["moves"][ply])),
        "visits": int(batch["visits"][ply]),
        "full_search": bool(batch["full_search"][ply]),
        "weight": float(batch["weight"][ply]),
        "checkpoint": int(batch["checkpoint"][ply]),
        "kl": float(batch["kl"][ply]),
        "search": _describe_search(batch, ply),
        "root_wdl": [float(share) for share in batch["root_wdl"][ply]],
        "raw_wdl": [float(share) for share in batch["raw_wdl"][ply]],
        "policy": dict(sorted(policy.items(), key=lambda item: -item[1])),
    }


def _print_summary(document: dict[str, Any]) -> None:
    length, results = document["length"], document["results"]
    games = max(document["games"], 1)
    shares = ", ".join(f"{name} {results[name]} ({100 * results[name] / games:.1f} %)" for name in results)
    typer.echo(f"game       {document['game']}")
    typer.echo(
        f"games      {document['games']} in {document['shards']} files, {document['truncated']} cut short, "
        f"{document['resigned']} resigned"
    )
    typer.echo(f"plies      {document['plies']}, {document['positions']} of them training positions")
    typer.echo(f"length     {length['mean']:.1f} plies on average, {length['min']} to {length['max']}")
    typer.echo(f"results    {shares}")
    typer.echo(
        f"distinct   {document['distinct_games']} games; {document['duplicate_games']} repeat another one"
    )
    search = document["search"]
    if search["moves"]:
        typer.echo(
            f"a search   {search['visits']:.1f} new visits and {search['reused_visits']:.1f} kept, "
            f"{search['evaluations']:.1f} evaluations, {search['cache_hits']:.1f} from the cache, "
            f"{search['mean_depth']:.1f} plies deep; {100 * search['ended_early']:.1f} % ended early"
        )
    typer.echo(f"weights    from {document['checkpoints']} checkpoints")


def _print_game(game: Game, document: dict[str, Any]) -> None:
    for number, ply in enumerate(document["moves"], start=1):
        typer.echo(ply["text"])
        if number <= document["opening_plies"]:
            typer.echo(f"{number}. {ply['move']} (random opening)\n")
            continue
        win, draw, loss = (100 * share for share in ply["root_wdl"])
        policy = ", ".join(f"{move} {100 * p:.0f} %" for move, p in list(ply["policy"].items())[:SHOWN_MOVES])
        work = ""
        if search := ply["search"]:
            depth = f"depth {search['mean_depth']:.1f} to {search['max_depth']}"
            work = f"{search['evaluations']} evaluations, {depth}; "
        typer.echo(
            f"{number}. {ply['move']}  checkpoint {ply['checkpoint']}, {ply['visits']} visits, {work}"
            f"win {win:.0f} % draw {draw:.0f} % loss {loss:.0f} %; target {policy or 'none'}\n"
        )
    typer.echo(document["text"])
    outcome = document["outcome"]
    result = "first player wins" if outcome > 0 else "second player wins" if outcome < 0 else "a draw"
    how = " by resignation" if document["resigned"] else ""
    typer.echo(f"game {document['game_id']} of {game.name}: {result}{how}")
