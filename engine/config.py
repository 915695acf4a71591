"""Settings: one model per stage, unknown keys and values out of range refused, saved with every run."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    create_model,
    field_validator,
)

from engine import _core
from engine.errors import UserError
from engine.setting import explain

MAX_TOML_BYTES = 1 << 20
MAX_TOML_DEPTH = 32
"""No settings file is as long, or as deep."""


class Section(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(
        extra="forbid", allow_inf_nan=False, frozen=True, use_attribute_docstrings=True, validate_default=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_no_booleans(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true for 1, which pydantic takes."""
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation is not bool:
            raise ValueError("true and false are for switches; give a number or a word")
        if isinstance(value, list | tuple) and any(isinstance(item, bool) for item in value):
            raise ValueError("true and false are for switches; give numbers or words")
        return value


if TYPE_CHECKING:

    class Declared(Section):
        """A section whose settings the core declares; what they are is known once it is loaded."""

        model_config = ConfigDict(extra="allow")

        def __getattr__(self, name: str) -> Any: ...

else:
    Declared = Section


D = TypeVar("D", bound=Declared)


def declared(section: str, *, of_games: bool = True) -> Callable[[type[D]], type[D]]:
    """Give a model the settings of a section, in the order of their table: cpp/search/settings.def.

    Without `of_games` those are left out that trees of proposed moves have no use for: of noise at the root,
    and of what only positions of a game have.
    """

    def with_settings(model: type[D]) -> type[D]:
        fields: dict[str, Any] = {
            each.name: _field(each)
            for each in _core.search_settings()
            if each.section == section and (of_games or not (each.games_only or each.noiseless is not None))
        }
        return create_model(
            model.__name__, __base__=model, __module__=model.__module__, __doc__=model.__doc__, **fields
        )

    return with_settings


def _field(setting: _core.Setting) -> tuple[Any, Any]:
    """Type of a setting, and default, range and description as pydantic takes them."""
    kind: Any = {"bool": bool, "int": int, "float": float}.get(setting.kind)
    if kind is None:
        kind = Literal[tuple(setting.choices.split(", "))]
    bounds: dict[str, Any] = {}
    if setting.allowed:
        least, most, is_open = setting.allowed
        bounds = {"gt" if is_open else "ge": least, "le": most}
    return kind, Field(setting.default, description=setting.does, **bounds)


@declared("search")
class SearchConfig(Declared):
    """The tree search in self-play; the arena and the protocols take it without noise."""


@declared("search", of_games=False)
class ProposedSearchConfig(Declared):
    """The tree search over moves that a language model proposes.

    It has no noise at the root: what is tried there is varied by sampling and by widening. Sequential halving
    gives a move that came late one visit at once, and lets it catch up while it promises most.
    """


@declared("proposals")
class ProposalConfig(Declared):
    """What a tree asks a language model for, beside the settings of its search."""


