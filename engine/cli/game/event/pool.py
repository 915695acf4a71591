"""`arena --pool`: newcomers play against a pool of rated players until enough is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from engine.errors import UserError

if TYPE_CHECKING:
    from engine._core import Game, State
    from engine.arena.event.log import GameLog
    from engine.arena.event.pool import Pool
    from engine.arena.event.result import GameResult
    from engine.arena.game import ArenaGame
    from engine.player import Player

MAX_OPENINGS = 256
PLIES = (0, 6)


def join_pool(
    path: Path,
    specs: Sequence[str],
    anchors: Sequence[str],
    games: int,
    width: float,
    simulations: int,
    limit: str | None,
    game_spec: str | None,
    seed: int,
    threads: int,
) -> dict[str, Any]:
    """Let newcomers play; ratings of all as JSON. Without any, what is known."""
    from engine.arena.event.log import FILE, GameLog
    from engine.arena.event.pool import Pool
    from engine.player import find_game
    from engine.registry import load_game

    pool = Pool.read(path)
    if pool is None:
        if not specs:
            raise UserError(f"there is no pool '{path}'; name players and an --anchor to begin one")
        game = find_game(list(specs), game_spec)
        openings = _openings(game, seed)
        pool = Pool(path, game.name, seed, _digest(game, openings), [])
    else:
        game = load_game(game_spec or pool.game)
        openings = _openings(game, pool.seed)
        if game.name != pool.game or _digest(game, openings) != pool.openings:
            raise UserError(f"pool '{path}' plays {pool.game} from other openings, not {game.name}")
    with GameLog(path / FILE, pool.header()) as log:
        known = Pool.read(path)  # as it is now that nobody else writes it
        pool = known or pool
        entered = _enter(pool, specs, anchors, simulations, limit)
        _check(pool)
        pool.write()
        results = dict(log.games)
        pool.check(results)
        pool.refit(list(results.values()))
        players = _load(pool, entered, game)
        for newcomer in entered:
            _play(pool, game, openings, players, newcomer, log, results, games, width, threads)
        pool.write()
    return describe_pool(pool, list(results.values()), [pool.players[index].name for index in entered])


def describe_pool(pool: Pool, results: Sequence[GameResult], newcomers: Sequence[str]) -> dict[str, Any]:
    """Ratings of a pool as JSON, best first."""
    from engine.arena.event.standing import describe_strengths

    names = [player.name for player in pool.players]
    return {
        "game": pool.game,
        "pool": str(pool.path),
        "newcomers": list(newcomers),
        "games": len(results),
        **describe_strengths(names, results, pool.anchors, seed=pool.seed),
    }


def _enter(
    pool: Pool, specs: Sequence[str], anchors: Sequence[str], simulations: int, limit: str | None
) -> list[int]:
    """Places of the players named, new or not."""
    from engine.arena.event.plan import player_digest
    from engine.arena.event.pool import PoolPlayer
    from engine.cli.game.event.option import read_anchors
    from engine.player.spec import parse_spec

    names = [parse_spec(spec).name for spec in specs]
    known = [player.name for player in pool.players]
    rest = [name for name in known if name not in names]
    given = read_anchors(anchors, [*names, *rest])
    for index, anchor in given.items():
        if index >= len(names) and pool.anchors.get(known.index([*names, *rest][index])) != anchor:
            raise UserError(
                f"pool '{pool.path}': --anchor {anchor:g} is of a player that is there; anchors stay"
            )
    entered = []
    for index, (spec, name) in enumerate(zip(specs, names, strict=True)):
        digest = player_digest(spec)
        kept = _absolute(spec) if digest else spec
        player = PoolPlayer(kept, name, digest, simulations, limit or "", given.get(index))
        if digest is None and not limit:
            player = replace(player, simulations=0)
        entered.append(pool.enter(player))
    return list(dict.fromkeys(entered))


def _absolute(spec: str) -> str:
    """The spec of a network that is found from wherever the pool is used next."""
    who, semicolon, rest = spec.partition(";")
    return f"{Path(who.strip()).absolute()}{semicolon}{rest}" if Path(who.strip()).exists() else spec


def _check(pool: Pool) -> None:
    if not pool.anchors:
        raise UserError(f"pool '{pool.path}' has no anchor: give --anchor PLAYER=ELO, such as random=0")
    if len(pool.players) < 2:
        raise UserError(f"pool '{pool.path}' has one player; name two or more to begin it")


def _load(pool: Pool, entered: Sequence[int], game: Game) -> dict[int, Player]:
    """Players that can play, by their place; those that are no longer as they were are left out and told."""
    from engine.arena.event.plan import player_digest
    from engine.player import load_player
    from engine.player.limit import Limit

    loaded: dict[int, Player] = {}
    for index, player in enumerate(pool.players if entered else []):
        try:
            if player_digest(player.spec) != player.sha256:
                raise UserError(f"player '{player.name}' has other weights than when it joined")
            limit = Limit.parse(player.limit) if player.limit else None
            loaded[index] = load_player(player.spec, game, player.simulations or 100, limit=limit)
        except UserError as error:
            if index in entered:
                raise
            typer.echo(f"warning: {error}; left out as an opponent", err=True)
    return loaded


def _play(
    pool: Pool,
    game: Game,
    openings: Sequence[State],
    players: dict[int, Player],
    newcomer: int,
    log: GameLog,
    results: dict[int, GameResult],
    games: int,
    width: float,
    threads: int,
) -> None:
    """Rounds of a newcomer until its interval is narrow enough or its games have run out."""
    from engine.arena.event.pool import ROUND_PAIRS, draw_round, half_width
    from engine.arena.event.result import GameResult
    from engine.arena.runner import Runner
    from engine.cli.progress import Bar

    places = list(players)
    opponents = [index for index in places if index != newcomer]
    if not opponents:
        raise UserError(f"pool '{pool.path}': nobody is left to play against '{pool.players[newcomer].name}'")
    bar = Bar(pool.players[newcomer].name)

    def ended(one: ArenaGame) -> None:
        result = GameResult.of(one)
        seats = (places[one.seats[0]], places[one.seats[1]])
        result = replace(result, order=replace(result.order, seats=seats))
        results[result.number] = result
        log.add(result)
        bar.advance(1)

    played = sum(newcomer in result.seats for result in results.values())
    bar.open(games, "games", played)
    try:
        with Runner(game, openings, [players[index] for index in places], pool.seed, threads) as runner:
            while played < games and half_width(pool.players[newcomer]) > width:
                pairs = min(ROUND_PAIRS, (games - played + 1) // 2)
                orders = draw_round(pool, results, newcomer, opponents, pairs)
                local = [
                    replace(order, seats=(places.index(order.seats[0]), places.index(order.seats[1])))
                    for order in orders
                ]
                runner.play(local, ended)
                played += len(orders)
                pool.refit(list(results.values()))
    finally:
        bar.close()


def _openings(game: Game, seed: int) -> list[State]:
    """As many as there are at hand, MAX_OPENINGS at most."""
    from engine.arena.opening import random_openings

    count = MAX_OPENINGS
    while True:
        try:
            return random_openings(game, count, PLIES[1], seed, PLIES[0])
        except UserError:
            if count == 1:
                raise
            count //= 2


def _digest(game: Game, openings: Sequence[State]) -> tuple[int, str]:
    from engine.arena.event.plan import openings_digest

    return openings_digest(game, openings)
