"""The sink of a guarded participant: stores alerts, counts, and tells whoever listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from liveguard import utc
from liveguard.errors import SinkError
from liveguard.server.database import StoreError
from liveguard.server.guarded import Guarded
from liveguard.server.metrics import Metrics
from liveguard.server.store import Store, StoreSink
from liveguard.types import Alert, Event
from liveguard.wire import to_dict


class PublisherSink:
    """`say(guarded, message)` is called on the sink's thread."""

    def __init__(
        self, store: Store, metrics: Metrics, guarded: Guarded, say: Callable[[Guarded, dict[str, Any]], None]
    ) -> None:
        self._metrics, self._guarded, self._say = metrics, guarded, say
        self._store = StoreSink(store, guarded.id, utc.now)
        self._owed: set[tuple[str, str]] = set()  # alerts that were told before they could be stored

    def send(self, event: Event) -> None:
        """Raises SinkError for an alert that could not be stored, so that it is sent again; it is told at once, and once."""
        message: dict[str, Any] = {"type": "event", "session": self._guarded.id, "event": to_dict(event)}
        told = False
        if isinstance(event, Alert):
            key = event.id, event.state
            told = key in self._owed
            try:
                message["alert"] = self._store.store(event)
            except StoreError as error:
                if not told:
                    self._owed.add(key)
                    self._tell(message, event)
                raise SinkError(str(error)) from error
            self._owed.discard(key)
        if not told:
            self._tell(message, event)

    def _tell(self, message: dict[str, Any], event: Event) -> None:
        self._say(self._guarded, message)
        self._metrics.event(event, event.origin is not None and event.origin.simulation is not None)
        if self._guarded.on_event is not None:
            self._guarded.on_event(event)

    def close(self) -> None:
        """The store is the server's."""