class SelfplayConfig(Section):
    """How games are played for training."""

    games: int = Field(128, ge=0, le=65536)
    """Games side by side in each caller; also the batch that its evaluator sees. 0: as many as a measurement
    of about two seconds finds to be enough for the evaluator, once, when the run is made."""
    simulations: int = Field(100, ge=1, le=10_000_000)
    """New visits a move in a full search."""
    fast_simulations: int = Field(20, ge=1, le=10_000_000)
    """New visits a move in a fast search, which plays but gives no policy target."""
    full_search_fraction: float = Field(1.0, gt=0, le=1)
    """Share of moves with a full search (playout cap randomization, Wu 2019, section 3.1)."""
    max_opening_plies: int = Field(2, ge=0, le=100)
    """Each game starts with 0 to this many uniformly random moves."""
    wide_opening_fraction: float = Field(0.0, ge=0, le=1)
    """Share of games that start with more random moves instead, so that the network meets positions
    that good play seldom reaches."""
    wide_opening_plies: int = Field(16, ge=0, le=1000)
    """Those start with 0 to this many random moves, fewer where the game would end."""
    temperature: float = Field(1.0, ge=0, le=10)
    """Moves are drawn in proportion to visits to the power 1 / temperature, at the start of a game."""
    final_temperature: float = Field(0.2, ge=0, le=10)
    """What the temperature decays to."""
    temperature_half_life: float = Field(8.0, gt=0, le=100_000)
    """Plies in which the temperature's distance to its final value halves."""
    asymmetric_fraction: float = Field(0.0, ge=0, le=1)
    """Share of games in which one player, drawn by lot, searches more than the other, so that the network
    sees mistakes and how they are punished (KataGo's "asymmetric playouts")."""
    asymmetric_ratio: float = Field(8.0, ge=1, le=1000)
    """That player searches r times as much, r of each game log-uniform up to this: 2 r / (1 + r) against
    2 / (1 + r) of the simulations, together what other games take. A training position weighs as much as the
    part of `simulations` that its search was given, at most 1."""
    resign_false_positives: float = Field(0.0, ge=0, le=0.5)
    """A player resigns below a root value at which, on games that never resign, at most this share of those
    who would have done so did not lose (Silver et al. 2017, methods: 0.05); 0 switches it off. Nobody
    resigns before 1 / share games have shown it, nor above a value of -0.5. A game is cut short, not its
    sample: what was searched is learnt from, with the loss as outcome and without owners and score."""
    resign_holdout: float = Field(0.1, gt=0, le=1)
    """Share of games that are played to the end, which the threshold is set from (there 0.1)."""
    resign_plies: int = Field(3, ge=1, le=100)
    """Moves in a row at which the player's root value must have been below the threshold."""
    resign_window: int = Field(500, ge=20, le=100_000)
    """Newest of those games that the threshold is set from, once an iteration."""
    cache_mb: float = Field(128.0, ge=0, le=65536)
    """Evaluation cache of one caller; 0 switches it off."""


class NetworkConfig(Section):
    """Residual policy and value network."""

    channels: int = Field(64, ge=1, le=4096)
    """Of the trunk: width of every 3x3 convolution."""
    blocks: int = Field(5, ge=0, le=200)
    """Residual blocks of two convolutions each."""
    head_channels: int = Field(32, ge=1, le=1024)
    """Channels of the 1x1 convolution before each head."""
    value_hidden: int = Field(64, ge=1, le=8192)
    """Width of the value head's hidden layer."""


class InitConfig(Section):
    """The weights that training begins with; random ones where no path is given."""

    path: str = ""
    """A run (its newest checkpoint then), a checkpoint, an exported folder or GAME:pretrained, of the same
    game and board; the option --init. The settings of the network come from there."""
    sha256: str = Field("", pattern="^([0-9a-f]{64})?$")
    """Of the file of weights that is found there, written down when the run is made; another is refused."""


class EvaluatorConfig(Section):
    """What computes the network in self-play."""

    backend: Literal["auto", "torch", "openvino"] = "auto"
    """`auto` takes OpenVINO where it is installed and there is no GPU."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` takes a GPU where there is one."""
    precision: Literal["auto", "f32", "bf16", "int8"] = "auto"
    """`auto` takes bf16 where the processor computes in it. int8 needs OpenVINO and is up to twice as fast as
    bf16 (`selfplay doctor` measures it); probabilities are off by about a hundredth. Its ranges are taken
    anew from positions of random play whenever weights change."""


class ReplayConfig(Section):
    """The window of positions that the learner draws from (power law of Wu 2019, appendix C)."""

    window_start: int = Field(50_000, ge=1)
    """Positions in the window at first; it grows once more have been played."""
    window_exponent: float = Field(0.75, ge=0, le=1)
    """Power of the positions played that the window grows with once it does; 0: with their logarithm."""
    window_scale: float = Field(0.4, ge=0, le=10)
    """Positions that the window gains for each one played, where its growth sets in."""
    window_max: int = Field(5_000_000, ge=1)
    """Positions in the window at most, however many have been played."""
    value_mix: float = Field(0.5, ge=0, le=1)
    """Share of the search's root value in the value target; the rest is the game's outcome."""
    max_bad_fraction: float = Field(0.1, ge=0, le=1)
    """A run stops where more of its shards than this are damaged."""


