"""The sink of a guarded participant: stores alerts, counts, and tells whoever listens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from liveguard import utc
from liveguard.errors import SinkError
from liveguard.server.database import StoreError
from liveguard.server.guarded import Guarded
from liveguard.server.metrics import Metrics
from liveguard.server.store import Store
from liveguard.types import Alert, Event
from liveguard.wire import to_dict

MOST_UNSTORED: Final = 1000


class PublisherSink:
    """`say(guarded, message)` is called on the sink's thread. `now` is asked when an alert is first sent, and that holds
    however often the store must be tried."""

    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        guarded: Guarded,
        say: Callable[[Guarded, dict[str, Any]], None],
        now: Callable[[], datetime] = utc.now,
    ) -> None:
        self._store, self._metrics, self._guarded, self._say, self._now = store, metrics, guarded, say, now
        self._owed: dict[tuple[str, str], datetime] = {}  # alerts that were told before they could be stored, and when

    def send(self, event: Event) -> None:
        """Raises SinkError for an alert that could not be stored, so that it is sent again; it is told at once, and once."""
        message: dict[str, Any] = {"type": "event", "session": self._guarded.id, "event": to_dict(event)}
        told = False
        if isinstance(event, Alert):
            key = event.id, event.state
            told = key in self._owed
            at = self._owed[key] if told else self._now()
            try:
                message["alert"] = self._store.put_alert(self._guarded.id, event, at, _simulation(event))
            except StoreError as error:
                if not told:
                    self._owe(key, at)
                    self._tell(message, event)
                raise SinkError(str(error)) from error
            self._owed.pop(key, None)
        if not told:
            self._tell(message, event)

    def close(self) -> None:
        """The store is the server's."""

    def _owe(self, key: tuple[str, str], at: datetime) -> None:
        self._owed[key] = at
        if len(self._owed) > MOST_UNSTORED:
            del self._owed[next(iter(self._owed))]

    def _tell(self, message: dict[str, Any], event: Event) -> None:
        self._say(self._guarded, message)
        self._metrics.event(event, _simulation(event) is not None)
        if self._guarded.on_event is not None:
            self._guarded.on_event(event)


def _simulation(event: Event) -> str | None:
    return None if event.origin is None else event.origin.simulation
