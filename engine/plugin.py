"""Things by name that plug in from outside: registered in an entry-point group, or anyone's Python."""

from __future__ import annotations

import contextlib
import difflib
import functools
import importlib
import importlib.util
import inspect
import json
import operator
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from engine._core import InputError
from engine.errors import UserError, describe_error

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_FORMS = "file.py:Name or package.module:Name"
_WHOLE = "(?:0|[1-9][0-9]{0,17})"
"""A whole number as a person writes it: 003 is a text."""
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
    """What one entry-point group holds, and what a user's own Python adds to it.

    A spec is `name[:a=b,…]`, `path/to/file.py:Name[:a=b,…]` or `package.module:Name[:a=b,…]`; a module that
    is not installed is looked for in the working directory, or in the folder written before it
    (`folder/package.module:Name`).
    """

    what: str
    """In messages: game, task."""
    group: str
    base: type
    """What every plug-in must be an instance of."""
    base_name: str
    """Where a user finds it."""

    def names(self) -> list[str]:
        """Registered names, sorted."""
        return sorted(self._registered())

    def option_names(self, spec: str) -> list[str]:
        """Names of the options that the thing of `spec` takes."""
        return _option_names(self._resolve(spec)[0])

    def options(self, spec: str) -> dict[str, Any]:
        """Options that the thing of `spec` takes, with their defaults; those without one are left out."""
        return _defaults(self._resolve(spec)[0])

    def find(self, spec: str) -> Callable[..., Any]:
        """The class or function that `spec` names, whatever it makes; raise UserError."""
        return self._resolve(spec)[0]

    def load(self, spec: str, options: Mapping[str, Any]) -> Any:
        """Build what `spec` names; `options` go over those written there.

        Raise UserError for an unknown name or option and for a value that is refused.
        """
        factory, written = self._resolve(spec)
        return self._build(spec, factory, {**written, **options})

    def located(self, spec: str) -> str:
        """`spec` as it holds in every directory: a user's file, or the folder of a module that is not
        installed, by its whole path. Raise UserError where there is no such thing.
        """
        name, colon, rest = spec.partition(":")
        if name in self._registered() or not colon:
            return spec
        self._resolve(spec)
        if name.endswith(".py"):
            return f"{_find_file(Path(name))}:{rest}"
        module = _PACKAGES_OF_USERS.get(_top(name))
        return spec if module is None else f"{module / Path(name).name}:{rest}"

    def is_same(self, one: str, other: str) -> bool:
        """Whether two specs name the same thing, wherever its file lies."""
        return _without_folder(one) == _without_folder(other)

    def _registered(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=self.group)}

    def _resolve(self, spec: str) -> tuple[Callable[..., Any], dict[str, Any]]:
        registered = self._registered()
        name, _, rest = spec.partition(":")
        if name in registered:
            return self._load_entry(registered[name]), self._parse_options(spec, rest) if rest else {}
        attribute, _, options = rest.partition(":")
        is_file = name.endswith(".py")
        if rest and "=" not in attribute:
            factory = self._load_attribute(spec, name, attribute, is_file)
            return factory, self._parse_options(spec, options) if options else {}
        if is_file:
            raise UserError(f"{self.what} '{spec}' names no class; give {name}:Name")
        raise UserError(f"unknown {self.what} '{name}'; {suggest(name, registered)}; or give {_FORMS}")

    def _load_entry(self, entry: EntryPoint) -> Callable[..., Any]:
        try:
            factory: Callable[..., Any] = entry.load()
        except (ImportError, AttributeError) as error:
            raise UserError(
                f"{self.what} '{entry.name}' cannot be loaded from '{entry.value}': {error}"
            ) from error
        return factory

    def _load_attribute(self, spec: str, module_name: str, attribute: str, is_file: bool) -> Any:
        if not attribute.isidentifier() or not (is_file or _MODULE.fullmatch(Path(module_name).name)):
            raise UserError(f"{self.what} '{spec}' is not of the form {_FORMS}")
        try:
            module = import_file(_find_file(Path(module_name))) if is_file else _import_module(module_name)
        except UserError as error:
            raise UserError(f"{self.what} '{spec}': {error}") from error
        except (Exception, SystemExit) as error:
            reason = describe_error(error).splitlines()[0]
            if isinstance(error, ModuleNotFoundError) and not is_file and error.name == _top(module_name):
                reason = "neither installed nor in this folder; start where it lies, or give file.py:Name"
            raise UserError(f"{self.what} '{spec}': cannot import '{module_name}': {reason}") from error
        if not callable(getattr(module, attribute, None)):
            known = suggest(attribute, _class_names(module), "there")
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


def _class_names(module: ModuleType) -> list[str]:
    """Of the classes that a module defines, or where it defines none, of those that it imports."""
    classes = {name: value for name, value in vars(module).items() if inspect.isclass(value)}
    own = [name for name, value in classes.items() if value.__module__ == module.__name__]
    return own or list(classes)