class LearnerConfig(Section):
    """Gradient steps on the window."""

    batch_size: int = Field(256, ge=2, le=1_048_576)
    """Positions of a step."""
    learning_rate: float = Field(2e-3, gt=0, le=10)
    """Of AdamW, which trains the first and last layers, norms and biases; after warm-up and before decay."""
    muon_learning_rate: float = Field(0.02, gt=0, le=10)
    """Of Muon, which trains the weights of hidden layers (Jordan et al. 2024); likewise."""
    muon_momentum: float = Field(0.95, ge=0, lt=1)
    """Of Muon, with Nesterov's look ahead."""
    warmup_steps: int = Field(200, ge=0)
    """Steps over which both rates rise from 0."""
    decay_steps: int = Field(10_000, ge=1)
    """The rates fall as 1 / sqrt(1 + step / decay_steps): it needs no end of the run to be known."""
    weight_decay: float = Field(0.01, ge=0, le=1)
    """Times the rate, what the weights of layers lose in a step."""
    gradient_clip: float = Field(1.0, gt=0)
    """Largest norm of a step's gradient."""
    value_weight: float = Field(1.0, ge=0, le=100)
    """Weight of the value loss against the policy loss."""
    owner_weight: float = Field(1.0, ge=0, le=100)
    """Weight of the cells' owners at the end, in games with a score."""
    score_weight: float = Field(0.1, ge=0, le=100)
    """Weight of the final score, likewise."""
    samples_per_position: float = Field(6.0, gt=0, le=1000)
    """How often a new position is drawn on average."""
    ema_decay: float = Field(0.998, ge=0, lt=1)
    """Per step, of the weights that play and their BatchNorm statistics."""
    precision: Literal["auto", "f32", "bf16"] = "auto"
    """Of the products in a step; `auto` takes bf16 where the processor computes in it."""
    threads: int = Field(0, ge=0, le=1024)
    """Threads of a training step; 0 takes all cores."""


class TruthConfig(Section):
    """Scoring checkpoints on positions of known value during a run and at its end."""

    positions: int = Field(50, ge=0)
    """Of each set, during the run."""
    simulations: tuple[int, ...] = (0, 16)
    """During the run; 0 is the raw network."""
    max_share: float = Field(0.05, ge=0, le=1)
    """Of wall time, during the run."""
    final_simulations: tuple[int, ...] = (0, 16, 100)
    """At the end of the run, on whole sets."""


POSITIONS = 8192
"""Moves of an iteration where `loop.positions` leaves them to the machine and the game is not slow."""


class LoopConfig(Section):
    """The outer loop."""

    positions: int = Field(0, ge=0)
    """Searched moves of one iteration, all callers together. 0: 8,192; of a game in which those would take
    longer than a minute as many as half a minute is enough for, measured once, when the run is made, and then
    `selfplay.games` is lowered with them where nobody has set it."""
    callers: int = Field(0, ge=0, le=1024)
    """Threads that play, each with its own one-thread evaluator; 0 takes one a core."""
    actors: Literal["inline", "process"] = "inline"
    """Callers in threads, or each in a process of its own, started again where it dies or hangs."""
    stall_s: float = Field(60.0, gt=0, le=1e6)
    """Seconds without any progress after which a process is taken to hang."""
    max_weight_lag: int = Field(0, ge=0, le=1)
    """Iterations by which the weights that play may be behind the learner's. At 1 the learner trains on the
    games committed so far while the next are played, and both wait for each other at the end of the
    iteration: worth it where the learner has a GPU or cores to itself (`loop.actors = "process"`,
    `loop.callers` below the number of cores), of no use where both share the same cores."""
    checkpoints: int = Field(20, ge=1)
    """Checkpoints kept on disk beside every tenth."""

    @property
    def turn_positions(self) -> int:
        """`positions`, or what stands for 0 where nothing was measured."""
        return self.positions or POSITIONS


