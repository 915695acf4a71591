"""What the commands `text generate`, `verify`, `search`, `eval`, `export`, `report` and `inspect` do."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from engine.cli.stream import Answer, print_json, serve
from engine.cli.text.run import open_task, open_verifier, prints_aside
from engine.errors import UserError
from engine.protocols.request import Request, check_fields

if TYPE_CHECKING:
    from engine.language.episode import Episode
    from engine.language.model.model import LanguageModel
    from engine.language.record.text_run import TextRun
    from engine.language.rollout import Verify
    from engine.language.task import Prompt, Task, VerifyResult
    from engine.report.sample import Verdict

SHEET = "inspect.csv"
SHEET_SAMPLES = 20
"""Kept and rejected completions of a sheet, each."""
BATCH = 256
"""Requests judged together."""

JUDGED = ("score", "parsed", "path", "reason", "flags", "kind", "tokens", "ended", "steps")
"""What `generate` and `search` say beside the completion."""


@dataclass(frozen=True)
class Opened:
    """A model that writes, and of the run that it comes from the task and the critic where it has them."""

    model: LanguageModel
    task: str | None = None
    critic: LanguageModel | None = None


def open_model(path: str) -> Opened:
    """The accepted model of a run, with its critic, or the model of a folder."""
    from engine.language.model.ability import ability_of
    from engine.language.model.model_folder import load_model
    from engine.language.record.text_run import newest_critic, newest_model, read_text_config
    from engine.run.manifest import is_run

    folder = Path(path)
    if is_run(folder):
        opened = Opened(newest_model(folder), read_text_config(folder).task, newest_critic(folder))
    else:
        opened = Opened(load_model(folder))
    if slow := ability_of(opened.model).slow:
        print(slow, file=sys.stderr)
    return opened


def open_critic(path: str, task: Task, prompts: Sequence[Prompt]) -> LanguageModel:
    """The model that `--critic` names; UserError where it cannot value what is written on these problems."""
    opened = open_model(path)
    model = opened.critic or opened.model
    if model.value_head is None:
        raise UserError(f"--critic '{path}' has no value head; give a run of reward, prm, orm or alphazero")
    try:
        heads = model.codec.encode_prompts([prompt.text for prompt in prompts])
        model.codec.encode_completions([""], [task.alphabet])
    except UserError as error:
        raise UserError(f"--critic '{path}': {error}; give one that was made for this task") from error
    longest = max(len(head) for head in heads) + task.max_tokens
    if longest > model.context:
        raise UserError(
            f"--critic '{path}' reads {model.context} tokens, but texts of task '{task.name}' may have "
            f"{longest}; give one with a longer context"
        )
    return model


def read_prompts(task: Task, split: str, count: int, seed: int) -> list[Prompt]:
    """Problems of a split by its name."""
    from engine.language.problem.problems import problems
    from engine.language.task import Split

    if split not in get_args(Split):
        raise UserError(f"--split '{split}' is none of {', '.join(get_args(Split))}")
    found = problems(task, split, count, seed)  # type: ignore[arg-type]
    if not found:
        raise UserError(f"task '{task.name}' has no problem of the split {split}; take another --split")
    return found


def generate_lines(
    model: str,
    spec: str,
    count: int,
    samples: int,
    temperature: float,
    split: str,
    seed: int,
    critic: str | None,
) -> None:
    """Print sampled completions, or of each problem's the one that a critic values most."""
    from engine.cli.progress import Reporter
    from engine.language.measure.evaluation import values_of
    from engine.language.rollout import Draw, Policy, sample

    task, opened = open_task(spec), open_model(model)
    with prints_aside(), open_verifier(spec, task) as verify:
        prompts = read_prompts(task, split, count, seed)
        judge = None if critic is None else open_critic(critic, task, prompts)
        policy = Policy(opened.model, opened.model.digest())
        with Reporter().phase("generating", len(prompts) * samples) as move:
            episodes = sample(
                task, [policy], prompts, samples, Draw(temperature), verify,
                seed=seed, iteration=0, on_rows=move,
            )  # fmt: skip
    if judge is None:
        for episode in episodes:
            print_json(describe(episode))
        return
    values = values_of(judge, episodes)
    for place in range(0, len(episodes), samples):
        best = place + int(values[place : place + samples].argmax())
        print_json({**describe(episodes[best]), "value": float(values[best])})


