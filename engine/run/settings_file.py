"""RUN/config.toml: the settings of a run and what began it, as every manifest seals them."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import tomli_w

from engine.config.layer import MAX_TOML_BYTES, parse_toml, read_toml
from engine.config.section import Section
from engine.errors import CorruptFileError, UserError
from engine.run import storage
from engine.run.birthplace import commit, machine
from engine.run.layout import CONFIG, COPY
from engine.run.manifest import FORMAT, read_manifests

S = TypeVar("S", bound=Section)

SOURCES = "sources"
"""The table of versions that holds digests."""

_PACKAGES = ("selfplay", "numpy", "torch", "openvino", "pyarrow", "transformers", "tokenizers")


class OtherRunError(UserError):
    """A run is on a game where one on text is wanted, or the other way round."""


def write_config(run_path: Path, config: Section, sources: Mapping[str, str] = MappingProxyType({})) -> None:
    """Write the settings, all defaults included, and a copy that nobody edits, which is never there alone.

    `sources` are digests of what the run reads from outside, by the name of the setting.
    """
    begun: dict[str, Any] = {"format": FORMAT, **versions(), "machine": machine()}
    if sources:
        begun[SOURCES] = dict(sources)
    content = {**config.model_dump(mode="json"), "versions": begun}
    storage.atomic_write(run_path / CONFIG, toml_text(content).encode())
    write_copy(run_path, content)


def recorded_sources(run_path: Path) -> dict[str, str]:
    """The digests that `write_config` was given; empty where there were none. UserError as `read_content`."""
    begun = read_content(run_path).get("versions", {})
    return dict(begun.get(SOURCES, {}))


def write_copy(run_path: Path, content: Mapping[str, Any]) -> None:
    """Write the settings as they were when the run was made, to put back."""
    storage.atomic_write(run_path / COPY, toml_text(content).encode())


def read_settings(run_path: Path, build: Callable[[Mapping[str, Any]], S]) -> S:
    """What `build` makes of the settings of a run.

    Raises UserError where there are none, where they are damaged or of a newer format, and where they are
    not those that the run was begun with.
    """
    path = run_path / CONFIG
    sealed = sealed_content(run_path)
    remedy = "" if sealed is None else _remedy(run_path, sealed)
    if not storage.exists(path):
        if sealed is None:
            raise UserError(f"'{run_path}' is not a run directory (no {CONFIG}); give the folder of a run")
        raise UserError(f"run '{run_path}' has lost its {CONFIG}; {remedy}")
    content = read_content(run_path)
    difference = "" if sealed is None else describe_difference(content, sealed)
    try:
        config = build({key: value for key, value in content.items() if key != "versions"})
    except OtherRunError:
        if not difference:
            raise
    except UserError as error:
        raise UserError(f"'{path}': {error}" + (f"; {remedy}" if difference else "")) from error
    if difference:
        raise UserError(
            f"'{path}' {difference}; settings stay as they are in a run: {remedy}, "
            f"or begin another run with --config {path}"
        )
    return config


def read_content(run_path: Path) -> dict[str, Any]:
    """All that RUN/config.toml says; UserError where it cannot be read, is cut or of a newer format."""
    path = run_path / CONFIG
    try:
        content = _read(path)
    except UserError as error:
        sealed = sealed_content(run_path)
        raise UserError(f"{error}" + ("" if sealed is None else f"; {_remedy(run_path, sealed)}")) from error
    written = content.get("versions")
    version = written.get("format") if isinstance(written, dict) else None
    if type(version) is int and version > FORMAT:
        raise CorruptFileError(
            f"run '{run_path}' has format {version}, newer than {FORMAT}; "
            "use the version of selfplay that wrote it"
        )
    if version is None and sealed_content(run_path) is None:
        raise UserError(f"'{path}' is no whole file of settings: it names no format; put it back")
    return content


def _remedy(run_path: Path, sealed: Mapping[str, Any]) -> str:
    """How to put the settings back."""
    copied = _copy(run_path) == sealed
    return "put it back" + (f" with cp {run_path / COPY} {run_path / CONFIG}" if copied else "")


def sealed_content(run_path: Path) -> dict[str, Any] | None:
    """What RUN/config.toml is to say, by the newest manifest, else by the copy; None by neither."""
    for manifest in read_manifests(run_path):
        if not isinstance(manifest, CorruptFileError) and manifest.settings is not None:
            return manifest.settings
    return _copy(run_path)


def read_changes(path: Path) -> dict[str, Any]:
    """What a settings file asks for; that of a run may be given, too."""
    return {key: value for key, value in read_toml(path).items() if key != "versions"}


def describe_difference(content: Mapping[str, Any], sealed: Mapping[str, Any]) -> str:
    """How settings differ from those a run was begun with, the first by name; empty where they do not."""
    ours, theirs = _flat(content), _flat(sealed)
    keys = [key for key in {**theirs, **ours} if ours.get(key) != theirs.get(key)]
    if not keys:
        return ""
    key, more = keys[0], f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
    if key not in theirs:
        return f"says {key} = {ours[key][:80]}, which the run was begun without{more}"
    said = f"says {key} = {ours[key][:80]}" if key in ours else f"lacks {key}"
    return f"{said}, the run was begun with {theirs[key][:80]}{more}"


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Values as text by dotted name: 1, 1.0 and true are three."""
    flat: dict[str, str] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = json.dumps(value, ensure_ascii=False, default=str)
    return flat


def _read(path: Path) -> dict[str, Any]:
    return parse_toml(storage.read_checked(path, max_bytes=MAX_TOML_BYTES), path)


def _copy(run_path: Path) -> dict[str, Any] | None:
    try:
        return _read(run_path / COPY)
    except UserError:
        return None


def versions() -> dict[str, str]:
    """Versions of Python, of this program (and its commit, where known), and of what it computes with."""
    found = {"python": platform.python_version()}
    if known := commit():
        found["commit"] = known
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def toml_text(content: Mapping[str, Any]) -> str:
    """Settings as TOML that reads back equal.

    Raises UserError for what cannot be: text that UTF-8 cannot hold, and more than a settings file may have.
    """
    text = tomli_w.dumps(content)
    try:
        num_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        line = ascii(text[text.rfind("\n", 0, error.start) + 1 : error.end])[1:-1]
        raise UserError(f"setting {line[:80]}: text that UTF-8 cannot hold; give other words") from error
    if num_bytes > MAX_TOML_BYTES:
        raise UserError(
            f"settings have {num_bytes:,} bytes as TOML, over {MAX_TOML_BYTES:,}; give shorter ones"
        )
    return text
