"""What the outbox has taken stays until it was delivered, comes out in order, and to one taker at a time."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from liveguard.errors import ConfigError, SinkError
from liveguard.outbox import MAX_WAIT_US, Outbox, Parcel

LEASE_US = 30_000_000
T0_US = 1_700_000_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.sqlite"


def put(box: Outbox, key: str, to: str = "hook", now_us: int = T0_US, body: bytes = b"{}") -> str:
    return box.put(to, key, body, fingerprint=body, now_us=now_us)


def take(box: Outbox, to: str = "hook", now_us: int = T0_US) -> Parcel:
    parcel = box.claim(to, now_us=now_us, lease_us=LEASE_US)
    assert isinstance(parcel, Parcel)
    return parcel


def test_messages_come_out_in_order_for_each_destination(path: Path) -> None:
    box = Outbox(path)
    for key, to in (("a", "hook"), ("x", "other"), ("b", "hook")):
        assert put(box, key, to) == "stored"
    seen = []
    for to in ("hook", "hook", "other"):
        parcel = take(box, to)
        seen.append(parcel.key)
        box.delivered(parcel, now_us=T0_US)
    assert seen == ["a", "b", "x"]
    assert box.claim("hook", now_us=T0_US, lease_us=LEASE_US) is None
    assert box.counts("hook") == {"pending": 0, "delivered": 2, "dead": 0}
    box.close()


def test_a_repeated_key_is_known_even_after_delivery_and_another_body_is_a_clash(path: Path) -> None:
    box = Outbox(path)
    assert put(box, "a") == "stored"
    box.delivered(take(box), now_us=T0_US)
    assert put(box, "a") == "known"
    assert put(box, "a", body=b"[]") == "clash"
    assert put(box, "a", to="other", body=b"[]") == "stored"
    box.close()


def test_what_was_stored_is_there_after_reopening(path: Path) -> None:
    first = Outbox(path)
    put(first, "a", body=b"body")
    first.close()
    second = Outbox(path)
    assert take(second).body == b"body"
    second.close()


def test_a_claim_keeps_others_out_until_the_lease_is_over(path: Path) -> None:
    mine, yours = Outbox(path), Outbox(path)
    put(mine, "a")
    put(mine, "b")
    assert take(mine).tries == 1
    # Not "b" either: the order would be lost.
    assert yours.claim("hook", now_us=T0_US + 1, lease_us=LEASE_US) == LEASE_US - 1
    assert take(mine).tries == 2, "its holder may take it again"
    late = take(yours, now_us=T0_US + LEASE_US)
    assert (late.key, late.tries) == ("a", 3)
    mine.retry(late, due_us=T0_US + 10 * LEASE_US)  # no longer the holder: without effect
    yours.delivered(late, now_us=T0_US)
    assert take(yours).key == "b"
    mine.close()
    yours.close()


def test_a_failed_message_waits_and_holds_back_the_next(path: Path) -> None:
    box = Outbox(path)
    put(box, "a")
    put(box, "b")
    box.retry(take(box), due_us=T0_US + 500)
    assert box.claim("hook", now_us=T0_US, lease_us=LEASE_US) == 500
    assert take(box, now_us=T0_US + 500).key == "a"
    box.close()


def test_a_clock_that_was_set_back_does_not_block(path: Path) -> None:
    box = Outbox(path)
    put(box, "a")
    box.retry(take(box), due_us=T0_US + 1000)
    assert take(box, now_us=T0_US - 2 * MAX_WAIT_US).key == "a"
    box.close()


def test_what_is_put_aside_holds_back_no_other_and_goes_first_when_it_is_due(path: Path) -> None:
    box = Outbox(path)
    for key in "abc":
        put(box, key)
    for key, wait_us in (("a", 500), ("b", 400)):
        parcel = take(box)
        assert (parcel.key, parcel.aside) == (key, False)
        box.retry(parcel, due_us=T0_US + wait_us, aside="HTTP 400")
    box.delivered(take(box), now_us=T0_US)
    assert box.claim("hook", now_us=T0_US, lease_us=LEASE_US) == 400, "the one that is due first"
    put(box, "d")
    assert take(box, now_us=T0_US + 399).key == "d"
    parcel = take(box, now_us=T0_US + 500)
    assert (parcel.key, parcel.aside) == ("a", True)
    box.retry(parcel, due_us=T0_US + 900)
    assert take(box, now_us=T0_US + 500).key == "b", "once aside, always aside"
    box.close()


def test_dead_messages_hold_back_no_other_and_can_be_revived_while_they_are_young(path: Path) -> None:
    box = Outbox(path, max_age_s=2.0)
    put(box, "old", now_us=T0_US - 2_000_000)
    put(box, "a", body=b"x")
    put(box, "b")
    for _ in range(2):
        box.bury(take(box), "refused with HTTP 410", now_us=T0_US)
    assert take(box).key == "b"
    assert box.revive("other", now_us=T0_US) == 0
    assert box.revive("hook", now_us=T0_US) == 1
    parcel = take(box)
    assert (parcel.key, parcel.body, parcel.tries, parcel.stored_us) == ("a", b"x", 1, T0_US)
    assert box.counts("hook")["dead"] == 1
    box.close()


def test_a_full_outbox_forgets_delivered_messages_and_then_refuses(path: Path) -> None:
    box = Outbox(path, max_rows=3)
    for key in "abc":
        put(box, key)
    box.delivered(take(box), now_us=T0_US)
    assert put(box, "d") == "stored"
    with pytest.raises(SinkError, match="full, 3 messages are not delivered"):
        put(box, "e")
    assert put(box, "d") == "known"
    box.bury(take(box), "no", now_us=T0_US)
    with pytest.raises(SinkError, match="full"):
        put(box, "e")
    assert (take(box).key, box.counts("hook")) == ("c", {"pending": 2, "delivered": 0, "dead": 1})
    box.close()


def test_only_finished_messages_grow_too_old(path: Path) -> None:
    box = Outbox(path, max_age_s=1.0)
    for key in "abc":
        put(box, key)
    box.delivered(take(box), now_us=T0_US)
    box.bury(take(box), "no", now_us=T0_US)
    put(box, "d", now_us=T0_US + 1_000_001)
    assert box.counts("hook") == {"pending": 2, "delivered": 0, "dead": 0}
    box.close()


def test_the_file_is_for_its_owner_only_and_delivered_bodies_are_gone(path: Path) -> None:
    box = Outbox(path)
    put(box, "a", body=b"somebody")
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    box.delivered(take(box), now_us=T0_US)
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT body FROM outbox").fetchall() == [(b"",)]
    box.close()


def test_it_is_set_up_to_survive_a_power_cut(path: Path) -> None:
    box = Outbox(path)
    modes = [box._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert modes == ["wal", 2]
    box.close()


def test_several_takers_deliver_each_message_once_and_in_order(path: Path) -> None:
    boxes = [Outbox(path) for _ in range(3)]
    total = 30
    seen: list[str] = []

    def work(box: Outbox) -> None:
        while len(seen) < total:
            parcel = box.claim("hook", now_us=T0_US, lease_us=LEASE_US)
            if isinstance(parcel, Parcel):
                seen.append(parcel.key)
                box.delivered(parcel, now_us=T0_US)

    threads = [threading.Thread(target=work, args=(box,)) for box in boxes]
    for thread in threads:
        thread.start()
    for number in range(total):
        put(boxes[0], f"{number:02}")
    for thread in threads:
        thread.join(10.0)
    assert seen == [f"{number:02}" for number in range(total)]
    for box in boxes:
        box.close()


def test_many_can_open_a_new_file_at_once(path: Path) -> None:
    opened: list[Outbox] = []
    threads = [threading.Thread(target=lambda: opened.append(Outbox(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10.0)
    assert len(opened) == 8
    for box in opened:
        box.close()


def test_a_file_of_another_kind_or_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, and long enough to have a header" * 9)
    with pytest.raises(SinkError, match="outbox text: file is not a database"):
        Outbox(tmp_path / "text")
    with pytest.raises(SinkError, match="outbox none"):
        Outbox(tmp_path / "no" / "none")
    db = sqlite3.connect(tmp_path / "new")
    db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(SinkError, match="version 9 is not known"):
        Outbox(tmp_path / "new")
    with pytest.raises(ConfigError):
        Outbox(tmp_path / "x", max_rows=0)


def test_a_closed_outbox_says_so(path: Path) -> None:
    box = Outbox(path)
    box.close()
    box.close()
    with pytest.raises(SinkError):
        put(box, "a")


def test_a_full_disk_refuses_and_changes_nothing(path: Path) -> None:
    box = Outbox(path)
    put(box, "a")
    pages = box._db.execute("PRAGMA page_count").fetchone()[0]
    box._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(SinkError, match="full"):
        put(box, "b", body=b"x" * 100_000)
    assert put(box, "c") == "stored"
    assert box.counts("hook")["pending"] == 2
    box.close()
