"""What the settings of the loop on text do to what is generated, kept and learnt, set by `--set`."""

from __future__ import annotations

import json
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from letters import Letters
from shown import TEXT, shows
from text_runs import TASK, Run, text_run

from engine.cli.app import run as run_command
from engine.language.learner.filter import Example, mix
from engine.language.model import tiny_model
from engine.language.model.generation import generation
from engine.language.settings import MixConfig, TextConfig

__all__ = ["text_run"]

shows = partial(shows, of=TEXT)


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and bool((one == other).all())


@shows("seed")
def test_another_seed_makes_another_run(text_run: Run) -> None:
    one, other = text_run(), text_run(seed=2)
    assert one.texts != other.texts
    assert not same(one.weights(0), other.weights(0))


@shows("task", "method")
def test_a_run_is_of_its_task_and_method(text_run: Run) -> None:
    tasks = {name: text_run(task=name, loop__iterations=0, measure__holdout=0) for name in ("addition", TASK)}
    sizes = {name: run.model(0).network.get_input_embeddings().num_embeddings for name, run in tasks.items()}
    assert sizes["addition"] != sizes[TASK]
    assert text_run("sft", sample__samples=None).episodes == []
    assert text_run("rest-em", sample__samples=None).episodes != []


@shows("preset")
def test_a_preset_goes_over_the_method(text_run: Run, tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(
        f"import sys; sys.path.append({str(Path(TASK).parent)!r})\nimport letters\n\n"
        "class Own(letters.Letters):\n    presets = {'hot': {'sample': {'temperature': 0.25}}}\n"
    )
    for preset, temperature in (("default", 1.0), ("hot", 0.25)):
        run = text_run(task=f"{file}:Own", preset=preset)
        assert {episode.temperature for episode in run.episodes} == {temperature}


@shows("model.size=0.1M", "model.size=0.2M", "model.size=0.5M", "model.size=1M", "model.size=3M")
def test_the_model_built_has_about_the_weights_asked_for(text_run: Run) -> None:
    counts = [
        sum(weight.numel() for weight in tiny_model.build_model(Letters.alphabet, size).weights().values())
        for size in ("0.1M", "0.2M", "0.5M", "1M", "3M")
    ]
    for count, wanted in zip(counts, (0.1e6, 0.2e6, 0.5e6, 1e6, 3e6), strict=True):
        assert 0.6 * wanted < count < 1.5 * wanted
    small, larger = (text_run(model__size=size, loop__iterations=0).weights(0) for size in ("0.1M", "0.2M"))
    assert small.shape[1] < larger.shape[1]


@shows("model.demonstrations", "model.steps")
def test_the_model_is_built_on_demonstrations(text_run: Run) -> None:
    for count in (10, 20):
        said = text_run(model__demonstrations=count, loop__iterations=0).said
        assert f"building a model of 0.1M parameters on {count} demonstrations" in said
    few, many = (
        text_run(model__steps=steps, loop__iterations=0).last("drift/bits_per_character") for steps in (2, 30)
    )
    assert many < few, "it has learnt more of the real data"


@shows("model.path")
def test_a_model_that_is_named_is_the_first_one(text_run: Run) -> None:
    built = text_run(loop__iterations=0)
    run = text_run(model__path=str(built.path / "checkpoints" / "000000"), seed=3)
    assert same(run.weights(0), built.weights(0))
    assert "building" not in run.said


@shows("model.chat")
def test_a_prompt_is_a_message_in_the_models_template(text_run: Run, tmp_path: Path) -> None:
    folder = copied(text_run(loop__iterations=0).path, tmp_path / "model")
    plain = text_run(model__path=str(folder))
    words = ["text", "rest-em", TASK, "--run", str(tmp_path / "run"), "--set", f'model.path="{folder}"']
    assert run_command([*words, "--set", "model.chat=true"]) == 2, "it has no template"
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["chat_template"] = "{% for m in messages %};;{{ m['content'] }}{% endfor %}=="
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "chat_template.jinja").write_text(settings["chat_template"])
    wrapped = text_run(model__path=str(folder), model__chat=True)
    assert wrapped.texts != plain.texts
    assert [episode.prompt for episode in wrapped.episodes[:1]] == [
        episode.prompt for episode in plain.episodes[:1]
    ]


