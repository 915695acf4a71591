"""Requests and the searches that made them: a reply to what a search does not wait for is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from proposers import Sampler

from engine import _core
from engine.errors import InputError
from engine.registry import load_game

CONNECT4 = load_game("connect4")
GO = load_game("go", size=3)
ELSEWHERE = "these requests come from elsewhere; answer where `select` gave them"
ANSWERED = "these requests have been answered already"
FORGOTTEN = "these requests have been forgotten since"
EMPTY = "these requests are none: `select` found nothing to ask"

Owner = _core.Trees | _core.Pool


def trees_of(game: _core.Game, count: int = 2, **fields: Any) -> _core.Trees:
    trees = _core.Trees(game, _core.SearchParams(**fields), cache_mb=1)
    for _ in range(count):
        trees.add(game.initial())
    return trees


def proposed_trees(count: int = 2) -> _core.Trees:
    trees = _core.Trees(None, _core.SearchParams(initial_proposals=3))
    for _ in range(count):
        trees.add_proposed()
    return trees


def pool_of(game: _core.Game, games: int = 2, seed: int = 1) -> _core.Pool:
    play = _core.PlayParams(simulations=8, max_opening_plies=0)
    pool = _core.Pool(game, _core.SearchParams(), play, seed=seed, games=games)
    pool.start(10)
    return pool


OWNERS: dict[str, Callable[[], Any]] = {
    "trees": lambda: trees_of(CONNECT4),
    "trees of Go": lambda: trees_of(GO),
    "proposed trees": proposed_trees,
    "pool": lambda: pool_of(CONNECT4),
    "pool of Go": lambda: pool_of(GO),
}


def ask(owner: Owner, simulations: int = 20) -> _core.Requests:
    return owner.select() if isinstance(owner, _core.Pool) else owner.select(simulations)


def reply_to(requests: _core.Requests) -> Any:
    try:
        return _core.uniform(requests)
    except ValueError:  # a proposed tree has no positions
        return Sampler()(requests)


def of(rows: int, game: _core.Game = CONNECT4) -> _core.DenseReply:
    """A reply that is no even one, so that it would show in the trees."""
    wdl = np.tile(np.array([0.7, 0.1, 0.2], np.float32), (rows, 1))
    logits = np.tile(np.arange(game.num_actions, dtype=np.float32), (rows, 1))
    return _core.DenseReply(wdl, logits)


def finish(owner: Owner) -> list[Any]:
    """What a search finds that is answered to its end."""
    while requests := ask(owner):
        owner.backup(requests, reply_to(requests))
    if isinstance(owner, _core.Pool):
        return [owner.take_games()["moves"].tolist(), owner.stats()["evaluations"]]
    found = [
        {name: values.tolist() for name, values in owner.dump(tree).items()} for tree in range(len(owner))
    ]
    return [repr(found), owner.stats()]


@pytest.mark.parametrize("asks", OWNERS)
@pytest.mark.parametrize("answers", OWNERS)
def test_another_search_refuses_the_reply_and_is_as_before(asks: str, answers: str) -> None:
    asking, answering, untouched = OWNERS[asks](), OWNERS[answers](), OWNERS[answers]()
    requests, own = ask(asking), ask(answering)
    assert len(requests) == len(own)
    with pytest.raises((InputError, TypeError)) as raised:  # a pool takes no reply with proposals
        answering.backup(requests, reply_to(requests))
    assert ELSEWHERE in str(raised.value) or raised.type is TypeError
    assert raised.type is InputError or asks == "proposed trees"
    answering.backup(own, reply_to(own))
    theirs = ask(untouched)
    untouched.backup(theirs, reply_to(theirs))
    assert finish(answering) == finish(untouched)
    asking.backup(requests, reply_to(requests))


@pytest.mark.parametrize("name", OWNERS)
def test_a_batch_is_answered_once(name: str) -> None:
    owner, untouched = OWNERS[name](), OWNERS[name]()
    for each in (owner, untouched):
        requests = ask(each)
        reply = reply_to(requests)
        each.backup(requests, reply)
        if each is owner:
            assert (len(requests), requests.kinds.tolist()) == (0, [])
            for again in (reply, reply_to(requests)):
                with pytest.raises(InputError, match=ANSWERED):
                    owner.backup(requests, again)
            later = ask(owner)  # in the memory of the one answered
            assert (len(requests), len(later)) == (0, 2)
            with pytest.raises(InputError, match=ANSWERED):
                owner.backup(requests, reply_to(later))
            owner.backup(later, reply_to(later))
    assert finish(owner) == finish(untouched)


@pytest.mark.parametrize("name", OWNERS)
def test_nothing_is_asked_by_an_empty_batch(name: str) -> None:
    owner = OWNERS[name]()
    before = finish(owner)
    requests = ask(owner)
    assert len(requests) == 0
    with pytest.raises(InputError, match=EMPTY):
        owner.backup(requests, reply_to(requests))
    if isinstance(owner, _core.Trees):
        assert finish(owner) == before


FORGETTING: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "clear": (lambda: trees_of(CONNECT4), lambda trees: (trees.clear(), trees.add(CONNECT4.initial()))),
    "drop": (lambda: trees_of(CONNECT4), lambda trees: trees.drop()),
    "drop, proposed": (proposed_trees, lambda trees: trees.drop()),
    "new_weights": (lambda: pool_of(CONNECT4), lambda pool: pool.new_weights(1)),
    "restore": (lambda: pool_of(CONNECT4), lambda pool: pool.restore(pool.snapshot(), pool.next_id)),
    "start": (lambda: pool_of(CONNECT4), lambda pool: (pool.start(0), pool.select(), pool.start(10))),
}


@pytest.mark.parametrize("what", FORGETTING)
def test_a_batch_from_before_is_forgotten(what: str) -> None:
    make, forget = FORGETTING[what]
    owner, untouched = make(), make()
    for each in (owner, untouched):
        requests = ask(each)
        reply = reply_to(requests)
        forget(each)
        if each is untouched:
            continue
        assert (len(requests), requests.kinds.tolist(), requests.trees.tolist()) == (0, [], [])
        with pytest.raises(InputError, match=FORGOTTEN):
            owner.backup(requests, reply)
        later = ask(owner)
        assert len(later) > 0
        assert len(requests) == 0
        with pytest.raises(InputError, match=FORGOTTEN):
            owner.backup(requests, reply_to(later))
        owner.backup(later, reply_to(later))
    later = ask(untouched)
    untouched.backup(later, reply_to(later))
    assert finish(owner) == finish(untouched)


def test_what_is_held_back_is_nobodys_batch_before_it_is_given_out() -> None:
    """Where ends are asked about first, the rest waits in memory that an answered batch has left."""
    trees = _core.Trees(None, _core.SearchParams(initial_proposals=2, max_proposals=4))
    for player in (0, 1, 0):
        trees.add_proposed(player)
    answered: list[_core.Requests] = []
    sampler, kinds = Sampler(), set()
    while requests := trees.select(40, endings_first=True):
        assert [len(old) for old in answered] == [0] * len(answered)
        kinds |= set(requests.kinds.tolist())
        trees.backup(requests, sampler(requests))
        answered.append(requests)
    assert kinds == {_core.PROPOSE, _core.VALUE}


def test_batches_in_flight_are_told_apart() -> None:
    trees = trees_of(CONNECT4, count=6)
    first, second = trees.select(30, 3), trees.select(30, 3)
    assert sorted(first.trees.tolist()) == [0, 1, 2]
    trees.backup(second, of(3))
    third = trees.select(30, 3)
    with pytest.raises(InputError, match=ANSWERED):
        trees.backup(second, of(3))
    assert (len(first), len(second), len(third)) == (3, 0, 3)
    for requests in (third, first):
        trees.backup(requests, of(3))


def test_a_batch_outlives_its_search() -> None:
    requests = trees_of(CONNECT4).select(5)
    assert requests.planes.shape == (2, 5, 6, 7)
    with pytest.raises(InputError, match=ELSEWHERE):
        trees_of(CONNECT4).backup(requests, of(2))


def test_planes_of_later_batches_are_in_the_same_array() -> None:
    """Evaluators keep what they have bound to it."""
    trees = trees_of(CONNECT4)
    first = trees.select(30)
    planes = first.planes
    trees.backup(first, of(2))
    assert first.planes.shape == (0, 5, 6, 7)
    assert trees.select(30).planes is planes


def test_a_pool_that_restores_forgets_what_its_trees_asked() -> None:
    pool, fresh = pool_of(CONNECT4), pool_of(CONNECT4)
    snapshot = pool.snapshot()
    for _ in range(3):
        requests = pool.select()
        pool.backup(requests, _core.uniform(requests))
    requests = pool.select()
    reply = _core.uniform(requests)
    pool.restore(snapshot, fresh.next_id)
    with pytest.raises(InputError, match=FORGOTTEN):
        pool.backup(requests, reply)
    moves = finish(pool)[0], pool.snapshot()["moves"].tolist()
    assert moves == (finish(fresh)[0], fresh.snapshot()["moves"].tolist())
