"""Commands about rules: games, rules, solve, perft, check."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from tempfile import TemporaryDirectory
from textwrap import fill
from typing import Annotated, Any

import typer

from engine._core import Game, State
from engine.cli.option import GameArgument, JsonOption, SeedOption
from engine.cli.stream import each, print_json, serve
from engine.protocols.request import check_fields, read_count, read_state

FIELDS = ("id", "position", "moves", "perft")
MAX_GAMES = 64
"""Games with different options that the rules service keeps built."""


def games(json: JsonOption = False) -> None:
    """List the installed games, what they bring and their options."""
    from engine.registry import game_names, game_options, load_game

    rows = [_describe(name, load_game(name), game_options(name)) for name in game_names()]
    if json:
        print_json({"games": rows})
        return
    for row in rows:
        shape = "x".join(str(size) for size in row["planes"])
        presets = ", ".join(row["presets"])
        typer.echo(
            f"{row['name']:16} {row['actions']} actions, planes {shape}, at most {row['max_plies']} plies, "
            f"{row['symmetries']} symmetries; solver: {'yes' if row['solver'] else 'no'}; presets: {presets}"
        )
        if row["pretrained"]:
            typer.echo(f"{'':16} network: {row['pretrained']}")
        options = ", ".join(_option_text(option, value) for option, value in row["options"].items())
        if options:
            typer.echo(fill(f"options: {options}", 110, initial_indent=" " * 17, subsequent_indent=" " * 26))


def rules(game: GameArgument) -> None:
    """Apply the rules, as JSON lines.

    In: {"id", "position"?, "moves"?, "perft"?} and the game's options.
    Out: {"id", "to_play", "legal", "terminal", "outcome", "position", "text"}, or {"id", "error"}.
    """
    from engine.registry import load_game

    load_game(game)
    service = RulesService(game)
    serve(each(service.answer))


def solve(game: GameArgument) -> None:
    """Solve positions exactly, as JSON lines.

    In: {"id", "position"?, "moves"?}. Out: {"id", "score", "scores"}, scores by action, null where illegal.
    """
    from engine.game.inquiry import solver as solver_of
    from engine.registry import load_game, position_text

    rules_of = load_game(game)
    solver = solver_of(rules_of)

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        check_fields(request, ("id", "position", "moves"))
        position = position_text(rules_of, read_state(rules_of, request))
        return {"score": solver.score(position), "scores": solver.scores(position)}

    serve(each(answer))


def perft(
    game: GameArgument,
    depth: Annotated[int, typer.Argument(metavar="DEPTH", min=0, max=100, help="plies")],
    position: Annotated[str, typer.Option("--position", help="in the game's notation")] = "",
    json: JsonOption = False,
) -> None:
    """Count the move paths of a length."""
    from engine.registry import load_game

    state = read_state(load_game(game), {"position": position})
    started = time.monotonic()
    moves: dict[str, int] = {}
    for action in state.legal_actions() if depth else []:
        child = state.clone()
        child.play(action)
        moves[state.action_text(action)] = count_paths(child, depth - 1)
    nodes = sum(moves.values()) if depth else 1
    seconds = time.monotonic() - started
    if json:
        print_json(
            {
                "game": game,
                "position": position,
                "depth": depth,
                "nodes": nodes,
                "moves": moves,
                "seconds": seconds,
            }
        )
        return
    for move, count in sorted(moves.items()):
        typer.echo(f"{move}: {count}")
    typer.echo(f"nodes: {nodes} ({seconds:.2f} s)")


def check(
    game: Annotated[str, typer.Argument(metavar="GAME|TASK", help="as in train GAME and text METHOD TASK")],
    walks: Annotated[int, typer.Option("--walks", min=1, max=1_000_000, help="random games")] = 100,
    task: Annotated[bool, typer.Option("--task", help="of two with one name, the text task")] = False,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Check that a game or a text task keeps the laws, and say what a game offers beside its rules.

    On random games, or on problems of every split; the exit code is 1 where one is broken. Numba games are
    compiled anew for it, with their indices checked.
    """
    cache = TemporaryDirectory(prefix="selfplay-check-")
    os.environ |= {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": cache.name}
    from engine.game.laws import LawError

    document: dict[str, Any] = {}
    try:
        if task or names_task(game):
            document = {"task": game, "seed": seed, "verdicts": 0, "broken": None}
            document["verdicts"] = _check_task(game, seed)
        else:
            document = {"game": game, "walks": walks, "seed": seed, "positions": 0, "broken": None}
            _check_game(game, document)
    except LawError as error:
        document["broken"] = str(error)
    broken = document["broken"]
    if json:
        print_json(document)
    elif broken is not None:
        typer.echo(f"{game} breaks a law: {broken}", err=True)
    elif "task" in document:
        typer.echo(f"{game} keeps the laws of a text task: {document['verdicts']} verdicts")
    else:
        typer.echo(f"{game} keeps the laws: {walks} random games, {document['positions']} positions")
    if "offers" in document and not json:
        _print_offers(document)
    if broken is not None:
        raise typer.Exit(1)


def names_task(spec: str) -> bool:
    """Whether a spec is of a text task and not of a game; raise UserError where it is of neither."""
    from engine.cli.text.run import is_task_file
    from engine.errors import UserError
    from engine.language.problem.task_registry import is_task_class, task_names
    from engine.plugin import suggest
    from engine.registry import game_names

    name, colon, _ = spec.partition(":")
    if is_task_file(spec) or name in (games := game_names()) or name in (tasks := task_names()):
        return is_task_file(spec) or name not in games
    if not colon:
        known = suggest(name, {*games, *tasks})
        raise UserError(
            f"unknown game or task '{name}'; {known}; or give file.py:Name or package.module:Name"
        )
    return is_task_class(spec)


def _check_game(spec: str, document: dict[str, Any]) -> None:
    """Fill in the positions checked, what the game offers and lacks, and what looks like an offer."""
    from engine.errors import UserError
    from engine.game.laws import LawError, check_laws
    from engine.game.survey import survey
    from engine.registry import load_game

    game = load_game(spec)
    document["positions"] = check_laws(game, document["walks"], document["seed"])
    try:
        found = survey(game)
    except UserError as error:
        raise LawError(str(error)) from error
    document |= {"offers": found.offered, "lacks": found.lacking, "doubts": found.doubts}


def _print_offers(document: dict[str, Any]) -> None:
    for name in ("offers", "lacks"):
        listed = ", ".join(document[name]) or "nothing"
        typer.echo(fill(f"{name}: {listed}", 110, subsequent_indent=" " * 8))
    for doubt in document["doubts"]:
        typer.echo(f"warning: {doubt}", err=True)


def _check_task(spec: str, seed: int) -> int:
    from engine.cli.text.run import open_task, prints_aside
    from engine.language.problem.task_laws import check_task

    task = open_task(spec)
    with prints_aside():
        return check_task(task, seed=seed)


def count_paths(state: State, depth: int) -> int:
    """Perft on a thread of its own: the core hears no Ctrl-C, the thread that waits for it does."""
    executor = ThreadPoolExecutor(1, "perft")
    try:
        return executor.submit(state.perft, depth).result()
    finally:
        executor.shutdown(wait=False)


class RulesService:
    """Answers requests about positions; a request may carry options of the game."""

    def __init__(self, spec: str) -> None:
        self._spec = spec
        self._games: dict[str, Game] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Fields of the answer; raise UserError or InputError."""
        from engine.errors import UserError
        from engine.game.inquiry import describe
        from engine.registry import position_text

        depth = read_count(request, "perft", 0, 100)
        game = self._game({name: value for name, value in request.items() if name not in FIELDS})
        state = read_state(game, request)
        answer = {
            "to_play": state.player(),
            "legal": sorted(state.action_text(action) for action in state.legal_actions()),
            "terminal": state.outcome() is not None,
            "outcome": first_player_outcome(state),
            "position": position_text(game, state),
            "text": state.text(),
        }
        described = describe(game, state)
        if taken := described.keys() & {*answer, "id", "error", "nodes"}:
            raise UserError(
                f"game '{game.name}': describe(state) gives '{min(taken)}', which the answer has already; "
                "give it another name"
            )
        answer.update(described)
        return answer if depth is None else {**answer, "nodes": count_paths(state, depth)}

    def _game(self, options: dict[str, Any]) -> Game:
        from json import dumps

        from engine.registry import load_game, option_names

        check_fields(options, [*FIELDS, *option_names(self._spec)])
        key = dumps(options, sort_keys=True)
        if key not in self._games:
            if len(self._games) >= MAX_GAMES:
                self._games.clear()
            self._games[key] = load_game(self._spec, **options)
        return self._games[key]


def first_player_outcome(state: State) -> int | float | None:
    """1, 0 or -1 for the player who moves first; None while the game runs."""
    outcome = state.outcome()
    if outcome is None:
        return None
    first = outcome if state.player() == 0 else -outcome
    return int(first) if first == int(first) else first


def _option_text(name: str, default: Any) -> str:
    """An option as it is typed, without a value where the game chooses one."""
    return (
        name
        if default is None
        else f"{name}={str(default).lower() if isinstance(default, bool) else default}"
    )


def _describe(name: str, game: Game, options: dict[str, Any]) -> dict[str, Any]:
    from engine.game import inquiry

    return {
        "name": name,
        "actions": game.num_actions,
        "planes": list(game.planes_shape),
        "max_plies": game.max_plies,
        "symmetries": len(game.action_symmetries),
        "solver": inquiry.is_offered(game, "solver"),
        "presets": sorted({"default", *inquiry.presets(game)}),
        "pretrained": f"{name}:pretrained" if inquiry.is_offered(game, "pretrained_checkpoint") else None,
        "options": options,
    }
