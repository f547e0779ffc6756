"""A typed door to PortAudio: only what is used of `sounddevice`, which carries no types."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast

from liveguard.errors import BackendError
from liveguard.types import FloatArray


class BufferTime(Protocol):
    """Seconds on the clock of the stream."""

    @property
    def currentTime(self) -> float: ...  # noqa: N802 (PortAudio's name)
    @property
    def inputBufferAdcTime(self) -> float: ...  # noqa: N802 (PortAudio's name)


class Flags(Protocol):
    @property
    def input_overflow(self) -> bool: ...


Callback = Callable[[FloatArray, int, BufferTime, Flags], None]


class InputStream(Protocol):
    @property
    def samplerate(self) -> float: ...
    @property
    def latency(self) -> float: ...
    @property
    def active(self) -> bool: ...
    def start(self) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...


class PortAudio(Protocol):
    """The module `sounddevice`. `PortAudioError` is what its calls raise."""

    PortAudioError: type[Exception]

    def query_devices(self) -> Sequence[Mapping[str, Any]]: ...
    def InputStream(  # noqa: N802 (sounddevice's name)
        self, *, device: int, channels: int, samplerate: float, dtype: str, callback: Callback
    ) -> InputStream: ...
    def query_hostapis(self) -> Sequence[Mapping[str, Any]]: ...
    def _terminate(self) -> None: ...
    def _initialize(self) -> None: ...


def load() -> PortAudio:
    """`sounddevice`, ready for use. Raises `BackendError` when it or the PortAudio library is missing."""
    try:
        return cast(PortAudio, importlib.import_module("sounddevice"))
    except ImportError:
        raise BackendError("a microphone needs the package sounddevice; install liveguard[live]") from None
    except OSError:
        raise BackendError(
            "a microphone needs the PortAudio library; install libportaudio2 (Debian, Ubuntu) or portaudio"
        ) from None


_users = 0
_users_lock = threading.Lock()


def count_user(change: int) -> None:
    """Note that a microphone of this process came (+1) or went (-1). Any thread."""
    global _users
    with _users_lock:
        _users += change


def refresh(portaudio: PortAudio) -> None:
    """Let PortAudio look again which devices there are. Any thread.

    It does so only when it starts afresh, which ends all its streams; so this does nothing while several
    microphones are in use.
    """
    with _users_lock:
        if _users <= 1:
            portaudio._terminate()
            portaudio._initialize()
