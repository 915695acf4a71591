"""Evaluation items that leak into what would be learnt from are found, and clean data are left alone.

A tenth of the evaluation items of a task, with right completions where the task has them, joins what an
iteration has kept. Once they come as they are, and once under another name, so that only their text is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from engine.cli.text.run import open_task
from engine.language.episode import Episode
from engine.language.loop import without_items
from engine.language.problem.contamination import EvaluationIndex
from engine.language.task import Demonstration, VerifyResult
from experiments.experiment import Cell, Column, Experiment, Figure, Line
from experiments.result import Items, Measured, NotMeasuredError, Results

TASKS = ("countdown", "addition", "program", "python", "grammar", "textgame", "nim", "tictactoe")


def cell(name: str) -> Callable[[Cell], Measured]:
    """The cell of a task; a score is 1 where an episode was taken out of what is learnt from."""

    def measured(cell: Cell) -> Measured:
        task, count = open_task(name), cell.sizes["items"]
        items = task.prompts("test", count, 0)
        index = EvaluationIndex(items)
        texts = {each.prompt.id: each.completion for each in task.held_out("test", count, 0)}
        leaked = [Demonstration(item, texts.get(item.id, "")) for item in items[::10]]
        renamed = [replace(each, prompt=replace(each.prompt, id="", key=f"renamed {number}"))
                   for number, each in enumerate(leaked)]  # fmt: skip
        clean = task.demonstrations(cell.sizes["clean"], cell.seed)
        if not clean:
            clean = [
                Demonstration(each, "") for each in task.prompts("train", cell.sizes["clean"], cell.seed)
            ]
        found = {"clean": clean, "leaked": leaked, "renamed": renamed}
        every = [each for part in found.values() for each in part]
        kept = without_items([_episode(each) for each in every], index)[0]
        taken = iter([float(not episode.kept) for episode in kept])
        scores = {part: Items([each.prompt.key for each in rows], [next(taken) for _ in rows])
                  for part, rows in found.items()}  # fmt: skip
        return Measured(scores, {"items": float(len(items))})

    return measured


def _episode(each: Demonstration) -> Episode:
    right = VerifyResult(1.0, each.completion)
    return Episode(
        prompt=each.prompt, completion=each.completion, result=right, source="model", iteration=1, model="",
        seed=0, temperature=1.0, logprob=0.0, tokens=len(each.completion), ended=True, kept=True,
    )  # fmt: skip


def everywhere(name: str, bound: float, *, above: bool) -> Callable[[Results], Figure]:
    """Whether a share is on the right side of a bound for every task, those that did not run excepted."""

    def check(found: Results) -> Figure:
        shares = {task: found.mean(task, name).value for task in TASKS if found.seeds(task)}
        if not shares:
            raise NotMeasuredError(name)
        worst = (min if above else max)(shares, key=lambda task: shares[task])
        reached = shares[worst] >= bound if above else shares[worst] <= bound
        return Figure(reached, f"the worst is {worst} with {100 * shares[worst]:.1f} %")

    return check


CONTAMINATION = Experiment(
    name="contamination",
    claim="A tenth of the evaluation items, leaked into kept data, is found; clean data are left alone.",
    arms={task: cell(task) for task in TASKS},
    lines=[
        Line(
            "90 % or more of the leaked items are taken out, in every task",
            everywhere("leaked", 0.90, above=True),
        ),
        Line("1 % or less of clean data is taken out, in every task", everywhere("clean", 0.01, above=False)),
    ],
    columns=[
        Column("evaluation items", "items", percent=False),
        Column("leaked, taken out %", "leaked"),
        Column("leaked under another name, taken out %", "renamed"),
        Column("clean, taken out %", "clean"),
    ],
    full={"items": 1000, "clean": 2000},
    smoke={"items": 100, "clean": 200},
    notes=[
        "Items under another name are no success line: where a text is short or shared (`>` of grammar, an "
        "opening position of a game) it cannot be told from clean data.",
    ],
)