def import_file(path: Path) -> ModuleType:
    """The module that a user's file is, loaded once a process; its neighbours can be imported from it.

    Raises UserError for what is no file, or lies in a run directory or beside a model: those are data,
    copied from anywhere, and no code of theirs is run.
    """
    path = path.resolve()
    if not path.is_file():
        raise UserError(f"there is no file '{path}'")
    _require_code_folder(path)
    name = "selfplay_file_" + re.sub(r"\W", "_", str(path.with_suffix("")))
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    vars(module)["__build__"] = functools.partial(build_from_file, str(path))
    _append_to_path(path.parent)
    sys.modules[name] = module
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is the command's own
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def build_from_file(path: str, name: str, /, *arguments: Any, **keywords: Any) -> Any:
    """Call the class `name` of a user's file: how a game of a file comes out of a pickle.

    Raises UserError where the file is gone.
    """
    return operator.attrgetter(name)(import_file(Path(path)))(*arguments, **keywords)


_PACKAGES_OF_USERS: dict[str, Path] = {}
"""Folders of packages and modules that are not installed, by their first name."""

_FOLDERS_OF_USERS: set[str] = set()
"""What has been added to the import path."""


def _import_module(path: str) -> ModuleType:
    """The module `package.module` or `folder/package.module`."""
    name, top = Path(path).name, _top(path)
    if name in sys.modules:
        return sys.modules[name]
    if top not in sys.modules and (name != path or not _is_installed(top)):
        folder = _find_module(Path(path).parent, top)
        _require_code_folder(folder / name)
        _append_to_path(folder)
        importlib.invalidate_caches()
        _PACKAGES_OF_USERS[top] = folder
    with contextlib.redirect_stdout(sys.stderr):  # stdout is the command's own
        return importlib.import_module(name)


def _top(path: str) -> str:
    """The package that `folder/package.module` lies in."""
    return Path(path).name.partition(".")[0]


def _is_installed(top: str) -> bool:
    """Whether a module is found without the working directory, which Python itself may search first, and
    without the folders of users' files.
    """
    first, here = sys.path[:1], str(Path.cwd())
    path = [each for each in sys.path if each not in ("", ".", *_FOLDERS_OF_USERS)]
    if first == [here]:
        path.remove(here)
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_spec")]
    return any(
        finder.find_spec(top, path if finder is PathFinder else None) is not None for finder in finders
    )


def _find_file(path: Path) -> Path:
    """A user's file by its whole path: where it is said to lie, else in the working directory."""
    with contextlib.suppress(RuntimeError):  # a user who has no home
        path = path.expanduser()
    whole = path.absolute()
    if whole.is_file() or not path.is_absolute():
        return whole
    here = Path.cwd() / path.name
    if here.is_file():
        return here
    raise UserError(f"there is no file '{path}'; put it back, or start this in the folder that holds it")


def _find_module(folder: Path, top: str) -> Path:
    """The folder of a module or package: the one it is said to lie in, else the working directory."""
    here = Path.cwd()
    for place in (folder.absolute(), here):
        if (place / f"{top}.py").is_file() or (place / top).is_dir():
            return place
    if not folder.is_absolute():
        return here  # the import says that it is not there
    raise UserError(
        f"there is no '{top}' in '{folder}'; put it back, or start this in the folder that holds it"
    )


def _require_code_folder(path: Path) -> None:
    for folder in path.resolve().parents:
        if (folder / "manifest").is_dir() or any(folder.glob("*.safetensors")):
            raise UserError(f"'{path}' lies in a run or model folder, whose code is never run; move it")


def _without_folder(spec: str) -> str:
    name, colon, rest = spec.partition(":")
    return f"{Path(name).name}{colon}{rest}"


def _append_to_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
        _FOLDERS_OF_USERS.add(str(folder))


def _parse_value(text: str) -> Any:
    """A number, true or false; anything else stays a string."""
    if text in ("true", "True", "false", "False"):
        return text.lower() == "true"
    if re.fullmatch(rf"[+-]?{_WHOLE}", text):
        return int(text)
    if re.fullmatch(rf"[+-]?({_WHOLE}(\.[0-9]{{0,18}})?|\.[0-9]{{1,18}})(e[+-]?[0-9]{{1,2}})?", text):
        return float(text)
    return text


def _option_names(factory: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return []
    return [parameter.name for parameter in parameters if parameter.kind in (1, 3)]


def _defaults(factory: Callable[..., Any]) -> dict[str, Any]:
    known = _option_names(factory)
    if not known:
        return {}
    parameters = inspect.signature(factory).parameters
    return {
        name: parameters[name].default
        for name in known
        if parameters[name].default is not inspect.Parameter.empty
    }


def _build_error(error: BaseException, options: Mapping[str, Any]) -> str:
    if isinstance(error, TypeError) and "incompatible" in str(error):
        given = ", ".join(f"{name}={json.dumps(value)[:40]}" for name, value in options.items())
        return f"an option has a value of the wrong type: {given or 'none was given'}"
    return " ".join(describe_error(error).split())[:400]
