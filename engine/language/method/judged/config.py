"""Settings of judges and of a model that rewards itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from engine.config.section import Section
from engine.language.method.preference.config import PreferenceSettings
from engine.language.settings import FilePath, ModelPath

Share = Annotated[float, Field(ge=0, le=1)]


class JudgeConfig(Section):
    """Who says how good a completion is."""

    by: Literal["self", "model", "program", "verifier"] = "self"
    """The model that writes; the one of `judge.path`; `judge.program`; or the task's verifier."""
    path: ModelPath = ""
    """A local model's folder, or a run, with a tokenizer of its own."""
    chat: bool = False
    """What the model of `judge.path` is asked is a message of a user, in its tokenizer's chat template."""
    program: str = ""
    """A command that reads and writes JSON lines, or a function as `package.module:function` or
    `file.py:function`: in {"id", "prompt", "completion"}, out {"id", "score"} from 0 to 1, null for none."""
    ask: Literal["score", "comparison"] = "score"
    """Each completion by itself, or two of a problem against each other, in both orders; then a score is the
    mean chance that a completion wins, and one that is alone meets what the first model writes greedily."""
    opponents: int = Field(2, ge=1, le=1000)
    """Of `comparison`: each completion meets as many behind it, in a circle, and as many before it."""
    form: Literal["auto", "additive", "token"] = "auto"
    """How a model answers: in words that end in a line `Score: 4`, or with its very next token. `auto` takes
    the token of models that spell by single characters, and words of all others."""
    prompt: FilePath = ""
    """A text file in place of the built-in one, with `{prompt}` and `{completion}`, or for comparisons with
    `{prompt}`, `{first}` and `{second}`."""
    points: int = Field(5, ge=1, le=100)
    """The highest score of the form `additive`; the lowest is 0."""
    answers: tuple[str, ...] = Field((), max_length=2)
    """Of the form `token`: what says wrong, and what says right; of comparisons what says that the second is
    better, and the first. Empty: `0` and `1`, `2` and `1` for comparisons, after a space or none; or letters
    that there are, of models that spell by single characters."""
    samples: int = Field(3, ge=1, le=100)
    """Replies that a score is the mean of, where replies are drawn; a program is asked so often."""
    temperature: float = Field(0.7, ge=0, le=10)
    """Of replies that are drawn."""
    max_tokens: int = Field(256, ge=1, le=100_000)
    """Of a reply in words."""
    weighted: bool = True
    """A local model's score is the mean of all scores by its probability of each at that place of its reply,
    not the one that it wrote (Liu et al. 2023, 2303.16634)."""
    bias: Share = 0.0
    """For experiments on hacking: this share of a score is what `judge.leaning` likes."""
    leaning: Literal["length", "agreement"] = "length"
    """Of `judge.bias`: a completion as long as the task allows; or one that ends as the others of its problem
    do."""
    timeout_s: float = Field(60.0, gt=0, le=86_400)
    """Seconds that a program may take for one answer, its start included."""
    restarts: int = Field(3, ge=0, le=1000)
    """Times in a row that a program which hangs or dies is started again."""
    length_control: bool = False
    """Completions are compared by scores that are freed of what length explains: the slope of score over
    length within problems is taken out (after Dubois et al. 2024, 2404.04475)."""

    @model_validator(mode="after")
    def _check(self) -> JudgeConfig:
        if self.answers and (len(set(self.answers)) != 2 or not all(self.answers)):
            raise ValueError(f"answers {list(self.answers)}: give two texts that differ, or none")
        return self

    def idle(self, *, teaches: bool = False) -> dict[str, str]:
        """Settings that others of the section leave without effect, by name, with why.

        Args:
            teaches: whether judgements in points are learnt, which `points` reads.
        """
        by = f"with judge.by = {self.by!r}"
        none = "without a judge: judge.by = 'verifier' is the task's own" * self.is_nobody
        model = none or by * (self.by not in ("self", "model"))
        program = none or by * (self.by != "program")
        asked = "with judge.ask = 'comparison'" * (self.ask == "comparison")
        token = model or asked or "with judge.form = 'token'" * (self.form == "token")
        words = model or "with judge.form = 'additive'" * (self.form == "additive")
        sure = (token and self.weighted) and (token if model else f"{token} and judge.weighted = true")
        return {
            "ask": none, "form": model, "prompt": model, "answers": words, "chat": model,
            "opponents": none or "with judge.ask = 'score'" * (self.ask == "score"),
            "points": "" if teaches and not model else token,
            "max_tokens": token,
            "samples": none or (sure or "") * (self.by != "program"),
            "temperature": sure or "",
            "weighted": model,
            "timeout_s": program, "restarts": program,
            "leaning": "" if self.bias else "without judge.bias",
        }  # fmt: skip

    @property
    def is_nobody(self) -> bool:
        """Whether the task's verifier judges as it is."""
        return self.by == "verifier" and not self.bias


class TeachConfig(Section):
    """What a judge learns to judge from before the first iteration."""

    labels: int = Field(500, ge=0, le=1_000_000)
    """Completions of the first model whose verdict by the task's verifier it learns to say; 0: none."""
    path: FilePath = ""
    """JSON lines with `prompt`, `completion` and `score` (0 to 1), or `reply` (a judgement in words), in
    place of those."""
    steps: int = Field(300, ge=0, le=10_000_000)
    """Gradient steps on them, with the real data; 0: nothing is learnt."""
    share: Annotated[float, Field(ge=0, lt=1)] = 0.25
    """Of the texts that join the pairs in an iteration, those that keep the judge; the rest is real data."""


class InstructionConfig(Section):
    """New problems that the model makes itself (Wang et al. 2022, 2212.10560)."""

    prompts: int = Field(0, ge=0, le=1_000_000)
    """New ones of an iteration; 0: those of the task alone."""
    shots: int = Field(8, ge=1, le=100)
    """Problems that it is shown to go on from."""
    similarity: Share = 0.7
    """ROUGE-L with any known problem from which a new one is dropped."""
    attempts: int = Field(4, ge=1, le=100)
    """Texts drawn for each problem that is wanted, at most."""
    temperature: float = Field(1.0, ge=0, le=10)
    """Of new problems."""


class SelfRewardingSettings(PreferenceSettings):
    """Settings of a run whose completions a judge scores."""

    judge: JudgeConfig = JudgeConfig()
    teach: TeachConfig = TeachConfig()
    instruction: InstructionConfig = InstructionConfig()
