"""What the settings of methods on pairs do: which pairs, which loss, which reference, and when it ends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
from letters import Letters
from shown import TEXT, shows
from text_runs import TASK, Run, Seen, text_run
from tiny_models import tiny_llama

from engine.cli.app import run as run_command
from engine.config.config import build_section
from engine.language.method.preference.config import PreferenceConfig
from engine.language.method.preference.lesson import measured_pairs, pair_lessons, wanted_lessons
from engine.language.method.preference.pairing import Comparison, Response, opinions

__all__ = ["text_run"]

shows = partial(shows, of=TEXT)

LOSSES = get_args(PreferenceConfig.model_fields["loss"].annotation)

TEXTS = [("1+2=", "3", "4;;"), ("3*4=", "12;", "7"), ("7-5=", "2", "x=9")]


def loss(loss: str = "sigmoid", **settings: Any) -> float:
    """Of three pairs by a tiny model, against another one where there is a reference."""
    smoothing = {"exo_pair": 0.01, "robust": 0.1}.get(loss, 0.0)
    found = {"loss": loss, "label_smoothing": smoothing, **settings}
    config = build_section(PreferenceConfig, found)
    config.check()
    model, reference = tiny_llama(5), None if config.reference == "none" else tiny_llama(2)
    compared = [Comparison(head, Response(good), Response(bad)) for head, good, bad in TEXTS]
    examples: Sequence[Any] = measured_pairs(pair_lessons(compared, model), reference)
    if loss == "kto":
        assert reference is not None
        examples = wanted_lessons(opinions(compared), model, reference)
    return config.objective()(model, examples)[0].item()


def free(name: str) -> dict[str, Any]:
    return {"reference": "none"} if name == "orpo" else {}


@shows(*(f"preference.loss={name}" for name in LOSSES))
def test_each_loss_is_another() -> None:
    numbers = {name: loss(name, **free(name)) for name in LOSSES}
    assert len({round(number, 6) for number in numbers.values()}) == len(LOSSES), numbers


@shows("preference.beta", "preference.label_smoothing")
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_a_temperature_and_takes_wrong_labels(name: str) -> None:
    usual = loss(name, **free(name))
    assert loss(name, beta=0.5, **free(name)) != pytest.approx(usual, rel=1e-4)
    assert loss(name, label_smoothing=0.2, **free(name)) != pytest.approx(usual, rel=1e-4)


@shows("preference.normalize=auto", "preference.normalize=always", "preference.normalize=never")
def test_lengths_are_taken_out_where_they_are_to_be() -> None:
    by = {
        name: {how: loss(name, normalize=how) for how in ("auto", "always", "never")}
        for name in ("sigmoid", "ipo")
    }
    assert by["sigmoid"]["auto"] == by["sigmoid"]["never"] != by["sigmoid"]["always"]
    assert by["ipo"]["auto"] == by["ipo"]["always"] != by["ipo"]["never"]


@shows("preference.target", "preference.sft", "preference.desirable", "preference.undesirable")
def test_terms_of_a_loss() -> None:
    assert loss(target=1.0) > loss()
    assert loss(sft=0.5) - loss() == pytest.approx((loss(sft=1.0) - loss()) / 2, rel=1e-4) != 0
    halves = loss("kto", desirable=0.5), loss("kto", undesirable=0.5)
    assert max(halves) < loss("kto")
    assert halves[0] != pytest.approx(halves[1], rel=1e-4)


SOME = {"sample__samples": 6, "sample__prompts": 30, "preference__learning_rate": 1e-3}


@shows("preference.learning_rate")
def test_a_training_on_pairs_has_a_rate_of_its_own(text_run: Run) -> None:
    slow, fast = (text_run("dpo", **SOME | {"preference__learning_rate": rate}) for rate in (1e-4, 1e-2))
    assert (slow.weights(0) == fast.weights(0)).all()
    moved = [(run.weights(1) - run.weights(0)).norm() for run in (slow, fast)]
    assert 10 * moved[0] < moved[1]


@shows("preference.reference=accepted", "preference.reference=first", "preference.reference=none")
def test_gains_are_measured_from_the_reference(text_run: Run) -> None:
    runs = {
        name: text_run("dpo", preference__reference=name, loop__iterations=2, **SOME)
        for name in ("accepted", "first", "none")
    }
    margins = {name: [line.get("preference/margin") for line in run.metrics] for name, run in runs.items()}
    assert margins["accepted"][1] == margins["first"][1] != margins["none"][1]
    assert margins["accepted"][2] != margins["first"][2]


@shows(*(f"preference.pairing={name}" for name in ("best-worst", "best-rest", "random", "all")))
def test_the_pairs_that_are_asked_for(text_run: Run) -> None:
    runs = {
        name: text_run("dpo", preference__pairing=name, filter__per_prompt=100, **SOME)
        for name in ("best-worst", "best-rest", "random", "all")
    }
    pairs = {name: run.last("preference/pairs") for name, run in runs.items()}
    assert 0 < pairs["best-worst"] == pairs["random"] < pairs["best-rest"] < pairs["all"]
    kept = {name: [episode.kept for episode in run.episodes] for name, run in runs.items()}
    assert kept["random"] != kept["best-worst"]


@shows("preference.gap")
def test_scores_of_a_pair_differ_by_more_than_the_gap(text_run: Run) -> None:
    near, far = (text_run("dpo", preference__gap=gap, **SOME) for gap in (0.0, 0.6))
    assert 0 < far.last("preference/pairs") < near.last("preference/pairs")


def rows(path: Path, *lines: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@shows("preference.path", "preference.join")
def test_pairs_come_from_a_file_and_samples_join_them(text_run: Run, tmp_path: Path) -> None:
    prompts = [prompt.text for prompt in Letters().listed("train")[:7]]
    lines = [{"prompt": text, "chosen": "b;b", "rejected": f"a;{text[0]}"} for text in prompts]
    path = str(rows(tmp_path / "pairs.jsonl", *lines))
    alone, joined = (
        text_run("dpo", preference__path=path, preference__join=on, **SOME) for on in (False, True)
    )
    assert alone.last("preference/pairs") == 7
    assert alone.episodes == []
    assert joined.last("preference/pairs") > 7
    assert joined.kept


@shows("spin.stop")
def test_spin_ends_by_itself_where_it_is_asked_to(text_run: Run) -> None:
    def run(stop: float) -> Seen:
        return text_run("spin", spin__stop=stop, loop__iterations=3, sample__samples=1, sample__prompts=10)

    never, soon = run(0.0), run(1.0)
    assert [line["iteration"] for line in never.metrics] == [0, 1, 2, 3]
    assert [line["iteration"] for line in soon.metrics] == [0, 1]
    words = ["text", "spin", TASK, "--run", str(soon.path), "--resume", "--json"]
    assert run_command(words) == 0
    assert len(soon.metrics) == 2


@shows("spin.decay")
def test_spin_takes_smaller_steps_from_iteration_to_iteration(text_run: Run) -> None:
    def run(decay: float) -> Seen:
        return text_run("spin", spin__decay=decay, loop__iterations=3, sample__samples=1, sample__prompts=10)

    alike, falling = run(1.0), run(0.1)
    assert (alike.weights(1) == falling.weights(1)).all()
    rates = [[line["loss/learning_rate"] for line in each.metrics[1:]] for each in (alike, falling)]
    assert rates[0] == pytest.approx([rates[0][0]] * 3)
    assert rates[1] == pytest.approx([rates[0][0] * share for share in (1, 0.1, 0.01)])
    moved = [float((each.weights(3) - each.weights(2)).norm()) for each in (alike, falling)]
    assert 10 * moved[1] < moved[0]
