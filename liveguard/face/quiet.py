"""Keeps the start-up chatter of native libraries off a person's terminal.

MediaPipe and TensorFlow Lite write to file descriptor 2 directly, before any logger could be told otherwise and
without a switch. While a graph is made, descriptor 2 goes to a file; then all in it that is no chatter is passed on.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator

# Glog lines of level info and warning, and three sentences that have no level.
_CHATTER = re.compile(
    rb"[IW]\d{4} |INFO: (Created|Initialized) TensorFlow Lite"
    rb"|WARNING: (All log messages before absl::InitializeLog|Logging before InitGoogle|Read-only tensor #)"
)
_descriptor_lock = threading.RLock()  # descriptor 2 belongs to the whole process


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Within it, native chatter on descriptor 2 is dropped; errors and the output of other threads come out at its end.

    Any thread may enter. Does nothing where descriptor 2 is closed, or LIVEGUARD_NATIVE_LOG is set.
    """
    with _descriptor_lock:
        try:
            kept = -1 if os.environ.get("LIVEGUARD_NATIVE_LOG") else os.dup(2)
        except OSError:
            kept = -1
        if kept < 0:
            yield
            return
        with tempfile.TemporaryFile() as caught:
            _flush()
            os.dup2(caught.fileno(), 2)
            try:
                yield
            finally:
                _flush()
                os.dup2(kept, 2)
                os.close(kept)
                caught.seek(0)
                _pass_on(caught.read())


def _pass_on(caught: bytes) -> None:
    lines = caught.splitlines(keepends=True)
    rest = b"".join(line for line in lines if not _CHATTER.match(line))
    with contextlib.suppress(OSError):  # a terminal that went away takes nothing more
        while rest:
            rest = rest[os.write(2, rest) :]


def _flush() -> None:
    with contextlib.suppress(AttributeError, ValueError, OSError):  # no, closed or broken sys.stderr
        sys.stderr.flush()
