"""What the commands `text METHOD` do: settings, run directory, verifier, progress."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.stream import print_json
from engine.errors import UserError

if TYPE_CHECKING:
    from engine.language.rollout import Verify
    from engine.language.settings import TextConfig
    from engine.language.task import Task


_FILE_TASK = "engine.language.problem.jsonl_task:JsonlTask:path="
_FILE = re.compile(
    r"(.*?\.(?:jsonl|ndjson)(?:\.gz)?)(?::(.*))?|(.*?\.(?:json|gz|json\.gz))(?::(\w+=.*))?",
    re.DOTALL | re.IGNORECASE,
)
_OTHER_FILE = re.compile(r"(.*\.(?:csv|tsv|txt|parquet|arrow|xlsx?|xml|ya?ml|zip|zst|bz2|xz))(?::.*)?", re.I)


def run_method(
    method: str,
    task_spec: str,
    config_path: str | None,
    assignments: Sequence[str],
    options: Mapping[str, Any],
    run: str | None,
    resume: bool,
    dry_run: bool,
    json: bool,
) -> None:
    """Run a method on a task, or say what it would take."""
    from engine.cli.run_path import flatten, new_run, resumable, run_to_resume
    from engine.language.method.registry import build_text_config
    from engine.language.problem.task_registry import task_preset

    task, given_task = open_task(task_spec), task_spec
    task_spec = whole_name(task_spec)
    changes = _changes(method, task_spec, config_path, assignments, options)
    if resume:
        path = run_to_resume(run)
        config = _resumed(path, method, task_spec, changes)
    else:
        layer = task_preset(task, str(changes.get("preset", "default")))
        config = build_text_config(method, task_spec, layer, changes)
        config = with_whole_paths(config)
        path = new_run(run, f"{method}-{task.name}")
    given = () if resume else tuple(flatten(changes))
    if dry_run:
        _forecast(task, task_spec, config, json, given)
        return
    from engine.cli.progress import Reporter
    from engine.language.loop import improve
    from engine.report.text_run import VIEWER

    reporter = Reporter(quiet=json)
    try:
        with (
            resumable(path, ["text", method, given_task], reporter.message),
            open_verifier(task_spec, task) as verify,
            prints_aside() if json else nullcontext(),
        ):
            improve(
                task, config, path, verify, resume=resume, reporter=reporter, viewer=VIEWER, given=given
            )  # fmt: skip
    finally:
        reporter.close()
    if json:
        print_json({"run": str(path), "task": task_spec, "method": method, "result": reporter.table})


def _changes(
    method: str,
    task: str,
    config_path: str | None,
    assignments: Sequence[str],
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Settings of the file, over them those of the line; UserError where they say another command."""
    from engine.config.layer import merge, parse_assignments
    from engine.language.settings import without_gone
    from engine.run.settings_file import read_changes

    filed = read_changes(Path(config_path)) if config_path else {}
    filed = without_gone(filed, lambda line: print(f"warning: '{config_path}': {line}", file=sys.stderr))
    written = merge(filed, parse_assignments(assignments))
    for name, given in (("method", method), ("task", task), ("preset", options.get("preset"))):
        if given is not None and written.get(name, given) != given:
            raise UserError(f"setting '{name}' = {written[name]!r}, but the command says {given!r}; drop it")
    return merge(written, options)


def task_name(spec: str) -> str:
    """`spec` as every process can load it: `F.jsonl[:a=b]` is a file of prompts and answers.

    So are names that end in `.json` or `.gz`, in letters of any case.
    """
    match = _FILE.fullmatch(spec)
    if match is None:
        return spec
    path, options = match[1] or match[3], match[2] or match[4]
    return f"{_FILE_TASK}{path}" + (f",{options}" if options else "")


def is_task_file(spec: str) -> bool:
    """Whether a spec is a file of prompts and answers."""
    return _FILE.fullmatch(spec) is not None


def whole_name(spec: str) -> str:
    """`task_name(spec)` as it holds in every directory, for a run to keep."""
    from engine.language.problem.task_registry import located_task

    match = _FILE.fullmatch(spec)
    if match is None:
        return located_task(spec)
    path, options = match[1] or match[3], match[2] or match[4]
    return task_name(f"{Path(path).absolute()}" + (f":{options}" if options else ""))


def _is_same_task(one: str, other: str) -> bool:
    from engine.language.problem.task_registry import is_same_task

    plain = [re.sub(rf"^({re.escape(_FILE_TASK)})[^,]*/", r"\1", spec) for spec in (one, other)]
    return is_same_task(plain[0], plain[1])


def open_task(spec: str) -> Task:
    """The task that `spec` names: registered, of a user's file, or a file of prompts and answers."""
    from engine.language.problem.row_file import READ
    from engine.language.problem.task_registry import load_task

    if _FILE.fullmatch(spec) is None and _OTHER_FILE.fullmatch(spec):
        raise UserError(f"task '{spec}': such a file is not read; give {READ}")
    try:
        return load_task(task_name(spec))
    except UserError as error:
        told = str(error).replace(task_name(spec), spec)
        raise UserError(told.replace(_FILE_TASK, "")) from error


