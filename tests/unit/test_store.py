"""What the store has taken stays, is the same whatever the order it was told in, and fails in plain words."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveguard.errors import ConfigError, SinkError
from liveguard.server import engines
from liveguard.server.database import StoreError
from liveguard.server.store import Store, StoreSink
from liveguard.types import Fault, Origin
from tests.store_cases import CASES, T0, after, alert, cleared

PASSWORD = "hunter2-very-secret"


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with contextlib.closing(Store(tmp_path / "s.sqlite" if request.param == "file" else "sqlite://")) as opened:
        yield opened


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_store(case: Callable[[Store], None], store: Store) -> None:
    case(store)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 100)), max_size=24),
    st.integers(0, 3),
)
@settings(deadline=None, max_examples=60)
def test_any_order_of_events_gives_one_row_an_alert(told: list[tuple[int, bool, int]], judged: int) -> None:
    with contextlib.closing(Store("sqlite://")) as store:
        for number, raised, second in told:
            event = alert(f"s-{number}") if raised else cleared(f"s-{number}")
            store.put_alert("s", event, after(second), "loop" if raised else None)
        known = {number for number, _, _ in told}
        if judged in known:
            store.feedback(f"s-{judged}", "real", None, T0)
        rows = {row["id"]: row for row in store.alerts()}
        assert rows.keys() == {f"s-{number}" for number in known}
        assert len(store.alerts()) == len(rows)
        for number in known:
            row = rows[f"s-{number}"]
            raised = [second for other, up, second in told if other == number and up]
            ended = [second for other, up, second in told if other == number and not up]
            # Whatever the order, what the raising said stands if it was told at all.
            assert (row["t_s"], row["evidence_nats"]) == ((5.0, 14.0) if raised else (65.0, 3.0))
            assert row["simulation"] == ("loop" if raised else None)
            assert (row["cleared_at"] is not None) == bool(ended)
            assert row["cleared_at"] is None or row["raised_at"] <= row["cleared_at"]
            assert (row["feedback"] is not None) == (number == judged)


# --- the file -------------------------------------------------------------------------------------------------------


def test_what_was_stored_is_there_after_reopening(tmp_path: Path) -> None:
    first = Store(tmp_path / "s.sqlite")
    said = first.put_alert("s", alert(), T0, None)
    first.close()
    for where in (f"sqlite:///{tmp_path}/s.sqlite", str(tmp_path / "s.sqlite")):
        with contextlib.closing(Store(where)) as again:
            assert again.alerts() == [said]


def test_the_file_is_for_its_owner_only_and_survives_a_power_cut(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")
    store.put_alert("s", alert(), T0, None)
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    assert len(list(tmp_path.iterdir())) == 3, "the file, and the two of its write-ahead log"
    with store._database.transaction() as connection:
        modes = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    assert modes == ["wal", 2]
    store.close()


def test_two_stores_may_share_a_file(tmp_path: Path) -> None:
    opened: list[Store] = []
    threads = [threading.Thread(target=lambda: opened.append(Store(tmp_path / "s.sqlite"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10.0)
    assert len(opened) == 4
    for number, store in enumerate(opened):
        store.put_alert("s", alert(f"s-{number}"), after(number), None)
    assert [len(store.alerts()) for store in opened] == [4] * 4
    for store in opened:
        store.close()


def test_a_file_that_cannot_be_used_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("not a database, and long enough to have a header" * 9)
    with pytest.raises(StoreError, match="text: file is not a database"):
        Store(text)
    foreign = tmp_path / "foreign"
    with contextlib.closing(sqlite3.connect(foreign)) as db:
        db.execute("CREATE TABLE outbox (x)")
    before = foreign.read_bytes()
    with pytest.raises(ConfigError, match="foreign: this SQLite file belongs to another program"):
        Store(foreign)
    assert foreign.read_bytes() == before
    with pytest.raises(StoreError, match=r"no/none: No such file or directory"):
        Store(tmp_path / "no" / "none")
    with pytest.raises(StoreError, match="Is a directory"):
        Store(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "s.sqlite").close()
    (tmp_path / "s.sqlite").chmod(0o400)
    with pytest.raises(StoreError, match="Permission denied"):
        Store(tmp_path / "s.sqlite")


def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with contextlib.closing(Store(path)) as store:
        for number in range(200):
            store.put_alert("s", alert(f"s-{number}"), after(number), None)
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096))
    with pytest.raises(StoreError, match="malformed"), contextlib.closing(Store(path)) as store:
        store.alerts()


@pytest.mark.parametrize("statement", ["UPDATE liveguard_schema SET version = 9", "DELETE FROM liveguard_schema"])
def test_tables_of_another_version_are_refused(tmp_path: Path, statement: str) -> None:
    Store(tmp_path / "s.sqlite").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "s.sqlite")) as db, db:
        db.execute(statement)
    was = "9" if "9" in statement else "none"
    with pytest.raises(ConfigError, match=f"its tables have version {was}, and only 1 is known: use another database"):
        Store(tmp_path / "s.sqlite")


def test_a_full_disk_refuses_and_the_store_goes_on(tmp_path: Path) -> None:
    with contextlib.closing(Store(tmp_path / "s.sqlite")) as store:
        with store._database.transaction() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1}")
        stored: list[str] = []

        def fill() -> None:
            for number in range(200):
                stored.append(store.put_alert("s", alert(f"s-{number}"), after(number), None)["id"])

        with pytest.raises(StoreError, match=r"s\.sqlite: database or disk is full$"):
            fill()
        assert [said["id"] for said in store.alerts()] == stored[::-1] != []
        assert store.feedback("s-0", "real", None, T0)["verdict"] == "real"


def test_a_file_that_another_program_keeps_locked_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "WAIT_S", 0.05)
    with contextlib.closing(Store(tmp_path / "s.sqlite")) as store:
        with contextlib.closing(sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="database is locked"):
                store.put_alert("s", alert(), T0, None)
        assert store.put_alert("s", alert(), T0, None)["id"] == "s-1"


def test_what_was_pruned_is_not_left_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with contextlib.closing(Store(path)) as store:
        store.put_alert("s", alert(), T0, None)
        store.feedback("s-1", "real", "a telling remark", T0)
        store.prune(after(1))
    assert b"a telling remark" not in path.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["s.sqlite"]


# --- the place ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "where",
    [
        "",
        "mysql://u:hunter2-very-secret@host/db",
        "postgresql+asyncpg://u:hunter2-very-secret@host/db",
        "postgresql://u:hunter2-very-secret@host:port/db",
        "://hunter2-very-secret",
        "sqlite://file.sqlite",
        "sqlite:///file.sqlite?mode=ro",
    ],
)
def test_a_place_that_is_not_known_is_refused_without_its_password(where: str) -> None:
    with pytest.raises(ConfigError, match="allowed are a file, sqlite:///FILE") as caught:
        Store(where)
    assert PASSWORD not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r'pip install "psycopg\[binary\]"'):
        Store(f"postgresql://u:{PASSWORD}@127.0.0.1/db")


# --- the sink -------------------------------------------------------------------------------------------------------


class Clock:
    """A time that goes on by a second whenever it is asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> datetime:
        self.asked += 1
        return after(self.asked)


