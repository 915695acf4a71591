"""Tables as Parquet files, whole or refused: zstd, page checksums, SHA-256, the format in the metadata."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import CorruptFileError
from engine.run import storage
from engine.run.storage import Digest


def described(name: str, kind: pa.DataType, does: str, nullable: bool = False) -> pa.Field:
    """A column that says in the file what it holds: `schema.field(name).metadata[b"description"]`."""
    return pa.field(name, kind, nullable, {"description": does})


def column_rows(schema: pa.Schema) -> list[dict[str, str]]:
    """A row a column of a schema whose fields are `described`: column, type, holds."""
    return [
        {
            "column": field.name,
            "type": _type_name(field.type),
            "holds": field.metadata[b"description"].decode(),
        }
        for field in schema
    ]


def _type_name(kind: pa.DataType) -> str:
    if pa.types.is_fixed_size_list(kind):
        return f"{kind.list_size} x {_type_name(kind.value_type)}"
    if pa.types.is_list(kind):
        return f"list of {_type_name(kind.value_type)}"
    return "struct" if pa.types.is_struct(kind) else str(kind)


@dataclass(frozen=True)
class TableFormat:
    """A kind of file: its columns, and what is checked when it is read."""

    what: str
    """In messages: replay, episode."""
    version: int
    """A newer one is refused."""
    schema: pa.Schema
    subject: str
    """What every row is about: `selfplay.<subject>` of the metadata names it."""
    rows: str
    """In messages: games, episodes."""
    older: Mapping[int, pa.Schema] = field(default_factory=dict)
    """Columns of earlier versions that are still read, as they are."""

    def write(self, path: Path, tables: Iterable[pa.Table], subject: str) -> Digest:
        """Write tables one after another, whole or not at all; `tables` may be a generator."""
        metadata = {"selfplay.format": str(self.version), f"selfplay.{self.subject}": subject}
        schema = self.schema.with_metadata(metadata)
        sink = io.BytesIO()
        with pq.ParquetWriter(sink, schema, compression="zstd", write_page_checksum=True) as writer:
            for table in tables:
                writer.write_table(table.replace_schema_metadata(metadata), row_group_size=1 << 20)
        return storage.atomic_write(path, sink.getvalue())

    @contextmanager
    def read(self, path: Path, subject: str | None, digest: Digest | None) -> Iterator[pq.ParquetFile]:
        """An open file; what is raised while it is read says that it is damaged.

        Raises CorruptFileError for a file that is damaged, not what `digest` says, about another subject,
        or of a newer format.
        """
        data = storage.read_checked(path, digest)
        try:
            file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
            version = self._check_metadata(path, file.schema_arrow.metadata or {}, subject)
            if not file.schema_arrow.equals(self.older.get(version, self.schema)):
                raise CorruptFileError(
                    f"'{path}' has other columns than {self.what} files of format {version}"
                )
            yield file
        except (pa.ArrowException, OSError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CorruptFileError(f"'{path}' is damaged: {reason}") from error

    def _check_metadata(self, path: Path, metadata: Mapping[bytes, bytes], subject: str | None) -> int:
        version = metadata.get(b"selfplay.format", b"").decode("ascii", "replace")
        found = metadata.get(f"selfplay.{self.subject}".encode())
        if not version.isdecimal() or found is None:
            raise CorruptFileError(f"'{path}' is no {self.what} file: its metadata names no format")
        if int(version) > self.version:
            raise CorruptFileError(
                f"'{path}' has format {version}, newer than {self.version}; "
                "use the version of selfplay that wrote it"
            )
        name = found.decode("utf-8", "replace")
        if subject is not None and name != subject:
            raise CorruptFileError(f"'{path}' holds {self.rows} of {name}, not of {subject}")
        return int(version)
