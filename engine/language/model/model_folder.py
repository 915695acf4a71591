"""Model folders as transformers and peft write them: read from the disk alone, no code of theirs is run."""

from __future__ import annotations

import contextlib
import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import safetensors
import safetensors.torch
import torch

from engine.errors import CorruptFileError, UserError, WriteError
from engine.evaluator.device import resolve_device
from engine.language.model.ability import ability_of
from engine.language.model.combination import Combination
from engine.language.model.folder_settings import read_settings
from engine.language.model.model import LanguageModel, Panel
from engine.run import local_disk, storage

VALUE_HEAD = "value_head.safetensors"
PANEL = "panel.json"
"""How an ensemble combines its members; the weights of those after the first are beside it."""
ADAPTER, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_LAYERS = {"num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_decoder_layers", "num_blocks"}
_WIDTHS = {
    "vocab_size", "hidden_size", "n_embd", "d_model", "embed_dim", "embedding_size", "word_embed_proj_dim",
    "intermediate_size", "n_inner", "ffn_dim", "d_ff", "head_dim", "num_attention_heads", "n_head",
    "num_heads", "num_key_value_heads", "num_experts", "num_local_experts", "n_routed_experts", "n_positions",
    "n_ctx",
}  # fmt: skip
"""Settings of which there are as many tensors, and as many numbers, at least."""

_MEMBER = re.compile(r"member_[0-9]+\.safetensors")
_MAX_MEMBERS = 64


def load_model(
    path: Path | str,
    adapter: Path | str | None = None,
    *,
    device: str = "auto",
    precision: Literal["auto", "f32"] = "auto",
    chat: bool = False,
) -> LanguageModel:
    """Read a causal language model from a local folder.

    Args:
        path: folder with `config.json`, safetensors, a tokenizer and perhaps `value_head.safetensors`.
        adapter: folder of a LoRA adapter for it; the base that the adapter names is ignored. Its value head
            comes before the model's.
        device: "cpu", "cuda" or "auto".
        precision: of the weights; "auto" is f32 on the processor and on a GPU what the folder has. Training
            all weights needs f32.
        chat: wrap prompts by the tokenizer's chat template.

    Raises:
        UserError: where the folder is missing or lacks a part, brings code or pickles, or is no causal model,
            and where the network does what no batch can make right (see `ability_of`).
        CorruptFileError: where a file is damaged or weights are missing.
    """
    folder = _existing(Path(path), "model")
    settings = read_settings(folder / "config.json", "model")
    _check_ends(folder / "config.json", settings)
    if (generation := folder / "generation_config.json").exists():
        _check_ends(generation, read_settings(generation, "model"))
    _check_weights(folder, "model.safetensors")
    _check_size(folder, settings)
    target = torch.device(resolve_device(device))
    with _quiet(), _explained(folder):
        tokenizer = _load_tokenizer(folder)
        network = _load_network(folder, target.type == "cpu" or precision == "f32")
    words = int(network.get_input_embeddings().num_embeddings)
    if max(tokenizer.get_vocab().values(), default=0) >= words:
        raise UserError(
            f"tokenizer of '{folder}' has {len(tokenizer)} tokens, the model {words}; take the model's own"
        )
    heads = [folder / VALUE_HEAD]
    if adapter is not None:
        network = _load_adapter(network, Path(adapter))
        heads.insert(0, Path(adapter) / VALUE_HEAD)
    model = LanguageModel(network.to(target), tokenizer, chat=chat)
    if model.context < 2:
        raise UserError(
            f"'{folder / 'config.json'}' says a context of {model.context} tokens; give its true one"
        )
    with _quiet():
        ability_of(model)
    for file in heads:
        if file.exists():
            _load_value_head(model, file)
            if (file.parent / PANEL).exists():
                model.panel = _load_panel(model, file.parent)
            break
    return model


def save_model(model: LanguageModel, path: Path | str) -> None:
    """Write a folder that `load_model` and plain transformers read; with an adapter, the adapter's alone.

    After a crash at any moment the folder is whole or absent. What stood there before is replaced, unless
    it is no model: then UserError.
    """
    path = Path(path)
    if path.exists() and not any((path / name).is_file() for name in ("config.json", ADAPTER_CONFIG)):
        raise UserError(f"'{path}' is there and holds no model; name another folder")
    with local_disk.new_folder(path) as temporary:
        try:
            with _quiet():
                if model.has_adapter:
                    model.network.save_pretrained(temporary, save_embedding_layers=False)
                    storage.remove(temporary / "README.md")
                else:
                    model.network.save_pretrained(temporary)
                model.codec.tokenizer.save_pretrained(temporary)
        except (OSError, safetensors.SafetensorError) as error:
            raise WriteError(f"cannot write '{path}': {error}; free space or allow it, and resume") from error
        if model.value_head is not None:
            tensors = {name: each.cpu().contiguous() for name, each in model.value_head.state_dict().items()}
            storage.atomic_write(temporary / VALUE_HEAD, safetensors.torch.save(tensors))
        if model.panel is not None:
            _save_panel(model.panel, temporary)


