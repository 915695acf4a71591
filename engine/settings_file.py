"""RUN/config.toml: the settings of a run and the versions that began it."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.config import Config, Section, build_config, read_toml
from engine.errors import CorruptFileError, UserError
from engine.manifest import FORMAT
from engine.storage import atomic_write

CONFIG = "config.toml"

_PACKAGES = ("selfplay", "numpy", "torch", "openvino", "pyarrow", "transformers", "tokenizers")


def write_config(run_path: Path, config: Section) -> None:
    """Write the settings, all defaults included."""
    content = {**config.model_dump(mode="json"), "versions": {"format": FORMAT, **versions()}}
    atomic_write(run_path / CONFIG, toml_text(content).encode())


def read_config(run_path: Path) -> Config:
    """Read a game run's settings; raise UserError where there is none, it is damaged or of a newer format."""
    content = read_settings(run_path)
    if "method" in content:
        raise UserError(f"'{run_path}' is a run on text; see 'selfplay text --help'")
    try:
        return build_config(content)
    except UserError as error:
        raise UserError(f"'{run_path / CONFIG}': {error}") from error


def read_settings(run_path: Path) -> dict[str, Any]:
    """The settings that a run was begun with, unchecked; raise UserError like `read_config`."""
    path = run_path / CONFIG
    if not path.exists():
        raise UserError(f"'{run_path}' is not a run directory (no {CONFIG}); give the folder of a run")
    content = read_toml(path)
    written = content.pop("versions", {})
    version = written.get("format", FORMAT) if isinstance(written, dict) else FORMAT
    if isinstance(version, int) and version > FORMAT:
        raise CorruptFileError(
            f"run '{run_path}' has format {version}, newer than {FORMAT}; "
            "use the version of selfplay that wrote it"
        )
    return content


def versions() -> dict[str, str]:
    """Versions of Python, of this program and of what it computes with."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def toml_text(content: Mapping[str, Any]) -> str:
    """Nested settings as TOML: scalars and lists of scalars, then a table for each mapping."""
    lines = _lines(content, ())
    return "\n".join(lines).strip() + "\n"


def _lines(content: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    scalars = {key: value for key, value in content.items() if not isinstance(value, Mapping)}
    lines = ["", f"[{'.'.join(path)}]"] if path and scalars else []
    lines += [f"{key} = {_value(value)}" for key, value in scalars.items()]
    for key, value in content.items():
        if isinstance(value, Mapping):
            lines += _lines(value, (*path, key))
    return lines


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)
