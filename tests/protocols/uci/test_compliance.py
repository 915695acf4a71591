"""What UCI asks of an engine, one step a test, and what other engines have fallen over."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest
from uci_client import ScriptedClient, ScriptedThinker, UciClient, count_moves

from engine.player.thinking import Report
from engine.protocols.line_reader import MAX_LINE

MATE_IN_ONE = "6k1/5ppp/8/8/8/8/5PPP/4R1K1 w - - 0 1"
CASTLES = "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1"

INFO = re.compile(
    r"info depth \d+ seldepth \d+ multipv \d+ score (cp -?\d+|mate -?\d+)( wdl \d+ \d+ \d+)? "
    r"nodes \d+ nps \d+ hashfull \d+ time \d+ pv( [a-h][1-8][a-h][1-8][qrbn]?)+"
)


def test_uci_is_answered_with_names_options_and_uciok(client: UciClient) -> None:
    heard = client.say("uci").hear()
    assert heard[0].startswith("id name selfplay")
    assert heard[1].startswith("id author ")
    assert heard[-1] == "uciok"
    assert all(line.startswith("option name ") for line in heard[2:-1])


def test_every_option_line_is_well_formed(client: UciClient) -> None:
    form = re.compile(
        r"option name [\w ]+ type (button|check default (true|false)|string default \S+"
        r"|spin default -?\d+ min -?\d+ max -?\d+|combo default (\S+)( var \S+)+)"
    )
    for line in client.say("uci").hear()[2:-1]:
        assert form.fullmatch(line), line


def test_uci_may_be_asked_again(client: UciClient) -> None:
    first = client.say("uci").hear()
    assert client.say("uci").hear() == first


def test_isready_at_once(client: UciClient) -> None:
    assert client.say("isready").hear() == ["readyok"]


def test_isready_before_uci_and_position(client: UciClient) -> None:
    assert client.say("isready", "position startpos", "isready").hear() == ["readyok"] * 2


def test_isready_is_answered_during_a_search(scripted: ScriptedClient) -> None:
    scripted.say("position startpos", "go infinite")
    assert "readyok" in scripted.say("isready").hear()
    assert count_moves(scripted.ask("stop")) == 1


def test_isready_is_answered_while_an_evaluation_hangs(scripted: ScriptedClient) -> None:
    scripted.thinker.gate.clear()
    scripted.say("go infinite")
    assert scripted.say("isready").hear() == ["readyok"]


def test_a_move_for_a_number_of_nodes(client: UciClient) -> None:
    heard = client.ask("position startpos", "go nodes 50")
    assert " nodes 50 " in heard[-2]
    assert re.fullmatch(r"bestmove [a-h][12][a-h][34]( ponder \w+)?", heard[-1])


def test_nodes_go_over_the_players_own_simulations(client: UciClient) -> None:
    assert " nodes 300 " in client.ask("go nodes 300")[-2]


@pytest.mark.parametrize("nodes", ["0", "-5", "1"])
def test_few_nodes_are_one(client: UciClient, nodes: str) -> None:
    assert " nodes 1 " in client.ask(f"go nodes {nodes}")[-2]


def test_info_lines_are_well_formed_and_begin_without_a_blank(client: UciClient) -> None:
    heard = client.ask("setoption name MultiPV value 3", "position startpos", "go nodes 100")
    assert all(INFO.fullmatch(line) for line in heard[:-1]), heard
    assert [line.split()[6] for line in heard[-4:-1]] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "words",
    ["wtime 1000 btime 1000 winc 10 binc 10", "btime 1000 wtime 1000", "binc 5 winc 5 btime 900 wtime 800",
     "wtime 1000", "btime 1000", "wtime 500 btime 500 movestogo 10", "movestogo 1 wtime 50 btime 50",
     "wtime 0 btime 0", "wtime -100 btime -100", "wtime 1 btime 1 winc 0 binc 0", "movetime 20", "movetime 1",
     "movetime 0", "movetime -5", "wtime 1000 btime 1000 movestogo 0",
     "movetime 99999999999999999999 nodes 5", "wtime 100.5 btime 100.5",
     "nodes 20 movetime 10000", "nodes 10", "depth 1 nodes 3"],
)  # fmt: skip
@pytest.mark.parametrize("moves", ["", " moves e2e4"])
def test_every_limit_ends_with_one_move(client: UciClient, words: str, moves: str) -> None:
    heard = client.ask(f"position startpos{moves}", f"go {words}")
    assert count_moves(heard) == 1
    assert INFO.fullmatch(heard[-2])


def test_the_clock_of_the_side_to_move_counts(scripted: ScriptedClient) -> None:
    for moves, own, other in (("", "wtime", "btime"), (" moves e2e4", "btime", "wtime")):
        before = time.monotonic()
        scripted.ask(f"position startpos{moves}", f"go {other} 3600000 {own} 100", "stop")
        deadlines = [query.deadline for query in scripted.thinker.begun if query.deadline is not None]
        assert deadlines[-1] - before < 60  # far below what the other's clock would give


def test_go_alone_is_infinite(scripted: ScriptedClient) -> None:
    scripted.say("go")
    query = scripted.thinker.begun[-1]
    assert (query.simulations, query.deadline) == (None, None)
    assert count_moves(scripted.ask("stop")) == 1


def test_searchmoves_alone_are_infinite(scripted: ScriptedClient) -> None:
    scripted.say("go searchmoves e2e4")
    assert scripted.thinker.begun[-1].simulations is None
    assert count_moves(scripted.ask("stop")) == 1


def test_a_missing_number_does_not_make_it_endless(client: UciClient) -> None:
    for words in (
        "movetime",
        "wtime",
        "depth x",
        "nodes nodes",
        "mate",
        "wtime btime",
        "movetime infinity"[:8],
    ):
        heard = client.ask(f"go {words}")
        assert count_moves(heard) == 1
        assert any("give a number" in line for line in heard)


@pytest.mark.parametrize("words", ["infinite nodes 5", "ponder nodes 5", "infinite movetime 5"])
def test_no_move_before_stop_where_it_is_held(scripted: ScriptedClient, words: str) -> None:
    """Not even where the search has ended by then."""
    scripted.say(f"go {words}")
    query = scripted.thinker.begun[-1]
    if "ponder" in words:
        query.stop()
    while scripted.is_thinking:
        pass
    assert count_moves(scripted.say("isready").hear()) == 0
    assert count_moves(scripted.ask("stop")) == 1


@pytest.mark.parametrize("words", ["infinite", "ponder wtime 1000 btime 1000", ""])
def test_a_proof_does_not_end_what_is_held(words: str) -> None:
    client = ScriptedClient(ScriptedThinker(lambda report, _: replace(report, proof=1)))
    client.say(f"position fen {MATE_IN_ONE}", f"go {words}")
    client.thinker.begun[-1].stop()
    while client.is_thinking:
        pass
    assert count_moves(client.hear()) == 0
    assert count_moves(client.ask("stop")) == 1


def test_stop_without_a_search_is_not_kept(client: UciClient) -> None:
    assert client.say("stop", "ponderhit", "stop").hear() == []
    assert " nodes 30 " in client.ask("go nodes 30")[-2]


def test_stop_twice_gives_one_move(scripted: ScriptedClient) -> None:
    scripted.say("go infinite", "stop", "stop")
    assert count_moves(scripted.wait(lambda heard: count_moves(heard) > 0)) == 1
    scripted.say("stop", "isready")
    assert scripted.hear() == ["readyok"]


def test_stop_right_after_go_gives_a_move(client: UciClient) -> None:
    for _ in range(5):
        assert count_moves(client.ask("position startpos", "go infinite", "stop")) == 1


def test_ponderhit_starts_the_clock(scripted: ScriptedClient) -> None:
    scripted.say("position startpos moves e2e4 e7e5", "go ponder wtime 400 btime 400")
    query = scripted.thinker.begun[-1]
    assert (query.deadline, query.simulations) == (None, None)
    assert count_moves(scripted.ask("ponderhit")) == 1


def test_ponderhit_keeps_the_limit_of_nodes(scripted: ScriptedClient) -> None:
    scripted.say("go ponder nodes 50")
    heard = scripted.ask("ponderhit")
    assert " nodes 50 " in heard[-2] or int(heard[-2].split(" nodes ")[1].split()[0]) > 50


def test_stop_in_pondering_then_position_and_go(client: UciClient) -> None:
    client.say("position startpos moves e2e4 e7e5", "go ponder wtime 1000 btime 1000")
    heard = client.ask("stop")
    assert count_moves(heard) == 1
    heard = client.ask("position startpos moves e2e4 c7c5", "go wtime 200 btime 200")
    assert count_moves(heard) == 1
    assert client.fen.startswith("rnbqkbnr/pp1ppppp")


def test_a_second_ponderhit_is_nothing(client: UciClient) -> None:
    client.say("go ponder nodes 20")
    assert count_moves(client.ask("ponderhit", "ponderhit")) == 1


def test_go_during_a_search_stops_that_first(scripted: ScriptedClient) -> None:
    scripted.say("position startpos", "go infinite", f"position fen {CASTLES}", "go nodes 5")
    heard = scripted.wait(lambda lines: count_moves(lines) == 2)
    first, second = [line.split()[1] for line in heard if line.startswith("bestmove")]
    assert first[1] in "12"
    assert second[0] in "aeh"


def test_every_go_of_many_gets_its_move(scripted: ScriptedClient) -> None:
    scripted.thinker.gate.clear()
    scripted.say(*["go infinite"] * 6)
    scripted.thinker.gate.set()
    scripted.say("stop")
    assert count_moves(scripted.wait(lambda lines: count_moves(lines) >= 6)) == 6


def test_a_hanging_evaluation_does_not_cost_the_game(scripted: ScriptedClient) -> None:
    scripted.thinker.gate.clear()
    for words in ("movetime 30", "wtime 200 btime 200", "infinite"):
        scripted.say("position startpos", f"go {words}", *["stop"] * (words == "infinite"))
        assert count_moves(scripted.wait(lambda lines: count_moves(lines) == 1)) == 1
    scripted.thinker.gate.set()
    assert " nodes 7 " in scripted.ask("go nodes 7")[-2]


def test_what_fails_in_a_search_is_told_and_a_move_is_made() -> None:
    def fail(report: Report, steps: int) -> Report:
        if steps > 3:
            raise RuntimeError("out of luck")
        return report

    client = ScriptedClient(ScriptedThinker(fail))
    heard = client.ask("go nodes 50")
    assert count_moves(heard) == 1
    assert any(line.startswith("info string the search failed: RuntimeError: out of luck") for line in heard)
    assert client.say("isready").hear() == ["readyok"]


def test_illegal_searchmoves_are_left_out_and_told(client: UciClient) -> None:
    heard = client.ask("position startpos", "go nodes 30 searchmoves e2e5 a2a3 zz")
    assert heard[-1].split()[1] == "a2a3"
    assert sum("searchmoves" in line for line in heard) == 2
    heard = client.ask("position startpos", "go nodes 30 searchmoves e2e5")
    assert any("all moves are searched" in line for line in heard)
    assert count_moves(heard) == 1


def test_words_of_go_may_follow_searchmoves(scripted: ScriptedClient) -> None:
    heard = scripted.ask("position startpos", "go searchmoves a2a3 h2h3 nodes 40")
    assert heard[-1].split()[1] in ("a2a3", "h2h3")
    assert " nodes 40 " in heard[-2]


@pytest.mark.parametrize("depth", [1, 2, 3, 6, 10**6])
def test_depth_ends(depth: int) -> None:
    client = UciClient("mcts:100")
    heard = client.ask("setoption name Simulations value 0", "position startpos", f"go depth {min(depth, 6)}")
    told = int(heard[-2].split()[2])
    nodes = int(heard[-2].split(" nodes ")[1].split()[0])
    assert told >= min(depth, 6) or nodes >= 1000 * min(depth, 6)
    client.close()


def test_a_line_grows_until_it_is_as_deep_as_asked() -> None:
    def deepen(report: Report, steps: int) -> Report:
        state, line = report.state.clone(), []
        for text in ["g1f3", "g8f6", "f3g1", "f6g8", "e2e4", "e7e5", "d2d4", "d7d5"][:steps]:
            line.append(state.parse_action(text))
            state.play(line[-1])
        moves = (replace(report.moves[0], pv=tuple(line) or report.moves[0].pv), *report.moves[1:])
        return replace(report, moves=moves, simulations=steps)

    client = ScriptedClient(ScriptedThinker(deepen))
    for depth in (3, 7):
        told = int(client.ask("position startpos", f"go depth {depth}")[-2].split()[2])
        assert told >= depth


def test_mate_ends_whether_there_is_one_or_not(client: UciClient) -> None:
    heard = client.ask("setoption name Simulations value 0", f"position fen {MATE_IN_ONE}", "go mate 1")
    assert count_moves(heard) == 1
    assert " score mate 1 " in heard[-2]
    client.say("setoption name Simulations value 50")
    assert count_moves(client.ask("position startpos", "go mate 3")) == 1


def test_ucinewgame_forgets_the_trees(scripted: ScriptedClient) -> None:
    scripted.ask("go nodes 2")
    assert scripted.thinker.forgotten == 0
    scripted.say("ucinewgame", "isready")
    assert scripted.thinker.forgotten == 1
    scripted.ask("go nodes 2")
    assert scripted.thinker.forgotten == 1


def test_ucinewgame_during_a_search_waits_for_it(scripted: ScriptedClient) -> None:
    scripted.say("go infinite", "ucinewgame")
    assert scripted.thinker.forgotten == 0
    scripted.ask("stop")
    scripted.wait(lambda _: not scripted.session.is_busy)
    scripted.ask("go nodes 2")
    assert scripted.thinker.forgotten == 1


@pytest.mark.parametrize(
    "line",
    ["", "   ", "hello", "joho stop", "xyzzy 1 2 3", "\x00\x01\x02", "go\x00", "\ufffd" * 50,
     "POSITION startpos", "debug", "debug on off", "register later", "register name x code y",
     "setoptionname", "ponderhit", "stop"],
)  # fmt: skip
def test_what_means_nothing_is_passed_over(client: UciClient, line: str) -> None:
    before = client.fen
    assert client.say(line, "isready").hear() == ["readyok"]
    assert client.fen == before


def test_unknown_words_before_a_command_are_passed_over(client: UciClient) -> None:
    assert client.say("joho isready").hear() == ["readyok"]
    assert client.say("\t isready \t ").hear() == ["readyok"]


def test_a_line_that_is_too_long_is_refused(client: UciClient) -> None:
    client.say("position startpos moves e2e4")
    before = client.fen
    heard = client.say("position startpos moves " + "e2e4 " * (MAX_LINE // 5 + 1)).hear()
    assert heard == [f"info string a line longer than {MAX_LINE} bytes was passed over"]
    assert client.fen == before


def test_debug_tells_the_limits(client: UciClient) -> None:
    assert any("info string limits" in line for line in client.ask("debug on", "go nodes 2"))
    assert not any("info string limits" in line for line in client.ask("debug off", "go nodes 2"))


@pytest.mark.parametrize("words", ["infinite", "ponder wtime 100 btime 100"])
@pytest.mark.parametrize("player", ["random"])
def test_a_player_without_a_search_holds_its_move_too(player: str, words: str) -> None:
    client = UciClient(player)
    assert count_moves(client.ask("go wtime 1000 btime 1000")) == 1
    client.say(f"go {words}")
    while client.is_thinking:
        pass
    assert count_moves(client.hear()) == 0
    assert count_moves(client.ask("stop")) == 1


def test_the_bestmove_is_of_the_line_told_last(client: UciClient) -> None:
    for _ in range(3):
        heard = client.ask("position startpos", "go nodes 60")
        line = heard[-2].split(" pv ")[1].split()
        words = heard[-1].split()
        assert words[1] == line[0]
        assert words[2:] == (["ponder", line[1]] if len(line) > 1 else [])