def test_the_sink_stores_alerts_and_nothing_else(store: Store) -> None:
    sink = StoreSink(store, "s", Clock())
    sink.send(replace(alert(), origin=Origin("s", "guest", "loop")))
    sink.send(Fault(0, "tap", "broke"))
    sink.send(alert("s-2"))
    sink.send(cleared())
    sink.close()
    rows = {row["id"]: (row["simulation"], row["raised_at"], row["cleared_at"]) for row in store.alerts("s")}
    assert rows == {
        "s-1": ("loop", "2026-03-01T12:00:01.250Z", "2026-03-01T12:00:03.250Z"),
        "s-2": (None, "2026-03-01T12:00:02.250Z", None),
    }


def test_an_alert_that_is_tried_again_keeps_its_first_time(tmp_path: Path) -> None:
    store, clock = Store(tmp_path / "s.sqlite"), Clock()
    sink = StoreSink(store, "s", clock)
    with store._database.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE liveguard_alerts RENAME TO away")
    for _ in range(3):
        with pytest.raises(SinkError, match="no such table: liveguard_alerts"):
            sink.send(alert())
    with store._database.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO liveguard_alerts")
    row = sink.store(alert())
    assert store.alerts() == [row]
    assert (row["raised_at"], clock.asked) == ("2026-03-01T12:00:01.250Z", 1)
    store.close()


def test_a_sink_that_can_store_nothing_remembers_only_so_much(store: Store) -> None:
    store.close()
    sink = StoreSink(store, "s", Clock())
    for number in range(1100):
        with pytest.raises(SinkError, match="closed"):
            sink.send(alert(f"s-{number}"))
    assert len(sink._first) == 1000
