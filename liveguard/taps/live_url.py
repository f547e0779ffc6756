"""A live stream from the network that is opened again whenever it breaks off.

reading thread: FileTap.samples() -> queue -> LiveUrlTap.samples(), on one timeline
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator

from liveguard.back_off import STEADY_S, pause_s
from liveguard.errors import LiveguardError
from liveguard.taps.capture import monotonic_us
from liveguard.taps.live_timeline import LiveTimeline
from liveguard.types import FeedInfo, Tap, TapSample

log = logging.getLogger(__name__)
POLL_S = 0.25
STALLED_US = 2_000_000
MOST_WAITING = 8  # samples; beyond, the sender waits


class LiveUrlTap:
    """Plays `first`, a stream that is open, and what `open_again` gives whenever it has broken off, until it is closed: after a
    second, and then after ever longer pauses of at most half a minute, for as long as it takes. What is missed is a gap, said
    while it lasts.

    `lasting`: the stream has no end of its own (`FileTap.lasting`): where it ends it is opened again, too, and it comes so
    evenly that it is missed after 2 s. Others (HLS) are missed once they broke off: their parts may come seconds apart.
    Iterate on one thread; `close` may be called from any and returns at once, and `join` waits for the reading thread, which
    FFmpeg may hold up for as long as it waits for the network. Raises what is wrong with the first connection if that brings
    nothing.
    """

    def __init__(self, first: Tap, open_again: Callable[[], Tap], lasting: bool) -> None:
        self.info: FeedInfo = first.info
        self._open_again, self._lasting = open_again, lasting
        self._closed = threading.Event()
        self._waiting: queue.Queue[TapSample | _Change] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._read, args=(first,), name="liveguard-stream", daemon=True)
        self._thread.start()

    def samples(self) -> Iterator[TapSample]:
        """Samples as they come, gaps where none do, until `close` or the stream's own end."""
        timeline, away, looked_s = LiveTimeline(self.info.tracks, monotonic_us), False, 0.0
        while not self._closed.is_set():
            try:
                came = self._waiting.get(timeout=POLL_S)
            except queue.Empty:
                came = None
            if isinstance(came, _Ended):
                if came.error is not None:
                    raise came.error
                return
            if isinstance(came, _Change):
                away = isinstance(came, _Lost)
                if not away:
                    timeline.connected()
            elif came is not None:
                yield from timeline.place(came)
            if (self._lasting or away) and time.monotonic() - looked_s > POLL_S:
                looked_s = time.monotonic()
                yield from timeline.missing(STALLED_US)

    def close(self) -> None:
        """End the iteration. Any thread, any number of times."""
        self._closed.set()

    def join(self, timeout_s: float) -> bool:
        """After `close`: wait until nothing is read any more."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # --- the reading thread -----------------------------------------------------------------------------------------

    def _read(self, first: Tap) -> None:
        try:
            self._put(_Ended(self._read_all(first)))
        except Exception as error:  # noqa: BLE001 (whatever it is, the feed must not go on as if it were only silent)
            self._put(_Ended(LiveguardError(f"{self.info.name}: {type(error).__name__}: {error}")))

    def _read_all(self, first: Tap) -> LiveguardError | None:
        """One connection after the other; what is wrong with the first one if that is all there is to say."""
        connection, pauses = _Connection(first), -1
        while True:
            broken = self._play(connection)
            if self._closed.is_set() or (broken is None and not self._lasting):
                return None
            if connection.tap is first and connection.brought_s is None:
                return broken
            log.warning("%s; opening it again", broken or f"{self.info.name}: the stream has ended")
            self._put(_Lost())
            pauses = 0 if connection.steady else pauses + 1
            again, pauses = self._again(pauses)
            if again is None:
                return None
            connection = again
            log.warning("%s: it is there again", self.info.name)
            self._put(_Change())

    def _play(self, connection: _Connection) -> LiveguardError | None:
        """Hand on what a connection brings, until it ends (None) or breaks off."""
        try:
            for sample in connection.tap.samples():
                connection.brought_s = time.monotonic()
                if not self._put(sample):
                    break
        except LiveguardError as error:
            return error
        return None

    def _again(self, pauses: int) -> tuple[_Connection | None, int]:
        """The next connection, None once closed, and how many pauses in a row brought nothing."""
        told = ""
        while not self._closed.wait(pause_s(pauses)):
            try:
                return _Connection(self._open_again()), pauses
            except LiveguardError as error:
                if str(error) != told:  # each reason once, not every time
                    told = str(error)
                    log.warning("%s", told)
            pauses += 1
        return None, pauses

    def _put(self, item: TapSample | _Change) -> bool:
        """Wait for room; False once closed."""
        while not self._closed.is_set():
            try:
                self._waiting.put(item, timeout=POLL_S)
            except queue.Full:
                continue
            return True
        return False


class _Connection:
    """`brought_s`: when something came last."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self.brought_s: float | None = None
        self._began_s = time.monotonic()

    @property
    def steady(self) -> bool:
        return self.brought_s is not None and self.brought_s - self._began_s > STEADY_S


class _Change:
    """A new connection begins."""


class _Lost(_Change):
    """The connection has broken off."""


class _Ended(_Change):
    """Nothing more will come."""

    def __init__(self, error: LiveguardError | None) -> None:
        self.error = error
