"""What a network is found to do: padding, caches and states that are not what they seem, each gone around."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from alone import PROMPTS, alone
from model_families import family
from tiny_models import other_model, tiny_llama

from engine.errors import UserError
from engine.language.model import ability as ability_module
from engine.language.model.ability import ability_of, check_learning
from engine.language.model.generation.generation import generate
from engine.language.model.model import Ability, LanguageModel
from engine.language.model.model_folder import add_adapter

GOOD = Ability(caches=True, has_trunk=True, has_states=True)


def broken(
    change: Callable[[dict[str, Any]], None], after: Callable[[Any], Any] = lambda out: out
) -> LanguageModel:
    """A GPT-2 whose network changes what it is asked, and what it answers."""
    model = family("gpt2")
    forward = model.network.forward

    def changed(
        input_ids: Any = None,
        attention_mask: Any = None,
        position_ids: Any = None,
        past_key_values: Any = None,
        use_cache: Any = None,
        logits_to_keep: Any = 0,
    ) -> Any:
        asked = locals()
        change(asked := {name: asked[name] for name in NAMES})
        return after(forward(**asked))

    model.network.forward = changed
    return model


NAMES = (
    "input_ids", "attention_mask", "position_ids", "past_key_values", "use_cache", "logits_to_keep",
)  # fmt: skip


def drop_mask(asked: dict[str, Any]) -> None:
    asked["attention_mask"] = None


def drop_positions(asked: dict[str, Any]) -> None:
    asked["position_ids"] = None


def forget(asked: dict[str, Any]) -> None:
    """A cache that loses its first token as soon as it is read."""
    if asked["past_key_values"] is not None and asked["attention_mask"] is not None:
        asked["attention_mask"] = asked["attention_mask"].clone()
        asked["attention_mask"][:, -3] = 0


def nothing(asked: dict[str, Any]) -> None:
    del asked


def test_a_whole_network_is_trusted() -> None:
    for model in (family("gpt2"), family("opt-350m"), tiny_llama()):
        assert ability_of(model) == GOOD
        check_learning(model, values=True)


@pytest.mark.parametrize("change", [drop_mask, drop_positions, forget])
def test_a_cache_that_goes_wrong_is_gone_around(change: Callable[[dict[str, Any]], None]) -> None:
    model = broken(change)
    found = ability_of(model)
    assert not found.caches
    assert found.slow == (
        "GPT2LMHeadModel says something else of texts of several lengths side by side than of each alone: "
        "it reads each text anew at every token, which is slower"
    )
    greedy = generate(model, PROMPTS, seeds=[0] * 5, temperature=0, max_tokens=8)
    assert [each.ids.tolist() for each in greedy] == [alone(model, prompt, 8) for prompt in PROMPTS]


def test_a_network_without_a_cache_is_read_anew() -> None:
    def drop_cache(out: Any) -> Any:
        out.past_key_values = None
        return out

    found = ability_of(broken(nothing, drop_cache))
    assert "has no cache that can be used" in found.slow
    assert "cache of keys and values whose rows can be picked" in ability_of(family("openai-gpt")).slow


def test_a_network_that_heeds_nothing_cannot_be_judged() -> None:
    model = family("gpt2")
    with torch.no_grad():
        for block in model.network.transformer.h:
            block.attn.c_proj.weight.zero_()
    assert "hardly heeds the start of a text" in ability_of(model).slow


def test_fresh_weights_of_usual_size_are_judged() -> None:
    for network, config in (("GPT2LMHeadModel", "GPT2Config"), ("MistralForCausalLM", "MistralConfig")):
        assert ability_of(other_model(network, config, initializer_range=0.02)).caches


def test_the_look_is_the_same_each_time_and_leaves_all_as_it_was() -> None:
    model = family("rwkv")
    digest = model.digest()
    torch.manual_seed(1)
    first, state = ability_of(model), torch.get_rng_state()
    assert ability_of(family("rwkv")) == first
    check_learning(model, values=True)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.digest() == digest
    assert not model.network.training
    assert all(weight.grad is None for weight in model.network.parameters())


def test_half_precision_is_told_from_a_fault() -> None:
    model = family("gpt2")
    model.network.to(torch.bfloat16)
    assert ability_of(model) == GOOD
    wrong = family("roberta")
    wrong.network.to(torch.bfloat16)
    assert not ability_of(wrong).caches


def nan(model: LanguageModel) -> None:
    with torch.no_grad():
        model.network.lm_head.weight.fill_(float("nan"))


def halve(model: LanguageModel) -> None:
    weight = model.network.transformer.h[0].mlp.c_fc.weight

    def change(*_: Any) -> None:
        with torch.no_grad():
            weight.div_(2)

    model.network.register_forward_hook(change)


def stir(model: LanguageModel) -> None:
    """Rows of a batch that are mixed with one another."""
    model.network.transformer.ln_f.register_forward_hook(lambda _, __, out: out + out.mean(0, keepdim=True))


def three_parts(model: LanguageModel) -> None:
    def cut(_: Any, __: Any, out: Any) -> Any:
        out.logits = out.logits[0]
        return out

    model.network.register_forward_hook(cut)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (nan, "the model's output is not finite"),
        (halve, "GPT2LMHeadModel changes its weights as it reads"),
        (stir, "GPT2LMHeadModel reads a text otherwise beside others than alone"),
        (three_parts, r"GPT2LMHeadModel gives logits of shape \(\d+, \d+\) for a text of \d+ tokens"),
    ],
)
def test_what_no_batch_can_make_right_is_refused(damage: Callable[[LanguageModel], None], words: str) -> None:
    model = family("gpt2")
    damage(model)
    with pytest.raises(UserError, match=words):
        ability_of(model)


def test_a_change_that_is_taken_back_is_none() -> None:
    """As where an adapter over experts joins their weights for a moment."""
    model = family("gpt2")
    weight = model.network.transformer.h[0].mlp.c_fc.weight

    def change(*_: Any) -> None:
        with torch.no_grad():
            weight.div_(2)
            weight.mul_(2)

    model.network.register_forward_hook(change)
    assert ability_of(model) == GOOD


@pytest.mark.parametrize("name", ["opt-350m", "rwkv", "openai-gpt", "mixtral"])
@pytest.mark.filterwarnings("ignore")
def test_an_adapter_is_written_with_as_it_is_alone(name: str) -> None:
    model = add_adapter(family(name), rank=2, alpha=4, dropout=0.0, seed=1)
    for at, (_, weight) in enumerate(model.parameters()):
        torch.nn.init.normal_(weight, std=0.1, generator=torch.Generator().manual_seed(at))
    check_learning(model, values=True)
    greedy = generate(model, PROMPTS, seeds=[0] * 5, temperature=0, max_tokens=6)
    assert [each.ids.tolist() for each in greedy] == [alone(model, prompt, 6) for prompt in PROMPTS]


def test_what_takes_no_adapter_is_refused() -> None:
    with pytest.raises(UserError, match=r"MambaForCausalLM takes no LoRA adapter: .*; set model.lora"):
        add_adapter(family("mamba"), rank=2, alpha=4, dropout=0.0, seed=1)


def test_an_encoder_is_told_how_it_becomes_a_decoder() -> None:
    with pytest.raises(UserError, match=r"BertLMHeadModel looks ahead .*; set is_decoder to true"):
        ability_of(family("bert", is_decoder=False))


def test_states_that_cannot_be_read_are_refused_where_values_are_learnt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = family("gpt2")
    monkeypatch.setattr(ability_module, "logits_and_states", lambda *_: (None, torch.zeros(3, 2)))
    assert not ability_of(model).has_states
    check_learning(model, values=False)
    with pytest.raises(UserError, match="GPT2LMHeadModel hands its output layer no states"):
        check_learning(model, values=True)


def test_frozen_weights_cannot_be_trained() -> None:
    model = family("gpt2")
    model.network.transformer.wte.weight.requires_grad_(False)
    check_learning(model, values=False)
    forward = model.network.forward

    def detached(**asked: Any) -> Any:
        out = forward(**asked)
        out.logits = out.logits.detach()
        return out

    model.network.forward = detached
    with pytest.raises(UserError, match="GPT2LMHeadModel cannot be trained"):
        check_learning(model, values=False)


def test_positions_that_no_token_takes_are_no_context() -> None:
    model = family("roberta", max_position_embeddings=16)  # that of its padding token is lost
    assert model.context == 16 - model.network.config.pad_token_id - 1
    model.ends = ()
    (text,) = generate(model, ["1"], seeds=[0], max_tokens=30)
    assert text.tokens == model.context - 2


def test_rows_that_end_at_the_context_do_not_stop_the_others() -> None:
    for name in ("openai-gpt", "gpt2"):
        model = family(name, n_positions=16)
        model.ends = ()
        both = generate(model, ["1" * 13, "1"], seeds=[0, 0], temperature=0, max_tokens=14)
        assert [each.tokens for each in both] == [2, 14]
        assert both[1].ids.tolist() == alone(model, "1", 14)
