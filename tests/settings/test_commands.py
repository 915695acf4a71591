"""Every option of every command does something: shown here, or by a test that is named here."""

from __future__ import annotations

import ast
import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from text_runs import TASK, Run, text_run

from engine.cli.app import app
from engine.cli.app import run as run_command
from engine.language.method.registry import METHODS

__all__ = ["text_run"]

TESTS = Path(__file__).resolve().parents[1]


def options() -> dict[str, set[str]]:
    """The options of each command, by its words."""
    found: dict[str, set[str]] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        if hasattr(command, "list_commands"):
            context = click.Context(command)
            for name in command.list_commands(context):
                walk(command.get_command(context, name), (*words, name))
        else:
            found[" ".join(words)] = {
                each.opts[0] for each in command.params if each.param_type_name == "option"
            }

    walk(typer.main.get_command(app), ())
    return found


CHECK_TASK = "test_of_a_game_and_a_task_with_one_name_check_takes_the_game_unless_asked"
SETTINGS_JSON = "test_the_command_shows_a_games_values_and_marks_what_its_preset_changes"
ELSEWHERE = {
    "arena --pool": "cli/arena/test_pool.py::test_a_newcomer_joins_and_stays",
    "arena --until": "cli/arena/test_pool.py::test_so_much_is_enough",
    "arena --opening-order": "cli/arena/test_event.py::test_openings_of_a_file_are_chosen",
    "arena --opening-start": "cli/arena/test_event.py::test_openings_of_a_file_are_chosen",
    "arena --limit": "cli/arena/test_event.py::test_a_limit_is_of_players_without_one",
    "arena --margin": "cli/arena/test_engines.py::test_margin_and_patience",
    "arena --patience": "cli/arena/test_engines.py::test_margin_and_patience",
    "arena --openings": "cli/arena/test_arena.py::test_openings_from_a_file",
    "arena --sprt": "cli/arena/test_arena.py::test_sprt_stops_and_says_why",
    "arena --schedule": "cli/arena/test_event.py::test_every_schedule_is_played_to_its_end",
    "arena --sprt-model": "cli/arena/test_event.py::test_the_model_of_a_test_is_told",
    "arena --anchor": "cli/arena/test_event.py::test_an_anchor_keeps_its_rating",
    "arena --count-forfeits": "cli/arena/test_event.py::test_forfeits_are_apart_unless_they_are_to_count",
    "arena --log": "cli/arena/test_event.py::test_a_log_is_told_without_players",
    "arena --records": "cli/arena/test_event.py::test_records_are_one_file",
    "arena --tensorboard": "cli/arena/test_event.py::test_ratings_of_checkpoints_over_their_iterations",
    "arena --threads": "cli/arena/test_arena.py::test_a_match_as_json",
    "arena --json": "cli/arena/test_arena.py::test_a_match_as_json",
    "play --show": "cli/arena/test_arena.py::test_play_in_a_terminal",
    "play --position": "cli/arena/test_arena.py::test_play_in_a_terminal",
    "play --game": "cli/test_play.py::test_play_shows_all_moves_of_go",
    "play --sims": "cli/test_run.py::test_play_against_a_run",
    "analyze --as-they-come": "cli/test_analyze.py::test_what_is_ready_is_answered_at_once",
    "analysis -model": "cli/test_analysis.py::test_programs_start_it_as_they_start_katago",
    "analysis -config": "cli/test_analysis.py::test_programs_start_it_as_they_start_katago",
    "analysis -override-config": "cli/test_analysis.py::test_programs_start_it_as_they_start_katago",
    "analysis --game": "cli/test_analysis.py::test_programs_start_it_as_they_start_katago",
    "analysis -quit-without-waiting": "cli/test_analysis.py::test_the_end_of_the_input_ends_it",
    "analyze --protocol": "cli/test_analyze.py::test_katagos_protocol_is_asked_for",
    "analyze --winrates-as": "cli/test_analyze.py::test_whose_winrates_are_told",
    "analyze --quit-without-waiting": "cli/test_analyze.py::test_the_end_of_the_input_ends_it",
    "analyze --game": "cli/test_play.py::test_analyze_names_what_ended_the_game",
    "gtp --game": "protocols/gtp/test_options.py::test_options_choose_player_and_game",
    "gtp --threads": "protocols/gtp/test_options.py::test_options_choose_player_and_game",
    "gtp --sims": "protocols/gtp/test_options.py::test_options_choose_player_and_game",
    "gtp --time": "protocols/gtp/test_options.py::test_options_of_time_and_memory",
    "gtp --lag": "protocols/gtp/test_options.py::test_options_of_time_and_memory",
    "gtp --memory": "protocols/gtp/test_options.py::test_options_of_time_and_memory",
    "gtp --ponder": "protocols/gtp/test_options.py::test_pondering_ends_at_any_command",
    "gtp --records": "protocols/gtp/test_options.py::test_records_are_of_one_folder",
    "gtp --answer-version": "protocols/gtp/test_options.py::test_the_version_that_is_asked_for",
    "uci --game": "protocols/uci/test_process.py::test_options_choose_game_and_limits",
    "uci --sims": "protocols/uci/test_process.py::test_options_choose_game_and_limits",
    "uci --threads": "protocols/uci/test_process.py::test_options_choose_game_and_limits",
    "replay --game": "cli/test_cli_replay.py::test_one_game_move_by_move",
    "replay --columns": "cli/test_cli_replay.py::test_the_columns_are_told",
    "replay --json": "cli/test_cli_replay.py::test_the_summary_counts_what_is_there",
    "games --json": "cli/test_rules.py::test_games_lists_what_is_installed",
    "perft --position": "cli/test_rules.py::test_perft_counts_are_exact",
    "perft --json": "cli/test_rules.py::test_perft_counts_are_exact",
    "check --task": f"cli/test_rules.py::{CHECK_TASK}",
    "settings --preset": "test_setting.py::test_the_command_shows_what_a_tasks_preset_sets",
    "settings --method": "test_setting.py::test_the_command_shows_what_a_method_sets",
    "settings --json": f"test_setting.py::{SETTINGS_JSON}",
    "export --onnx": "export/test_onnx.py::test_the_network_of_a_run_is_the_average_that_plays",
    "export --opset": "export/test_onnx.py::test_an_opset_is_chosen",
    "export --folder": "export/test_folder.py::test_a_folder_is_a_player_wherever_it_lies",
    "export --score": "export/test_card.py::test_truth_is_measured_when_asked",
    "export --matches": "export/test_card.py::test_matches_that_were_played_stand_on_the_card",
    "export --licence": "export/test_card.py::test_a_licence_is_what_whoever_exports_says",
    "export --hardware": "export/test_card.py::test_hardware_is_told_where_the_run_does_not",
    "export --force": "export/test_onnx.py::test_what_is_there_is_replaced_when_asked",
    "export --json": "export/test_onnx.py::test_the_document_has_the_measured_parity",
    "record --game": "cli/test_record.py::test_a_collection_is_answered_game_by_game",
    "record --json": "cli/test_record.py::test_a_go_game_is_answered",
    "bench --seconds": "cli/test_machine.py::test_bench_rows",
    "bench --json": "cli/test_machine.py::test_bench_rows",
    "doctor --game": "cli/test_machine.py::test_doctor_shows_it_in_words",
    "doctor --seconds": "cli/test_machine.py::test_doctor_shows_it_in_words",
    "doctor --json": "cli/test_machine.py::test_doctor_says_what_is_used_and_how_fast",
    "eval --sims": "cli/test_evaluate.py::test_eval_as_json",
    "eval --positions": "cli/test_evaluate.py::test_eval_as_json",
    "eval --ladder-games": "cli/test_evaluate.py::test_eval_as_json",
    "eval --ladder-sims": "cli/test_evaluate.py::test_eval_as_json",
    "eval --json": "cli/test_evaluate.py::test_eval_as_json",
    "train --config": "cli/test_train.py::test_a_bad_settings_file_is_refused",
    "train --minutes": "game/test_final_score.py::test_a_finished_run_says_so_and_shows_its_table",
    "train --resume": "game/test_final_score.py::test_a_finished_run_says_so_and_shows_its_table",
    "train --no-final": "game/test_final_score.py::test_the_table_can_be_left_out",
    "train --preset": "settings/test_loop.py::test_a_run_is_of_its_game_and_preset",
    "train --set": "settings/test_loop.py::test_what_is_set_is_written_down",
    "train --run": "settings/test_loop.py::test_what_is_set_is_written_down",
    "train --iterations": "settings/test_loop.py::test_so_many_checkpoints_are_kept",
    "train --init": "settings/test_init.py::test_a_run_begins_with_the_weights_that_are_named",
    "train --json": "game/test_final_score.py::test_the_table_can_be_left_out",
    "text generate --critic": "language/method/test_reward.py::test_generate_writes_the_best_of_several",
    "text eval --critic": "language/learner/test_critic.py::test_verbs_take_the_critic_of_a_run_or_another",
    "text search --critic": "language/learner/test_critic.py::test_verbs_take_the_critic_of_a_run_or_another",
    "text inspect --verdicts": "language/test_loop.py::test_a_stopped_run_goes_on_once_a_person_has_judged",
    "text METHOD --resume": "language/test_loop.py::test_a_killed_run_resumes_to_the_same_numbers",
    "text METHOD --dry-run": "language/test_loop.py::test_a_forecast_makes_no_run",
}
"""Options that tests elsewhere show to do something."""

