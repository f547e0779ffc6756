"""Events as JSON lines: one object a line, appended to a file or written to a stream, each line flushed."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, TextIO

from liveguard import wire
from liveguard.errors import ConfigError, SinkError
from liveguard.types import Event


class JsonlSink:
    """Writes events of `kinds` (all by default) to a path, to "-" (standard output) or to a text stream.

    One thread at a time. A path is appended to, each line in one write, so that two processes may share it.
    If the disk fills up in the middle of a line, or an earlier process died there, the next line begins on a
    new one: a reader loses that line and nothing else. A stream that was given is left open by `close`.
    """

    def __init__(self, target: str | Path | TextIO, *, kinds: Collection[str] = wire.KINDS) -> None:
        """`ConfigError` for an unknown kind, `SinkError` if the file cannot be opened."""
        self._kinds = frozenset(kinds)
        if not self._kinds <= wire.KINDS:
            raise ConfigError(f"jsonl kinds: only {', '.join(sorted(wire.KINDS))} are allowed")
        self._stream: TextIO | None = None
        self._file: BinaryIO | None = None
        self._torn = False
        if isinstance(target, str | Path) and target != "-":
            self.name = Path(target).name
            self._open(Path(target))
        else:
            self.name = "standard output" if target == "-" else "stream"
            self._stream = sys.stdout if isinstance(target, str | Path) else target

    def send(self, event: Event) -> None:
        """Write one line and flush it; `SinkError` if it is not wholly written (disk full, closed pipe)."""
        try:
            if wire.kind(event) not in self._kinds:
                return
            line = wire.dumps(event) + "\n"
            if self._stream is not None:
                self._stream.write(line)
                self._stream.flush()
            else:
                self._append(line.encode("ascii"))
        except (OSError, ValueError, wire.WireError) as exc:  # ValueError: the stream was closed
            raise SinkError(f"{self.name}: {exc}") from exc

    def close(self) -> None:
        """Close the file, if it is ours. May be called again."""
        if self._file is not None:
            self._file.close()

    def _open(self, path: Path) -> None:
        try:
            # Unbuffered: nothing is left over to be written, or to fail, later on.
            self._file = path.open("ab", buffering=0)
            self._torn = _ends_torn(path)
        except OSError as exc:
            raise SinkError(f"{path.name}: {exc.strerror}") from exc

    def _append(self, line: bytes) -> None:
        if self._file is None:
            raise ValueError("no file is open")
        data = memoryview(b"\n" + line if self._torn else line)
        while data:
            # A full disk takes a part first and fails on the rest.
            written = self._file.write(data)
            self._torn = True
            data = data[written:]
        self._torn = False


def _ends_torn(path: Path) -> bool:
    """Whether the file's last line has no end; False for a pipe or device."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