def copied(run: Path, folder: Path) -> Path:
    """The first model of a run in a folder of its own."""
    folder.mkdir()
    for file in (run / "checkpoints" / "000000").iterdir():
        if file.name != "state.json":
            (folder / file.name).write_bytes(file.read_bytes())
    return folder


@shows("model.lora.rank", "model.lora.alpha", "model.lora.dropout", "model.adapter")
def test_an_adapter_is_trained_in_place_of_the_weights(text_run: Run) -> None:
    pytest.importorskip("peft", reason="adapters need the extra `text`")
    base = str(text_run(loop__iterations=0).path / "checkpoints" / "000000")

    def drifted(**lora: Any) -> float:
        sets = {f"model__lora__{name}": value for name, value in lora.items()}
        run = text_run(model__path=base, **{"model__lora__rank": 2, "update__steps": 4, **sets})
        content = json.loads((run.path / "checkpoints" / "000001" / "adapter_config.json").read_text())
        assert content["r"] == run.config.model.lora.rank
        return run.last("drift/kl_real")

    values = [drifted(), drifted(rank=4), drifted(alpha=256), drifted(dropout=0.9)]
    assert len(set(values)) == 4, values
    trained = text_run(model__path=base, model__lora__rank=2, update__steps=4).path / "checkpoints" / "000001"
    again = text_run(model__path=base, model__adapter=str(trained), loop__iterations=0)
    fresh = text_run(model__path=base, loop__iterations=0)
    assert (again.path / "checkpoints" / "000000" / "adapter_config.json").exists()
    assert again.last("drift/bits_per_character") != fresh.last("drift/bits_per_character")


@shows("sample.prompts", "sample.samples")
def test_so_many_completions_of_so_many_problems_are_sampled(text_run: Run) -> None:
    for prompts, samples in ((10, 4), (7, 3)):
        counts = text_run(sample__prompts=prompts, sample__samples=samples).per_prompt()
        assert list(counts.values()) == [samples] * prompts


@shows("sample.temperature", "sample.top_k", "sample.top_p")
def test_samples_are_drawn_as_the_settings_say(text_run: Run) -> None:
    def different(**sample: Any) -> float:
        run = text_run(**{f"sample__{name}": value for name, value in sample.items()})
        return len({(e.prompt.id, e.completion) for e in run.episodes}) / len(run.per_prompt())

    assert different() > 2
    assert different(temperature=0.0) == different(top_k=1) == different(top_p=0.001) == 1
    assert 1 < different(temperature=0.1) < different()


@shows("sample.distinct")
def test_samples_of_a_problem_may_be_drawn_without_replacement(text_run: Run) -> None:
    def repeated(*, distinct: bool) -> int:
        run = text_run(sample__distinct=distinct, sample__samples=30, sample__prompts=3)
        return len(run.episodes) - len({(e.prompt.id, e.completion) for e in run.episodes})

    assert repeated(distinct=True) < repeated(distinct=False)


@shows("sample.policies")
def test_several_models_share_the_samples(text_run: Run) -> None:
    for policies in (1, 2, 4):
        run = text_run(sample__policies=policies)
        assert len({episode.model for episode in run.episodes}) == policies


@shows("sample.rationalize", "filter.leaks")
def test_what_stays_unsolved_is_tried_again_with_a_hint(text_run: Run) -> None:
    plain, hinted, loose = (
        text_run(
            sample__rationalize=rationalize, filter__leaks=leaks, sample__prompts=30, filter__per_prompt=9
        )
        for rationalize, leaks in ((False, True), (True, True), (True, False))
    )
    assert {episode.source for episode in plain.episodes} == {"model"}
    assert {episode.source for episode in hinted.episodes} == {"model", "hint"}
    task = Letters()

    def leaking(run: Any) -> int:
        return sum(task.leaks(e.prompt, e.completion) for e in run.kept if e.source == "hint")

    assert leaking(hinted) == 0 < leaking(loose)


