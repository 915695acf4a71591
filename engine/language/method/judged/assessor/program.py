"""A program as a judge: JSON lines in and out, with limits, and started again where it hangs or dies.

In: {"id", "prompt", "completion"}, or {"id", "prompt", "first", "second"} where two are compared. Out, in
any order: {"id", "score"} from 0 to 1, of two the chance that the first is better; null, or {"id", "error"},
where it has none.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Mapping, Sequence

from engine.arena.client.error import EngineError, shown
from engine.arena.client.process import EngineProcess
from engine.errors import UserError
from engine.language.method.judged.assessor.assessor import Asked, Assessor, Judgement, Versus, judged
from engine.language.method.judged.assessor.command import command_of
from engine.language.method.judged.config import JudgeConfig
from engine.sandbox.value import printable

AHEAD = 32
"""Questions that a program is handed before it has answered."""


class ProgramAssessor(Assessor):
    """Asks a command, which is started when it is first needed.

    What it says in no form is missing: no number, NaN, one outside 0 to 1, an unknown id, no JSON. A question
    that it does not answer in time, or dies of, is missing too, and others that it held are asked anew; lines
    that answer none of them give it no more time. Of several scores of one question the first stands.
    UserError where it cannot be started, or fails `judge.restarts` times in a row.
    """

    is_drawn = True

    def __init__(self, config: JudgeConfig) -> None:
        self._config = config
        self._words = command_of(config.program)
        self._process: EngineProcess | None = None
        self._failures = 0  # in a row
        self._heard = 0.0  # when it was first asked of those it holds, or last answered one of them
        self._asked = 0  # in all: no id is used twice, so that a late answer is known as one

    def scores(self, asked: Sequence[Asked], seed: int) -> list[Judgement]:
        """What the program says of each; it is handed no seed."""
        del seed
        return self._ask([{"prompt": each.prompt.text, "completion": each.completion} for each in asked])

    def comparisons(self, asked: Sequence[Versus], seed: int) -> list[Judgement]:
        """What it says of each two."""
        del seed
        return self._ask(
            [{"prompt": each.prompt.text, "first": each.first, "second": each.second} for each in asked]
        )

    def close(self) -> None:
        """End the program."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def _ask(self, questions: Sequence[Mapping[str, str]]) -> list[Judgement]:
        first = self._asked
        self._asked += len(questions)
        found: dict[int, Judgement] = {}
        waiting, held = deque(range(first, self._asked)), deque[int]()
        try:
            while waiting or held:
                try:
                    self._hand_over(questions, first, waiting, held)
                    self._take(found, held)
                except EngineError as failure:
                    self._fail(failure, found, waiting, held)
        except BaseException:
            self.close()
            raise
        return [found[number] for number in range(first, self._asked)]

    def _hand_over(
        self, questions: Sequence[Mapping[str, str]], first: int, waiting: deque[int], held: deque[int]
    ) -> None:
        """As many questions as it may hold."""
        process = self._started()
        if not held:
            self._heard = time.monotonic()
        while waiting and len(held) < AHEAD:
            held.append(waiting.popleft())
            line = json.dumps({"id": held[-1], **questions[held[-1] - first]})
            process.send(line, time.monotonic() + self._config.timeout_s)

    def _take(self, found: dict[int, Judgement], held: deque[int]) -> None:
        """One line: an answer, a late one, or what is none and stands for that of the oldest question."""
        deadline = self._heard + self._config.timeout_s
        line = self._started().receive(deadline)
        if line.strip():
            number, judgement = read_answer(line)
            if number is None or number not in range(self._asked):
                number = held[0]
            if number in held:
                held.remove(number)
                found[number] = judgement
                self._heard, self._failures = time.monotonic(), 0
                return
            if number in found and found[number].score is None:
                found[number] = judgement
        if time.monotonic() > deadline:
            raise EngineError("hang", f"lines, but no answer, for {self._config.timeout_s:g} s")

    def _fail(
        self, failure: EngineError, found: dict[int, Judgement], waiting: deque[int], held: deque[int]
    ) -> None:
        """End it; the question that it held longest is missing, the others wait again."""
        self.close()
        self._failures += 1
        if self._failures > self._config.restarts:
            raise UserError(
                f"judge.program '{self._config.program}': {failure.reason} ({self._failures} times in a "
                "row); mend it, or give it more time (judge.timeout_s)"
            )
        if held:
            found[held.popleft()] = Judgement(None, f"{failure.kind}: {printable(failure.reason, 80)}")
        waiting.extendleft(reversed(held))
        held.clear()

    def _started(self) -> EngineProcess:
        if self._process is None:
            try:
                self._process = EngineProcess(self._words)
            except EngineError as failure:
                raise UserError(
                    f"judge.program '{self._config.program}' cannot be started: {failure.reason}"
                ) from failure
        return self._process


def read_answer(line: str) -> tuple[int | None, Judgement]:
    """(the id of the question, None where the line has none; what is said)."""
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError):
        reply = None
    if not isinstance(reply, dict):
        return None, Judgement(None, f"{shown(line, 40)}, no JSON object, for an answer")
    number = reply.get("id")
    if isinstance(number, bool) or not isinstance(number, int):
        return None, Judgement(None, f"an answer with the id {shown(json.dumps(number), 40)}")
    if "error" in reply:
        return number, Judgement(None, f"error {shown(str(reply['error']), 60)}")
    if reply.get("score") is None:
        return number, Judgement(None, "an answer without a score")
    return number, judged(reply["score"])
