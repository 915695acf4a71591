"""A played game as text: for TensorBoard, and as a file of the kind that its players read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from engine._core import Game, State
from engine.game import inquiry
from engine.run import storage
from engine.run.layout import GAMES, folder_name
from engine.selfplay.game_table import Games


def write_sample(run_path: Path, iteration: int, game: Game, games: Games) -> str:
    """Write the first of an iteration's games under RUN/games, as a record where there are such; as markdown.

    Raises UserError where it cannot be written.
    """
    start, moves = games["start"][0], games["moves"][: games["move_offsets"][1]].tolist()
    number = games["game_id"][0]
    sample = sample_game(game, start, moves, f"game {number}")
    tags = {"event": f"iteration {iteration}", "round": str(number)}
    suffix, text = record_text(game, start, moves, tags) or ("md", sample)
    storage.make_folder(run_path / GAMES)
    storage.atomic_write(run_path / GAMES / f"{folder_name(iteration)}.{suffix}", text.encode())
    return sample


def sample_game(game: Game, start: str, actions: Sequence[int], title: str = "") -> str:
    """A played game as markdown: its moves in the game's notation and the final board.

    `start` is a position in the game's notation, `actions` are played from there.
    """
    state = game.parse(start)
    moves = []
    for action in actions:
        moves.append(state.action_text(action))
        state.play(action)
    board = "\n".join("    " + line for line in state.text().splitlines())
    heading = f"{title}{' — ' if title else ''}{_result(state)}, {state.ply()} plies"
    opening = f"from {start}: " if start else ""
    return f"{heading}\n\n{opening}{' '.join(moves)}\n\n{board}\n"


def record_text(
    game: Game, start: str, actions: Sequence[int], tags: Mapping[str, str]
) -> tuple[str, str] | None:
    """A played game in the file format of its kind, with the suffix first; None where the game has none.

    A game that has one brings `record_suffix` and `record_text(state, tags)`; `tags` are event and round.
    """
    if not (inquiry.is_offered(game, "record_text") or inquiry.is_offered(game, "record_suffix")):
        return None
    state = game.parse(start)
    for action in actions:
        state.play(action)
    return inquiry.record_text(game, state, tags)


def _result(state: State) -> str:
    outcome = state.outcome()
    if outcome is None:
        return "not finished"
    if outcome == 0:
        return "draw"
    return "first player won" if (outcome > 0) == (state.player() == 0) else "second player won"
