"""Events as JSON lines: one object a line, appended to a file or written to a stream, each line flushed."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import TextIO

from liveguard import wire
from liveguard.errors import ConfigError, SinkError
from liveguard.types import Event


class JsonlSink:
    """Writes events of `kinds` (all by default) to a path, to "-" (standard output) or to a text stream.

    One thread at a time. A path is appended to, and other sinks and processes may share it. If the disk fills
    up in the middle of a line, or a process dies there, the next line begins on a new one, whoever writes it: a
    reader loses what was torn and nothing else. A stream that was given is left open by `close`.
    """

    def __init__(self, target: str | Path | TextIO, *, kinds: Collection[str] = wire.KINDS) -> None:
        """`ConfigError` for an unknown kind, `SinkError` if the file cannot be opened."""
        self._kinds = frozenset(kinds)
        if not self._kinds <= wire.KINDS:
            raise ConfigError(f"jsonl kinds: only {', '.join(sorted(wire.KINDS))} are allowed")
        self._stream: TextIO | None = None
        self._file: FileIO | None = None
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
            # Unbuffered: nothing is left over to be written, or to fail, later on. Read only where there is an end to
            # look at: a pipe would no longer wait for who reads it.
            with_end = path.is_file() or not path.exists()
            self._file = FileIO(path, "a+" if with_end else "a")
        except OSError as exc:
            raise SinkError(f"{path.name}: {exc.strerror}") from exc

    def _append(self, line: bytes) -> None:
        if self._file is None:
            raise ValueError("no file is open")
        with _alone(self._file):
            data = memoryview(b"\n" + line if _ends_torn(self._file) else line)
            while data:
                # A full disk takes a part first and fails on the rest.
                data = data[self._file.write(data) :]


@contextmanager
def _alone(file: FileIO) -> Iterator[None]:
    """Nobody else appends meanwhile: each would find the line of the other one torn."""
    with suppress(OSError):  # some shares know no locks; without one only writers at the same moment are mixed up
        fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)


def _ends_torn(file: FileIO) -> bool:
    """Whether the file's last line has no end; False for a pipe or device."""
    size = os.fstat(file.fileno()).st_size if file.readable() else 0
    return size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
