"""The live page as a publisher: devices that change, sessions that others end, facts that must reach the guard.

The guard sees nothing in the pictures here: only what is sent, and when, is looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from liveguard.server.guarded import Guarded
from tests.browser.parts import Seen, chromium, needs_chromium, opened
from tests.server_parts import FakeGuard, Running, serving

pytestmark = [pytest.mark.replay, needs_chromium]
SOON_S = 30.0
TWO_CAMERAS = "--use-fake-device-for-media-stream=device-count=2,fps=5"
# Every track that the page is given, whether it may have a microphone, and a gate before which it waits for its devices.
DEVICES = """
(() => {
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  Object.assign(window, { given: [], microphone: true, asked: 0, gate: Promise.resolve() });
  window.shut = () => (window.gate = new Promise((resolve) => (window.open_gate = resolve)));
  window.running = () => given.filter((track) => track.readyState === "live").map((track) => track.kind).sort();
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    window.asked += 1;
    await gate;
    if (wanted.audio && !microphone) throw new DOMException("none", "NotFoundError");
    const stream = await real(wanted);
    given.push(...stream.getTracks());
    return stream;
  };
})();
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(TWO_CAMERAS) as launched:
        yield launched


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with FakeGuard([]) as guard, serving(guard) as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: Running) -> Iterator[Seen]:
    with opened(browser, server.url) as seen:
        seen.page.evaluate(DEVICES)
        yield seen
        with contextlib.suppress(Exception):  # of a test that has failed, there may be no page left
            seen.page.evaluate("() => given.forEach((track) => track.stop())")
    for guarded in server.hub.live():
        end(server, guarded)


def start(seen: Seen, server: Running) -> Guarded:
    seen.page.get_by_test_id("start-webcam").click()
    return connected(seen, server)


def connected(seen: Seen, server: Running, other_than: Guarded | None = None) -> Guarded:
    def found() -> list[Guarded]:
        return [one for one in server.hub.live() if one.connection is not None and one is not other_than]

    guarded: Guarded = seen.until(found, SOON_S, "nobody was connected")[0]
    expect(seen.page.get_by_test_id("connection")).to_have_attribute("data-state", "connected", timeout=SOON_S * 1000)
    return guarded


def running_tracks(seen: Seen) -> list[str]:
    """Kinds of the captured tracks that have not been stopped."""
    found: list[str] = seen.page.evaluate("() => running()")
    return found


def on_the_loop(server: Running, work: Any) -> Any:
    loop = server.hub._herald._loop
    assert loop is not None
    return asyncio.run_coroutine_threadsafe(work, loop).result(20)


def end(server: Running, guarded: Guarded) -> None:
    """The session cannot go on, though nobody wanted it to end."""
    on_the_loop(server, server.hub.end(guarded, "failed"))


async def drop(server: Running, guarded: Guarded) -> None:
    """The guard loses the connection; the session waits for its return."""
    connection = guarded.connection
    assert connection is not None
    await connection.peer.close()
    server.hub._lost(guarded, connection, "the link was cut by a test")


def test_a_camera_that_opens_after_stop_is_let_go(page: Seen, server: Running) -> None:
    start(page, server)
    page.page.evaluate("() => { shut(); }")
    asked = page.page.evaluate("() => asked")
    page.page.get_by_test_id("camera-choice").select_option(index=2)
    page.until(lambda: page.page.evaluate("() => asked") > asked, SOON_S, "the other camera was not asked for")
    page.page.get_by_test_id("stop").click()
    given = page.page.evaluate("() => given.length")
    page.page.evaluate("() => open_gate()")
    page.until(lambda: page.page.evaluate("() => given.length") > given, SOON_S, "the other camera did not open")
    page.until(lambda: running_tracks(page) == [], SOON_S, "a device stayed on")


def test_a_microphone_that_is_chosen_later_is_sent(page: Seen, server: Running) -> None:
    page.page.evaluate("() => { window.microphone = false; }")
    before = start(page, server)
    notice = page.page.locator("#view-webcam").get_by_test_id("message").filter(has_text="There is no microphone")
    expect(notice).to_be_visible()
    assert before.tracks == {"video"}
    page.page.get_by_test_id("microphone-choice").select_option(index=1)  # but it does not open
    page.until(lambda: running_tracks(page) == ["video"], SOON_S, "a device stayed on")
    expect(notice).to_be_visible()
    page.page.evaluate("() => { window.microphone = true; }")
    page.page.get_by_test_id("microphone-choice").select_option(index=2)
    assert connected(page, server, other_than=before).tracks == {"video", "audio"}
    expect(notice).to_be_hidden()
    expect(page.page.get_by_test_id("mute-audio")).to_have_text("Microphone on")
    assert running_tracks(page) == ["audio", "video"]
    page.page.get_by_test_id("stop").click()
    page.until(lambda: running_tracks(page) == [], SOON_S, "a device stayed on")


def test_a_session_that_somebody_ends_stays_ended(page: Seen, server: Running) -> None:
    guarded = start(page, server)
    page.page.get_by_test_id("tab-sessions").click()
    page.page.locator(f'[data-session="{guarded.id}"]').click()
    page.page.get_by_test_id("end-session").click()
    page.page.get_by_test_id("tab-webcam").click()
    message = page.page.locator("#view-webcam").get_by_test_id("message").first
    expect(message).to_contain_text("The session was ended", timeout=SOON_S * 1000)
    expect(page.page.get_by_test_id("start-webcam")).to_be_visible()
    assert running_tracks(page) == []
    assert server.hub.live() == []
    assert page.troubles == []


def test_a_session_that_could_not_go_on_is_begun_anew(page: Seen, server: Running) -> None:
    guarded = start(page, server)
    end(server, guarded)
    assert connected(page, server, other_than=guarded).participant == guarded.participant


def test_what_is_switched_on_again_reaches_a_guard_that_does_not_answer_at_first(page: Seen, server: Running) -> None:
    guarded = start(page, server)
    page.page.get_by_test_id("mute-video").click()
    page.until(lambda: "video" in guarded.tap._muted, SOON_S, "the guard was not told")
    page.page.route("**/muted", lambda route: route.abort())
    with page.page.expect_event("requestfailed"):
        page.page.get_by_test_id("mute-video").click()
    assert "video" in guarded.tap._muted
    page.page.unroute("**/muted")
    page.until(lambda: "video" not in guarded.tap._muted, SOON_S, "the guard ignores every picture")


def test_a_guard_is_told_after_each_connection_that_nothing_is_muted_or_simulated(page: Seen, server: Running) -> None:
    guarded = start(page, server)
    told = "() => performance.getEntriesByType('resource').some((one) => one.name.endsWith('/simulation'))"
    page.until(lambda: page.page.evaluate(told), SOON_S, "no fact was told")
    guarded.tap.mute(frozenset({"video"}))  # as if what took it back had been lost
    guarded.simulate("freeze")
    on_the_loop(server, drop(server, guarded))
    page.until(lambda: guarded.connection is not None, SOON_S, "the page did not return")
    page.until(lambda: not guarded.tap._muted, SOON_S, "the guard still ignores the picture")
    page.until(lambda: guarded.simulation is None, SOON_S, "the guard still takes alerts for simulated")
