"""Tables: CSV, values parted by tabs, and Parquet, as rows such as JSON lines hold."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import UserError
from engine.json_object import parse_document

_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")

READ = "CSV with a line of names first (.csv, .tsv, either in .gz) or Parquet (.parquet)"
MAX_BYTES = 1 << 28
"""Of a table, unpacked."""

Row = tuple[str, dict[str, Any]]


def is_table(path: Path) -> bool:
    """Whether the name, in letters of any case, is that of a table."""
    return path.name.lower().endswith(_ENDINGS)


def table_rows(path: Path) -> Iterator[Row]:
    """The rows of a table, numbers as text, as `row_file.read_rows` has them; UserError likewise.

    A cell of a CSV file that is a JSON list of messages counts as that list.
    """
    try:
        if path.name.lower().endswith(".parquet"):
            yield from _parquet_rows(path)
        else:
            yield from _csv_rows(path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"table '{path}': damaged gzip: {error}") from error
    except OSError as error:
        raise UserError(f"table '{path}': {error.strerror or error}; give {READ}") from error


def _csv_rows(path: Path) -> Iterator[Row]:
    name = path.name.lower()
    with path.open("rb") as file:
        stream = gzip.GzipFile(fileobj=file) if name.endswith(".gz") else file
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise UserError(f"table '{path}': more than {MAX_BYTES} bytes; give JSON lines")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"table '{path}' is not UTF-8: byte {error.start}") from error
    tabs = name.removesuffix(".gz").endswith(".tsv")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if tabs else ",", strict=True)
    names: list[str] = []
    try:
        for cells in reader:
            where = f"{path}:{reader.line_num}"
            if not names:
                names = _header(where, cells)
            elif cells:
                if len(cells) != len(names):
                    raise UserError(f"{where}: {len(cells)} cells under {len(names)} names")
                yield where, {column: _cell(cell) for column, cell in zip(names, cells, strict=True)}
    except csv.Error as error:
        raise UserError(f"{path}:{reader.line_num}: {error}; quote cells by RFC 4180") from error


def _header(where: str, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{where}: the column {twice[:60]!r} is named twice")
    return names


def _cell(cell: str) -> Any:
    """The text of a cell, or the messages that it holds."""
    if cell.lstrip().startswith("[{"):
        try:
            found = parse_document(cell)
        except ValueError:
            return cell
        if all(isinstance(each, dict) and {"role", "content"} <= set(each) for each in found):
            return found
    return cell


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}: row {number}", {name: _plain(value) for name, value in row.items()}
    except (pa.ArrowException, UnicodeDecodeError) as error:
        told = " ".join(str(error).split())[:200]
        raise UserError(f"table '{path}': no Parquet that can be read: {told}") from error


def _plain(value: Any) -> Any:
    """A value as a JSON row would hold it."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return json.dumps(value)
    return str(value)
