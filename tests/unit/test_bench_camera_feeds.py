"""How the bench of the camera check counts."""

from __future__ import annotations

from tests.bench.camera_feeds import summed_up


def test_an_alert_before_the_feed_is_false_catches_nothing() -> None:
    feeds = [([4.6], 1.6), ([0.5], 1.6), ([0.5, 4.6], 1.6), ([], 1.6)]
    said = summed_up("frozen", feeds)
    assert said == "frozen: caught 2 of 4, after 3.0 s (3.0 to 3.0, 5-95 %); 2 raised an alert before it began"


def test_where_nothing_was_caught_there_is_no_delay() -> None:
    assert summed_up("looped", [([], 4.0)]).startswith("looped: caught 0 of 1, after nan s")
