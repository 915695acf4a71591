"""What the pages print is true: snippets run, command lines are understood, names and links exist."""

from __future__ import annotations

import os
import pkgutil
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from figures.__main__ import DATA
from figures.mistakes import read_figures

from engine.cli.app import app
from engine.config import Config, build_config
from engine.config.layer import parse_assignments
from engine.errors import UserError
from engine.game.laws import check_laws
from engine.language.method.registry import build_text_config
from engine.language.problem.task_laws import check_task
from engine.language.problem.task_registry import load_task
from engine.registry import load_game
from engine.setting import settings_of

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("cpp", "engine", "games", "scripts")
PAGES = [
    str(path.relative_to(ROOT))
    for path in [
        *sorted(ROOT.glob("*.md")),
        *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.md"))),
    ]
    if path.parent.name != "results"  # written by experiments
]
MOST_WORDS = 900
"""Of the front page, without code."""
MOST_LINES = 25
"""Of the front page's own game, without empty ones."""


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def fenced(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", read(page), re.DOTALL)


def prose(page: str) -> str:
    """A page without blocks of code."""
    text = re.sub(r"^```.*?^```", "", read(page), flags=re.M | re.DOTALL)
    return re.sub(r"^ {4}.*$", "", text, flags=re.M)


SNIPPETS = [
    pytest.param(source, id=f"{page}-{number}")
    for page in PAGES
    for number, source in enumerate(fenced(page, "python"))
]
OWN = [snippet for snippet in SNIPPETS if "class My" in str(snippet.values[0])]


@pytest.mark.parametrize("source", SNIPPETS)
def test_a_snippet_runs_as_printed(source: str, tmp_path: Path, tiny_run: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/quickstart").symlink_to(tiny_run)
    (tmp_path / "snippet.py").write_text(source)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "snippet.py"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert bool(done.stdout) == ("print(" in source)


@pytest.mark.parametrize("source", OWN)
def test_a_game_or_task_of_the_guide_keeps_the_laws(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "mine.py"
    path.write_text(source.replace("cache=True", ""))
    if "class MyTask" in source:
        assert check_task(load_task(f"{path}:MyTask")) > 40
    else:
        assert check_laws(load_game(f"{path}:MyGame"), walks=20) > 100


def console(page: str) -> Iterator[tuple[str, str]]:
    """(command, what it prints) of the console examples, whose commands follow a `$`."""
    for block in fenced(page, "console"):
        for example in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, printed = example.partition("\n")
            yield command, printed


EXAMPLES = [pytest.param(*example, id=example[0]) for page in PAGES for example in console(page)]


@pytest.mark.parametrize(("command", "printed"), EXAMPLES)
def test_a_console_example_prints_what_it_says(command: str, printed: str, tmp_path: Path) -> None:
    selfplay = tmp_path / "selfplay"
    selfplay.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m engine.cli "$@"\n')
    selfplay.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "COLUMNS": "200"}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.stdout == printed


def block_lines(page: str) -> list[str]:
    """Lines of commands in indented blocks, without the explanation behind them."""
    lines = re.findall(r"^ {4}(?:\.venv/bin/)?((?:selfplay|scripts/\w+)(?: .+)?)$", read(page), re.M)
    return [re.split(r" {2,}", line)[0] for line in lines]


def inline_code(page: str) -> list[str]:
    return [re.sub(r"\s+", " ", code) for code in re.findall(r"`([^`]+)`", prose(page))]


def resolve(words: list[str]) -> tuple[Any, Any, list[str]]:
    """The command of `selfplay` that words name, its context, and the words that are left.

    Typer may bring a click of its own, so that a group is known by what it can do.
    """
    command: Any = typer.main.get_command(app)
    context = command.context_class(command, info_name="selfplay")
    while hasattr(command, "resolve_command") and words:
        name, command, words = command.resolve_command(context, words)
        context = command.context_class(command, info_name=name, parent=context)
    return command, context, words


def test_a_wrong_command_line_is_refused() -> None:
    command, context, words = resolve(["train", "connect4", "--minute", "3"])
    assert command.name == "train"
    with pytest.raises(Exception, match="--minute"):
        command.make_context("train", words, parent=context.parent)
    assert resolve(["text", "sft", "countdown"])[0].name == "sft"


@pytest.mark.parametrize(
    "line", [line for page in PAGES for line in block_lines(page) if line.startswith("selfplay ")]
)
def test_a_command_line_is_understood(line: str) -> None:
    words = shlex.split(line.removeprefix("selfplay ").replace("[", "").replace("]", ""))
    command, context, words = resolve(words)
    command.make_context(command.name, words, parent=context.parent)  # raises for an option that it has not


@pytest.mark.parametrize(
    ("page", "code"),
    [(page, code) for page in PAGES for code in inline_code(page) if code.startswith("selfplay ")],
)
def test_a_command_in_a_sentence_has_its_options(page: str, code: str) -> None:
    words = re.sub(r"\\\||[\[\]…]|\.\.\.", " ", code.removeprefix("selfplay ")).split()
    if words[:2] in (["text", "METHOD"], ["text", "VERB"]):
        words = ["text"]
    command, _, rest = resolve(words)
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= known, page


@pytest.mark.parametrize("page", PAGES)
def test_scripts_and_files_that_are_named_exist(page: str) -> None:
    lines = [line.split()[0] for line in block_lines(page)] + inline_code(page)
    paths = [re.split(r"[ :]", code)[0] for code in lines]
    named = [path for path in paths if path.partition("/")[0] in {*FOLDERS, "tests"} and "/" in path]
    places = (ROOT, (ROOT / page).parent)
    lost = [name for name in named if not any(list(place.glob(f"{name.rstrip('/')}*")) for place in places)]
    assert lost == []


DOTTED = [
    (page, match[0])
    for page in PAGES
    for code in inline_code(page)
    if (match := re.match(r"(?:engine|games)(?:\.\w+)+", code)) and not match[0].endswith(".md")
]


@pytest.mark.parametrize(("page", "name"), DOTTED)
def test_modules_and_functions_that_are_named_exist(page: str, name: str) -> None:
    found = pkgutil.resolve_name(name)  # raises where there is none
    assert found is not None, page


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_lead_to_files(page: str) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", read(page)) + re.findall(r'src(?:set)?="([^"]+)"', read(page))
    lost = []
    for target in targets:
        name, _, heading = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        if "://" in target:
            continue
        if not path.exists() or (heading and heading not in headings(path)):
            lost.append(target)
    assert lost == []


def headings(path: Path) -> set[str]:
    """Anchors of a page as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


def assignments() -> list[tuple[str, str]]:
    """(page, code) of every setting that a page names as `section.key` or `section.key=value`."""
    groups = {"selfplay.games", "selfplay.records", "selfplay.tasks"}
    text = build_text_config("rest-em", "countdown")
    keys = [row.key for row in settings_of(text)] + [row.key for row in settings_of(Config())]
    sections = {key.partition(".")[0] for key in keys if "." in key}
    codes = [(page, code.removeprefix("--set ")) for page in PAGES for code in inline_code(page)]
    return [
        (page, code)
        for page, code in codes
        if re.fullmatch(r"(\w+)\.[a-z]\w*(\.\w+)*(=\S+)?", code)
        and code.partition(".")[0] in sections
        and code not in groups
        and not code.endswith((".py", ".jsonl", ".json", ".csv", ".md", ".safetensors"))
    ]


@pytest.mark.parametrize(("page", "code"), assignments())
def test_settings_that_are_named_exist(page: str, code: str) -> None:
    key, _, value = code.partition("=")
    text = build_text_config("rest-em", "countdown")
    if not value:
        assert key in {row.key for row in [*settings_of(Config()), *settings_of(text)]}, page
        return
    changes, errors = parse_assignments([code]), []
    for build in (lambda: build_config(changes), lambda: build_text_config("rest-em", "countdown", changes)):
        try:
            build()
        except UserError as error:
            errors.append(error)
    assert len(errors) < 2, (page, errors)


OTHER_WORDS = {
    "playout": r"(?<!forced )(?<!asymmetric )\bplayouts?\b(?! caps?)",
    "readout": r"\breadouts?\b",
    "virtual loss": r"\bvirtual loss",
    "agent": r"\bagents?\b",
    "bot": r"\bbots?\b",
    "thinker": r"\b(?:thinker|analyst)s?\b",
    "learned": r"\blearned to\b|\bit learned\b",
    "color": r"\bcolors?\b",
    "net": r"\bnets?\b",
}
"""What is said by another word here: simulations, in flight, player, learnt, colour, network."""


def helps(command: Any) -> Iterator[str]:
    """What `--help` says, of a command and of all below it."""
    yield from filter(None, [command.help, *(getattr(each, "help", "") for each in command.params)])
    for below in getattr(command, "commands", {}).values():
        yield from helps(below)


@pytest.mark.parametrize("word", OTHER_WORDS)
def test_one_thing_has_one_word(word: str) -> None:
    told = list(helps(typer.main.get_command(app)))
    assert len(told) > 100
    texts = [re.sub(r"<[^>]+>|\s+", " ", text) for text in [*map(prose, PAGES), *told]]
    found = [
        match[0] for text in texts for match in re.finditer(rf".{{0,30}}(?:{OTHER_WORDS[word]})", text, re.I)
    ]
    assert found == []


def test_the_front_page_is_short() -> None:
    words = re.sub(r"<[^>]+>", " ", prose("README.md")).split()
    assert 500 < len(words) <= MOST_WORDS
    (game,) = (source for source in fenced("README.md", "python") if "class MyGame" in source)
    assert len([line for line in game.splitlines() if line.strip()]) <= MOST_LINES


def test_the_table_of_the_front_page_is_of_figures_that_are_kept() -> None:
    figures = read_figures(DATA / "mistakes.csv")
    for name in {figure.set for figure in figures if figure.seed.isdecimal()} - {"mean of six"}:
        found = [f for f in figures if f.set == name and f.simulations and "Zen" in f.machine]
        short = " / ".join(f"{f.percent:.1f}" for f in found if f.minutes == 12)
        (long,) = (f"{f.percent:.1f}" for f in found if f.minutes == 60)
        (untrained,) = (f"{f.percent:.1f}" for f in found if f.player == "untrained")
        assert f"| {name} | {short} % | {long} % | {untrained} % |" in read("README.md")


HIDDEN = {"__init__", "__pycache__", "_core_new"}


def rooms(page: str) -> list[str]:
    """What the first column of a page's map names; the map is the table under `room` or `folder`."""
    table = re.split(r"^\| (?:room|folder) \|", read(page), flags=re.M)[1].partition("\n\n")[0]
    first = [row.split(" | ")[0] for row in table.splitlines()[2:]]
    return [code.rstrip("/") for cell in first for code in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize("room", ["engine", "engine/language", "cpp"])
def test_a_map_has_all_rooms_and_no_other(room: str) -> None:
    children = [path for path in (ROOT / room).iterdir() if path.is_dir() or path.suffix in {".py", ".pyi"}]
    there = {path.name.partition(".")[0] for path in children} - HIDDEN
    named = rooms(f"{room}/README.md")
    assert there - set(named) == set()
    assert {name for name in named if name.partition("/")[0] not in there} == set()
    assert len(set(named)) == len(named)


def test_a_newcomers_questions_are_answered_by_what_is_there() -> None:
    section = read("engine/README.md").partition("## Ten questions")[2].partition("\n## ")[0]
    rows = [row for row in re.findall(r"^\| (.+) \| (.+) \|$", section, re.M) if "?" in row[0]]
    assert len(rows) == 10, "a row ends its question with ?"
    for question, answer in rows:
        source = ""
        for code in re.findall(r"`([^`]+)`", answer):
            if "/" in code:
                source = (ROOT / code).read_text(encoding="utf-8")
            else:
                name = code.rpartition(".")[2]
                assert re.search(rf"\b{name}\b", source), (question, code)
        assert source, question


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load(read("CITATION.cff"))
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert project["version"] in read("CHANGELOG.md")


def test_types_are_told_to_who_installs_it() -> None:
    assert [name for name in ("engine", "games") if not (ROOT / name / "py.typed").is_file()] == []