DIFFER: dict[str, tuple[str, str]] = {
    "arena --games": ("arena random random --games 4 --json", "arena random random --games 6 --json"),
    "arena --sims": (
        "arena {run} random --games 4 --sims 1 --json",
        "arena {run} random --games 4 --sims 40 --json",
    ),
    "arena --opening-plies": (
        "arena random random --games 40 --opening-plies 1 --json",
        "arena random random --games 40 --opening-plies 9 --json",
    ),
    "arena --game": (
        "arena random random --games 4 --json",
        "arena random random --games 4 --game tictactoe --json",
    ),
    "arena --seed": (
        "arena random random --games 40 --seed 1 --json",
        "arena random random --games 40 --seed 2 --json",
    ),
    "text generate --count": (
        "text generate {text} {task} --count 2",
        "text generate {text} {task} --count 3",
    ),
    "text generate --samples": (
        "text generate {text} {task} --samples 1",
        "text generate {text} {task} --samples 2",
    ),
    "text generate --temperature": (
        "text generate {text} {task} --temperature 1",
        "text generate {text} {task} --temperature 0",
    ),
    "text generate --split": (
        "text generate {text} {task} --split validation",
        "text generate {text} {task} --split test",
    ),
    "text generate --seed": ("text generate {text} {task} --seed 1", "text generate {text} {task} --seed 2"),
    "text search --count": ("text search {text} {task} --count 1", "text search {text} {task} --count 2"),
    "text search --simulations": (
        "text search {text} {task} --count 2 --simulations 4",
        "text search {text} {task} --count 2 --simulations 9",
    ),
    "text search --tokens": (
        "text search {text} {task} --count 2 --simulations 9",
        "text search {text} {task} --count 2 --simulations 9 --tokens 6",
    ),
    "text search --set": (
        "text search {text} {task} --count 2 --simulations 9",
        "text search {text} {task} --count 2 --simulations 9 --set proposals.max_proposals=1",
    ),
    "text search --listed": (
        "text search {game} tictactoe --count 1 --simulations 4",
        "text search {game} tictactoe --count 1 --simulations 4 --listed",
    ),
    "text search --prior": (
        "text search {text} {task} --count 2 --simulations 9",
        "text search {text} {task} --count 2 --simulations 9 --prior exact",
    ),
    "text search --split": (
        "text search {text} {task} --count 2 --simulations 4",
        "text search {text} {task} --count 2 --simulations 4 --split test",
    ),
    "text search --seed": (
        "text search {text} {task} --count 4 --simulations 9 --seed 1",
        "text search {text} {task} --count 4 --simulations 9 --seed 2",
    ),
    "text eval --count": ("text eval {text} --count 3 --json", "text eval {text} --count 20 --json"),
    "text eval --samples": (
        "text eval {text} --count 3 --json",
        "text eval {text} --count 3 --samples 2 --json",
    ),
    "text eval --seed": (
        "text eval {text} --count 20 --samples 4 --json --seed 1",
        "text eval {text} --count 20 --samples 4 --json --seed 2",
    ),
    "text eval --json": ("text eval {text} --count 3", "text eval {text} --count 3 --json"),
    "text export --format": (
        "text export {text} --out {new} --format sft",
        "text export {text} --out {new} --format unpaired",
    ),
    "text export --out": ("text export {text} --out {new}", "text export {text} --out {new}"),
}
"""Two lines that differ in an option alone, and print something else."""