@shows("sample.simulations", "sample.tree_tokens")
def test_a_search_writes_the_completions(text_run: Run) -> None:
    for simulations in (4, 9):
        run = text_run(sample__simulations=simulations, sample__samples=1)
        assert {episode.source for episode in run.episodes} == {"search"}
        assert max(sum(episode.steps[0].visits) for episode in run.episodes) in (simulations, simulations - 1)
    free, limited = (
        [
            e.tokens
            for e in text_run(sample__simulations=9, sample__samples=1, sample__tree_tokens=most).episodes
        ]
        for most in (0, 8)
    )
    assert max(limited) <= 8 < max(free)


@shows("sample.demonstrated")
def test_problems_with_a_demonstration_are_practised_on_too(text_run: Run) -> None:
    def practised(*, demonstrated: bool) -> set[str]:
        run = text_run(
            sample__demonstrated=demonstrated,
            sample__prompts=1000,
            measure__holdout=10,
            model__demonstrations=1000,
        )
        return {episode.prompt.id for episode in run.episodes}

    listed = Letters().listed("train")
    shown, fresh = ({prompt.id for prompt in part} for part in (listed[::2], listed[1::2]))
    assert practised(demonstrated=False) == fresh
    every = practised(demonstrated=True)
    assert every > fresh
    assert 0 < len(shown - every) < len(shown), "what is kept apart is not practised on"


@shows("sample.band.0", "sample.band.1")
def test_problems_outside_the_band_are_left_out(text_run: Run) -> None:
    def practised(low: float, high: float) -> set[float]:
        """The shares solved at first of the problems that came up again."""
        run = text_run(sample__band=[low, high], sample__prompts=100, loop__iterations=2)
        first = [episode for episode in run.episodes if episode.iteration == 1]
        rates: dict[str, list[float]] = {}
        for episode in first:
            rates.setdefault(episode.prompt.id, []).append(float(episode.worth >= 1))
        again = {episode.prompt.id for episode in run.episodes if episode.iteration == 2}
        return {sum(rates[name]) / len(rates[name]) for name in again}

    every = practised(0.0, 1.0)
    assert {0.0, 0.25, 0.5} <= every
    assert practised(0.0, 0.3) == {rate for rate in every if rate <= 0.3}
    assert practised(0.2, 1.0) == {rate for rate in every if rate >= 0.2}


@shows("filter.thresholds")
def test_completions_are_kept_from_a_score_on(text_run: Run) -> None:
    def run(*thresholds: float) -> Any:
        return text_run(filter__thresholds=list(thresholds), sample__prompts=30)

    assert {episode.result.score for episode in run(0.5).kept} == {0.5, 1.0}
    assert {episode.result.score for episode in run(1.0).kept} == {1.0}
    assert [e.kept for e in run(0.5, 1.0).episodes] == [e.kept for e in run(1.0).episodes]
    assert not same(run(0.5, 1.0).weights(1), run(1.0).weights(1)), "the first threshold has its own training"


@shows("filter.distinct", "filter.per_prompt")
def test_of_a_problem_so_many_completions_are_kept(text_run: Run) -> None:
    def most(*, distinct: bool, per_prompt: int) -> int:
        run = text_run(
            sample__temperature=0.3, filter__thresholds=[0.0], filter__distinct=distinct,
            filter__per_prompt=per_prompt, sample__samples=12,
        )  # fmt: skip
        kept: dict[str, list[str]] = {}
        for episode in run.kept:
            kept.setdefault(episode.prompt.id, []).append(episode.path)
        if distinct:
            assert all(len(set(paths)) == len(paths) for paths in kept.values())
        return max(map(len, kept.values()))

    assert most(distinct=True, per_prompt=1) == most(distinct=False, per_prompt=1) == 1
    assert most(distinct=False, per_prompt=12) > most(distinct=True, per_prompt=12) > 1


