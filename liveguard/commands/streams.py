"""Standard output and errors as commands write to them: what goes wrong there has a name, and no wrong exit status.

By itself Python ends with 1 where an output fails, and so does rich where its reader has gone; here 1 means an alert.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO, cast

from liveguard.errors import SinkError

UNREAD = 141  # the exit status, as shells say it for SIGPIPE


class OutputError(SinkError):
    """Standard output cannot be written, as on a full disk."""


class UnreadError(SinkError):
    """Whoever read standard output has gone: nothing more needs to be said."""


@contextmanager
def standard_streams() -> Iterator[None]:
    """Within, writing to standard output raises OutputError or UnreadError, and what cannot be said on standard error is
    dropped. Characters that a stream's encoding lacks are replaced on both."""
    streams = [stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr)]  # noqa: SIM115 (None: it is closed)
    out, errors = (
        cast("TextIO", _Stream(stream, failed))
        for stream, failed in zip(streams, (_output_failed, _nobody_to_tell), strict=True)
    )
    try:
        with redirect_stdout(out), redirect_stderr(errors):
            yield
    finally:
        for stream in streams:
            _let_go(stream)


class _Stream:
    """A text stream, but that `failed` says what to make of an error."""

    def __init__(self, stream: TextIO, failed: Callable[[OSError], None]) -> None:
        self._stream, self._failed = stream, failed

    def write(self, text: str) -> int:
        encoding = self._stream.encoding or "utf-8"
        try:
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
        except OSError as error:
            self._failed(error)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._failed(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _output_failed(error: OSError) -> None:
    if isinstance(error, BrokenPipeError):
        raise UnreadError("nobody reads standard output any more") from error
    raise OutputError(f"standard output: {error.strerror or error}") from error


def _nobody_to_tell(_error: OSError) -> None:
    pass


def _let_go(stream: TextIO) -> None:
    """What a stream did not take it would be given again when Python ends, which fails a second time, and then with 120."""
    try:
        stream.flush()
    except OSError:
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