def search_lines(
    model: str,
    spec: str,
    count: int,
    simulations: int,
    tokens: int,
    listed: bool,
    prior: str,
    assignments: Sequence[str],
    split: str,
    seed: int,
    critic: str | None,
) -> None:
    """Print completions written by tree search."""
    from engine.config.config import build_section
    from engine.config.layer import merge, parse_assignments
    from engine.language.rollout import Policy
    from engine.language.search.adapter import Prior
    from engine.language.search.tree_search import Plan, search_completions
    from engine.language.settings import TextConfig

    if prior not in get_args(Prior):
        raise UserError(f"--prior '{prior}' is none of {', '.join(get_args(Prior))}")
    if listed and prior == "exact":
        raise UserError("--prior exact makes each token a step; leave --listed out")
    task, opened = open_task(spec), open_model(model)
    changes = parse_assignments(assignments)
    if others := sorted(changes.keys() - {"search", "proposals"}):
        raise UserError(f"--set {others[0]}: a search takes settings of search and proposals alone")
    config = build_section(TextConfig, merge(changes, {"task": spec, "method": "alphazero"}))
    least = config.proposals.initial_proposals * task.max_step_tokens
    if not listed and 0 < tokens < least:
        raise UserError(f"--tokens {tokens}: the first step alone may take {least}; give as many, or 0")
    kind = cast(Prior, prior)
    plan = Plan(simulations, tokens or None, judge=task.verifier_at_test, prior=kind, listed=listed)
    with prints_aside(), open_verifier(spec, task) as verify:
        prompts = read_prompts(task, split, count, seed)
        judge = opened.critic if critic is None else open_critic(critic, task, prompts)
        policy = Policy(opened.model, opened.model.digest())
        episodes = search_completions(
            task, policy, prompts, plan, config.search, config.proposals, verify, seed=seed, critic=judge
        )
    for episode in episodes:
        print_json({**describe(episode), "steps": [vars_of(step) for step in episode.steps]})


def serve_verdicts(spec: str) -> None:
    """Judge completions that come as JSON lines, those that wait at the same time side by side."""
    task = open_task(spec)
    with open_verifier(spec, task, max_failures=1.0) as verify:
        serve(lambda requests: judge(verify, requests), BATCH)


def judge(verify: Verify, requests: Sequence[Request]) -> list[Answer]:
    """A verdict for each request, or the error of one that cannot be judged, in order."""
    answers: list[Answer] = [UserError("")] * len(requests)
    pairs: dict[int, tuple[Prompt, str]] = {}
    for number, request in enumerate(requests):
        try:
            pairs[number] = _pair(request)
        except UserError as error:
            answers[number] = error
    for number, verdict in zip(pairs, _verdicts(verify, list(pairs.values())), strict=True):
        answers[number] = verdict
    return answers


def _verdicts(verify: Verify, pairs: Sequence[tuple[Prompt, str]]) -> list[Answer]:
    """Verdicts as JSON; what is refused costs its own line, so a batch that has some is halved."""
    try:
        with prints_aside():
            return [verdict_fields(verdict) for verdict in verify(pairs)]
    except UserError as error:
        middle = len(pairs) // 2
        return [*_verdicts(verify, pairs[:middle]), *_verdicts(verify, pairs[middle:])] if middle else [error]


def _pair(request: Request) -> tuple[Prompt, str]:
    from engine.language.task import Prompt

    check_fields(request, ("id", "prompt", "completion", "prompt_id", "key", *JUDGED))
    texts = {name: request.get(name) for name in ("prompt", "completion")}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise UserError(f'give "{name}" as a text, not {dumps(text)[:60]}')
    prompt, completion = str(texts["prompt"]), str(texts["completion"])
    names = [request.get(name) for name in ("prompt_id", "id")]
    identity = next((name for name in names if isinstance(name, str)), prompt)
    return Prompt(identity, prompt, str(request.get("key", prompt))), completion


def evaluate_model(
    model: str, spec: str | None, count: int, samples: int, seed: int, json: bool, critic: str | None
) -> None:
    """Print how a model does on test problems."""
    from engine.cli.progress import Reporter, print_table
    from engine.language.measure.evaluation import evaluate, table_row
    from engine.language.rollout import Policy

    opened = open_model(model)
    name = spec or opened.task
    if name is None:
        raise UserError(f"'{model}' is a model's folder; name the task to measure it on")
    task = open_task(name)
    if critic is not None and samples == 0:
        raise UserError(f"--critic '{critic}' values samples; give --samples 16, say")
    with prints_aside(), open_verifier(name, task) as verify:
        prompts = read_prompts(task, "test", count, 0)
        judge = opened.critic if critic is None else open_critic(critic, task, prompts)
        policy = Policy(opened.model, "")
        with Reporter().phase("measuring", len(prompts) * (1 + samples)) as move:
            result = evaluate(
                task, policy, prompts, verify, samples=samples, seed=seed, on_rows=move, critic=judge
            )
    if json:
        print_json({"model": model, "task": name, "problems": len(prompts), **result.summary()})
        return
    print_table([{**table_row(model, result), "problems": len(prompts)}])


def export_run(run: str, out: str, kind: str) -> None:
    """Write a run's episodes as a data set."""
    from engine.language.record.export import export

    if Path(out).exists():
        raise UserError(f"--out '{out}' is there already; name another file, or take it away")
    with open_run(run) as opened:
        task = open_task(opened.config.task)
        digest = export(Path(out), kind, opened.episodes(), task)
    print_json({"out": out, "format": kind, "bytes": digest.num_bytes, "sha256": digest.sha256})


