"""A stream of an SFU, watched by WHEP (draft-ietf-wish-whep), on one timeline over any number of connections.

event loop in a thread of its own: Call -> Line -> WebRtcTap -> reader thread: WhepTap.samples()
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING

from liveguard.back_off import pause_s
from liveguard.errors import LiveguardError
from liveguard.rtc.whep_call import Call
from liveguard.rtc.whep_client import WhepClient, WhepError
from liveguard.rtc.whep_url import parse_endpoint
from liveguard.taps.webrtc import Line, WebRtcTap
from liveguard.types import FeedInfo, TapSample, Track

if TYPE_CHECKING:
    from aiortc import RTCIceServer

log = logging.getLogger(__name__)
BOTH: frozenset[Track] = frozenset(("video", "audio"))
CLOSE_S = 4.0  # a little more than the server is given to answer the DELETE


class WhepTap:
    """Subscribes to `whep+https://[user:password@]host/path` (`whep+http://` only near by), and again whenever the connection
    is lost, until it is closed; what is missed meanwhile is a gap.

    Made by any thread, and connected when it is: raises InputError where that fails the first time. A user and password are
    sent as Basic authentication, `token` as Bearer; no message or log holds them, nor the URL's query. `addresses`: of this
    machine, to receive media on (None: all). `ice_servers`: none are needed where the SFU can be reached directly.
    Iterate on one thread; `close` may be called from any, and waits up to 4 s for the server to be told.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        addresses: Sequence[str] | None = None,
        ice_servers: Sequence[RTCIceServer] = (),
    ) -> None:
        self._client = WhepClient(parse_endpoint(url, token))
        self._addresses, self._ice_servers = addresses, ice_servers
        self._tap: WebRtcTap | None = None
        self._broken: LiveguardError | None = None
        self._lock = threading.Lock()
        self._closed_by_s: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None
        self._first: Future[WebRtcTap] = Future()
        self._thread = threading.Thread(target=self._run, name="liveguard-whep", daemon=True)
        self._thread.start()
        try:
            self._feed = self._first.result()
        except BaseException:
            self.close()
            raise
        self.info: FeedInfo = self._feed.info

    def samples(self) -> Iterator[TapSample]:
        """Samples as they come, gaps where none do, until `close`."""
        yield from self._feed.samples()
        if self._broken is not None:
            raise self._broken

    def close(self) -> None:
        """End the subscription and the iteration. Any thread, any number of times."""
        with self._lock:
            first = self._closed_by_s is None
            self._closed_by_s = self._closed_by_s or time.monotonic() + CLOSE_S
            until_s, loop, main, tap = self._closed_by_s, self._loop, self._main, self._tap
        if tap is not None:
            tap.close()
        if first and loop is not None and main is not None:
            with suppress(RuntimeError):  # the loop has ended by itself
                loop.call_soon_threadsafe(main.cancel)
        if threading.current_thread() is not self._thread:
            self._thread.join(max(until_s - time.monotonic(), 0.0))

    # --- the thread of the event loop -------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._watch())
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 (whatever it is, the feed must not go on as if it were only silent)
            self._broken = LiveguardError(f"{self._client.name}: {type(error).__name__}: {error}")
            if self._tap is not None:
                self._tap.close()

    async def _watch(self) -> None:
        with self._lock:
            self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
            if self._closed_by_s is not None:
                return
        try:
            call = await self._subscribe(BOTH)
        except BaseException as error:
            self._first.set_exception(error)
            if isinstance(error, Exception):
                return
            raise
        assert self._tap is not None  # made when the first call got through
        tracks = self._tap.info.tracks
        self._first.set_result(self._tap)
        pauses = -1
        while True:
            try:
                why = await call.lost()
            finally:
                await call.close()
            log.warning("%s: %s; connecting again", self._client.name, why)
            pauses = 0 if call.steady else pauses + 1
            call, pauses = await self._again(tracks, pauses)
            log.warning("%s: connected again", self._client.name)

    async def _again(self, tracks: frozenset[Track], pauses: int) -> tuple[Call, int]:
        """The next call that gets through, however long it takes, and how many pauses in a row brought nothing."""
        told, asked_s = "", 0.0
        while True:
            await asyncio.sleep(max(pause_s(pauses), asked_s))
            try:
                return await self._subscribe(tracks), pauses
            except WhepError as error:
                asked_s = error.retry_after_s or 0.0
                if str(error) != told:  # each reason once, not every time
                    told = str(error)
                    log.warning("%s", told)
            pauses += 1

    async def _subscribe(self, tracks: frozenset[Track]) -> Call:
        call = Call(self._client, tracks, self._line, self._addresses, self._ice_servers)
        try:
            await call.open()
        except BaseException:
            await call.close()
            raise
        return call

    def _line(self, tracks: frozenset[Track]) -> Line:
        if self._tap is None:
            self._tap = WebRtcTap(self._client.name, tracks)
        return self._tap.connect()
