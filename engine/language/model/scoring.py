"""What a model says of texts that are there: their log-probabilities, values, and likely next tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import UserError
from engine.language.model.ability import ability_of
from engine.language.model.codec import Tokens
from engine.language.model.decoding.llama_reader import LlamaReader, is_small_llama
from engine.language.model.decoding.text_cache import TextCache
from engine.language.model.model import LanguageModel
from engine.language.model.whole_text import last_logits, logits_and_states, padded_right, tokens_at_once


def score(
    model: LanguageModel,
    prompts: Sequence[str],
    completions: Sequence[str],
    *,
    starts: Sequence[str] | None = None,
    ended: bool = False,
) -> list[NDArray[np.float32]]:
    """ln p of each token of completions at temperature 1, given their prompts; the sum is the completion's.

    Args:
        model: that says it.
        prompts: of rows.
        completions: of rows.
        starts: what stands between prompt and completion and is not counted; nothing by default.
        ended: count the end token after each completion, too.

    Raises:
        UserError: for text that the tokenizer cannot spell, or that is longer than the context.
    """
    starts = starts or [""] * len(prompts)
    heads = model.encode_texts(list(prompts), starts)
    before = [prompt + start for prompt, start in zip(prompts, starts, strict=True)]
    tails = model.codec.encode_completions(before, completions)
    return score_tokens(model, heads, [tail + [model.codec.end] * ended for tail in tails])


def score_tokens(
    model: LanguageModel,
    prompts: Sequence[Tokens],
    completions: Sequence[Tokens],
    temperature: float = 1.0,
) -> list[NDArray[np.float32]]:
    """What `score` gives, of tokens as `generate` drew them: their text may be spelt by other tokens, too."""

    def measure(logits: Tensor, ids: Tensor) -> Tensor:
        return token_logprobs(logits if temperature == 1 else logits / temperature, ids)

    return _at_each_token(model, prompts, completions, measure)


def score_and_entropy(
    model: LanguageModel, prompts: Sequence[Tokens], completions: Sequence[Tokens]
) -> list[NDArray[np.float32]]:
    """What `score_tokens` gives, and the entropy in nats of the distribution at each token, [T, 2] a row.

    The former has the same bits as that of `score_tokens` on the same rows.
    """

    def measure(logits: Tensor, ids: Tensor) -> Tensor:
        return torch.stack((token_logprobs(logits, ids), _entropy(logits[:, :-1])), 2)

    return _at_each_token(model, prompts, completions, measure)


@torch.no_grad()
def _at_each_token(
    model: LanguageModel,
    prompts: Sequence[Tokens],
    completions: Sequence[Tokens],
    measure: Callable[[Tensor, Tensor], Tensor],
) -> list[NDArray[np.float32]]:
    """What `measure` makes of logits [B, T, V] and ids [B, T], [B, T - 1, …], at tokens of completions."""
    rows = [[*head, *tail] for head, tail in zip(prompts, completions, strict=True)]
    found: dict[int, NDArray[np.float32]] = {}
    for batch in batches_by_length(rows, tokens_at_once(model)):
        part = [rows[row] for row in batch]
        _check_length(model, part)
        ids, mask = padded_right(part, model.codec.pad, model.device)
        logits = model.network(input_ids=ids, attention_mask=mask, use_cache=False).logits
        table = measure(logits, ids).cpu().numpy()
        for place, row in enumerate(batch):
            first = len(prompts[row]) - 1
            found[row] = table[place, first : first + len(completions[row])].copy()
    return [found[row] for row in range(len(rows))]


def _entropy(logits: Tensor) -> Tensor:
    logprobs = logits.float().log_softmax(2)
    return -(logprobs.exp() * logprobs).sum(2)


@torch.no_grad()
def values(
    model: LanguageModel,
    rows: Sequence[Tokens],
    known: TextCache | None = None,
    heads: Sequence[int] | None = None,
) -> NDArray[np.float32]:
    """The value head's opinion of texts as tokens, float32 [B] in [0, 1]; the model must have one.

    `known` is what they begin with, read before; of use to small Llamas. `heads` are the tokens of each that
    are its prompt's, for a head that counts the likelihood of what follows.
    """
    assert model.value_head is not None
    return _read_values(model, rows, known, heads, model.value_head.values)


def _read_values(
    model: LanguageModel,
    rows: Sequence[Tokens],
    known: TextCache | None,
    heads: Sequence[int] | None,
    scale: Callable[[Tensor], Tensor],
) -> NDArray[np.float32]:
    """`scale` of the value head's logits."""
    assert model.value_head is not None
    by_state = model.value_head.nats is None
    reader = LlamaReader(model) if by_state and is_small_llama(model) else None
    result = np.zeros(len(rows), np.float32)
    for batch in batches_by_length(rows, tokens_at_once(model)):
        part = [rows[row] for row in batch]
        _check_length(model, part)
        if reader:
            logits = model.value_head(reader.read(part, known).hidden * reader.norm)[:, 0]
        else:
            lengths = None if heads is None else [heads[row] for row in batch]
            logits = value_logits(model, *padded_right(part, model.codec.pad, model.device), lengths)
        result[batch] = scale(logits).cpu().numpy()
    return result


