"""Settings files of model folders, in JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.errors import CorruptFileError, UserError
from engine.run import storage

_MAX_BYTES = 1 << 24
"""No settings file is as large."""


def read_settings(path: Path, what: str) -> dict[str, Any]:
    """The settings in a file of the folder of a `what`.

    Raises UserError where there is no such file or it names code of its own, CorruptFileError for what is no
    JSON object.
    """
    if not path.is_file():
        raise UserError(f"'{path.parent}' has no {path.name}; give the folder of a {what}")
    try:
        content = json.loads(storage.read_checked(path, max_bytes=_MAX_BYTES))
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(f"'{path}' is damaged: not JSON") from error
    if not isinstance(content, dict):
        raise CorruptFileError(f"'{path}' is damaged: not a JSON object")
    for key in ("auto_map", "auto_mapping", "custom_pipelines"):
        if content.get(key):
            raise UserError(
                f"'{path}' names code of its own ({key}), which is never run; take another {what}"
            )
    return content
