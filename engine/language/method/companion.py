"""Models that a method trains beside the student: reward models, a value model, a judge of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from engine.language.model.model import LanguageModel

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


class Companions:
    """Those of one turn, by name; they belong to the accepted model, as its weights do.

    They are committed with the iteration, in a folder of its checkpoint each, and come back with the model
    that they belong to: on resume, and where it is rolled back. Where the turn's model is rejected, what its
    companions have learnt is gone with it. One that has not changed is not written again.

    Args:
        places: the iteration whose checkpoint holds each that there is.
        read: reads one of a checkpoint, anew each time.
    """

    def __init__(self, places: Mapping[str, int], read: Callable[[str, int], LanguageModel]) -> None:
        self._places = dict(places)
        self._read = read
        self._models: dict[str, LanguageModel] = {}
        self._digests: dict[str, str] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._places or name in self._models

    def get(self, name: str, make: Callable[[], LanguageModel]) -> LanguageModel:
        """The companion of that name, for the caller to train in place; `make` gives it where there is none.

        What `make` returns is no model that the turn has already (copy it). With an adapter it goes over the
        model that the run began with. `name` is of lower-case letters, digits and `-`.
        """
        assert _NAME.fullmatch(name), name
        if name not in self._models:
            known = name in self._places
            model = self._read(name, self._places[name]) if known else make()
            self._models[name], self._digests[name] = model, model.digest() if known else ""
        return self._models[name]

    def changed(self) -> dict[str, LanguageModel]:
        """Those that are new, or trained since they were read."""
        return {name: each for name, each in self._models.items() if each.digest() != self._digests[name]}

    def places(self, iteration: int) -> dict[str, int]:
        """Where each will be once those that have changed are committed with `iteration`."""
        return self._places | dict.fromkeys(self.changed(), iteration)
