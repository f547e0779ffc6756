"""Connections that are held open and say nothing do not shut others out.

They cost whoever opens them nothing, and no token is asked before a request has come. So the head of each request has a time
to come in, and when as many connections are open as are served, the one that a request has been awaited from longest makes
room for the next. There is no limit for each address: behind a proxy all come from one.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S: Final = 10.0


class BoundedHTTPProtocol(H11Protocol):
    """For uvicorn's `http`. A body has its own limit, in the gate; a WebSocket has none once it is one."""

    _head_timer: asyncio.TimerHandle | None = None  # runs exactly while a head is awaited

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        self._make_room()
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._watch()

    def _watch(self) -> None:
        # What was closed, or has become a WebSocket, is no longer among the connections.
        if self in self.connections and (self.cycle is None or self.cycle.response_complete):
            if self._head_timer is None:
                self._head_timer = self.loop.call_later(HEAD_S, self._drop)
        elif self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _make_room(self) -> None:
        if self.limit_concurrency is None or len(self.connections) + 1 < self.limit_concurrency:
            return
        awaited = [
            (one._head_timer.when(), id(one), one)
            for one in self.connections
            if isinstance(one, BoundedHTTPProtocol) and one._head_timer is not None
        ]
        if awaited:
            min(awaited)[-1]._drop()

    def _drop(self) -> None:
        self.connections.discard(self)
        self._watch()
        self.transport.abort()