@contextmanager
def prints_aside() -> Iterator[None]:
    """What a user's task prints goes to stderr: stdout is the command's own."""
    with redirect_stdout(sys.stderr):
        yield


@contextmanager
def open_verifier(spec: str, task: Task, max_failures: float = 0.05) -> Iterator[Verify]:
    """What judges completions: in this process where the task is quick, else in killable workers."""
    from engine.language.problem.verifier import open_verifier as create

    workers = len(os.sched_getaffinity(0))
    with create(task, task_name(spec), workers=workers, max_failures=max_failures) as verify:
        yield verify


def _resumed(path: Path, method: str, task: str, changes: Mapping[str, Any]) -> TextConfig:
    """The settings of the run at `path`; UserError where it is another's or `changes` differ."""
    from engine.cli.run_path import flatten
    from engine.language.record.text_run import read_text_config

    saved = read_text_config(path)
    if saved.method != method or not _is_same_task(saved.task, task):
        raise UserError(f"run '{path}' is of {saved.method} on {saved.task}, not {method} on {task}")
    asked = with_whole_paths(saved.changed(changes))
    kept = flatten(saved.model_dump())
    for key, new in flatten(asked.model_dump()).items():
        if new != kept[key] and key != "loop.iterations":
            raise UserError(
                f"setting '{key}' = {new!r}: run '{path}' goes on with its own, {kept[key]!r}; drop it"
            )
    return asked


def with_whole_paths(config: TextConfig) -> TextConfig:
    """The settings with paths that hold in any directory; a run in place of a model is its newest model,
    in place of a critic its newest critic.

    UserError where that is an adapter, and not for the model to begin with, which takes one.
    """
    from engine.config.layer import merge
    from engine.language.record.text_run import read_text_config
    from engine.language.settings import Named

    found: dict[str, str] = {}
    for key, (value, kind) in config.paths().items():
        critic = _critic_of(value) if kind is Named.CRITIC else value
        path, adapter = (value, "") if kind is Named.FILE else _newest_of(critic)
        if adapter and key == "model.path" and config.model.adapter:
            raise UserError(
                f"setting 'model.adapter' = {config.model.adapter!r}: '{value}' has an adapter of its own; "
                "leave one of them out"
            )
        if adapter and key != "model.path":
            base = read_text_config(Path(value)).model.path
            raise UserError(
                f"setting '{key}' = {value!r}: that run trains an adapter over '{base}'; "
                "give one that trains all weights, or a model's folder"
            )
        found |= {key: path} | ({"model.adapter": adapter} if adapter else {})
    changes = merge({}, *(_nested(key, str(Path(path).absolute())) for key, path in found.items()))
    return config.changed(changes)


def _nested(key: str, value: str) -> dict[str, Any]:
    """A setting by its dotted name, as a table in tables."""
    first, _, rest = key.partition(".")
    return {first: _nested(rest, value) if rest else value}


def _critic_of(path: str) -> str:
    """A critic's folder: of a run that of its newest; UserError where that is an adapter."""
    from engine.language.model.model_folder import ADAPTER_CONFIG
    from engine.language.record.text_run import newest_critic_folder
    from engine.run import storage
    from engine.run.manifest import is_run

    if not is_run(Path(path)):
        return path
    folder = newest_critic_folder(Path(path))
    if storage.is_file(folder / ADAPTER_CONFIG):
        raise UserError(f"run '{path}' trains an adapter; as a critic give one that trains all weights")
    return str(folder)


def _newest_of(path: str) -> tuple[str, str]:
    """A model's folder, and that of an adapter over it; of a run those of its newest model that writes."""
    from engine.language.model.model_folder import ADAPTER_CONFIG
    from engine.language.record.text_run import newest_folder, read_text_config
    from engine.run import storage
    from engine.run.manifest import is_run

    if not is_run(Path(path)):
        return path, ""
    folder = newest_folder(Path(path))
    if storage.is_file(folder / ADAPTER_CONFIG):
        return read_text_config(Path(path)).model.path, str(folder)
    return str(folder), ""


def _forecast(task: Task, spec: str, config: TextConfig, json: bool, given: Sequence[str]) -> None:
    from engine.language.forecast.forecast import forecast

    with prints_aside(), ExitStack() as stack:
        opened = functools.cache(lambda: stack.enter_context(open_verifier(spec, task)))
        found = forecast(task, config, lambda pairs: opened()(pairs), given)
    if json:
        print_json({"forecast": found.rows, "assumptions": found.assumptions})
        return
    from engine.cli.progress import print_table

    print_table([{name.replace("_", " "): value for name, value in row.items()} for row in found.rows])
    for line in found.assumptions:
        print(f"  {line}")
