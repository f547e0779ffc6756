"""What listeners get, and that none holds the others up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from liveguard.server.broadcast import EVERY, MOST_EVENTS, MOST_LISTENERS, MOST_WISHES, Broadcast, Listener, Wishes
from liveguard.server.live import parse

LOOP = asyncio.new_event_loop()


@pytest.fixture(autouse=True, scope="module")
def _close_the_loop() -> Iterator[None]:
    yield
    LOOP.close()


def drain(listener: Listener) -> list[str | bytes | None]:
    async def go() -> list[str | bytes | None]:
        got: list[str | bytes | None] = []
        while True:
            try:
                got.append(await asyncio.wait_for(listener.next(), 0.01))
            except asyncio.TimeoutError:
                return got
            if got[-1] is None:
                return got

    return LOOP.run_until_complete(go())


def joined(broadcast: Broadcast) -> Listener:
    listener = broadcast.join()
    assert listener is not None
    return listener


def test_everybody_hears_events_and_only_the_latest_tick_waits() -> None:
    broadcast = Broadcast()
    one, other = joined(broadcast), joined(broadcast)
    one.subscribe("s", Wishes(mesh=True))
    for number in range(3):
        broadcast.tick("s", f"bare {number}", f"mesh {number}")
        broadcast.say({"n": number})
    assert drain(one) == ['{"n":0}', '{"n":1}', '{"n":2}', "mesh 2"]
    assert drain(other) == ['{"n":0}', '{"n":1}', '{"n":2}', "bare 2"]


def test_readings_and_previews_go_to_those_who_want_them() -> None:
    broadcast = Broadcast()
    one, every, none = joined(broadcast), joined(broadcast), joined(broadcast)
    one.subscribe("s", Wishes(readings=True, preview=True))
    every.subscribe(EVERY, Wishes(readings=True))
    broadcast.count_wishes()
    assert broadcast.wanted("s") == Wishes(preview=True, readings=True)
    assert broadcast.wanted("t") == Wishes(readings=True)
    broadcast.say_reading("s", {"r": 1})
    broadcast.preview("s", b"jpeg")
    assert drain(one) == ['{"r":1}', b"jpeg"]
    assert drain(every) == ['{"r":1}']
    assert drain(none) == []
    broadcast.leave(one)
    assert broadcast.wanted("s") == Wishes(readings=True)


def test_who_is_too_far_behind_is_sent_away_and_the_others_are_not() -> None:
    broadcast = Broadcast()
    slow, quick = joined(broadcast), joined(broadcast)
    got = []
    for number in range(MOST_EVENTS + 1):
        broadcast.say({"n": number})
        got += drain(quick) if number % 100 == 0 else []
    assert drain(slow) == [None]
    got += drain(quick)
    assert [json.loads(text)["n"] for text in got if text is not None] == list(range(MOST_EVENTS + 1))


def test_listeners_and_their_wishes_are_bounded() -> None:
    broadcast = Broadcast()
    everybody = [joined(broadcast) for _ in range(MOST_LISTENERS)]
    assert broadcast.join() is None
    for number in range(MOST_WISHES):
        everybody[0].subscribe(str(number), Wishes(mesh=True))
    with pytest.raises(ValueError, match="at most"):
        everybody[0].subscribe("one more", Wishes(mesh=True))


def test_a_wish_that_was_taken_back_does_not_count() -> None:
    listener = joined(Broadcast())
    for number in range(2 * MOST_WISHES):
        listener.subscribe(str(number), Wishes(mesh=True))
        listener.subscribe(str(number), Wishes())
    assert listener.wishes == {}
    listener.subscribe(EVERY, Wishes(preview=True))
    listener.subscribe("s", Wishes())
    assert (listener.wants("s"), listener.wants("t")) == (Wishes(), Wishes(preview=True))
    listener.subscribe(EVERY, Wishes())
    assert listener.wants("t") == Wishes()


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[]",
        "nul",
        '{"type": "publish"}',
        '{"type": "subscribe", "session": 5}',
        '{"type": "subscribe", "mesh": 1}',
        '{"type": "subscribe", "session": "' + "s" * 65 + '"}',
        "[" * 4000,
        "x" * 5000,
    ],
)
def test_what_is_not_understood_is_refused(text: str | None) -> None:
    with pytest.raises(ValueError, match=r"understood|JSON|session|true"):
        parse(text)


def test_a_subscription() -> None:
    assert parse('{"type": "subscribe"}') == (EVERY, Wishes())
    assert parse('{"type": "subscribe", "session": "a", "mesh": true}') == ("a", Wishes(mesh=True))
