"""What a store must do whatever its database: each case takes an open, empty store."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Literal

import pytest

from liveguard import wire
from liveguard.errors import InputError
from liveguard.server.database import StoreError
from liveguard.server.store import Store, UnknownAlert
from liveguard.types import Alert, Reading

T0 = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=timezone.utc)
READING = Reading("camera", None, 0, 4_000_000, 5.5, 0.9, "nothing moves for 3.0 s", {"still_s": 3.0})


def alert(
    alert_id: str = "s-1", state: Literal["raised", "cleared"] = "raised", t_us: int = 5_000_000, who: str = "feed"
) -> Alert:
    nats = 14.0 if state == "raised" else 3.0
    return Alert(
        alert_id, who, state, "feed_injected", t_us, 0.98, nats, 13.5, (READING,), 1_500_000, "ask for a gesture"
    )


def cleared(alert_id: str = "s-1", t_us: int = 65_000_000) -> Alert:
    return alert(alert_id, "cleared", t_us)


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def an_alert_is_given_back_as_the_api_says_it(store: Store) -> None:
    store.open_session("s", "guest-7", "webcam", T0)
    said = store.put_alert("s", alert(), after(5), "freeze")
    assert said == {
        "id": "s-1",
        "session": "s",
        "participant": "guest-7",
        "who": "feed",
        "hypothesis": "feed_injected",
        "raised_at": "2026-03-01T12:00:05.250Z",
        "cleared_at": None,
        "t_s": 5.0,
        "risk": 0.98,
        "evidence_nats": 14.0,
        "threshold_nats": 13.5,
        "lag_s": 1.5,
        "settle": "ask for a gesture",
        "readings": [wire.to_dict(READING)],
        "simulation": "freeze",
        "feedback": None,
    }
    assert store.alerts() == store.alerts("s") == [said]
    assert store.alerts("t") == []
    json.dumps(said, allow_nan=False)


def clearing_changes_only_the_time_of_clearing(store: Store) -> None:
    said = store.put_alert("s", alert(), after(5), None)
    assert store.put_alert("s", cleared(), after(65), "loop") == {**said, "cleared_at": "2026-03-01T12:01:05.250Z"}


def what_is_told_twice_is_stored_once_as_first_told(store: Store) -> None:
    first = store.put_alert("s", alert(), after(5), None)
    assert store.put_alert("s", alert(), after(9), "loop") == first
    done = store.put_alert("s", cleared(), after(65), None)
    assert store.put_alert("s", cleared(), after(99), None) == done
    assert store.put_alert("s", alert(), after(100), None) == done
    assert store.alerts() == [done]


def a_clearing_told_first_waits_for_its_raising(store: Store) -> None:
    early = store.put_alert("s", cleared(), after(65), None)
    assert early["raised_at"] == early["cleared_at"] == "2026-03-01T12:01:05.250Z"
    # Told after the clearing, but not later than it.
    whole = store.put_alert("s", alert(), after(70), "loop")
    assert (whole["raised_at"], whole["cleared_at"]) == (early["cleared_at"], early["cleared_at"])
    assert (whole["t_s"], whole["evidence_nats"], whole["simulation"]) == (5.0, 14.0, "loop")
    assert store.alerts() == [whole]


def a_clock_set_back_clears_nothing_before_it_was_raised(store: Store) -> None:
    store.put_alert("s", alert(), after(5), None)
    assert store.put_alert("s", cleared(), after(-60), None)["cleared_at"] == "2026-03-01T12:00:05.250Z"


def the_id_of_another_alert_is_refused_and_changes_nothing(store: Store) -> None:
    first = store.put_alert("s", alert(), after(5), None)
    for session, other in (("s", alert(t_us=9)), ("t", alert()), ("t", cleared()), ("s", alert(who="face 1"))):
        with pytest.raises(StoreError, match="another alert has the id s-1"):
            store.put_alert(session, other, after(9), None)
    assert store.alerts() == [first]


def alerts_come_newest_first_and_no_more_than_asked_for(store: Store) -> None:
    for number in range(12):
        store.put_alert("st"[number % 2], alert(f"a-{number}"), after(number // 4), None)
    ids = [f"a-{number}" for number in range(11, -1, -1)]
    assert [said["id"] for said in store.alerts()] == ids
    assert [said["id"] for said in store.alerts("s", limit=2)] == ["a-10", "a-8"]
    assert store.alerts(limit=-1) == store.alerts(limit=0) == []


def feedback_is_kept_and_replaced(store: Store) -> None:
    said = store.put_alert("s", alert(), after(5), None)
    first = store.feedback("s-1", "false_alarm", "bad\x00 link", after(10))
    assert first == {
        "alert": "s-1", "verdict": "false_alarm", "note": "bad  link", "at": "2026-03-01T12:00:10.250Z"
    }  # fmt: skip
    second = store.feedback("s-1", "real", None, after(20))
    kept = {"verdict": "real", "note": None, "at": second["at"]}
    assert store.alerts() == [{**said, "feedback": kept}]
    assert store.put_alert("s", cleared(), after(65), None)["feedback"] == kept


def feedback_needs_an_alert_and_a_known_verdict(store: Store) -> None:
    with pytest.raises(UnknownAlert):
        store.feedback("s-1", "real", None, T0)
    store.put_alert("s", alert(), after(5), None)
    with pytest.raises(InputError, match="false_alarm, real"):
        store.feedback("s-1", "maybe", None, T0)  # type: ignore[arg-type]
    assert store.alerts()[0]["feedback"] is None


def sessions_open_end_and_go_on(store: Store) -> None:
    store.open_session("a", "one", "webcam", T0)
    store.open_session("b", "two", "whip", after(1))
    store.end_session("a", after(60))
    store.end_session("a", after(99))
    store.end_session("nobody", after(99))
    first = {
        "id": "a", "participant": "one", "kind": "webcam",
        "started_at": "2026-03-01T12:00:00.250Z", "ended_at": "2026-03-01T12:01:00.250Z",
    }  # fmt: skip
    assert [said["id"] for said in store.sessions()] == ["b", "a"]
    assert [said["id"] for said in store.sessions(limit=1)] == ["b"]
    assert store.session("a") == first
    store.open_session("a", "one", "webcam", after(100))
    assert store.session("a") == {**first, "ended_at": None}
    assert store.session("c") is None


def sessions_left_open_are_ended_and_their_alerts_stay(store: Store) -> None:
    for number, name in enumerate("abc"):
        store.open_session(name, name, "webcam", after(number))
    store.end_session("a", after(5))
    said = store.put_alert("b", alert(), after(6), None)
    assert store.end_open_sessions(after(1.5)) == 2
    assert store.end_open_sessions(after(60)) == 0
    ends = {session["id"]: session["ended_at"] for session in store.sessions()}
    assert ends == {
        "a": "2026-03-01T12:00:05.250Z",
        "b": "2026-03-01T12:00:01.750Z",
        "c": "2026-03-01T12:00:02.250Z",  # began after that, by its clock
    }
    assert store.alerts() == [said]


def what_is_too_old_is_pruned(store: Store) -> None:
    for name, begin, end in (("old", 0, 10), ("new", 50, 60), ("running", 0, None)):
        store.open_session(name, name, "webcam", after(begin))
        if end is not None:
            store.end_session(name, after(end))
    for session, second in (("old", 5), ("new", 55), ("running", 6), ("running", 7), ("running", 70)):
        store.put_alert(session, alert(f"{session}-{second}"), after(second), None)
    store.put_alert("running", cleared("running-7"), after(8), None)
    store.feedback("old-5", "real", None, after(9))
    for _ in range(2):
        store.prune(after(40))
        assert [session["id"] for session in store.sessions()] == ["new", "running"]
        # The alert that still stands in a running session waits for its clearing.
        assert [said["id"] for said in store.alerts()] == ["running-70", "new-55", "running-6"]
    with pytest.raises(UnknownAlert):
        store.feedback("old-5", "real", None, after(99))


def foreign_text_is_cut_and_put_on_one_line(store: Store) -> None:
    loud = Reading(
        "d" * 999, 1, 0, 1, math.inf, math.nan, "w\n\x00\ud800" * 999, {f"m{n}_s": math.nan for n in range(999)}
    )
    broken = replace(READING, why=3)  # type: ignore[arg-type]
    event = replace(
        alert(who="f" * 999), readings=(READING, broken, *[loud] * 99), settle="\x1b[2J" * 999, risk=math.nan
    )
    store.open_session("s", "p\n" * 999, "k" * 999, T0)
    said = store.put_alert("s", event, T0, "x" * 999)
    assert len(json.dumps(said, allow_nan=False)) < 40_000
    assert len(said["readings"]) == 15, "sixteen at most, and one of them could not be written"
    assert said["readings"][0] == wire.to_dict(READING)
    assert said["risk"] is None
    shown = [said["participant"], said["settle"], said["readings"][1]["why"], said["readings"][1]["detector"]]
    assert all(text.isprintable() and text.endswith("…") for text in shown)
    assert store.feedback("s-1", "real", "n" * 999, T0)["note"] == "n" * 499 + "…"


def an_id_that_does_not_fit_is_refused(store: Store) -> None:
    for bad in ("", "x" * 129, "a\nb", "a\x00b"):
        with pytest.raises(StoreError, match="1 to 128 printable"):
            store.put_alert("s", alert(bad), T0, None)
        with pytest.raises(StoreError, match="1 to 128 printable"):
            store.put_alert(bad, alert(), T0, None)
        with pytest.raises(StoreError, match="1 to 128 printable"):
            store.open_session(bad, "p", "webcam", T0)
    assert (store.alerts(), store.sessions()) == ([], [])


def a_time_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="without a zone"):
        store.put_alert("s", alert(), T0.replace(tzinfo=None), None)
    east = timezone(timedelta(hours=5))
    assert store.put_alert("s", alert(), T0.astimezone(east), None)["raised_at"] == "2026-03-01T12:00:00.250Z"


def threads_may_write_and_read_at_once(store: Store) -> None:
    failed: list[Exception] = []

    def work(name: str) -> None:
        try:
            for number in range(25):
                store.put_alert(name, alert(f"{name}-{number}"), after(number), None)
                store.put_alert("both", alert(f"both-{number}"), after(number), None)
                store.put_alert(name, cleared(f"{name}-{number}"), after(number), None)
                store.feedback(f"both-{number}", "real", name, after(number))
                assert store.alerts(name)[0]["id"] == f"{name}-{number}"
        except Exception as error:  # noqa: BLE001 (asserted below)
            failed.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    assert failed == []
    stored = {said["id"]: said["cleared_at"] is not None for said in store.alerts()}
    assert stored == {f"{name}-{n}": name != "both" for name in ("a", "b", "both") for n in range(25)}


def a_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="it was closed"):
        store.alerts()


CASES: list[Callable[[Store], None]] = [
    an_alert_is_given_back_as_the_api_says_it,
    clearing_changes_only_the_time_of_clearing,
    what_is_told_twice_is_stored_once_as_first_told,
    a_clearing_told_first_waits_for_its_raising,
    a_clock_set_back_clears_nothing_before_it_was_raised,
    the_id_of_another_alert_is_refused_and_changes_nothing,
    alerts_come_newest_first_and_no_more_than_asked_for,
    feedback_is_kept_and_replaced,
    feedback_needs_an_alert_and_a_known_verdict,
    sessions_open_end_and_go_on,
    sessions_left_open_are_ended_and_their_alerts_stay,
    what_is_too_old_is_pruned,
    foreign_text_is_cut_and_put_on_one_line,
    an_id_that_does_not_fit_is_refused,
    a_time_without_a_zone_is_refused,
    threads_may_write_and_read_at_once,
    a_closed_store_says_so,
]