ASKED: dict[str, tuple[str, str]] = {
    "analyze --sims": ("analyze {run} --sims 4", "analyze {run} --sims 30"),
    "analyze --threads": (
        "analyze connect4:pretrained --sims 900 --threads 1",
        "analyze connect4:pretrained --sims 900 --threads 4",
    ),
    "play --first": ("play {run} --sims 2 --first", "play {run} --sims 2 --second"),
    "play --threads": (
        "play connect4:pretrained --sims 900 --second --show --threads 1",
        "play connect4:pretrained --sims 900 --second --show --threads 4",
    ),
}
"""Likewise of commands that are asked on stdin."""

METHOD = {"--model", "--preset", "--config", "--set", "--run", "--iterations", "--json"}
"""Shown by the last test."""

SEEDED = {
    "check --seed",
    "check --walks",
    "check --json",
    "eval --seed",
    "eval --checkpoints",
    "text inspect --count",
}
"""Shown by tests of their own."""


def test_every_option_of_every_command_is_shown() -> None:
    named = {*ELSEWHERE, *DIFFER, *ASKED, *SEEDED, *(f"text METHOD {each}" for each in METHOD)}
    found = set()
    for command, names in options().items():
        method = command.removeprefix("text ")
        words = "text METHOD" if command.startswith("text ") and method in METHODS else command
        found |= {f"{words} {name}" for name in names}
    assert sorted(found - named) == [], "options that no test shows to do anything"
    assert sorted(named - found) == [], "tests of options that there are not"


