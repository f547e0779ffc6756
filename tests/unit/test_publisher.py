"""What a participant's alerts leave in the store, and that each is told once however often the store must be tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from liveguard.errors import SinkError
from liveguard.server.guarded import Guarded
from liveguard.server.metrics import Metrics
from liveguard.server.publisher import MOST_UNSTORED, PublisherSink
from liveguard.server.store import Store
from liveguard.taps.webrtc import WebRtcTap
from liveguard.types import Fault, Origin
from tests.store_cases import T0, after, alert, cleared


class Publisher:
    """The sink with what it tells; each time that it asks for, a second has gone by."""

    def __init__(self, store: Store) -> None:
        self.told: list[dict[str, Any]] = []
        self.asked = 0
        tracks = frozenset(("video",))
        guarded = Guarded("s", "guest", "webcam", tracks, T0, WebRtcTap("guest", tracks))
        self.sink = PublisherSink(store, Metrics(), guarded, lambda _, message: self.told.append(message), self._now)

    def _now(self) -> datetime:
        self.asked += 1
        return after(self.asked)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "s.sqlite")) as opened:
        yield opened


@contextmanager
def broken(store: Store) -> Iterator[None]:
    with store.database.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE liveguard_alerts RENAME TO away")
    yield
    with store.database.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO liveguard_alerts")


def test_alerts_are_stored_and_everything_is_told(store: Store) -> None:
    publisher = Publisher(store)
    publisher.sink.send(replace(alert(), origin=Origin("s", "guest", "loop")))
    publisher.sink.send(Fault(0, "tap", "broke"))
    publisher.sink.send(alert("s-2"))
    publisher.sink.send(cleared())
    publisher.sink.close()
    rows = {row["id"]: (row["simulation"], row["raised_at"], row["cleared_at"]) for row in store.alerts("s")}
    assert rows == {
        "s-1": ("loop", "2026-03-01T12:00:01.250Z", "2026-03-01T12:00:03.250Z"),
        "s-2": (None, "2026-03-01T12:00:02.250Z", None),
    }
    assert [message["event"]["type"] for message in publisher.told] == ["alert", "fault", "alert", "alert"]
    assert publisher.told[-1]["alert"] == store.alerts("s")[-1]


def test_an_alert_that_is_tried_again_keeps_its_first_time_and_is_told_once(store: Store) -> None:
    publisher = Publisher(store)
    with broken(store):
        for _ in range(3):
            with pytest.raises(SinkError, match="no such table: liveguard_alerts"):
                publisher.sink.send(alert())
    publisher.sink.send(alert())
    [row] = store.alerts()
    assert (row["raised_at"], publisher.asked) == ("2026-03-01T12:00:01.250Z", 1)
    assert ["alert" in message for message in publisher.told] == [False], "told before it could be stored"
    publisher.sink.send(cleared())
    assert len(publisher.told) == 2


def test_what_cannot_be_stored_is_remembered_within_bounds(store: Store) -> None:
    publisher = Publisher(store)
    store.close()
    for number in range(MOST_UNSTORED + 100):
        with pytest.raises(SinkError, match="closed"):
            publisher.sink.send(alert(f"s-{number}"))
    assert len(publisher.sink._owed) == MOST_UNSTORED
    assert len(publisher.told) == MOST_UNSTORED + 100
