"""The sink of a guarded participant: stores alerts, counts, and tells whoever listens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from liveguard.errors import SinkError
from liveguard.server.database import StoreError
from liveguard.server.guarded import Guarded
from liveguard.server.metrics import Metrics
from liveguard.server.store import Store
from liveguard.types import Alert, Event
from liveguard.wire import to_dict


class PublisherSink:
    """`say(guarded, message)` may be called from the sink's thread."""

    def __init__(
        self, store: Store, metrics: Metrics, guarded: Guarded, say: Callable[[Guarded, dict[str, Any]], None]
    ) -> None:
        self._store, self._metrics, self._guarded, self._say = store, metrics, guarded, say

    def send(self, event: Event) -> None:
        """Raises SinkError for an alert that could not be stored, so that it is sent again; it is told at once."""
        message: dict[str, Any] = {"type": "event", "session": self._guarded.id, "event": to_dict(event)}
        trouble: StoreError | None = None
        simulated = self._guarded.simulated()
        if isinstance(event, Alert):
            try:
                now = datetime.now(timezone.utc)
                message["alert"] = self._store.put_alert(self._guarded.id, event, now, simulated)
            except StoreError as error:
                trouble = error
        self._say(self._guarded, message)
        if trouble is not None:
            raise SinkError(str(trouble)) from trouble
        self._metrics.event(event, simulated is not None)

    def close(self) -> None:
        """The store is the server's."""
