"""Things by name that plug in from outside: registered in an entry-point group, or anyone's Python."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.util
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from engine._core import InputError
from engine.errors import UserError, describe_error

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_OPTION_ENDS = re.compile(r",(?=[A-Za-z_]\w*=)|,$")
"""Commas after options; any other is part of a value, of a file's name or a pattern."""


def suggest(name: str, known: Iterable[str], what: str = "known") -> str:
    """The end of an error message: the closest known name, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean '{close[0]}'? ({what}: {', '.join(names)})"
    return f"{what}: {', '.join(names) or 'none'}"


@dataclass(frozen=True)
class Plugins:
    """What one entry-point group holds. Specs are `name[:a=b,…]` and `package.module:Name[:a=b,…]`."""

    what: str
    """In messages: game, task."""
    group: str
    base: type
    """What every plug-in must be an instance of."""
    base_name: str
    """Where a user finds it."""
    takes_files: bool = False
    """Whether `path/to/file.py:Name[:a=b,…]` is a spec too."""

    def names(self) -> list[str]:
        """Registered names, sorted."""
        return sorted(self._registered())

    def option_names(self, spec: str) -> list[str]:
        """Names of the options that the thing of `spec` takes."""
        return _option_names(self._resolve(spec)[0])

    def load(self, spec: str, options: Mapping[str, Any]) -> Any:
        """Build what `spec` names; `options` go over those written there.

        Raise UserError for an unknown name or option and for a value that is refused.
        """
        factory, written = self._resolve(spec)
        return self._build(spec, factory, {**written, **options})

    def _registered(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=self.group)}

    def _resolve(self, spec: str) -> tuple[Callable[..., Any], dict[str, Any]]:
        registered = self._registered()
        name, _, rest = spec.partition(":")
        if name in registered:
            return self._load_entry(registered[name]), self._parse_options(spec, rest) if rest else {}
        attribute, _, options = rest.partition(":")
        is_file = self.takes_files and name.endswith(".py")
        if rest and "=" not in attribute:
            factory = self._load_attribute(spec, name, attribute, is_file)
            return factory, self._parse_options(spec, options) if options else {}
        if is_file:
            raise UserError(f"{self.what} '{spec}' names no class; give {name}:Name")
        forms = "file.py:Name or package.module:Name" if self.takes_files else "package.module:Name"
        raise UserError(f"unknown {self.what} '{name}'; {suggest(name, registered)}; or give {forms}")

    def _load_entry(self, entry: EntryPoint) -> Callable[..., Any]:
        try:
            factory: Callable[..., Any] = entry.load()
        except (ImportError, AttributeError) as error:
            raise UserError(
                f"{self.what} '{entry.name}' cannot be loaded from '{entry.value}': {error}"
            ) from error
        return factory

    def _load_attribute(self, spec: str, module_name: str, attribute: str, is_file: bool) -> Any:
        if not attribute.isidentifier() or not (is_file or _MODULE.fullmatch(module_name)):
            raise UserError(f"{self.what} '{spec}' is not of the form package.module:Name")
        try:
            module = import_file(Path(module_name)) if is_file else _import_module(module_name)
        except UserError as error:
            raise UserError(f"{self.what} '{spec}': {error}") from error
        except (Exception, SystemExit) as error:
            reason = describe_error(error).splitlines()[0]
            raise UserError(f"{self.what} '{spec}': cannot import '{module_name}': {reason}") from error
        if not callable(getattr(module, attribute, None)):
            names = [name for name, value in vars(module).items() if inspect.isclass(value)]
            known = suggest(attribute, names, "there")
            raise UserError(f"{self.what} '{spec}': '{module_name}' has no '{attribute}'; {known}")
        return getattr(module, attribute)

    def _parse_options(self, spec: str, text: str) -> dict[str, Any]:
        options: dict[str, Any] = {}
        for part in _OPTION_ENDS.split(text):
            key, separator, value = part.partition("=")
            if not separator or not key.isidentifier() or not value:
                raise UserError(f"{self.what} '{spec}': option '{part}' is not of the form name=value")
            if key in options:
                raise UserError(f"{self.what} '{spec}': option '{key}' is given twice")
            options[key] = _parse_value(value)
        return options

    def _build(self, spec: str, factory: Callable[..., Any], options: dict[str, Any]) -> Any:
        known = _option_names(factory)
        for option in options:
            if option not in known:
                name = spec.partition(":")[0]
                raise UserError(
                    f"{self.what} '{name}' has no option '{option}'; {suggest(option, known, 'its options')}"
                )
        try:
            built = factory(**options)
        except (InputError, UserError) as error:
            raise UserError(f"{self.what} '{spec}': {error}") from error
        except (Exception, SystemExit) as error:
            raise UserError(f"{self.what} '{spec}': {_build_error(error, options)}") from error
        if not isinstance(built, self.base):
            raise UserError(
                f"{self.what} '{spec}' gives a {type(built).__name__}; "
                f"it must be a subclass of {self.base_name}"
            )
        return built


def import_file(path: Path) -> ModuleType:
    """The module that a user's file is, loaded once a process; its neighbours can be imported from it.

    Raises UserError for what is no file, or lies in a run directory or beside a model: those are data,
    copied from anywhere, and no code of theirs is run.
    """
    path = path.resolve()
    if not path.is_file():
        raise UserError(f"there is no file '{path}'")
    for folder in path.parents:
        if (folder / "manifest").is_dir() or any(folder.glob("*.safetensors")):
            raise UserError(f"'{path}' lies in a run or model folder, whose code is never run; move it")
    name = "selfplay_file_" + re.sub(r"\W", "_", str(path.with_suffix("")))
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    _append_to_path(path.parent)
    sys.modules[name] = module
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is the command's own
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _import_module(name: str) -> ModuleType:
    _append_to_path(Path.cwd())
    return importlib.import_module(name)


def _append_to_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _parse_value(text: str) -> Any:
    """A number, true or false; anything else stays a string."""
    if text in ("true", "false") or re.fullmatch(r"-?\d{1,18}(\.\d{1,18})?(e-?\d{1,2})?", text):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _option_names(factory: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return []
    return [parameter.name for parameter in parameters if parameter.kind in (1, 3)]


def _build_error(error: BaseException, options: Mapping[str, Any]) -> str:
    if isinstance(error, TypeError) and "incompatible" in str(error):
        given = ", ".join(f"{name}={json.dumps(value)[:40]}" for name, value in options.items())
        return f"an option has a value of the wrong type: {given or 'none was given'}"
    return " ".join(describe_error(error).split())[:400]
