"""What a network of transformers does rightly, found out by a dozen short passes before it is relied on.

Rows of a batch may differ in length, and a text is gone on from by a cache. Not every architecture takes
that: some read padding as text, some count positions from it, some keep no cache or one that cannot be picked
apart. A network is held to what it says of each text by itself; what it does not do rightly is gone around.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.errors import UserError
from engine.language.model.codec import Tokens
from engine.language.model.decoding.decoder import CachedDecoder, has_rows
from engine.language.model.decoding.llama_reader import is_small_llama
from engine.language.model.model import Ability, LanguageModel
from engine.language.model.whole_text import logits_and_states, padded_right

LONGEST = 12
"""Tokens of the longest text that is tried; the others have a quarter and half of it."""

STEPS = 3
"""Tokens that each is gone on with."""

SHARE = 0.05
"""Most that two ways of reading a text may differ, against what its first token brings about. Of the families
of transformers those that are right have 1e-4 and less in float32, those that are wrong 0.3 and more."""

NOISE = 1e-4
"""Of the spread of logits: what may be rounding; where a first token changes less, nothing can be told."""

SEEN = 64
"""Numbers of each tensor, about, by which a change of weights is noticed."""

COARSE = 5.0
"""Times as much of either in half precision."""


def ability_of(model: LanguageModel) -> Ability:
    """What the model was found to do, tried at the first call.

    Raises:
        UserError: naming what it does, for a network that looks ahead, reads a text otherwise beside others,
            changes as it is used, or whose output is no logits or not finite.
    """
    if model.ability is None:
        known = is_small_llama(model)
        model.ability = Ability(True, True, True) if known else _found(model)
    return model.ability


def check_learning(model: LanguageModel, values: bool) -> None:
    """Raise UserError where nothing can be learnt: without gradients, or with `values` without states."""
    ability = ability_of(model)
    if values and not ability.has_states:
        raise UserError(
            f"{model.kind} hands its output layer no states of single tokens, so values cannot be learnt; "
            "take another model, or a method without values"
        )
    weights = [weight for _, weight in model.parameters()]
    ids, mask = padded_right(_texts(model)[0], model.codec.pad, model.device)
    training = model.network.training
    model.network.train()
    try:
        with torch.random.fork_rng(devices=[] if model.device.type == "cpu" else [model.device]):
            torch.manual_seed(0)
            logits = model.network(input_ids=ids, attention_mask=mask, use_cache=False).logits
            loss = logits.float().log_softmax(2).gather(2, ids[:, :, None]).mean()
            gradient = torch.autograd.grad(loss, weights, allow_unused=True)
    except Exception as error:
        raise UserError(f"{model.kind} cannot be trained: {_line(error)}; take another model") from error
    finally:
        model.network.train(training)
    if not any(each is not None and bool(each.any()) for each in gradient):
        raise UserError(f"{model.kind} cannot be trained: no weight has a gradient; take another model")


@dataclass(frozen=True)
class _Probe:
    """Texts of different lengths, each alone and with its first token changed."""

    lengths: list[int]
    """Tokens of each as a prompt; STEPS follow."""
    texts: list[Tokens]
    alone: list[Tensor]
    """Logits of each, [T, V]."""
    allowed: list[float]
    """What another way of reading it may differ by."""
    telling: bool
    """Whether the first tokens bring about more than rounding does."""


@torch.no_grad()
def _found(model: LanguageModel) -> Ability:
    before = _some_weights(model)
    probe = _probe(model)
    if not all(map(torch.equal, before, _some_weights(model))):
        raise UserError(f"{model.kind} changes its weights as it reads; take another model")
    _check_causal(model, probe)
    _check_batch(model, probe)
    states = _states(model, probe)
    slow = _why_slow(model, probe)
    return Ability(
        caches=not slow,
        has_trunk=states is not None and _gives(model, probe, states),
        has_states=states is not None,
        slow=f"{model.kind} {slow}: it reads each text anew at every token, which is slower" if slow else "",
    )


def _some_weights(model: LanguageModel) -> list[Tensor]:
    """Copies of up to SEEN numbers of each tensor."""
    flat = [weight.detach().flatten() for weight in model.network.parameters()]
    return [each[:: max(1, len(each) // SEEN)].clone() for each in flat]


def _texts(model: LanguageModel) -> tuple[list[Tokens], list[int]]:
    """Texts of different lengths, and how much of each is its prompt."""
    longest = max(1, min(LONGEST, model.context - STEPS))
    lengths = sorted({max(1, longest // 4), max(1, longest // 2), longest})
    words = _words(model)
    texts = [
        [words[(7 * row + 3 * place + place * place) % len(words)] for place in range(length + STEPS)]
        for row, length in enumerate(lengths)
    ]
    return [text[: model.context] for text in texts], lengths


def _probe(model: LanguageModel) -> _Probe:
    texts, lengths = _texts(model)
    words = _words(model)
    alone = [_alone(model, text) for text in texts]
    changed = [_alone(model, [words[(words.index(text[0]) + 1) % len(words)], *text[1:]]) for text in texts]
    coarse = 1.0 if next(iter(model.network.parameters())).dtype == torch.float32 else COARSE
    spread = max(float(logits.std()) for logits in alone)
    noise = NOISE * coarse * spread
    moved = [float((one[1:] - other[1:]).abs().max()) for one, other in zip(alone, changed, strict=True)]
    allowed = [max(SHARE * coarse * each, noise) for each in moved]
    return _Probe(lengths, texts, alone, allowed, SHARE * coarse * min(moved) > noise)


def _words(model: LanguageModel) -> list[int]:
    """Some tokens of text, spread over the vocabulary; several, unless it has one alone."""
    size = int(model.network.get_input_embeddings().num_embeddings)
    special = {*model.codec.tokenizer.all_special_ids, *model.ends, model.codec.pad}
    words = [token for token in range(min(size, len(model.codec.tokenizer))) if token not in special]
    words = words or list(range(size))
    return words[:: max(1, len(words) // 61)]


def _alone(model: LanguageModel, text: Tokens) -> Tensor:
    """Logits [T, V] of a text by itself, float32."""
    ids = torch.tensor([text], device=model.device)
    logits = _attempt(model, lambda: _logits(model, ids, torch.ones_like(ids)))
    if logits.shape[:2] != ids.shape:
        raise UserError(
            f"{model.kind} gives logits of shape {tuple(logits.shape)} for a text of {len(text)} tokens; "
            "take a causal language model"
        )
    if not bool(logits.isfinite().all()):
        raise UserError("the model's output is not finite; take weights from before it diverged")
    return logits[0]


def _logits(model: LanguageModel, ids: Tensor, mask: Tensor) -> Tensor:
    logits: Tensor = model.network(input_ids=ids, attention_mask=mask, use_cache=False).logits
    return logits.float()


def _check_causal(model: LanguageModel, probe: _Probe) -> None:
    """What follows a token changes nothing of what is said after it."""
    text, alone, words = probe.texts[-1], probe.alone[-1], _words(model)
    known = max(1, len(text) - STEPS)
    tail = [words[(words.index(token) + 1) % len(words)] for token in text[known:]]
    other = _alone(model, text[:known] + tail)
    if float((other[:known] - alone[:known]).abs().max()) > probe.allowed[-1]:
        remedy = "set is_decoder to true in its config.json" if _may_decode(model) else "take a causal one"
        raise UserError(f"{model.kind} looks ahead at the text that it is to write; {remedy}")


def _may_decode(model: LanguageModel) -> bool:
    return getattr(model.config, "is_decoder", None) is False


def _check_batch(model: LanguageModel, probe: _Probe) -> None:
    """Texts side by side, padded on the right, get what each gets alone."""
    ids, mask = padded_right(probe.texts, model.codec.pad, model.device)
    logits = _attempt(model, lambda: _logits(model, ids, mask))
    off = [
        float((row[: len(alone)] - alone).abs().max()) > allowed
        for row, alone, allowed in zip(logits, probe.alone, probe.allowed, strict=True)
    ]
    if _too_many(model, off):
        raise UserError(f"{model.kind} reads a text otherwise beside others than alone; take another model")


def _too_many(model: LanguageModel, off: list[bool]) -> bool:
    """Any; in half precision all, as rounding may send a token to another expert."""
    half = next(iter(model.network.parameters())).dtype != torch.float32
    return all(off) if half else any(off)


def _why_slow(model: LanguageModel, probe: _Probe) -> str:
    """What keeps its cache from being used; empty where nothing does."""
    try:
        if not has_rows(model):
            return "has no cache of keys and values whose rows can be picked"
        off = _cached_differ(model, probe)
    except Exception as error:
        return f"has no cache that can be used ({_line(error)})"
    if _too_many(model, off):
        return "says something else of texts of several lengths side by side than of each alone"
    if not probe.telling:
        return "hardly heeds the start of a text, so that its cache cannot be judged"
    return ""


def _cached_differ(model: LanguageModel, probe: _Probe) -> list[bool]:
    """Of each text, whether going on by the cache beside the others differs from reading it alone."""
    order = [*range(len(probe.texts)), 0]
    prompts = [text[:length] for text, length in zip(probe.texts, probe.lengths, strict=True)]
    decoder = CachedDecoder(model, prompts, torch.tensor(order, device=model.device))
    off, logits = [False] * len(prompts), decoder.logits
    for step in range(STEPS + 1):
        for place, row in enumerate(order):
            at = probe.lengths[row] + step - 1
            if at < len(probe.alone[row]):
                gap = float((logits[place] - probe.alone[row][at]).abs().max())
                off[row] |= not gap <= probe.allowed[row]
        if step == 1:  # the other way round, without the copy
            kept = list(range(len(probe.texts)))[::-1]
            order = [order[place] for place in kept]
            decoder.select(torch.tensor(kept, device=model.device))
        if step < STEPS:
            places = [min(probe.lengths[row] + step, len(probe.texts[row]) - 1) for row in order]
            tokens = [probe.texts[row][place] for row, place in zip(order, places, strict=True)]
            logits = decoder.step(torch.tensor(tokens, device=model.device))
    return off


def _states(model: LanguageModel, probe: _Probe) -> Tensor | None:
    """What the output layer is given for the longest text, [1, T, h]; None where that is no such thing."""
    if model.state_size == 0:
        return None
    ids = torch.tensor(probe.texts[-1:], device=model.device)
    try:
        states = logits_and_states(model, ids, torch.ones_like(ids))[1]
    except (AttributeError, IndexError, TypeError):
        return None
    return states if states.shape == (*ids.shape, model.state_size) else None


def _gives(model: LanguageModel, probe: _Probe, states: Tensor) -> bool:
    """Whether the trunk by itself gives these states."""
    ids = torch.tensor(probe.texts[-1:], device=model.device)
    try:
        found = model.trunk(
            input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False
        ).last_hidden_state
    except Exception:
        return False
    spread = float(states.float().std())
    return found.shape == states.shape and float((found - states).abs().max()) <= 0.01 * spread


def _attempt(model: LanguageModel, read: Callable[[], Tensor]) -> Tensor:
    """What `read` gives; UserError where the network fails."""
    try:
        return read()
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{model.kind} cannot read a text: {_line(error)}; take another model") from error


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return (text if text.count(" ") > 3 else f"{type(error).__name__}: {text}")[:160]
