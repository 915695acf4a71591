"""Games against engines of others and on the clock: none is lost to the protocol, time or a wrong move."""

from __future__ import annotations

import random
import shutil
import threading

import pytest
from uci_referee import OURS, BusyProcess, Engine, Played, play_game

from engine.player.clock import TimeControl
from engine.registry import load_game

GAMES = 200

OTHERS = {
    "stockfish": ("chess", {"Skill Level": "0", "Hash": "16"}),
    "fairy-stockfish": ("gardner", {"UCI_Variant": "gardner", "Skill Level": "0", "Hash": "16"}),
}


def program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/games")
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    return found


def opening(game: str, seed: int) -> list[str]:
    """Four plies at random."""
    drawn, state = random.Random(seed), load_game(game).initial()
    moves = []
    for _ in range(4):
        action = drawn.choice(state.legal_actions())
        moves.append(state.action_text(action))
        state.play(action)
    return moves


@pytest.mark.slow
@pytest.mark.parametrize("other", OTHERS)
def test_no_game_against_another_engine_is_lost_but_by_play(other: str) -> None:
    game, options = OTHERS[other]
    engines = [Engine([*OURS, "mcts:1000", "--game", game]), Engine([program(other)], options)]
    try:
        for number in range(GAMES):
            seats = engines if number % 2 else engines[::-1]
            played = play_game(load_game(game), seats, TimeControl(move_s=0.005), opening(game, number // 2))
            assert played.forfeit is None, (number, played.forfeit)
    finally:
        for engine in engines:
            engine.close()


def on_the_clock(games: int, seed: int, control: TimeControl, played: list[Played]) -> None:
    engines = [Engine([*OURS, "mcts:1", "--game", "gardner"], {"Simulations": "0"}) for _ in range(2)]
    try:
        for number in range(games):
            start = opening("gardner", seed + number)
            played.append(play_game(load_game("gardner"), engines, control, start))
    finally:
        for engine in engines:
            engine.close()


STALL_S = 0.05
"""Where a machine lets a process wait for a core for so long, a flag falls that no player could hold up."""


@pytest.mark.slow
def test_time_is_kept_and_used_on_a_busy_machine(capsys: pytest.CaptureFixture[str]) -> None:
    """Sixty games of a second and a hundredth a move, three at a time, two processes at work beside them."""
    control = TimeControl.parse("1+0.01")
    played: list[Played] = []
    busy = [BusyProcess() for _ in range(2)]
    threads = [
        threading.Thread(target=on_the_clock, args=(20, 100 * seed, control, played)) for seed in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for process in busy:
        process.close()
    assert len(played) == 60
    lost = [
        (game.forfeit, max(process.stall(*game.span) for process in busy)) for game in played if game.forfeit
    ]
    long = [share for game in played if game.plies >= 56 for share in game.used]
    with capsys.disabled():
        shares = sorted(share for game in played for share in game.used)
        print(f"\n{len(played)} games, {len(lost)} lost on time, stalls {lost}")
        print(f"plies {sorted(game.plies for game in played)}")
        print(f"time used: least {shares[0]:.3f}, middle {shares[len(shares) // 2]:.3f}")
        print(f"of games of normal length: {sum(long) / max(1, len(long)):.3f} ({len(long)})")
    assert len(long) == 0 or sum(long) / len(long) >= 0.9
    assert [why for why, stall in lost if stall < STALL_S] == []