def text_values(
    model: LanguageModel, prompts: Sequence[str], starts: Sequence[str], known: TextCache | None = None
) -> NDArray[np.float32]:
    """What `values` says of prompts, each with the start of a completion after it; UserError as `score`.

    Of a model with a panel it is the sigmoid of `rewards`.
    """
    if model.panel is not None:
        return torch.from_numpy(rewards(model, prompts, starts)).sigmoid().numpy()
    rows = model.encode_texts(list(prompts), starts)
    return values(model, rows, known, [len(head) for head in model.encode_prompts(list(prompts))])


def rewards(model: LanguageModel, prompts: Sequence[str], completions: Sequence[str]) -> NDArray[np.float32]:
    """The value head's logits of completions, float32 [B], those of a panel combined; UserError as `score`.

    A reward model says so by how much one text is better than another: by Bradley-Terry the sigmoid of the
    difference is the probability that it is preferred.
    """
    found = member_rewards(model, prompts, completions)
    panel = model.panel
    result: NDArray[np.float32]
    if panel is None or panel.combine == "mean":
        result = found.mean(0)
    elif panel.combine == "worst":
        result = found.min(0)
    else:
        result = found.mean(0) - np.float32(panel.deviations) * found.std(0)
    return result


def member_rewards(
    model: LanguageModel, prompts: Sequence[str], completions: Sequence[str]
) -> NDArray[np.float32]:
    """The logits of the model and of each of its panel, float32 [M, B]."""
    found = []
    for member in (model, *(model.panel.members if model.panel else ())):
        rows = member.encode_texts(list(prompts), completions)
        heads = [len(head) for head in member.encode_prompts(list(prompts))]
        with torch.no_grad():
            found.append(_read_values(member, rows, None, heads, lambda logits: logits))
    return np.stack(found)


