"""Every option does what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from uci_client import ScriptedClient, ScriptedThinker, UciClient

from engine.player.thinking import Report
from engine.protocols.uci.option import offered_options

Tell = Callable[[Report, int], Report]


def steady(report: Report, steps: int) -> Report:
    """The first move at 0.6, three quarters of the visits on it."""
    moves = list(report.moves)
    moves[0] = replace(moves[0], visits=3 * steps, value=0.6, wdl=(0.7, 0.2, 0.1))
    moves[1] = replace(moves[1], visits=steps, value=0.1)
    return replace(
        report, moves=tuple(moves), simulations=4 * steps, visits=4 * steps, seconds=max(1e-3, steps / 1000),
        value=0.6, wdl=(0.7, 0.2, 0.1), memory=0.25,
    )  # fmt: skip


@pytest.fixture
def client() -> Iterator[UciClient]:
    client = UciClient("mcts:60")
    yield client
    client.close()


@pytest.fixture
def scripted() -> Iterator[ScriptedClient]:
    client = ScriptedClient(ScriptedThinker(steady))
    yield client
    client.close()


def test_each_has_a_test_here() -> None:
    """Under its name, in small letters."""
    tests = " ".join(name for name in globals() if name.startswith("test_"))
    for option in offered_options(["a"], True, 0, 1, 1):
        assert option.name.lower().replace(" ", "_") in tests, option.name


def test_threads_are_those_of_the_player(client: UciClient) -> None:
    client.say("setoption name Threads value 3", "isready")
    assert client.opened[-1] == ("chess", 3)
    assert client.opened[-2][1] == 1
    assert "Threads" in client.say("setoption name Threads value 5").hear()[-1]  # more than it can use


def test_hash_is_the_memory_of_the_trees(client: UciClient, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    from engine.player.tree_player import TreePlayer

    thinker = TreePlayer.thinker

    def watched(self: TreePlayer, *, memory_mb: float | None = None):  # type: ignore[no-untyped-def]
        given.append(memory_mb)
        return thinker(self, memory_mb=memory_mb)

    monkeypatch.setattr(TreePlayer, "thinker", watched)
    client.say("isready", "setoption name Hash value 64", "isready", "isready")
    assert given == [256, 64]


def test_clear_hash_forgets_the_trees(scripted: ScriptedClient) -> None:
    for name in ("Clear Hash", "ClearHash", "clear hash"):
        scripted.say("isready")
        before = scripted.thinker.forgotten
        scripted.say(f"setoption name {name}", "isready")
        assert scripted.thinker.forgotten == before + 1


def test_ponder_takes_more_of_the_own_time(scripted: ScriptedClient) -> None:
    scripted.say("debug on")
    softs = []
    for value in ("false", "true"):
        heard = scripted.ask(f"setoption name Ponder value {value}", "go wtime 60000 btime 60000", "stop")
        told = next(line for line in heard if "limits" in line)
        softs.append(float(told.split("soft_s=")[1].split(",")[0]))
    assert softs[1] == pytest.approx(1.25 * softs[0])


def test_multipv_is_the_number_of_lines(client: UciClient) -> None:
    for count in (1, 2, 5):
        heard = client.ask(f"setoption name MultiPV value {count}", "position startpos", "go nodes 80")
        last = heard[-1 - count : -1]
        assert [line.split()[6] for line in last] == [str(rank + 1) for rank in range(count)]
        assert len({line.split(" pv ")[1].split()[0] for line in last}) == count
    heard = client.ask("position fen k7/8/8/8/8/8/6r1/7K w - - 0 1", "go nodes 10")
    assert heard[-2].split()[6] == "1"  # there is but one move


def test_simulations_end_a_move_that_go_does_not(client: UciClient) -> None:
    assert " nodes 60 " in client.ask("go movetime 60000")[-2]
    assert " nodes 35 " in client.ask("setoption name Simulations value 35", "go wtime 600000")[-2]


def test_move_overhead_is_left_on_the_clock(scripted: ScriptedClient) -> None:
    scripted.say("debug on")
    hard = []
    for value in (0, 300):
        heard = scripted.ask(f"setoption name Move Overhead value {value}", "go movetime 1000", "stop")
        told = next(line for line in heard if "limits" in line)
        hard.append(float(told.split("hard_s=")[1].split(",")[0]))
    assert hard == [pytest.approx(1.0), pytest.approx(0.7)]


def test_uci_analysemode_lifts_the_players_own_limits(client: UciClient) -> None:
    client.say("setoption name UCI_AnalyseMode value true")
    nodes = int(client.ask("go movetime 300")[-2].split(" nodes ")[1].split()[0])
    assert nodes > 60


def test_uci_showwdl_adds_win_draw_and_loss(scripted: ScriptedClient) -> None:
    assert " wdl " not in scripted.ask("go nodes 10")[-2]
    assert " wdl 700 200 100 " in scripted.ask("setoption name UCI_ShowWDL value true", "go nodes 10")[-2]


def test_uci_opponent_is_taken_note_of(client: UciClient, capsys: pytest.CaptureFixture[str]) -> None:
    heard = client.say("setoption name UCI_Opponent value GM 2800 human Gary Kasparov").hear()
    assert heard == ["info string the opponent is GM 2800 human Gary Kasparov"]
    assert "Gary Kasparov" in capsys.readouterr().err


def test_uci_variant_is_another_game(client: UciClient) -> None:
    client.say("setoption name UCI_Variant value GARDNER", "isready")
    assert client.opened[-1][0] == "gardner"
    assert client.hear() == ["readyok"]
    heard = client.say("setoption name UCI_Variant value atomic").hear()
    assert heard == ["info string option UCI_Variant 'atomic': give chess or gardner"]


def test_uci_chess960_is_another_spelling(client: UciClient) -> None:
    client.say("setoption name UCI_Chess960 value true", "isready")
    assert client.opened[-1][0] == "chess960"


def test_a_variant_keeps_the_position_where_it_can(client: UciClient) -> None:
    client.say("position startpos moves e2e4", "setoption name UCI_Chess960 value true")
    assert client.fen.startswith("rnbqkbnr/pppppppp/8/8/4P3")
    client.say("setoption name UCI_Variant value gardner")
    assert client.fen.startswith("rnbqk/ppppp/5")


def test_smartpruningfactor_ends_what_is_decided(scripted: ScriptedClient) -> None:
    heard = scripted.ask("go nodes 400")
    assert " nodes 1600 " in heard[-2]  # a step tells of four
    heard = scripted.ask("setoption name SmartPruningFactor value 1.33", "go nodes 4000")
    assert int(heard[-2].split(" nodes ")[1].split()[0]) < 4000
    assert "give a number" in scripted.say("setoption name SmartPruningFactor value much").hear()[-1]


@pytest.mark.parametrize(
    ("value", "score"),
    [("centipawn", 241), ("Q", 6000), ("W-L", 6000), ("win_percentage", 8000), ("WDL_mu", 226)],
)
def test_scoretype_is_the_kind_of_score(scripted: ScriptedClient, value: str, score: int) -> None:
    heard = scripted.ask(f"setoption name ScoreType value {value}", "go nodes 5")
    assert f" score cp {score} " in heard[-2]


def test_verbosemovestats_tell_every_move_in_the_end(scripted: ScriptedClient) -> None:
    scripted.say("setoption name VerboseMoveStats value true")
    heard = [line for line in scripted.ask("go nodes 5") if line.startswith("info string")]
    assert len(heard) == 21
    assert heard[-2].split()[2] == scripted.best("go nodes 5")
    assert "N:      15 (+ 0) (P:  5.00%) (WL:  0.60000) (D: 0.200) (Q:  0.60000)" in heard[-2]
    assert heard[-1].split()[2] == "node"


def test_loglivestats_tell_every_move_on_the_way(scripted: ScriptedClient) -> None:
    scripted.say("setoption name LogLiveStats value true", "go infinite")
    scripted.wait(lambda heard: any("info string node" in line for line in heard))
    assert not any("info string node" in line for line in scripted.ask("stop"))


@pytest.mark.parametrize(
    "words",
    ["", "name", "value 3", "name NoSuch value 3", "name NoSuch", "name value 3", "name Hash value",
     "name Hash value x", "name Hash value 0", "name Hash value -1", "name Hash value 1e30",
     "name Hash value nan",
     "name Threads value 1 2", "name UCI_ShowWDL value maybe", "name ScoreType value elo", "name MultiPV",
     "Hash value 3", "name SmartPruningFactor value -1", "name SmartPruningFactor value inf"],
)  # fmt: skip
def test_what_is_no_option_is_told_and_changes_nothing(client: UciClient, words: str) -> None:
    before = client.say("uci").hear()
    heard = client.say(f"setoption {words}").hear()
    assert len(heard) == 1
    assert heard[0].startswith("info string ")
    assert client.say("uci").hear() == before
    assert client.session.options.number("Hash") == 256


def test_names_are_read_in_any_case_and_values_with_blanks(client: UciClient) -> None:
    client.say("setoption name uci_showwdl value TRUE", "setoption   name  move   overhead  value  77")
    assert client.session.options.is_on("UCI_ShowWDL")
    assert client.session.options.number("Move Overhead") == 77
    client.say("setoption name UCI_Opponent value <empty>")
    assert client.session.options.text("UCI_Opponent") == ""


def test_an_option_during_a_search_is_for_the_next(scripted: ScriptedClient) -> None:
    scripted.say("isready", "go infinite", "setoption name Hash value 32", "isready")
    assert scripted.hear()[-1] == "readyok"
    before = len(scripted.opened)
    scripted.ask("stop")
    scripted.ask("go nodes 2")
    assert len(scripted.opened) == before + 1