@shows("mix.real", "mix.real_fraction")
def test_demonstrations_join_by_their_share(text_run: Run) -> None:
    run = text_run()
    real = Letters().demonstrations(20, 1)

    def examples(**settings: Any) -> list[Example]:
        return mix(run.kept, real, MixConfig.model_validate(settings), 1)

    own = len(run.kept)
    assert (len(examples(real=False)), len(examples())) == (own, own + len(real))
    for share in (0.25, 0.75):
        assert 1 - own / len(examples(real_fraction=share)) == pytest.approx(share, abs=0.1)
    shares = [text_run(mix__real=False), run, text_run(mix__real_fraction=0.9)]
    assert [each.last("data/real_fraction") for each in shares][::2] == [0.0, 0.9]
    assert not any(same(a.weights(1), b.weights(1)) for a, b in pairwise(shares))


@shows("mix.keep=replace", "mix.keep=accumulate")
def test_completions_of_earlier_iterations_stay_or_go(text_run: Run) -> None:
    replaced, accumulated = (
        text_run(mix__keep=keep, loop__iterations=2) for keep in ("replace", "accumulate")
    )
    assert same(replaced.weights(1), accumulated.weights(1))
    assert not same(replaced.weights(2), accumulated.weights(2))
    assert accumulated.last("data/real_fraction") < replaced.last("data/real_fraction")


SETS: dict[str, Any] = {
    "model__demonstrations": 19,
    "sample__temperature": 0.9,
    "filter__thresholds": [0.5],
    "mix__real_fraction": 0.4,
    "update__steps": 3,
    "noise__weights": 0.1,
    "value__weight": 0.5,
    "learner__beta2": 0.9,
    "search__c_puct": 2.5,
    "proposals__max_proposals": 3,
    "measure__validation": 7,
    "monitor__rare_share": 0.02,
    "guards__steps_factor": 0.25,
    "loop__rows": 100,
    "seed": 4,
}
"""A value for each section that is none of its defaults; other tests show what each does."""


def test_what_is_set_is_written_down(text_run: Run) -> None:
    sections = {name for name in TextConfig.model_fields if name not in ("task", "method", "preset")}
    assert {key.partition("__")[0] for key in SETS} == sections
    content = text_run("alphazero", sample__samples=1, **SETS).config.model_dump()
    for key, value in SETS.items():
        section, _, name = key.partition("__")
        found = content[section][name] if name else content[section]
        assert (list(found) if isinstance(found, tuple) else found) == value


@pytest.mark.parametrize(
    "change", [{"search__c_puct": 30.0}, {"search__rule": "gumbel"}, {"proposals__max_proposals": 2}]
)
def test_search_and_proposals_reach_what_a_run_writes(change: dict[str, Any], text_run: Run) -> None:
    searched = {"sample__samples": 1, "sample__simulations": 12, "proposals__initial_proposals": 3}
    usual, other = (text_run("alphazero", **searched, **more) for more in ({}, change))
    assert [episode.steps for episode in usual.episodes] != [episode.steps for episode in other.episodes]


@shows("loop.iterations")
def test_so_many_iterations_are_made(text_run: Run) -> None:
    for iterations in (0, 1, 2):
        run = text_run(loop__iterations=iterations)
        assert [line["iteration"] for line in run.metrics] == list(range(iterations + 1))


@shows("loop.rows")
def test_so_many_completions_are_generated_side_by_side(
    text_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a batch holds shows in memory and time alone, so the batches are counted where they are read."""
    seen: list[int] = []
    plain = generation.generate
    monkeypatch.setattr(generation, "generate", lambda *a, **k: seen.append(k["max_rows"]) or plain(*a, **k))
    for rows in (3, 17):
        seen.clear()
        text_run(loop__rows=rows)
        assert set(seen) == {rows}