@pytest.mark.parametrize("option", ELSEWHERE)
def test_the_test_that_is_named_uses_the_option(option: str) -> None:
    file, _, name = ELSEWHERE[option].partition("::")
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    tests = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    assert len(tests) == 1, ELSEWHERE[option]
    if file.startswith("settings/"):
        return  # its words are in the fixture that runs them
    used = {each.value for each in ast.walk(tree) if isinstance(each, ast.Constant)}
    flag = option.rpartition(" ")[2]
    assert any(isinstance(each, str) and flag in each.split() for each in used), option


@pytest.fixture
def said(
    tiny_run: Path,
    text_run: Run,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., str]:
    """What a command line prints; {run}, {text}, {game} and {task} stand for what there is to ask."""

    folder = tmp_path_factory.mktemp("asked")

    def answer(line: str, asked: str = "") -> str:
        places = {"run": tiny_run, "task": TASK, "new": tmp_path / f"{len(list(tmp_path.iterdir()))}.jsonl"}
        if "{text}" in line:
            places["text"] = text_run(measure__holdout=0).path
        if "{game}" in line:
            places["game"] = text_run(task="tictactoe", loop__iterations=0, measure__holdout=0).path
        out, err = io.StringIO(), io.StringIO()
        (folder / "asked").write_text(asked)
        with (
            (folder / "asked").open() as stdin,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            monkeypatch.setattr("sys.stdin", stdin)
            code = run_command([word.format(**places) for word in line.split()])
        assert code in (0, None), err.getvalue()
        if "{new}" in line:
            return Path(places["new"]).read_text()
        return out.getvalue()

    return answer


@pytest.mark.parametrize("option", [each for each in DIFFER if each != "text export --out"])
def test_an_option_changes_what_is_printed(option: str, said: Callable[..., str]) -> None:
    one, other = DIFFER[option]
    assert said(one) != said(other)


def test_an_export_is_the_file_that_is_named(said: Callable[..., str]) -> None:
    assert said(DIFFER["text export --out"][0])


@pytest.mark.parametrize("option", ["text inspect --count", "eval --checkpoints"])
def test_so_many_are_shown(option: str, said: Callable[..., str], text_run: Run) -> None:
    if option.startswith("text"):
        rows = []
        for count in (2, 5):
            said(f"text inspect {{text}} --count {count}")
            rows.append((text_run(measure__holdout=0).path / "inspect.csv").read_text().count("\n"))
        assert rows[0] < rows[1]
        return
    line = "eval {run} --sims 0 --positions 2 --ladder-games 0 --json --checkpoints "
    one, three = (json.loads(said(f"{line}{count}")) for count in (1, 3))
    assert len(str(one)) < len(str(three))


def test_another_seed_plays_other_games_of_a_ladder(said: Callable[..., str]) -> None:
    line = "eval {run} --sims 0 --positions 2 --ladder-games 4 --ladder-sims 2 --checkpoints 2 --json --seed "
    assert said(f"{line}1") == said(f"{line}1") != said(f"{line}2")


def test_a_check_walks_so_often_by_its_seed(selfplay: Callable[..., Any]) -> None:
    """In real processes: it starts others."""
    lines = ["--walks 3 --seed 2 --json", "--walks 3 --seed 3 --json", "--walks 9 --seed 2 --json"]
    positions = [
        json.loads(selfplay("check", "go:size=3", *line.split()).stdout)["positions"] for line in lines
    ]
    assert len(set(positions)) == 3
    assert positions[0] < positions[2]


@pytest.mark.parametrize("option", ASKED)
def test_an_option_changes_what_is_answered(option: str, said: Callable[..., str]) -> None:
    one, other = ASKED[option]
    asked = '{"id": 1, "position": "44"}\n' if option.startswith("analyze") else "quit\n"
    assert said(one, asked) != said(other, asked)


def test_options_of_a_method(text_run: Run, tmp_path: Path) -> None:
    first = text_run()
    file = tmp_path / "settings.toml"
    file.write_text("[sample]\nsamples = 3\n")
    configured = text_run("rest-em", "--config", str(file), sample__samples=None)
    assert set(configured.per_prompt().values()) == {3}
    assert len(text_run("rest-em", "--iterations", "2").metrics) == 3
    named = text_run("rest-em", "--model", str(first.path / "checkpoints" / "000000"))
    assert "building" not in named.said
    file = tmp_path / "own.py"
    file.write_text(
        f"import sys; sys.path.append({str(Path(TASK).parent)!r})\nimport letters\n\n"
        "class Own(letters.Letters):\n    presets = {'two': {'sample': {'samples': 2}}}\n"
    )
    preset = text_run("rest-em", "--preset", "two", task=f"{file}:Own", sample__samples=None)
    assert set(preset.per_prompt().values()) == {2}
    assert first.path.is_dir(), "--run"
    assert first.table, "--json"
