"""The commands `text METHOD TASK` and `text VERB`: the loop on text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.option import JsonOption

if TYPE_CHECKING:
    pass

app = typer.Typer(
    name="text",
    help="The loop on text: a language model proposes, a task verifies, what passes is learnt from.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

METHODS = {
    "sft": "Supervised fine-tuning on demonstrations.",
    "rft": "Rejection-sampling fine-tuning: distinct right completions of several models (2308.01825).",
    "star": "STaR: right completions, and failures again with the answer as a hint (2203.14465).",
    "rest": "ReST: one sampling, several trainings with rising thresholds (2308.08998).",
    "rest-em": "ReST-EM: right completions, each time from the first model again (2312.06585).",
    "alphazero": "Tree search on text: its visits and values are the targets.",
    "prm": "A process reward model: the value of every step (2305.20050, 2312.08935).",
    "orm": "An outcome reward model: the value of a whole completion (2110.14168).",
}

TaskArgument = Annotated[
    str,
    typer.Argument(metavar="TASK", help="countdown:numbers=3, file.py:Name, or a JSON-lines file of prompts"),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="DIR", help="a local model; left out, a small one is built")
]


def _method(name: str) -> Callable[..., None]:
    def command(
        task: TaskArgument,
        model: ModelOption = None,
        config: Annotated[
            str | None, typer.Option("--config", metavar="F.toml", help="settings file")
        ] = None,
        assignments: Annotated[
            list[str] | None, typer.Option("--set", metavar="a.b=v", help="one setting; may be repeated")
        ] = None,
        run: Annotated[str | None, typer.Option("--run", metavar="DIR", help="default: runs/…-NNN")] = None,
        iterations: Annotated[
            int | None, typer.Option("--iterations", min=0, max=100_000, help="in all, resumes included")
        ] = None,
        resume: Annotated[bool, typer.Option("--resume", help="go on with the run in DIR")] = False,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="say how many tokens and minutes it would take")
        ] = False,
        json: JsonOption = False,
    ) -> None:
        from engine.cli.text_run import run_method

        changes: dict[str, Any] = {"model": {"path": model}} if model else {}
        if iterations is not None:
            changes["loop"] = {"iterations": iterations}
        run_method(name, task, config, assignments or [], changes, run, resume, dry_run, json)

    command.__doc__ = METHODS[name]
    return command


for _name in METHODS:
    app.command(_name)(_method(_name))