def value_logits(
    model: LanguageModel, ids: Tensor, mask: Tensor, heads: Sequence[int] | None = None
) -> Tensor:
    """Logits [B] of the value of texts [B, T], padded on the right; with gradients where they are on."""
    assert model.value_head is not None
    if model.value_head.nats is not None:
        table = logits_and_values(model, ids, mask, heads)[1]
        return table[torch.arange(len(ids), device=ids.device), mask.sum(1) - 1]
    if ability_of(model).has_trunk:
        states = model.trunk(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    else:
        states = logits_and_states(model, ids, mask)[1]
    last = states[torch.arange(len(ids), device=ids.device), mask.sum(1) - 1]
    result: Tensor = model.value_head(last.float())[:, 0]
    return result


def logits_and_values(
    model: LanguageModel, ids: Tensor, mask: Tensor, heads: Sequence[int] | None = None
) -> tuple[Tensor, Tensor]:
    """Logits of next tokens [B, T, V], and of the value up to each token [B, T]; in one pass."""
    assert model.value_head is not None
    logits, states = logits_and_states(model, ids, mask)
    found: Tensor = model.value_head(states.float())[..., 0]
    if model.value_head.nats is not None:
        assert heads is not None, "a head that counts likelihood is told where prompts end"
        first = torch.tensor(heads, device=ids.device)[:, None]
        counted = (torch.arange(1, ids.shape[1], device=ids.device) >= first) & (mask[:, 1:] > 0)
        nats = (token_logprobs(logits, ids) * counted).cumsum(1)
        found = found + model.value_head.nats * F.pad(nats, (1, 0))
    return logits, found


@torch.no_grad()
def top_tokens(
    model: LanguageModel, rows: Sequence[Tokens], count: int, known: TextCache | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The `count` likeliest next tokens after each text, [B, count], likeliest first, and their ln p.

    `known` is what texts begin with, read before, to which they are added; of use to small Llamas.
    """
    reader = LlamaReader(model) if is_small_llama(model) else None
    count = min(count, model.config.vocab_size)
    ids, logprobs = np.zeros((len(rows), count), np.int64), np.zeros((len(rows), count), np.float32)
    for batch in batches_by_length(rows, tokens_at_once(model)):
        part = [rows[row] for row in batch]
        _check_length(model, part)
        if reader:
            reading = reader.read(part, known)
            logits = reading.hidden @ reader.head
            if known is not None:
                for index, (text, pad) in enumerate(zip(part, reading.pads.tolist(), strict=True)):
                    known.add(tuple(text), reading.cache[:, index, :, pad:])
        else:
            inputs, mask = padded_right(part, model.codec.pad, model.device)
            logits = last_logits(model, inputs, mask.sum(1))
        best = logits.log_softmax(1).topk(count, dim=1)
        ids[batch], logprobs[batch] = best.indices.cpu().numpy(), best.values.cpu().numpy()
    return ids, logprobs


@torch.no_grad()
def choice_logprobs(
    model: LanguageModel, rows: Sequence[Tokens], choices: Sequence[Sequence[int]]
) -> list[NDArray[np.float32]]:
    """ln p of each of a row's `choices` as its next token, [choices] a row; UserError as `score`."""
    found: dict[int, NDArray[np.float32]] = {}
    for batch in batches_by_length(rows, tokens_at_once(model)):
        part = [rows[row] for row in batch]
        _check_length(model, part)
        ids, mask = padded_right(part, model.codec.pad, model.device)
        table = last_logits(model, ids, mask.sum(1)).log_softmax(1).cpu().numpy()
        for place, row in enumerate(batch):
            found[row] = table[place, list(choices[row])].copy()
    return [found[row] for row in range(len(rows))]


def token_logprobs(logits: Tensor, ids: Tensor) -> Tensor:
    """ln p of each token given those before it: of logits [B, T, V] and ids [B, T], float32 [B, T - 1]."""
    return logits[:, :-1].float().log_softmax(2).gather(2, ids[:, 1:, None])[..., 0]


def batches_by_length(rows: Sequence[Tokens], max_tokens: int) -> Iterator[list[int]]:
    """Rows in batches of at most `max_tokens` with padding, or of one row; longest first."""
    order = sorted(range(len(rows)), key=lambda row: (-len(rows[row]), row))
    while order:
        count = max(1, max_tokens // max(1, len(rows[order[0]])))
        yield order[:count]
        order = order[count:]


def _check_length(model: LanguageModel, rows: Sequence[Tokens]) -> None:
    longest = max(len(row) for row in rows)
    if longest > model.context:
        raise UserError(
            f"a text has {longest} tokens, the model's context {model.context}; "
            "shorten it or take another model"
        )
