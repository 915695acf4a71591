"""DPO and SPIN as methods: resumed, refused, on a stranger's model, and what they tell."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from small_text_run import LAYER, metrics
from tiny_models import byte_tokenizer, save_plain
from trained_run import mistake, own, trained

from engine.cli.app import run as run_command
from engine.language.learner.objective.text import texts
from engine.language.method.preference.lesson import likelihoods, measured_pairs, pair_lessons, wanted_lessons
from engine.language.method.preference.pairing import Comparison, Response, opinions
from engine.language.model.model import LanguageModel
from engine.language.model.model_folder import load_model
from engine.language.model.scoring import score
from engine.language.problem.problems import demonstrations
from engine.language.problem.task_registry import load_task
from engine.run.layout import checkpoint_folder

__all__ = ["own"]

GRADED = """
def verify(self, prompt, completion):
    right = self.right(prompt)
    same = sum(a == b for a, b in zip(right, completion))
    return VerifyResult(same / max(len(right), len(completion), 1), completion)
"""
NO_DATA = "def demonstrations(self, count, seed): return []"


def words(method: str, task: str, run: Path, *more: str, **settings: Any) -> list[str]:
    return trained(task, run, *more, method=method, **settings)


def pairs_file(path: Path, *lines: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def pair(prompt: str, chosen: str = "1", rejected: str = "2") -> dict[str, Any]:
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected}


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("dpo", {}),
        ("dpo", {"preference__loss": '"kto"', "mix__keep": '"accumulate"'}),
        ("dpo", {"preference__sft": 1, "mix__real": "true", "mix__real_fraction": 0.3}),
        ("spin", {}),
        ("spin", {"preference__loss": '"hinge"', "mix__keep": '"replace"', "learner__patience": 1}),
    ],
)
def test_a_run_that_was_broken_off_goes_on_to_the_same_weights(
    method: str, settings: dict[str, Any], own: Callable[[str], str], tmp_path: Path
) -> None:
    task, whole, broken = own(GRADED), tmp_path / "whole", tmp_path / "broken"
    if "learner__patience" in settings:
        settings = {"learner__look_every": 1, **settings}
    assert run_command(words(method, task, whole, loop__iterations=2, **settings)) == 0
    assert run_command(words(method, task, broken, loop__iterations=1, **settings)) == 0
    again = ["text", method, task, "--run", str(broken), "--resume", "--iterations", "2"]
    assert run_command(again) == 0
    assert metrics(whole) == metrics(broken)
    weights = [checkpoint_folder(run, 2) / "model.safetensors" for run in (whole, broken)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    first = load_model(checkpoint_folder(whole, 0)).weights()[LAYER]
    assert not torch.equal(first, load_model(checkpoint_folder(whole, 2)).weights()[LAYER])


@pytest.mark.parametrize("method", ["dpo", "spin"])
def test_a_forecast_counts_what_is_done(
    method: str, own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(words(method, own(GRADED), tmp_path / "run", "--dry-run", loop__iterations=2)) == 0
    rows = {row["stage"]: row for row in json.loads(capsys.readouterr().out)["forecast"]}
    assert rows["learn"]["steps"] == 4
    assert rows["generate"]["tokens"] > 0
    assert ("label" in rows) == (method == "spin")


@pytest.mark.parametrize("method", ["dpo", "spin"])
def test_a_strangers_model_learns(method: str, own: Callable[[str], str], tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    task = own(GRADED)
    spoken = [each.prompt.text + each.completion for each in demonstrations(load_task(task), 100, 0)]
    tokenizer = byte_tokenizer(spoken)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        config = transformers.GPT2Config(
            n_embd=32, n_layer=2, n_head=4, n_positions=64, initializer_range=0.3, vocab_size=len(tokenizer)
        )
        model = LanguageModel(transformers.GPT2LMHeadModel(config), tokenizer)
    folder = save_plain(model, tmp_path / "model")
    run = tmp_path / "run"
    line = words(method, task, run, "--model", str(folder), sample__samples=4)
    if method == "dpo":  # which never ends a text, and so writes none that is better
        prompts = [prompt.text for prompt in load_task(task).prompts("train", 9, 0)]
        path = pairs_file(tmp_path / "pairs.jsonl", *(pair(text, "1", "0") for text in prompts))
        line += ["--set", f"preference.path={json.dumps(path)}", "--set", "preference.join=true"]
    assert run_command(line) == 0
    found = metrics(run)[-1]
    assert found["preference/pairs"] > 5
    assert "preference/chosen_change" in found


def test_spin_counts_what_it_leaves_out_and_tells_real_data_from_its_own(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that has learnt a handful of demonstrations by heart writes them itself."""
    run = tmp_path / "run"
    heart = {"model__steps": 400, "model__demonstrations": 6, "learner__learning_rate": 0.01}
    assert run_command(words("spin", own("max_tokens = 6"), run, sample__temperature=0.3, **heart)) == 0
    (line,) = [each for each in metrics(run) if each["iteration"] == 1]
    assert 0 < line["preference/equal"] <= 1
    assert "the model wrote what real data says" in capsys.readouterr().err or line["preference/equal"] == 1


