"""Says what happens to everybody who listens at a WebSocket, and never waits for one of them.

Of ticks and previews only the latest of each session is kept for a slow listener; of events, a bounded number, and who is
further behind than that is sent away: it can come back and ask what it has missed.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MOST_EVENTS = 512
MOST_LISTENERS = 64
MOST_WISHES = 64
EVERY = "*"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a listener wants of a session, beside what all are told."""

    mesh: bool = False
    preview: bool = False
    readings: bool = False


class Listener:
    """One WebSocket's queue. For the event loop's thread."""

    def __init__(self) -> None:
        self.wishes: dict[str, Wishes] = {}
        self.overrun = False
        self._events: deque[str] = deque()
        self._latest: dict[tuple[str, str], str | bytes] = {}
        self._changed = asyncio.Event()

    def wants(self, session: str) -> Wishes:
        return self.wishes.get(session) or self.wishes.get(EVERY) or Wishes()

    def subscribe(self, session: str, wishes: Wishes) -> None:
        """Raises ValueError for too many sessions."""
        # Nothing is wanted: to be forgotten, unless it is the exception from what is wanted of all.
        if wishes == Wishes() and (session == EVERY or EVERY not in self.wishes):
            self.wishes.pop(session, None)
            return
        if session not in self.wishes and len(self.wishes) >= MOST_WISHES:
            raise ValueError(f"at most {MOST_WISHES} sessions")
        self.wishes[session] = wishes

    def put(self, text: str) -> None:
        if len(self._events) >= MOST_EVENTS:
            self.overrun = True
        else:
            self._events.append(text)
        self._changed.set()

    def put_latest(self, kind: str, session: str, message: str | bytes) -> None:
        self._latest[(kind, session)] = message
        self._changed.set()

    async def next(self) -> str | bytes | None:
        """The next message, events first; None: too far behind."""
        while not (self.overrun or self._events or self._latest):
            self._changed.clear()
            await self._changed.wait()
        if self.overrun:
            return None
        if self._events:
            return self._events.popleft()
        return self._latest.pop(next(iter(self._latest)))


class Broadcast:
    """All listeners. For the event loop's thread, but for `wanted`, which any thread may ask."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._wanted: Mapping[str, Wishes] = {}

    def __len__(self) -> int:
        return len(self._listeners)

    def join(self) -> Listener | None:
        """A new listener; None: there are too many."""
        if len(self._listeners) >= MOST_LISTENERS:
            return None
        listener = Listener()
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        self.count_wishes()

    def count_wishes(self) -> None:
        """Called when a listener has changed its wishes."""
        wanted: dict[str, Wishes] = {}
        for listener in self._listeners:
            for session, wishes in listener.wishes.items():
                other = wanted.get(session, Wishes())
                wanted[session] = Wishes(
                    other.mesh or wishes.mesh, other.preview or wishes.preview, other.readings or wishes.readings
                )
        self._wanted = wanted

    def wanted(self, session: str) -> Wishes:
        """What anybody wants of a session, so that nothing is made for nobody."""
        some, every = self._wanted.get(session, Wishes()), self._wanted.get(EVERY, Wishes())
        return Wishes(some.mesh or every.mesh, some.preview or every.preview, some.readings or every.readings)

    def say(self, message: Mapping[str, Any]) -> None:
        """Tell everybody."""
        text = encode(message)
        for listener in self._listeners:
            listener.put(text)

    def say_reading(self, session: str, message: Mapping[str, Any]) -> None:
        """Tell those who want the readings of a session."""
        text = encode(message)
        for listener in self._those(session, "readings"):
            listener.put(text)

    def tick(self, session: str, bare: str, with_mesh: str) -> None:
        for listener in self._listeners:
            listener.put_latest("tick", session, with_mesh if listener.wants(session).mesh else bare)

    def preview(self, session: str, message: bytes) -> None:
        for listener in self._those(session, "preview"):
            listener.put_latest("preview", session, message)

    def _those(self, session: str, wish: str) -> Iterator[Listener]:
        return (listener for listener in self._listeners if getattr(listener.wants(session), wish))


def encode(message: Mapping[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"), allow_nan=False)
