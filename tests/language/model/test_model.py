"""Model folders: what is loaded, what is refused and in which words, and what is saved."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_models import (
    ALPHABET,
    byte_tokenizer,
    plain_tokenizer,
    save_plain,
    tiny_llama,
)

from engine.errors import UserError
from engine.language.model.codec import Codec
from engine.language.model.conversation import conversation_text
from engine.language.model.generation.generation import generate
from engine.language.model.model import LanguageModel
from engine.language.model.model_folder import VALUE_HEAD, add_adapter, load_model, save_model
from engine.language.model.scoring import score, values
from engine.language.model.tiny_model import SIZES, build_model
from engine.run import storage

PROMPTS = ["1+2=", "x", "3*4;"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = tiny_llama()
    head = model.add_value_head()
    torch.nn.init.normal_(head.weight, generator=torch.Generator().manual_seed(3))
    path = tmp_path_factory.mktemp("models") / "tiny"
    save_model(model, path)
    return path


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


def test_a_saved_model_comes_back_whole(saved: Path) -> None:
    before, after = tiny_llama(), load_model(saved)
    assert after.value_head is not None
    before.value_head = after.value_head
    assert after.digest() == before.digest()
    assert (values(after, after.encode_prompts(PROMPTS)) != 0.5).all()
    for ours, theirs in zip(score(before, PROMPTS, PROMPTS), score(after, PROMPTS, PROMPTS), strict=True):
        assert (ours == theirs).all()


def test_a_head_that_counts_likelihood_comes_back(tmp_path: Path) -> None:
    model = tiny_llama()
    head = model.add_value_head(likelihood=True)
    assert head.nats is not None
    torch.nn.init.constant_(head.nats, 0.5)
    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert again.value_head is not None
    assert again.value_head.nats is not None
    assert again.value_head.nats.item() == 0.5
    assert again.digest() == model.digest()


def test_a_head_of_returns_comes_back_and_is_no_logit(tmp_path: Path) -> None:
    model = tiny_llama()
    torch.nn.init.constant_(model.add_value_head().bias, 1.0)
    head = model.add_value_head(returns=True)
    assert float(head.bias.detach()) == 0, "a logit is no return: it is not taken over"
    assert model.add_value_head(returns=True) is head
    for bias, value in ((0.25, 0.25), (-0.5, 0), (7, 1)):
        torch.nn.init.constant_(head.bias, bias)
        save_model(model, tmp_path / "model")
        again = load_model(tmp_path / "model")
        assert again.digest() == model.digest()
        assert values(again, again.encode_prompts(PROMPTS)).tolist() == [value] * len(PROMPTS)
        (written,) = generate(again, ["1+"], seeds=[1], max_tokens=3)
        assert set(written.values.tolist()) == {value}
    assert model.add_value_head().returns is None
    assert values(model, model.encode_prompts(PROMPTS)).tolist() == [0.5] * len(PROMPTS)


def test_plain_transformers_reads_the_folder(saved: Path) -> None:
    import transformers

    ours = load_model(saved)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(saved, local_files_only=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(saved, local_files_only=True)
    ids = tokenizer("1+2=", return_tensors="pt")["input_ids"]
    assert ids.tolist() == ours.codec.encode_prompts(["1+2="])
    with torch.no_grad():
        assert torch.equal(ours.network(ids).logits, theirs.eval()(ids).logits)


def test_the_digest_tells_weights_apart() -> None:
    assert build_model(ALPHABET, "0.1M", 1).digest() == build_model(ALPHABET, "0.1M", 1).digest()
    assert build_model(ALPHABET, "0.1M", 1).digest() != build_model(ALPHABET, "0.1M", 2).digest()
    model = tiny_llama()
    digest = model.digest()
    model.add_value_head()
    assert model.digest() != digest


@pytest.mark.parametrize("size", SIZES)
def test_sizes_are_what_they_say(size: str) -> None:
    count = sum(weight.numel() for weight in build_model("0123456789+-*/=;\n", size).network.parameters())
    assert count == pytest.approx(float(size[:-1]) * 1e6, rel=0.2)


def test_building_leaves_the_callers_randomness_alone() -> None:
    torch.manual_seed(1)
    first = torch.rand(3)
    torch.manual_seed(1)
    build_model(ALPHABET, "0.1M", 5)
    assert torch.equal(torch.rand(3), first)


@pytest.mark.parametrize(
    ("alphabet", "size", "words"),
    [("abc", "7B", "known are 0.1M"), ("", "0.1M", "empty"), (["ab"], "0.1M", "'ab', no character")],
)
def test_a_model_that_cannot_be_built(alphabet: str, size: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        build_model(alphabet, size)


def break_weights(path: Path) -> None:
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])


def drop_tensor(path: Path) -> None:
    import safetensors.torch

    tensors = safetensors.torch.load_file(path / "model.safetensors")
    del tensors["model.norm.weight"]
    safetensors.torch.save_file(tensors, path / "model.safetensors", {"format": "pt"})


def change_json(name: str, **changes: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        content = json.loads((path / name).read_text())
        (path / name).write_text(json.dumps(content | changes))

    return change


def pickle_weights(path: Path) -> None:
    (path / "model.safetensors").rename(path / "pytorch_model.bin")


def drop_end_token(path: Path) -> None:
    content = json.loads((path / "tokenizer_config.json").read_text())
    (path / "tokenizer_config.json").write_text(json.dumps(content | {"eos_token": None}))


def index_of(file: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        index = {"metadata": {}, "weight_map": {"model.norm.weight": file}}
        (path / "model.safetensors.index.json").write_text(json.dumps(index))

    return change


def drop_tokenizer(path: Path) -> None:
    for file in [*path.glob("tokenizer*"), *path.glob("special*")]:
        file.unlink()


def other_head(path: Path) -> None:
    import safetensors.torch

    safetensors.torch.save_file({"weight": torch.zeros(1, 5)}, path / VALUE_HEAD)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (shutil.rmtree, "is no local folder"),
        (lambda path: (path / "config.json").unlink(), "has no config.json"),
        (lambda path: (path / "config.json").write_text("{"), "config.json' is damaged: not JSON"),
        (lambda path: (path / "config.json").write_text("[1]"), "not a JSON object"),
        (change_json("config.json", auto_map={"AutoModel": "evil.Model"}), "code of its own"),
        (change_json("tokenizer_config.json", auto_map={"AutoTokenizer": ["e.T", None]}), "code of its own"),
        (change_json("config.json", model_type="nonesuch"), "cannot be loaded"),
        (change_json("config.json", hidden_size=48), "other shapes than its config.json says"),
        (change_json("config.json", vocab_size=7), "other shapes than its config.json says"),
        (change_json("config.json", num_hidden_layers=1), "tensors that its config.json has no place for"),
        (change_json("config.json", num_hidden_layers=10**9), "says num_hidden_layers = 1,000,000,000, but"),
        (change_json("config.json", hidden_size=10**12), "says hidden_size = 1,000,000,000,000, but its"),
        (change_json("config.json", vocab_size=10**12), "says vocab_size = 1,000,000,000,000, but its"),
        (change_json("config.json", intermediate_size=10**15), "says intermediate_size = 1,000,000,000,000"),
        (change_json("config.json", num_attention_heads=10**9), "says num_attention_heads = 1,000,000,000"),
        (change_json("config.json", hidden_size="wide"), "cannot be loaded: .*hidden_size.*wide"),
        (change_json("config.json", max_position_embeddings=-5), "says a context of -5 tokens"),
        (
            change_json("config.json", eos_token_id="x"),
            "config.json' says eos_token_id = 'x'; give the number",
        ),
        (
            change_json("generation_config.json", eos_token_id="x"),
            "on_config.json' says eos_token_id = 'x'; g",
        ),
        (
            change_json("generation_config.json", eos_token_id=[1, 2.5]),
            r"says eos_token_id = \[1, 2.5\]; give",
        ),
        (
            change_json("generation_config.json", eos_token_id=True),
            "says eos_token_id = True; give the numbe",
        ),
        (
            lambda path: (path / "generation_config.json").write_text("{"),
            "generation_config.json' is damaged",
        ),
        (
            lambda path: (path / "generation_config.json").write_text("[]"),
            "generation_config.json' is damaged",
        ),
        (index_of("../../secret.safetensors"), "index.json' names '../../secret.safetensors'"),
        (index_of("pytorch_model.bin"), "index.json' names 'pytorch_model.bin'"),
        (lambda path: (path / "model.safetensors").unlink(), "no model.safetensors"),
        (pickle_weights, "pickled weights"),
        (break_weights, "damaged"),
        (drop_tensor, "lack 1 tensors, first 'model.norm.weight'"),
        (drop_tokenizer, "no tokenizer"),
        (lambda path: (path / "tokenizer.json").write_text("{"), "cannot be loaded"),
        (lambda path: (path / "tokenizer.json").write_text("{}"), "cannot be loaded: KeyError: 'added_tok"),
        (drop_end_token, "no end token"),
        (lambda path: (path / VALUE_HEAD).write_bytes(b"x" * 50), f"{VALUE_HEAD}' is damaged"),
        (other_head, "value head is"),
    ],
)
def test_a_bad_folder_is_one_line(copy: Path, damage: Callable[[Path], None], words: str) -> None:
    damage(copy)
    with pytest.raises(UserError, match=words) as caught:
        load_model(copy)
    assert "\n" not in str(caught.value)


def test_a_tokenizer_of_another_model_is_refused(copy: Path) -> None:
    byte_tokenizer(["12+34"], 400).save_pretrained(copy)
    with pytest.raises(UserError, match="tokens, the model"):
        load_model(copy)


def test_chat_needs_a_template(saved: Path, copy: Path) -> None:
    with pytest.raises(UserError, match="no chat template"):
        load_model(saved, chat=True)
    template = (
        "{% for m in messages %}x{{ m.content }};{% endfor %}{% if add_generation_prompt %}y{% endif %}"
    )
    (copy / "chat_template.jinja").write_text(template)
    wrapped, plain = load_model(copy, chat=True), load_model(copy)
    assert wrapped.codec.encode_prompts(["1+2"])[0][-6:] == plain.codec.encode_prompts(["x1+2;y"])[0][-6:]


def test_an_adapter_is_saved_alone_and_takes_the_base_it_is_given(saved: Path, tmp_path: Path) -> None:
    model = add_adapter(load_model(saved), rank=2, alpha=4, dropout=0.0, seed=1)
    plain = score(load_model(saved), PROMPTS, PROMPTS)
    assert all((a == b).all() for a, b in zip(score(model, PROMPTS, PROMPTS), plain, strict=True))
    for name, weight in model.parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1, generator=torch.Generator().manual_seed(1))
    save_model(model, tmp_path / "adapter")
    assert not (tmp_path / "adapter" / "model.safetensors").exists()
    change_json("adapter_config.json", base_model_name_or_path="/nowhere/else")(tmp_path / "adapter")
    loaded = load_model(saved, tmp_path / "adapter")
    assert loaded.digest() == model.digest()
    ours, theirs = score(model, PROMPTS, PROMPTS), score(loaded, PROMPTS, PROMPTS)
    assert all((a == b).all() for a, b in zip(ours, theirs, strict=True))
    assert not all((a == b).all() for a, b in zip(ours, plain, strict=True))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (shutil.rmtree, "is no local folder"),
        (change_json("adapter_config.json", peft_type="IA3"), "only LORA"),
        (change_json("adapter_config.json", auto_mapping={"base_model_class": "x"}), "code of its own"),
        (change_json("adapter_config.json", target_modules=["q_proj"]), "give its own base"),
        (lambda path: (path / "adapter_model.safetensors").rename(path / "adapter_model.bin"), "pickled"),
        (
            lambda path: (path / "adapter_model.safetensors").write_bytes(b"y" * 90),
            "damaged|cannot be loaded",
        ),
    ],
)
def test_a_bad_adapter_is_one_line(
    saved: Path, tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    save_model(add_adapter(load_model(saved), rank=2, alpha=4, dropout=0.0, seed=1), tmp_path / "adapter")
    damage(tmp_path / "adapter")
    with pytest.raises(UserError, match=words) as caught:
        load_model(saved, tmp_path / "adapter")
    assert "\n" not in str(caught.value)


def test_saving_leaves_other_folders_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("1")
    with pytest.raises(UserError, match="holds no model"):
        save_model(tiny_llama(), tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter").read_text() == "1"


def test_a_stop_while_saving_leaves_a_whole_model_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StoppedError(Exception):
        pass

    old, new = tiny_llama(1), tiny_llama(2)
    digests = {old.digest(), new.digest()}
    path = tmp_path / "model"
    taken: list[str] = []
    save_model(old, path)
    monkeypatch.setattr(storage, "fault_hook", taken.append)
    save_model(new, path)
    assert load_model(path).digest() == new.digest()
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    for stop in range(len(taken)):
        left = iter(range(stop))

        def hook(_: str, left: object = left) -> None:
            if next(left, None) is None:  # type: ignore[call-overload]
                raise StoppedError

        monkeypatch.setattr(storage, "fault_hook", hook)
        with pytest.raises(StoppedError):
            save_model(old, path)
        if path.exists():
            assert load_model(path).digest() in digests
    monkeypatch.setattr(storage, "fault_hook", None)
    save_model(new, path)
    assert load_model(path).digest() == new.digest()
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_plain_folders_load(tmp_path: Path) -> None:
    model = load_model(save_plain(tiny_llama(), tmp_path / "plain"))
    assert isinstance(model, LanguageModel)
    assert model.value_head is None


def test_few_prompts_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.language.model.codec.MAX_KNOWN_TOKENS", 20)
    codec = tiny_llama().codec
    fresh = tiny_llama().codec
    for prompt in ["1+", "22=", "1+", *("x" * n for n in range(12)), "1+"]:
        assert codec.encode_prompts([prompt, prompt]) == fresh.encode_prompts([prompt]) * 2
        assert sum(map(len, codec._known.values())) <= 20 + 12


@pytest.mark.parametrize("does", ["nothing", "lower case", "no spaces", "joined by spaces"])
def test_characters_are_spelt_as_their_tokenizer_does(does: str) -> None:
    """Tokenizers of characters: none is passed over that does more to a text than to part it."""
    from tokenizers import decoders, normalizers, pre_tokenizers

    tokenizer = plain_tokenizer("abA \n")
    backend = tokenizer.backend_tokenizer
    if does == "lower case":
        backend.normalizer = normalizers.Lowercase()
    elif does == "no spaces":
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split("", "isolated")]
        )
    elif does == "joined by spaces":
        backend.decoder = decoders.WordPiece()
    codec = Codec(tokenizer)
    assert bool(codec._letters) == (does == "nothing")
    texts = ["", "ab", "a\n ", "bAb"]
    plain = [backend.encode(text, add_special_tokens=False).ids for text in texts]
    if does != "no spaces":  # there a word is no letter, which no prompt may have
        assert codec.encode_completions([""] * 4, texts) == plain
    rows = [*plain, [codec.end], [1, codec.end, 2]]
    anchor = [codec._anchor]
    whole = backend.decode_batch([[*anchor, *row] for row in rows], skip_special_tokens=True)
    assert codec.decode(rows) == [text[len(codec._anchor_text) :] for text in whole]


def test_a_conversation_is_wrapped_message_by_message(copy: Path) -> None:
    template = "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}"
    (copy / "chat_template.jinja").write_text(template)
    codec = load_model(copy, chat=True).codec
    codec.tokenizer.apply_chat_template = lambda messages, **_: {
        "input_ids": [(m["role"], m["content"]) for m in messages]
    }
    talk = [("system", "1"), ("user", "2")]
    text = conversation_text([{"role": role, "content": content} for role, content in talk])
    assert codec.encode_prompts([text, "2+2"]) == [talk, [("user", "2+2")]]