def add_adapter(model: LanguageModel, rank: int, alpha: int, dropout: float, seed: int) -> LanguageModel:
    """The model with a fresh LoRA adapter on every linear layer of its blocks (Hu et al. 2021).

    Training then changes the adapter alone; it starts out as no change at all. UserError where peft knows no
    adapter for the network.
    """
    import peft

    settings = peft.LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=[]), _quiet():
        torch.manual_seed(seed)
        try:
            network = peft.get_peft_model(model.network, settings)
        except ValueError as error:
            raise UserError(
                f"{model.kind} takes no LoRA adapter: {_line(error)}; set model.lora.rank to 0"
            ) from error
    return LanguageModel(network, model.codec.tokenizer, chat=model.codec.chat, value_head=model.value_head)


def _save_panel(panel: Panel, folder: Path) -> None:
    for number, member in enumerate(panel.members, start=2):
        tensors = {name: each.detach().cpu().contiguous() for name, each in member.parameters()}
        storage.atomic_write(folder / f"member_{number}.safetensors", safetensors.torch.save(tensors))
    told = {"members": len(panel.members) + 1, "combine": panel.combine, "deviations": panel.deviations}
    storage.atomic_write(folder / PANEL, json.dumps(told).encode())


def panel_size(folder: Path) -> int:
    """Models of a folder that value texts together; 1 without a panel. CorruptFileError as `load_model`."""
    return _panel_of(folder)[0] if (folder / PANEL).exists() else 1


def _panel_of(folder: Path) -> tuple[int, Combination, float]:
    """(members, how their rewards combine, deviations)."""
    told = read_settings(folder / PANEL, "ensemble")
    count, deviations = told.get("members"), told.get("deviations")
    combine: Any = told.get("combine")
    if (
        not isinstance(count, int)
        or not 2 <= count <= _MAX_MEMBERS
        or combine not in get_args(Combination)
        or not isinstance(deviations, int | float)
    ):
        raise CorruptFileError(f"'{folder / PANEL}' is damaged: no members, combine and deviations")
    return count, combine, float(deviations)


def _load_panel(model: LanguageModel, folder: Path) -> Panel:
    """The others of an ensemble: what trains of each, over what does not, which is the first one's."""
    count, combine, deviations = _panel_of(folder)
    members = []
    for number in range(2, count + 1):
        file, member = folder / f"member_{number}.safetensors", copy.deepcopy(model)
        try:
            tensors = safetensors.torch.load(storage.read_checked(file))
        except safetensors.SafetensorError as error:
            raise CorruptFileError(f"'{file}' is damaged: {error}") from error
        named = dict(member.parameters())
        if {name: each.shape for name, each in tensors.items()} != {
            n: each.shape for n, each in named.items()
        }:
            raise CorruptFileError(f"'{file}' has other tensors than the model beside it")
        with torch.no_grad():
            for name, each in tensors.items():
                named[name].copy_(each)
        members.append(member)
    return Panel(tuple(members), combine, deviations)


def _existing(folder: Path, what: str) -> Path:
    if not folder.is_dir():
        raise UserError(
            f"{what} '{folder}' is no local folder; give one as transformers saves it, nothing is downloaded"
        )
    return folder


def _check_ends(path: Path, settings: dict[str, Any]) -> None:
    """Refuse end tokens that are none: a model that never stops is measured as another."""
    found = settings.get("eos_token_id")
    each = found if isinstance(found, list) else [] if found is None else [found]
    strange = [token for token in each if not isinstance(token, int) or isinstance(token, bool)]
    if strange:
        raise CorruptFileError(f"'{path}' says eos_token_id = {found!r:.80}; give the number of a token")


def _check_weights(folder: Path, name: str) -> None:
    index = folder / f"{name}.index.json"
    if index.exists():
        places = read_settings(index, "model").get("weight_map")
        files = set(places.values()) if isinstance(places, dict) else {None}
        absent = [file for file in files if not (isinstance(file, str) and _is_inside(folder, file))]
        if absent:
            raise CorruptFileError(f"'{index}' names {str(absent[0])[:80]!r}, no file of weights beside it")
    if (folder / name).is_file() or any(folder.glob(f"{Path(name).stem}-*.safetensors")):
        return
    if any(True for pattern in _PICKLES for _ in folder.glob(pattern)):
        raise UserError(
            f"'{folder}' has pickled weights, which are never loaded; convert them to safetensors"
        )
    raise UserError(f"'{folder}' has no {name}; give a folder with weights in safetensors")


