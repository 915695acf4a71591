"""The commands `text METHOD TASK` and `text VERB`: the loop on text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from engine.cli.option import JsonOption, SeedOption
from engine.errors import UserError


class Commands(TyperGroup):
    """Each method of the registry is a command, before the verbs."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Methods, then verbs, as they are registered."""
        from engine.language.method.registry import METHODS

        return [*METHODS, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """That of a method, or a verb's."""
        from engine.language.method.registry import METHODS, load_method

        if cmd_name not in METHODS:
            return super().get_command(ctx, cmd_name)
        papers = ", ".join(load_method(cmd_name).papers)
        own, summary = typer.Typer(add_completion=False, rich_markup_mode=None), METHODS[cmd_name].summary
        told = f"{summary}\n\narXiv: {papers}" if papers else summary
        own.command(cmd_name, help=told, short_help=summary)(_method(cmd_name))
        return typer.main.get_command(own)


app = typer.Typer(
    name="text",
    cls=Commands,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def text(context: typer.Context) -> None:
    """The loop on text: a language model proposes, a task verifies, what passes is learnt from."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


TaskArgument = Annotated[
    str,
    typer.Argument(metavar="TASK", help="countdown:numbers=3, file.py:Name, or a JSON-lines file of prompts"),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="DIR", help="a local model; left out, a small one is built")
]
CriticOption = Annotated[
    str | None,
    typer.Option(
        "--critic", metavar="DIR", help="a run or a folder whose value head values what MODEL writes"
    ),
]


def _method(name: str) -> Callable[..., None]:
    def command(
        task: TaskArgument,
        model: ModelOption = None,
        preset: Annotated[
            str | None, typer.Option("--preset", metavar="NAME", help="of the task; default: default")
        ] = None,
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
        from engine.cli.text.run import run_method

        if model == "":
            raise UserError("--model '' names no folder; give one, or leave --model out to have one built")
        changes: dict[str, Any] = {"model": {"path": model}} if model else {}
        if iterations is not None:
            changes["loop"] = {"iterations": iterations}
        if preset is not None:
            changes["preset"] = preset
        run_method(name, task, config, assignments or [], changes, run, resume, dry_run, json)

    return command


@app.command("generate")
def generate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="a run on text, or a model's folder")],
    task: TaskArgument,
    count: Annotated[int, typer.Option("--count", min=1, max=10**6, help="problems")] = 8,
    samples: Annotated[int, typer.Option("--samples", min=1, max=10**5, help="completions of each")] = 1,
    temperature: Annotated[float, typer.Option("--temperature", min=0, max=10)] = 1.0,
    split: Annotated[str, typer.Option("--split", help="train, validation or test")] = "validation",
    seed: SeedOption = 1,
    critic: CriticOption = None,
) -> None:
    """Write completions, judged, as JSON lines; with a critic of each problem the one it likes best."""
    from engine.cli.text.verb import generate_lines

    generate_lines(model, task, count, samples, temperature, split, seed, critic)


@app.command("verify")
def verify(task: TaskArgument) -> None:
    """Judge completions, as JSON lines.

    In: {"id", "prompt", "completion"}, or what `generate` wrote; lines that wait are judged side by side.
    Out: {"id", "score", "parsed", "path"?, "reason", "flags", "kind"}, or {"id", "error"}.
    """
    from engine.cli.text.verb import serve_verdicts

    serve_verdicts(task)


@app.command("search")
def search(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="a run on text, or a model's folder")],
    task: TaskArgument,
    count: Annotated[int, typer.Option("--count", min=1, max=10**6, help="problems")] = 8,
    simulations: Annotated[int, typer.Option("--simulations", min=1, max=10**6, help="of each step")] = 32,
    tokens: Annotated[int, typer.Option("--tokens", min=0, help="of each problem; 0: no limit")] = 0,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=v", help="search.* or proposals.*")
    ] = None,
    listed: Annotated[
        bool, typer.Option("--listed", help="score the steps that the task lists, propose none")
    ] = False,
    prior: Annotated[
        str, typer.Option("--prior", help="what a step weighs: freq, logp, lenorm; exact: steps are tokens")
    ] = "freq",
    split: Annotated[str, typer.Option("--split", help="train, validation or test")] = "validation",
    seed: SeedOption = 1,
    critic: CriticOption = None,
) -> None:
    """Write completions by tree search, judged, as JSON lines."""
    from engine.cli.text.verb import search_lines

    search_lines(
        model, task, count, simulations, tokens, listed, prior, assignments or [], split, seed, critic
    )


@app.command("eval")
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="a run on text, or a model's folder")],
    task: Annotated[str | None, typer.Argument(metavar="[TASK]", help="default: the run's")] = None,
    count: Annotated[int, typer.Option("--count", min=2, max=10**6, help="test problems")] = 1000,
    samples: Annotated[int, typer.Option("--samples", min=0, max=1024, help="for pass@k and majority")] = 0,
    seed: SeedOption = 1,
    json: JsonOption = False,
    critic: CriticOption = None,
) -> None:
    """Measure a model on test problems: greedy with its interval, pass@k, the majority, the best by value."""
    from engine.cli.text.verb import evaluate_model

    evaluate_model(model, task, count, samples, seed, json, critic)


@app.command("export")
def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="a run on text")],
    out: Annotated[str, typer.Option("--out", metavar="F", help="a .jsonl or .parquet file")],
    kind: Annotated[str, typer.Option("--format", help="sft, preference, unpaired or stepwise")] = "sft",
) -> None:
    """Write a run's episodes in the columns that trl and datasets read."""
    from engine.cli.text.verb import export_run

    export_run(run, out, kind)


@app.command("report")
def report(run: Annotated[str, typer.Argument(metavar="RUN", help="a run on text")]) -> None:
    """Write RUN/report.html anew: curves, alarms, samples kept and rejected."""
    from engine.cli.text.verb import write_run_report

    write_run_report(run)


@app.command("inspect")
def inspect(
    run: Annotated[str, typer.Argument(metavar="RUN", help="a run on text")],
    count: Annotated[
        int | None,
        typer.Option(
            "--count", min=1, max=10**5, help="kept and rejected, each; default: what guards ask for, else 20"
        ),
    ] = None,
    verdicts: Annotated[
        str | None, typer.Option("--verdicts", metavar="F.csv", help="read a filled-in sheet back")
    ] = None,
) -> None:
    """Write a sheet of kept and rejected completions for a person to judge, or read one back."""
    from engine.cli.text.verb import inspect_run

    inspect_run(run, count, verdicts)
