"""Critics: models that value what the first model writes, their gate, their verbs and what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from small_text_run import LAYER, TINY, command, metrics

from engine.cli.app import run as run_command
from engine.cli.text.verb import open_model
from engine.language.learner.lesson import Lesson
from engine.language.learner.objective.text import Text
from engine.language.method.critic import trainer as critic_trainer
from engine.language.model.model import LanguageModel
from engine.language.model.model_folder import load_model, save_model
from engine.language.model.tiny_model import build_model
from engine.language.problem.task_registry import load_task
from engine.language.record.text_run import TextRun
from engine.language.settings import TextConfig
from engine.run.metrics import read_metrics


@pytest.fixture(scope="module")
def critic_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("critic") / "run"
    assert run_command(command("prm", path, "--json", measure__samples=4, task="nim")) == 0
    return path


def test_a_critic_values_and_the_first_model_writes(critic_run: Path) -> None:
    folders = [critic_run / "checkpoints" / f"00000{n}" for n in (0, 1, 2)]
    first, *critics = (load_model(folder) for folder in folders)
    assert first.value_head is None
    assert all(bool((first.weights()[LAYER] != critic.weights()[LAYER]).any()) for critic in critics)
    with TextRun.open(critic_run) as run:
        checkpoint = run.latest()
        assert {episode.model for episode in run.episodes()} == {first.digest()}
    assert checkpoint is not None
    opened = open_model(str(critic_run))
    assert opened.model.digest() == first.digest()
    assert opened.critic is not None
    assert opened.critic.digest() == load_model(folders[checkpoint.progress["accepted"]]).digest()
    lines = read_metrics(critic_run / "metrics.jsonl")
    assert {"value/auc_within", "value/auc", "value/brier"} <= set(lines[1])
    assert len({line["hacking/gold"] for line in lines}) == 1


def test_the_gate_compares_critics_by_how_they_tell_samples_apart(critic_run: Path) -> None:
    with TextRun.open(critic_run) as run:
        checkpoint = run.latest()
    assert checkpoint is not None
    accuracy = checkpoint.progress["accuracy"]
    assert len(accuracy["scores"]) == len(accuracy["keys"]) == TINY["monitor.prompts"]
    line = read_metrics(critic_run / "metrics.jsonl")[1]
    # Before there is a critic every problem counts as 0.5; those with samples of both kinds move from there.
    assert abs(line["gate/difference"]) <= abs(line["value/auc_within"] - 0.5) + 1e-9


def test_a_critics_run_goes_on_to_the_same_numbers(critic_run: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    words = command("prm", again, "--json", measure__samples=4, task="nim", loop__iterations=1)
    assert run_command(words) == 0
    assert run_command([*words[:5], "--resume", "--iterations", "2", "--json"]) == 0
    assert metrics(again) == metrics(critic_run)
    assert "values what the first model writes" in (again / "report.html").read_text()


def test_a_critic_learns_to_write_what_is_right_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[tuple[LanguageModel, Sequence[Lesson]]] = []

    def fit(model: LanguageModel, _: TextConfig, lessons: Sequence[Lesson], *__: object) -> dict[str, float]:
        taught.append((model, lessons))
        return {"loss/steps": 10.0}

    monkeypatch.setattr(critic_trainer, "learn_lessons", fit)
    words = command("orm", tmp_path / "run", "--json", task="nim", loop__iterations=1, mix__real="false")
    assert run_command(words) == 0
    ((student, lessons),) = taught
    texts = [student.codec.decode([each.response])[0] for each in lessons if isinstance(each, Text)]
    with TextRun.open(tmp_path / "run") as run:
        run.latest()
        episodes = run.episodes()
    assert set(texts) == {each.completion for each in episodes if each.kept and each.result.score >= 1}
    assert {each.result.score >= 1 for each in episodes} == {True, False}
    assert len(texts) / len(lessons) == pytest.approx(0.8, abs=0.01)


def test_an_anchored_model_goes_on_writing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = command(
        "orm", tmp_path / "run", "--json", loop__iterations=1, value__anchor=3.0, value__likelihood=0
    )
    assert run_command(words) == 0
    rows = json.loads(capsys.readouterr().out)["result"]
    assert [row["model"] for row in rows] == ["first", "iteration 1"]
    opened = open_model(str(tmp_path / "run"))
    assert (opened.critic, opened.model.value_head is None) == (None, False)


def test_verbs_take_the_critic_of_a_run_or_another(
    critic_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = str(critic_run / "checkpoints" / "000000")
    words = ["text", "eval", writer, "nim", "--count", "20", "--samples", "4", "--json"]
    found = []
    for more in ([], ["--critic", str(critic_run)]):
        assert run_command([*words, *more]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0]["pass@1"] == found[1]["pass@1"]
    assert set(found[1]) - set(found[0]) >= {"best@4 by value", "Brier"}
    words[2:4] = [str(critic_run)]
    assert run_command(words) == 0
    assert json.loads(capsys.readouterr().out) == {**found[1], "model": str(critic_run)}
    searches = []
    for model, more in ((writer, []), (writer, ["--critic", str(critic_run)]), (str(critic_run), [])):
        words = ["text", "search", model, "nim", "--count", "3", "--simulations", "6", *more]
        assert run_command(words) == 0
        searches.append(capsys.readouterr().out)
    assert searches[1] == searches[2]
    assert searches[0] != searches[1]


@pytest.mark.parametrize(
    ("critic", "names"),
    [
        ("headless", ["value head"]),
        ("letters", ["cannot spell", "task"]),
        ("short", ["9 tokens", "longer context"]),
        ("nowhere", ["nowhere"]),
    ],
)
@pytest.mark.parametrize("verb", ["search", "eval"])
def test_a_critic_that_cannot_value_is_refused(
    verb: str,
    critic: str,
    names: Sequence[str],
    critic_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    alphabet = "abc" if critic == "letters" else load_task("nim").alphabet
    if critic != "nowhere":
        built = build_model(alphabet, "0.1M", context=9 if critic == "short" else 256)
        if critic != "headless":
            built.add_value_head()
        save_model(built, tmp_path / critic)
    words = ["text", verb, str(critic_run), "nim", "--count", "4", "--critic", str(tmp_path / critic)]
    assert run_command([*words, *(["--samples", "2"] if verb == "eval" else [])]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert all(name in lines[0] for name in ["critic", *names]), lines


def test_a_critic_needs_samples_to_value(critic_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["text", "eval", str(critic_run), "--count", "4", "--critic", str(critic_run)]
    assert run_command(words) == 2
    assert "--samples" in capsys.readouterr().err