def write_run_report(run: str) -> None:
    """Write the page of a run anew."""
    from engine.language.loop import Committed
    from engine.language.measure.watch import instruments
    from engine.language.monitor.journal import entries
    from engine.language.monitor.monitor import Monitor
    from engine.report.text_run import write_run_page

    with open_run(run) as opened:
        task, progress = open_task(opened.config.task), latest_progress(opened)
        monitor = Monitor.from_json(progress["monitor"], opened.config.monitor, instruments(task))
        journal = entries(progress.get("guards", []))
        path = write_run_page(
            Committed(opened.path, task, opened.config, monitor, opened.episodes(), journal)
        )
    print(path)


def inspect_run(run: str, count: int | None, verdicts: str | None) -> None:
    """Write a sheet for a person with a page to read it by, or note what one has said.

    Without a `count` the sheet has what the guards of the run ask for, else SHEET_SAMPLES of a kind.
    """
    from engine.language.monitor.metric.probe import shapes
    from engine.language.record.text_run import judged_iteration, write_verdicts
    from engine.report.page import write_samples
    from engine.report.sample import draw_samples, read_verdicts, write_sheet
    from engine.report.verdict_request import Request as VerdictRequest

    with open_run(run) as opened:
        progress = latest_progress(opened)
        content = progress.get("request")
        request = VerdictRequest.from_json(content) if content else None
        if verdicts is not None:
            said = read_verdicts(Path(verdicts))
            if not said:
                raise UserError(f"'{verdicts}' has no verdict; write right, wrong or unsure into it")
            counts = _opinions(said)
            write_verdicts(opened.path, progress["iteration"], counts)
            asked = {"asked": len(request.samples), "answered": request.num_answered(said)} if request else {}
            print_json({**counts, **asked})
            return
        _keep_opinions(opened.path)
        judged = judged_iteration(opened.path)
        if count is None and request and (judged is None or judged < request.iteration):
            samples = list(request.samples)
        else:
            each, seed = count or SHEET_SAMPLES, opened.config.seed
            samples = draw_samples(opened.episodes(), [], {}, shapes, count=each, seed=seed)
        sheet = opened.path / SHEET
        write_sheet(sheet, samples)
        write_samples(sheet.with_suffix(".html"), samples, f"{opened.config.method} on {opened.config.task}")
        print(sheet)
        print(sheet.with_suffix(".html"))


def _opinions(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How often verdicts say right, wrong and unsure."""
    said = [verdict.opinion for verdict in verdicts]
    return {word: said.count(word) for word in ("right", "wrong", "unsure")}


def _keep_opinions(run: Path) -> None:
    """UserError where the sheet of a run holds verdicts that have not been read back."""
    from engine.language.record.text_run import read_verdict_counts
    from engine.report.sample import read_verdicts

    sheet = run / SHEET
    counts = _opinions(read_verdicts(sheet)) if sheet.exists() else {}
    if any(counts.values()) and counts != read_verdict_counts(run):
        raise UserError(
            f"'{sheet}' has {sum(counts.values())} verdicts; read them back with --verdicts {sheet}, "
            "or take it away"
        )


def open_run(path: str) -> TextRun:
    """A run on text at its newest commit; UserError where it has none."""
    from engine.language.record.text_run import TextRun

    run = TextRun.open(Path(path))
    if run.latest() is None:
        run.close()
        raise UserError(f"run '{path}' has no checkpoint yet; let it finish an iteration")
    return run


def latest_progress(run: TextRun) -> dict[str, Any]:
    """What the driver carried at the newest commit."""
    checkpoint = run.latest()
    assert checkpoint is not None
    return checkpoint.progress


def verdict_fields(verdict: VerifyResult) -> dict[str, Any]:
    """A verdict as JSON."""
    return {
        "score": verdict.score,
        "parsed": verdict.parsed,
        **({"path": verdict.path} if verdict.path else {}),
        "reason": verdict.reason,
        "flags": list(verdict.flags),
        "kind": verdict.kind,
    }


def describe(episode: Episode) -> dict[str, Any]:
    """An episode as JSON; `verify` reads it, too."""
    return {
        "id": episode.prompt.id,
        "key": episode.prompt.key,
        "prompt": episode.prompt.text,
        "completion": episode.completion,
        **verdict_fields(episode.result),
        "tokens": episode.tokens,
        "ended": episode.ended,
    }


def vars_of(step: Any) -> dict[str, Any]:
    """A step of a search as JSON; q is null where unvisited."""
    q = [None if value != value else value for value in step.q]
    return {
        "text": step.text,
        "player": step.player,
        "proposals": list(step.proposals),
        "visits": list(step.visits),
        "prior": list(step.prior),
        "q": q,
        "value": step.value,
    }
