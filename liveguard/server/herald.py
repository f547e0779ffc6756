"""Carries what sessions say, on threads of their own, to the event loop and its listeners. Nothing is made for nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from liveguard.server.broadcast import Broadcast, encode
from liveguard.server.guarded import Guarded
from liveguard.server.metrics import Metrics
from liveguard.server.ticks import preview_message, tick_message
from liveguard.session import Tick

TICK_EVERY_S, PREVIEW_EVERY_S = 1 / 16, 1 / 5.5


class Herald:
    """`tick` is called by a session's worker, `said` by its sink's thread; both only queue."""

    def __init__(self, broadcast: Broadcast, metrics: Metrics) -> None:
        self._broadcast, self._metrics = broadcast, metrics
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Until then nobody can listen."""
        self._loop = loop

    def tick(self, guarded: Guarded, tick: Tick) -> None:
        """After each picture, and where none comes after gaps and sound."""
        guarded.tick = Tick(tick.statuses, tick.seen, None, tick.age_ms)  # without its pixels
        if tick.age_ms is not None:
            self._metrics.frame(tick.age_ms / 1000)
        now_s = time.monotonic()
        if not len(self._broadcast) or now_s - guarded.ticked_s < TICK_EVERY_S:
            return
        guarded.ticked_s = now_s
        wanted = self._broadcast.wanted(guarded.id)
        rate_hz = 0.0 if guarded.session is None else guarded.session.rate_hz
        bare = encode(tick_message(guarded.id, tick, rate_hz, mesh=False))
        meshed = encode(tick_message(guarded.id, tick, rate_hz, mesh=True)) if wanted.mesh else bare
        self._call(self._broadcast.tick, guarded.id, bare, meshed)
        if wanted.preview and tick.picture is not None and now_s - guarded.previewed_s >= PREVIEW_EVERY_S:
            guarded.previewed_s = now_s
            self._call(self._broadcast.preview, guarded.id, preview_message(guarded.id, tick.picture))

    def said(self, guarded: Guarded, message: dict[str, Any]) -> None:
        """An event, as the WebSocket carries it."""
        if message["event"]["type"] != "reading":
            self._call(self._broadcast.say, message)
        elif self._broadcast.wanted(guarded.id).readings:
            self._call(self._broadcast.say_reading, guarded.id, message)

    def _call(self, what: Callable[..., None], *arguments: Any) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended, and nobody listens any more
                self._loop.call_soon_threadsafe(what, *arguments)
