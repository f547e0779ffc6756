"""The recogniser in a process of its own.

PocketSphinx keeps Python's interpreter to itself while it works, half a second at a time: all calls of this process would
stand still, and miss pictures. A process aside also takes it with it when it crashes, and nothing else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import IO, Final

import numpy as np

from liveguard.challenge.recogniser import NOT_INSTALLED, Heard, Sphinx
from liveguard.errors import ConfigError
from liveguard.types import FloatArray

MOST_SAMPLES: Final = 1_000_000


class SphinxAside:
    """English digits by PocketSphinx; a `Recogniser`. Raises ConfigError where it is not installed.

    Any thread may call it; one sound is heard after the other. The process begins with the first sound, and ends with ours.
    """

    def __init__(self) -> None:
        if find_spec("pocketsphinx") is None:
            raise ConfigError(NOT_INSTALLED)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def hear(self, pcm: FloatArray, asked: Sequence[int]) -> Heard | None:
        """As `Sphinx.hear`. Raises RuntimeError where the process ended; the next sound gets a new one."""
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                _send(process.stdin, pcm, asked)
                answer = process.stdout.readline()
            except OSError:
                answer = b""
            if not answer:
                self._stop()
                raise RuntimeError("the recogniser of spoken digits has ended")
        heard = json.loads(answer)
        return None if heard is None else Heard(**{**heard, "digits": tuple(heard["digits"])})

    def close(self) -> None:
        """End the process. May be called again."""
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._stop()
            program = [sys.executable, "-m", "liveguard.challenge.recogniser_aside"]
            self._process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self._process

    def _stop(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
            self._process = None

    def __del__(self) -> None:
        if getattr(self, "_process", None) is not None:
            self._stop()


def _send(to: IO[bytes], pcm: FloatArray, asked: Sequence[int]) -> None:
    sound = np.ascontiguousarray(pcm[:MOST_SAMPLES], np.float32)
    to.write(json.dumps({"samples": len(sound), "asked": list(asked)}).encode() + b"\n")
    to.write(sound.tobytes())
    to.flush()


def serve(stdin: IO[bytes], stdout: IO[bytes]) -> None:
    """Answer sounds until there are no more."""
    sphinx = Sphinx()
    while line := stdin.readline():
        wanted = json.loads(line)
        pcm = np.frombuffer(stdin.read(4 * wanted["samples"]), np.float32)
        heard = sphinx.hear(pcm, wanted["asked"])
        stdout.write(json.dumps(None if heard is None else asdict(heard)).encode() + b"\n")
        stdout.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
