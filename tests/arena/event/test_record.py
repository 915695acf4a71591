import pytest

from engine.arena.event.record import checkpoint_iteration, record_text
from engine.arena.event.result import GameResult
from engine.arena.game import Forfeit, GameOrder
from engine.errors import UserError
from engine.registry import load_game


def ended(game: str, moves: list[str], outcome: float, termination: str, kind: str = "") -> str:
    rules = load_game(game)
    state = rules.initial()
    actions = []
    for move in moves:
        actions.append(state.parse_action(move))
        state.play(actions[-1])
    forfeit = Forfeit(0 if outcome < 0 else 1, kind, "a reason") if kind else None
    order = GameOrder(6, 3, (1, 0))
    result = GameResult(order, "", tuple(actions), outcome, termination, forfeit, (), (0.0, 0.0), (0, 0))
    return record_text(rules, ["a", "b"], result)


@pytest.mark.parametrize(
    ("outcome", "termination", "kind", "shown"),
    [
        (-1.0, "forfeit", "time", ['[Result "0-1"]', '[Termination "time forfeit"]', "1. e4 0-1"]),
        (1.0, "forfeit", "illegal", ['[Result "1-0"]', '[Termination "rules infraction"]']),
        (1.0, "forfeit", "crash", ['[Result "1-0"]', '[Termination "crash"]']),
        (-1.0, "resignation", "", ['[Result "0-1"]', '[Termination "normal"]']),
        (0.0, "adjudication", "", ['[Result "1/2-1/2"]', '[Termination "adjudication"]']),
    ],
)
def test_a_game_of_chess_that_the_rules_did_not_end(
    outcome: float, termination: str, kind: str, shown: list[str]
) -> None:
    text = ended("chess", ["e2e4"], outcome, termination, kind)
    for line in [*shown, '[White "b"]', '[Black "a"]', '[Round "7"]']:
        assert line in text


@pytest.mark.parametrize(
    ("outcome", "termination", "kind", "shown"),
    [
        (-1.0, "forfeit", "time", "RE[W+T]"),
        (1.0, "forfeit", "hang", "RE[B+F]"),
        (1.0, "resignation", "", "RE[B+R]"),
        (0.0, "adjudication", "", "RE[0]"),
    ],
)
def test_a_game_of_go_that_the_rules_did_not_end(
    outcome: float, termination: str, kind: str, shown: str
) -> None:
    text = ended("go:size=5", ["C3"], outcome, termination, kind)
    assert shown in text
    assert "PB[b]" in text


def test_results_of_the_rules_stay_the_rules() -> None:
    text = ended("chess", ["f2f3", "e7e5", "g2g4", "d8h4"], -1.0, "rules")
    assert '[Result "0-1"]' in text
    assert "Termination" not in text


@pytest.mark.parametrize(("position", "action"), [("", 99_999), ("", 2**40), ("4x", 0)])
def test_a_game_that_is_none_is_told_by_its_number(position: str, action: int) -> None:
    order = GameOrder(6, 3, (1, 0))
    result = GameResult(order, position, (action,), 1.0, "rules", None, (), (0.0, 0.0), (0, 0))
    with pytest.raises(UserError, match="game 6 of the log is none of gardner"):
        record_text(load_game("gardner"), ["a", "b"], result)


def test_a_checkpoint_is_known_by_its_path() -> None:
    assert checkpoint_iteration("runs/a/checkpoints/000042") == 42
    assert checkpoint_iteration("runs/000007/checkpoints/000042; simulations=3") == 42
    assert checkpoint_iteration("runs/a") is None
    assert checkpoint_iteration("mcts:100000") is None
