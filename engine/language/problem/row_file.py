"""Files of rows: JSON lines, or one JSON document with an array or an object of rows; gzip of both."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import UserError
from engine.json_object import parse_document, parse_object

ENDINGS = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz", ".gz")
"""Of names, in letters of any case."""

READ = "JSON lines (.jsonl), a JSON array or object of rows (.json), or either in .gz"
MAX_BYTES = 1 << 30
"""Of a file, unpacked."""

MAX_DOCUMENT_BYTES = 1 << 28
MAX_LINE_BYTES = 1 << 23

Row = tuple[str, dict[str, Any]]
"""(where it stands, what it holds; numbers as they are written)."""


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file; raise UserError naming the file, and the line, of what cannot be read."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            stream = gzip.GzipFile(fileobj=file) if packed else file
            if path.name.lower().removesuffix(".gz").endswith(".json"):
                yield from _document_rows(path, stream.read(MAX_DOCUMENT_BYTES + 1))
            else:
                yield from _line_rows(path, stream)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"prompts '{path}': damaged gzip: {error}") from error
    except OSError as error:
        raise UserError(f"prompts '{path}': {error.strerror or error}; give {READ}") from error


def _line_rows(path: Path, stream: Any) -> Iterator[Row]:
    number = total = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number, total = number + 1, total + len(line)
        where = f"{path}:{number}"
        if len(line) > MAX_LINE_BYTES:
            raise UserError(f"{where}: a line of more than {MAX_LINE_BYTES} bytes")
        if total > MAX_BYTES:
            raise UserError(f"{where}: more than {MAX_BYTES} bytes; give less")
        text = _decoded(path, line, total - len(line))
        if text.strip():
            try:
                yield where, parse_object(text, parse_number=str)
            except ValueError as error:
                raise UserError(f"{where}: {error}") from error


def _document_rows(path: Path, data: bytes) -> Iterator[Row]:
    if len(data) > MAX_DOCUMENT_BYTES:
        raise UserError(f"prompts '{path}': more than {MAX_DOCUMENT_BYTES} bytes; give JSON lines")
    text = _decoded(path, data, 0)
    try:
        document = parse_document(text, parse_number=str)
    except ValueError as error:
        if "Extra data" not in str(error):
            raise UserError(f"prompts '{path}': {error}") from error
        yield from _line_rows(path, io.BytesIO(data))  # JSON lines by another name
        return
    if isinstance(document, dict):
        if len(document) == 1 and isinstance(next(iter(document.values())), list):
            document = next(iter(document.values()))
        elif document and all(isinstance(row, dict) for row in document.values()):
            yield from ((f"{path}: row {json.dumps(name)[:40]}", row) for name, row in document.items())
            return
        else:
            yield f"{path}: row 1", document
            return
    if not isinstance(document, list):
        raise UserError(f"prompts '{path}': {json.dumps(document)[:60]} is no row; give {READ}")
    for number, row in enumerate(document, start=1):
        if not isinstance(row, dict):
            raise UserError(f"{path}: row {number}: {json.dumps(row)[:60]} is not a JSON object")
        yield f"{path}: row {number}", row


def _decoded(path: Path, data: bytes, before: int) -> str:
    try:
        return data.decode("utf-8-sig" if before == 0 else "utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"prompts '{path}' are not UTF-8: byte {before + error.start}") from error
