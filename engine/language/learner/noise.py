"""Noise in what is learnt: on prompts, and on the weights that a training starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import torch

from engine.language.learner.filter import Example
from engine.language.model.conversation import conversation, conversation_text
from engine.language.model.model import LanguageModel
from engine.language.rollout import row_seed
from engine.language.round_trip import fits


def noisy_prompts(
    model: LanguageModel, examples: Sequence[Example], share: float, seed: int
) -> list[Example]:
    """Examples whose prompts have other characters, each with the chance `share`; completions stay.

    A prompt with which an example would no longer fit into the model stays as it is. Noise on the source side
    alone is that of He et al. 2019 (1909.13788).
    """
    found = [noisy_text(each.prompt, share, row_seed(seed, place)) for place, each in enumerate(examples)]
    good = fits(model, [text + each.completion for text, each in zip(found, examples, strict=True)])
    return [
        replace(each, prompt=text) if fit else each
        for each, text, fit in zip(examples, found, good, strict=True)
    ]


def noisy_text(text: str, share: float, seed: int) -> str:
    """Each character that is no white space is with the chance `share` another one of the text.

    Of a conversation the messages are changed, not who speaks. A text of one kind of character stays.
    """
    source = Random(seed)
    if messages := conversation(text):
        changed = [each | {"content": _noisy(each["content"], share, source)} for each in messages]
        try:
            return conversation_text(changed)
        except ValueError:
            return text
    return _noisy(text, share, source)


def _noisy(text: str, share: float, source: Random) -> str:
    letters = sorted({letter for letter in text if not letter.isspace()})
    if len(letters) < 2:
        return text
    return "".join(
        source.choice([other for other in letters if other != letter])
        if not letter.isspace() and source.random() < share
        else letter
        for letter in text
    )


@torch.no_grad()
def perturb(model: LanguageModel, scale: float, seed: int) -> None:
    """Add Gaussian noise to the weights that training changes, `scale` times each tensor's own deviation.

    The noise half of shrink and perturb (Ash and Adams 2019, 1910.08475). Tensors whose weights are all alike
    stay as they are.
    """
    source = torch.Generator().manual_seed(seed)
    for _, weight in model.parameters():
        spread = weight.float().std(correction=0)
        noise = torch.randn(weight.shape, generator=source).to(weight.device)
        weight.add_((scale * spread * noise).to(weight.dtype))
