"""Settings of methods that learn from pairs of responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from engine.config.section import Section
from engine.errors import UserError
from engine.language.settings import FilePath, TextConfig

if TYPE_CHECKING:
    from engine.language.learner.objective.desirability import Wanted
    from engine.language.learner.objective.objective import Objective
    from engine.language.learner.objective.preference import Pair
    from engine.language.learner.objective.text import Text

FREE = ("sigmoid", "hinge", "ipo", "orpo")
"""Losses that can do without a reference: CPO and SimPO, SLiC-HF, IPO as trl's CPO has it, ORPO."""

TARGETED = ("sigmoid", "hinge", "robust", "discopop")
"""Losses that have a place for `target`."""

PER_TOKEN = ("ipo", "orpo")
"""Losses that their authors take of means a token."""

WHOLE_BATCH = ("aot", "aot_unpaired")
"""Losses that compare a batch in its order, and no pair by itself."""


class PreferenceConfig(Section):
    """What is learnt of pairs, a chosen and a rejected response each."""

    loss: Literal[
        "sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot",
        "aot_unpaired", "apo_zero", "apo_down", "discopop", "kto", "orpo",
    ] = "sigmoid"  # fmt: skip
    """By the names that trl has for them; `sigmoid` is DPO's, and with real data as chosen SPIN's."""
    beta: float = Field(0.1, gt=0, le=1000)
    """Inverse temperature: how dear it is to leave the reference. IPO's tau, SPIN's lambda, of which an
    iteration's best is reference^(1 - 1 / beta) data^(1 / beta): 1 aims at the data, less beyond it."""
    learning_rate: float = Field(3e-4, gt=0, le=1)
    """Of trainings on pairs; `learner.learning_rate` is that of a first model, and of a control. Tiny models
    take 1e-4 to 3e-4, large ones 5e-7 to 5e-6, LoRA 1e-5."""
    label_smoothing: float = Field(0.0, ge=0, lt=0.5)
    """Probability that a pair is the wrong way round; `exo_pair` takes 0.001."""
    reference: Literal["accepted", "first", "none"] = "accepted"
    """What gains are measured from: the model accepted last, the first one, or nothing, for the losses that
    can do without (`sigmoid` is CPO's then, with `normalize` and `target` SimPO's; `hinge` SLiC's)."""
    normalize: Literal["auto", "always", "never"] = "auto"
    """Take means of ln p a token in place of sums, so that length is worth nothing; `auto`: with `ipo` and
    `orpo`."""
    target: float = Field(0.0, ge=0, le=1000)
    """Margin, times beta, that is asked for: SimPO's gamma."""
    sft: float = Field(0.0, ge=0, le=1000)
    """Weight of the negative log-likelihood of chosen responses beside the loss, which keeps them likely
    (Pang et al. 2024, RPO's alpha; ORPO takes 1)."""
    desirable: float = Field(1.0, gt=0, le=1000)
    """KTO's weight of chosen responses."""
    undesirable: float = Field(1.0, gt=0, le=1000)
    """KTO's weight of rejected ones."""
    pairing: Literal["best-worst", "best-rest", "random", "all"] = "best-worst"
    """Responses of a problem that are compared: its best with its worst; its best with all that are worse;
    one with a worse one at random; every one with every worse one. Pairs of a problem are `filter.per_prompt`
    at most, those that differ most in score first."""
    gap: float = Field(0.0, ge=0, lt=1)
    """Two responses are a pair where their scores differ by more."""
    path: FilePath = ""
    """Pairs that somebody else has made: JSON lines, JSON or Parquet with the columns prompt, chosen,
    rejected; with `kto` also prompt, completion, label. They are learnt from in place of samples."""
    join: bool = False
    """With a file: pairs of the model's own samples are learnt from, too."""

    @property
    def per_token(self) -> bool:
        """Whether lengths are taken out."""
        return self.normalize == "always" or (self.normalize == "auto" and self.loss in PER_TOKEN)

    def check(self) -> None:
        """Refuse settings that do not go together; UserError."""
        loss, name = self.loss, f"preference.loss = {self.loss!r}"
        if self.reference == "none" and loss not in FREE:
            raise UserError(
                f'{name} needs a reference: take preference.reference = "accepted" or "first", or one of the '
                f"losses {', '.join(FREE)}"
            )
        if loss == "orpo" and (self.reference != "none" or not self.per_token):
            raise UserError(
                f'{name} has no reference and takes means a token: set preference.reference = "none" and '
                'leave preference.normalize at "auto"'
            )
        if self.target and loss not in TARGETED:
            raise UserError(
                f"preference.target = {self.target:g} has no place in {name}; set it to 0, or take one of "
                f"{', '.join(TARGETED)}"
            )
        if loss == "exo_pair" and not self.label_smoothing:
            raise UserError(f"{name} divides by preference.label_smoothing: set it above 0, as to 0.001")
        if loss != "kto" and (self.desirable, self.undesirable) != (1, 1):
            raise UserError(f"preference.desirable and preference.undesirable are KTO's, not of {name}")
        if self.join and not self.path:
            raise UserError("preference.join = true needs a file that pairs are joined to: preference.path")

    def objective(self) -> Objective[Pair | Wanted | Text]:
        """The loss as the learner takes it: of `Wanted` examples with `kto`, else of pairs; and of texts."""
        from engine.language.learner.loss.preference import Form
        from engine.language.learner.objective.desirability import Desirability
        from engine.language.learner.objective.preference import Preferences

        objective: Any
        if self.loss == "kto":
            objective = Desirability(
                self.beta, weights=(self.desirable, self.undesirable), smoothing=self.label_smoothing,
                per_token=self.per_token, sft=self.sft,
            )  # fmt: skip
        else:
            form = Form(self.loss, self.beta, self.label_smoothing, self.target)
            objective = Preferences(form, per_token=self.per_token, sft=self.sft)
        return objective  # type: ignore[no-any-return]


class PreferenceSettings(TextConfig):
    """Settings of a run that learns from pairs."""

    preference: PreferenceConfig = PreferenceConfig()


class SpinConfig(Section):
    """Real data against the model's own previous iterate."""

    stop: float = Field(0.0, ge=0, le=1)
    """A run ends by itself once held-out real data is told from its own writing in no more than this share of
    cases; 0.5 is chance, where the model is the data's distribution. 0: it takes all its iterations."""
    decay: float = Field(1.0, gt=0, le=1)
    """What `preference.learning_rate` is multiplied by from one iteration to the next, so that a run settles
    where data and own writing are hardly told apart; the paper's falls to a fifth after two iterations."""


class SpinSettings(PreferenceSettings):
    """Settings of a run of SPIN."""

    spin: SpinConfig = SpinConfig()