def test_chosen_responses_that_become_less_likely_are_told(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [pair(f"{a}+{b}=", str(a + b), str(a + b + 1)) for a in range(12) for b in range(12)]
    path = pairs_file(tmp_path / "pairs.jsonl", *rows)
    settings = {"preference__path": json.dumps(path), "update__steps": 30, "preference__learning_rate": 0.02}
    plain, held = tmp_path / "plain", tmp_path / "held"
    assert (
        run_command(
            words("dpo", own(""), plain, preference__loss='"apo_down"', preference__sft=0, **settings)
        )
        == 0
    )
    assert "likelihood displacement" in capsys.readouterr().err
    assert metrics(plain)[-1]["preference/displaced"] == 1
    assert metrics(plain)[-1]["preference/chosen_change"] < 0
    assert run_command(words("dpo", own(""), held, preference__sft=5, **settings)) == 0
    assert metrics(held)[-1]["preference/displaced"] == 0
    assert metrics(held)[-1]["preference/chosen_change"] > metrics(plain)[-1]["preference/chosen_change"]


# What is wrong


@pytest.mark.parametrize(
    ("method", "sets", "told"),
    [
        ("dpo", ["preference.reference=none", "preference.loss=nca_pair"], "needs a reference"),
        ("dpo", ["preference.loss=orpo"], "has no reference"),
        ("dpo", ["preference.loss=exo_pair"], "preference.label_smoothing"),
        ("dpo", ["preference.loss=ipo", "preference.target=1"], "preference.target"),
        ("dpo", ["preference.desirable=2"], "are KTO's"),
        ("dpo", ["preference.join=true"], "preference.path"),
        ("dpo", ["preference.loss=sigmoyd"], "sigmoyd"),
        ("dpo", ["preference.beta=0"], "preference.beta"),
        ("dpo", ["preference.label_smoothing=0.5"], "preference.label_smoothing"),
        ("dpo", ["filter.thresholds=[0.3,0.6]"], "filter.thresholds"),
        ("dpo", ["sample.samples=1"], "sample.samples = 1"),
        ("dpo", ["sample.temperature=0"], "sample.temperature = 0"),
        ("dpo", ["sample.simulations=4"], "sample.simulations"),
        ("dpo", ["update.start=fresh"], "update.start"),
        ("spin", ["sample.samples=0"], "sample.samples = 0"),
        ("spin", ["sample.distinct=true"], "independent samples"),
        ("spin", ["preference.gap=0.5"], "spin compares by none"),
        ("spin", ["spin.stop=2"], "spin.stop"),
        ("spin", ["spin.stop=0.5", "measure.holdout=0"], "spin.stop = 0.5 has no effect"),
        ("dpo", ["preference.path=F", "preference.gap=0.5"], "preference.gap = 0.5 has no effect"),
        ("dpo", ["preference.path=F", "preference.pairing=all"], "preference.pairing = 'all' has no effect"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    method: str,
    sets: Sequence[str],
    told: str,
    own: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [word for each in sets for word in ("--set", each)]
    assert told in mistake(words(method, own(""), tmp_path / "run", *given), capsys)
    assert not (tmp_path / "run" / "config.toml").exists()


@pytest.mark.parametrize(
    ("method", "lines", "told"),
    [
        ("spin", NO_DATA, "no demonstrations"),
        ("dpo", "num_players = 2", "game of two"),
        ("spin", "num_players = 2", "game of two"),
    ],
)
@pytest.mark.parametrize("how", [(), ("--dry-run",)])
def test_tasks_that_have_no_pairs_are_refused_at_once(
    method: str,
    lines: str,
    told: str,
    how: Sequence[str],
    own: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert told in mistake(words(method, own(lines), tmp_path / "run", *how), capsys)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([pair("1+1=", "2", "2")], "no comparison"),
        ([pair("1+1=", "", "2")], "empty"),
        ([{"prompt": "1+1=", "chosen": "2"}], "rejected"),
        ([{"prompt": "1+1=", "completion": "2", "label": True}], "kto"),
        ([], "empty"),
    ],
)
@pytest.mark.parametrize("how", [(), ("--dry-run",)])
def test_a_file_without_a_pair_is_refused_at_once(
    lines: Sequence[dict[str, Any]],
    told: str,
    how: Sequence[str],
    own: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = pairs_file(tmp_path / "pairs.jsonl", *lines)
    line = words("dpo", own(""), tmp_path / "run", *how, preference__path=json.dumps(path))
    assert told in mistake(line, capsys)


def test_rows_of_a_file_that_say_nothing_are_left_out_and_told(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Equal, empty, swapped pairs, evaluation items, what the model cannot spell or is too short for."""
    task = own("")
    measured = load_task(task).prompts("test", 40, 0)[0].text
    learnt = iter(prompt.text for prompt in load_task(task).prompts("train", 20, 0))
    twice = next(learnt)
    rows = [
        pair(next(learnt)), pair(next(learnt), "4", "4"), pair(next(learnt), "", "6"), pair(measured),
        pair(next(learnt), "10", "é"), pair(next(learnt), "12", "1" * 500), pair(twice, "14", "15"),
        pair(twice, "15", "14"), pair(next(learnt), "16", "17"),
    ]  # fmt: skip
    path = pairs_file(tmp_path / "pairs.jsonl", *rows)
    run = tmp_path / "run"
    assert run_command(words("dpo", task, run, preference__path=json.dumps(path))) == 0
    said = capsys.readouterr().err
    assert metrics(run)[-1]["preference/pairs"] == 2
    for told in ("empty", "evaluation items", "preferred both ways", "cannot spell"):
        assert told in said, told


@pytest.mark.parametrize(("loss", "is_refused"), [("aot", True), ("aot_unpaired", True), ("sigmoid", False)])
def test_a_loss_that_compares_no_pair_by_itself_takes_no_unsure_pairs(
    loss: str,
    is_refused: bool,
    own: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prompts = load_task(own("")).prompts("train", 3, 0)
    path = pairs_file(tmp_path / "pairs.jsonl", *(pair(each.text) | {"share": 0.75} for each in prompts))
    more = {"preference__path": json.dumps(path), "preference__loss": json.dumps(loss)}
    line = words("dpo", own(""), tmp_path / "run", "--dry-run", **more)
    if is_refused:
        assert "3 pairs that are better with a probability below 1" in mistake(line, capsys)
    else:
        assert run_command(line) == 0


def test_labelled_responses_of_a_file_are_learnt_by_kto(own: Callable[[str], str], tmp_path: Path) -> None:
    rows = [
        {"prompt": f"{a}+{b}=", "completion": str(a + b + wrong), "label": not wrong}
        for a in range(6)
        for b in range(6)
        for wrong in (0, 1)
    ]
    path = pairs_file(tmp_path / "labels.jsonl", *rows)
    run = tmp_path / "run"
    settings = {"preference__path": json.dumps(path), "preference__loss": '"kto"'}
    assert run_command(words("dpo", own(""), run, **settings)) == 0
    found = metrics(run)[-1]
    assert found["preference/pairs"] > 20
    assert {"preference/chosen_change", "preference/rejected_change", "preference/drift"} <= found.keys()


# Lessons


def test_the_reference_reads_each_response_once_and_as_it_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tiny_models import tiny_llama

    model, reference = tiny_llama(1), tiny_llama(2)
    compared = [
        Comparison("1+2=", Response("3"), Response("4;;")),
        Comparison("1+2=", Response("3"), Response("7", ended=False)),
        Comparison("1+2=", Response("3"), Response("3")),
    ]
    read = list[int]()
    real = likelihoods.__globals__["score_tokens"]

    def counted(model: LanguageModel, heads: Any, tails: Any) -> Any:
        read.append(len(heads))
        return real(model, heads, tails)

    monkeypatch.setitem(likelihoods.__globals__, "score_tokens", counted)
    pairs = measured_pairs(pair_lessons(compared, model), reference)
    assert read == [3]
    assert len(pairs) == 2, "the same tokens on both sides teach nothing"
    assert pairs[0].reference_chosen == pairs[1].reference_chosen
    wanted = float(score(reference, ["1+2="], ["3"], ended=True)[0].sum())
    assert pairs[0].reference_chosen == pytest.approx(wanted, abs=1e-4)
    cut = float(score(reference, ["1+2="], ["7"])[0].sum())
    assert pairs[1].reference_rejected == pytest.approx(cut, abs=1e-4)
    assert pairs[1].rejected == texts(model, ["1+2="], ["7"], ended=False)[0].response


@pytest.mark.parametrize("prompts", [["1=", "1=", "2=", "3="], ["1=", "1="], ["1=", "2=", "1=", "1="]])
def test_a_stray_response_is_of_another_prompt_where_there_is_one(prompts: list[str]) -> None:
    from tiny_models import tiny_llama

    model = tiny_llama(1)
    compared = [
        Comparison(prompt, Response(f"{place}"), Response(f"{place}{place}"))
        for place, prompt in enumerate(prompts)
    ]
    found = wanted_lessons(opinions(compared), model, tiny_llama(2))
    owner = {tuple(each.response): tuple(each.prompt) for each in found}
    for each in found:
        assert each.stray != each.response
        if len(set(prompts)) > 1:
            assert owner[tuple(each.stray)] != tuple(each.prompt)
