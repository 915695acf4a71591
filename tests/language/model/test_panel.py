"""Ensembles: how they combine, and that their folder brings them back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import tiny_llama

from engine.errors import CorruptFileError
from engine.language.model.combination import Combination
from engine.language.model.model import LanguageModel, Panel
from engine.language.model.model_folder import load_model, save_model
from engine.language.model.scoring import member_rewards, rewards, text_values

PROMPTS, TEXTS = ["1+2=", "3*4=", "x"], ["3", "12;", ""]


def member(seed: int) -> LanguageModel:
    model = tiny_llama(seed)
    head = model.add_value_head()
    with torch.no_grad():
        head.weight.normal_(0, 0.5, generator=torch.Generator().manual_seed(seed))
    return model


def panel(combine: Combination = "mean", deviations: float = 1.0) -> LanguageModel:
    first = member(1)
    first.panel = Panel((member(2), member(3)), combine, deviations)
    return first


def test_combined_rewards_by_hand() -> None:
    each = np.stack([rewards(member(seed), PROMPTS, TEXTS) for seed in (1, 2, 3)])
    assert each.std(0).min() > 0.01
    assert member_rewards(panel(), PROMPTS, TEXTS) == pytest.approx(each)
    assert rewards(panel("mean"), PROMPTS, TEXTS) == pytest.approx(each.mean(0))
    assert rewards(panel("worst"), PROMPTS, TEXTS) == pytest.approx(each.min(0))
    expected = each.mean(0) - 2 * each.std(0)
    assert rewards(panel("deviation", 2.0), PROMPTS, TEXTS) == pytest.approx(expected, abs=1e-6)
    values = text_values(panel("worst"), PROMPTS, TEXTS)
    assert values == pytest.approx(1 / (1 + np.exp(-each.min(0))), abs=1e-6)


def test_a_folder_brings_the_members_back(tmp_path: Path) -> None:
    model = panel("deviation", 0.5)
    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model", device="cpu")
    assert again.digest() == model.digest() != member(1).digest()
    assert rewards(again, PROMPTS, TEXTS).tobytes() == rewards(model, PROMPTS, TEXTS).tobytes()
    assert again.panel is not None
    assert (again.panel.combine, again.panel.deviations) == ("deviation", 0.5)
    save_model(again, tmp_path / "again")
    for file in (*(tmp_path / "model").glob("*.safetensors"), tmp_path / "model" / "panel.json"):
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name
    transformers = pytest.importorskip("transformers")
    plain = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    assert plain.config.model_type == "llama"


def test_an_adapters_members_are_adapters(tmp_path: Path) -> None:
    from engine.language.model.model_folder import add_adapter

    pytest.importorskip("peft")
    base = tmp_path / "base"
    save_model(tiny_llama(), base)
    models = []
    for seed in (1, 2):
        model = add_adapter(load_model(base, device="cpu"), 2, 4, 0.0, seed)
        model.add_value_head()
        with torch.no_grad():
            for _, weight in model.parameters():
                weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(seed))
        models.append(model)
    models[0].panel = Panel((models[1],), "worst")
    expected = rewards(models[0], PROMPTS, TEXTS)
    save_model(models[0], tmp_path / "adapter")
    assert (tmp_path / "adapter" / "member_2.safetensors").stat().st_size < 20_000
    again = load_model(base, tmp_path / "adapter", device="cpu")
    assert rewards(again, PROMPTS, TEXTS) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("change", ["absent", "cut", "other", "settings", "count"])
def test_a_damaged_panel_is_told(tmp_path: Path, change: str) -> None:
    folder = tmp_path / "model"
    save_model(panel(), folder)
    file, settings = folder / "member_3.safetensors", folder / "panel.json"
    if change == "absent":
        file.unlink()
    elif change == "cut":
        file.write_bytes(file.read_bytes()[:100])
    elif change == "other":
        file.write_bytes((folder / "value_head.safetensors").read_bytes())
    elif change == "settings":
        settings.write_text("{}")
    else:
        settings.write_text(json.dumps({"members": 10**9, "combine": "mean", "deviations": 1}))
    with pytest.raises(CorruptFileError, match=r"member_3|panel\.json"):
        load_model(folder, device="cpu")
