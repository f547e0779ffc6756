"""The sinks' threads: none waits for another, and no alert is lost."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from liveguard.errors import SinkError
from liveguard.speaker import MOST_EVENTS, Repeats, Speaker
from liveguard.types import (
    Alert,
    Event,
    Fault,
    Reading,
)
from tests.live_parts import END_S, Collect, Eager, Stuck, faults


def alert(number: int, state: str = "raised") -> Alert:
    return Alert(f"s-{number}", "feed", state, "feed_injected", number, 0.9, 14.0, 13.5, (), 0, "ask")  # type: ignore[arg-type]


def reading(number: int) -> Reading:
    return Reading("camera", None, number, number + 1, 0.1, 1.0, "fine")


def spoken(sinks: Sequence[Collect], events: Sequence[Event]) -> Speaker:
    speaker = Speaker(sinks)
    speaker.start()
    for event in events:
        speaker.say(event)
    return speaker


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last tries without pauses."""
    monkeypatch.setattr("liveguard.speaker.LAST_WAITS_S", (0.0,) * 5)
    monkeypatch.setattr("liveguard.speaker.LINGER_S", 0.05)


def test_a_sink_far_behind_loses_readings_but_no_alert_and_no_fault() -> None:
    stuck, good = Stuck(), Collect()
    many = [reading(k) for k in range(MOST_EVENTS + 100)]
    speaker = spoken([stuck, good], [*many, alert(1), Fault(1, "tap", "gone")])
    stuck.let_go.set()
    speaker.end()
    assert speaker.join(END_S)
    assert speaker.events_dropped >= 99
    for sink in (stuck, good):
        assert [type(event) for event in sink.events if not isinstance(event, Reading)] == [Alert, Fault]


def test_a_refused_alert_is_said_once_and_delivered_in_order_later() -> None:
    flaky, good = Eager(Alert, refusals=3, wanted=3), Collect()
    speaker = spoken([flaky, good], [alert(1), alert(1, "cleared"), *(reading(k) for k in range(20)), alert(2)])
    assert flaky.enough.wait(END_S)
    speaker.end()
    assert speaker.join(END_S)
    assert [e for e in flaky.events if isinstance(e, Alert)] == [alert(1), alert(1, "cleared"), alert(2)]
    said = [what for where, what in faults(good) if where == "sink Eager"]
    assert [what.split(" is ")[0] for what in said] == ["alert s-1 (raised)", "alert s-1 (cleared)"]
    assert speaker.error is None


def test_an_alert_is_tried_five_times_at_the_end_and_then_an_error() -> None:
    good, lucky, unlucky = Collect(), Eager(Alert, refusals=5), Eager(Alert, refusals=100)
    speaker = spoken([good, lucky, unlucky], [alert(1)])
    speaker.end()
    assert speaker.join(END_S)
    assert [type(event) for event in lucky.events if isinstance(event, Alert)] == [Alert]
    assert len(unlucky.tried) == 6
    assert str(speaker.error) == "sink Eager: 1 alerts could not be delivered: SinkError: wire cut"
    assert all(sink.closed for sink in (good, lucky, unlucky))


def test_one_alert_that_no_sink_takes_does_not_keep_the_others_back_for_ever() -> None:
    class Picky(Eager):
        def send(self, event: Event) -> None:
            if isinstance(event, Alert) and event.id == "s-1":
                raise SinkError("key is taken")
            super().send(event)

    picky = Picky(Alert)
    speaker = spoken([picky], [alert(1), alert(2), *(reading(k) for k in range(100))])
    assert picky.enough.wait(END_S)
    speaker.end()
    assert speaker.join(END_S)


def test_equal_faults_are_said_once_a_minute_with_their_count() -> None:
    repeats = Repeats()
    said = [repeats.admit(Fault(t * 1_000_000, "check bad", "oh")) for t in range(130)]
    assert [(fault.t_us // 1_000_000, fault.what) for fault in said if fault is not None] == [
        (0, "oh"),
        (60, "oh (60 times)"),
        (120, "oh (60 times)"),
    ]
    assert repeats.admit(Fault(1, "check bad", "something else")) is not None