def _check_size(folder: Path, settings: dict[str, Any]) -> None:
    """Refuse settings that the weights cannot be of before a network is built, which might never end."""
    tensors = values = 0
    for path in folder.glob("*.safetensors"):
        if path.name in (VALUE_HEAD, ADAPTER) or _MEMBER.fullmatch(path.name):
            continue
        values += path.stat().st_size
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                tensors += len(file.keys())
        except (safetensors.SafetensorError, OSError) as error:
            raise CorruptFileError(f"weights in '{path}' are damaged: {_line(error)}") from error
    for name, value in _whole_numbers(settings):
        most = tensors if name in _LAYERS else values
        if name in _LAYERS | _WIDTHS and value > most:
            raise CorruptFileError(
                f"'{folder / 'config.json'}' says {name} = {value:,}, but its weights have {tensors:,} "
                f"tensors in {values:,} bytes; give the config.json that they were saved with"
            )


def _whole_numbers(settings: dict[str, Any]) -> Iterator[tuple[str, int]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _whole_numbers(value)
        elif isinstance(value, int):
            yield name, value


def _is_inside(folder: Path, file: str) -> bool:
    return Path(file).name == file and file.endswith(".safetensors") and (folder / file).is_file()


def _load_tokenizer(folder: Path) -> Any:
    import transformers

    if (folder / "tokenizer_config.json").is_file():
        read_settings(folder / "tokenizer_config.json", "model")
    names = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tokenizer_config.json")
    if not any((folder / name).is_file() for name in names):
        raise UserError(f"'{folder}' has no tokenizer; save the model's tokenizer there, too")
    return transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def _load_network(folder: Path, f32: bool) -> Any:
    import transformers

    network, report = transformers.AutoModelForCausalLM.from_pretrained(
        folder,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        dtype=torch.float32 if f32 else "auto",
        output_loading_info=True,
    )
    missing = sorted(report["missing_keys"])
    if missing:
        raise CorruptFileError(f"weights of '{folder}' lack {len(missing)} tensors, first '{missing[0]}'")
    inside = f"{network.base_model_prefix}."
    spare = sorted(name for name in report["unexpected_keys"] if name.startswith(inside))
    if spare:
        raise CorruptFileError(
            f"weights of '{folder}' have {len(spare)} tensors that its config.json has no place for, "
            f"first '{spare[0]}'; give the config.json that they were saved with"
        )
    return network


def _load_adapter(network: Any, folder: Path) -> Any:
    import peft

    _existing(folder, "adapter")
    settings = read_settings(folder / ADAPTER_CONFIG, "LoRA adapter")
    if settings.get("peft_type") != "LORA":
        raise UserError(f"adapter '{folder}' is of type {settings.get('peft_type')!r}; only LORA is known")
    _check_weights(folder, ADAPTER)
    with _quiet(), _explained(folder):
        with safetensors.safe_open(folder / ADAPTER, framework="pt") as file:
            saved = len(file.keys())
        adapted = peft.PeftModel.from_pretrained(
            network, folder, is_trainable=True, local_files_only=True, low_cpu_mem_usage=False
        )
    used = len(peft.get_peft_model_state_dict(adapted, save_embedding_layers=False))
    if saved != used:
        raise UserError(f"adapter '{folder}' has {saved} tensors, this base takes {used}; give its own base")
    return adapted


def _load_value_head(model: LanguageModel, file: Path) -> None:
    try:
        tensors = safetensors.torch.load(storage.read_checked(file))
    except safetensors.SafetensorError as error:
        raise CorruptFileError(f"'{file}' is damaged: {error}") from error
    head = model.add_value_head("nats" in tensors, returns="returns" in tensors)
    shapes = {name: tuple(each.shape) for name, each in tensors.items()}
    wanted = {name: tuple(each.shape) for name, each in head.state_dict().items()}
    if shapes != wanted:
        raise CorruptFileError(f"'{file}' has {shapes}, the model's value head is {wanted}")
    head.load_state_dict(tensors)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and advice of transformers on the user's terminal."""
    import warnings

    from transformers.utils import logging

    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn whatever a library raises on a bad folder into one line."""
    try:
        yield
    except UserError:
        raise
    except safetensors.SafetensorError as error:
        raise CorruptFileError(f"weights in '{folder}' are damaged: {_line(error)}") from error
    except Exception as error:
        if "ignore_mismatched_sizes" in str(error):
            raise CorruptFileError(
                f"weights of '{folder}' have other shapes than its config.json says; "
                "give the config.json that they were saved with"
            ) from error
        raise UserError(f"'{folder}' cannot be loaded: {_line(error)}") from error


def _line(error: BaseException) -> str:
    """What a library raised, in one line; with its kind where the words alone say little."""
    text = " ".join(str(error).split())
    return (text if text.count(" ") > 3 else f"{type(error).__name__}: {text}")[:200]