class Config(Section):
    """All settings of a run."""

    game: str = "connect4"
    """What is played; the argument GAME."""
    preset: str = "default"
    """Which of the game's presets the settings start from; the option --preset."""
    seed: int = Field(1, ge=0, lt=2**63)
    """Of all randomness: the same seed gives the same games and weights."""
    search: SearchConfig = SearchConfig()
    selfplay: SelfplayConfig = SelfplayConfig()
    network: NetworkConfig = NetworkConfig()
    init: InitConfig = InitConfig()
    evaluator: EvaluatorConfig = EvaluatorConfig()
    replay: ReplayConfig = ReplayConfig()
    learner: LearnerConfig = LearnerConfig()
    truth: TruthConfig = TruthConfig()
    loop: LoopConfig = LoopConfig()


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Join nested settings, later layers over earlier ones.

    A value in the place of a section stays, to be refused.
    """
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = result.get(key)
            if isinstance(value, Mapping) and key in result:
                value = merge(old, value) if isinstance(old, dict) else old
            result[key] = value
    return result


def read_toml(path: Path) -> dict[str, Any]:
    """Read a settings file; raise UserError naming the file and line."""
    try:
        with path.open("rb") as file:  # may be a pipe
            data = file.read(MAX_TOML_BYTES + 1)
    except OSError as error:
        raise UserError(f"settings file '{path}': {error.strerror}; give an existing TOML file") from error
    return parse_toml(data, path)


def parse_toml(data: bytes, path: Path) -> dict[str, Any]:
    """What a settings file says that holds `data`; raise UserError naming the file and line."""
    if len(data) > MAX_TOML_BYTES:
        raise UserError(f"settings file '{path}' has more than {MAX_TOML_BYTES:,} bytes; give a shorter one")
    try:
        return _parse_toml(data.decode())
    except ValueError as error:
        raise UserError(f"settings file '{path}' is not valid TOML: {error}") from error


def _parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML; raise ValueError, whatever is wrong with it."""
    try:
        content = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if _depth(content) > MAX_TOML_DEPTH:
        raise ValueError("nested too deep")
    return content


def _depth(content: Any) -> int:
    """How deep tables and lists are nested, as far as it matters."""
    depth, level = 0, [content]
    while level and depth <= MAX_TOML_DEPTH:
        depth += 1
        values = [each.values() if isinstance(each, dict) else each for each in level]
        level = [inner for each in values for inner in each if isinstance(inner, dict | list)]
    return depth


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """Turn `section.key=value` texts into nested settings; values are TOML, bare words are strings."""
    result: dict[str, Any] = {}
    for text in assignments:
        key, separator, value = text.partition("=")
        if not separator or not key.strip() or key.count(".") > MAX_TOML_DEPTH:
            raise UserError(f"setting '{text[:80]}' is not of the form section.key=value")
        try:
            parsed = _parse_toml(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            parsed = value
        except ValueError as error:
            raise UserError(f"setting '{key}' = {value[:80]}: {error}") from error
        nested: Any = parsed
        for part in reversed(key.strip().split(".")):
            nested = {part: nested}
        result = merge(result, nested)
    return result


S = TypeVar("S", bound=Section)


def build_config(*layers: Mapping[str, Any]) -> Config:
    """Check merged settings; raise UserError naming the first bad key, its value and what is allowed."""
    return build_section(Config, merge(*layers))


def build_section(model: type[S], settings: Mapping[str, Any]) -> S:
    """Check the settings of `model`; raise UserError like `build_config`."""
    try:
        return model.model_validate(settings)
    except ValidationError as error:
        raise UserError(explain(model, error)) from error
