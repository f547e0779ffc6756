"""The live page in real headless Chromium, with a made-up camera and microphone, against a server with the real checks.

How soon an attack is answered is measured in tests/bench; here it must be answered rightly, in time for a busy machine.
"""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import TITLE
from tests.browser.parts import Seen, chromium, needs_chromium, opened
from tests.server_parts import Running

pytestmark = [pytest.mark.replay, needs_chromium]
SOON_S = 40.0


@pytest.fixture
def page(server: Running, devices: tuple[str, ...]) -> Iterator[Seen]:
    with chromium(*devices) as browser, opened(browser, server.url) as seen:
        yield seen
        assert seen.troubles == []
        elsewhere = [url for url in seen.requests if not url.startswith((server.url, "blob:", "data:"))]
        assert elsewhere == [], "nothing is loaded from anywhere else"


def start(seen: Seen) -> None:
    """The webcam under guard, and somebody in it."""
    seen.page.get_by_test_id("start-webcam").click()
    seen.until(lambda: "face 1" in seen.states(), SOON_S, "nobody was seen")


def test_a_webcam_is_guarded(page: Seen) -> None:
    start(page)
    assert page.sessions()[0]["kind"] == "webcam"
    page.until(lambda: page.states().get("feed") == "genuine", SOON_S, "the feed was not judged")
    card = page.page.locator('[data-who="face 1"]')
    expect(card).to_have_attribute("data-state", "genuine", timeout=SOON_S * 1000)
    drawn = """() => [...document.querySelectorAll("canvas")].some((canvas) => {
        const context = canvas.getContext("2d");
        if (!context || canvas.width < 100) return false;
        const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
        return data.some((value, at) => at % 4 === 3 && value > 0);
    })"""
    page.until(lambda: page.page.evaluate(drawn), 10, "no mesh was drawn")
    before = len(page.ticks())
    page.page.wait_for_timeout(3000)
    assert len(page.ticks()) - before >= 15, "states come at least five times a second"
    # Chromium's fake camera falls behind its fake microphone on a busy machine, which may well be noticed.
    assert [alert for alert in page.alerts() if alert["hypothesis"] != "av_mismatch"] == []
    page.page.get_by_test_id("stop").click()
    page.until(lambda: page.sessions() == [], 20, "the session did not end")


@pytest.mark.parametrize("attack", ["freeze", "loop", "photo"])
def test_an_attack_on_the_picture_is_caught(page: Seen, attack: str) -> None:
    start(page)
    page.page.get_by_test_id("attacks").locator("summary").click()
    button = page.page.get_by_test_id(f"attack-{attack}")
    expect(button).to_be_enabled(timeout=SOON_S * 1000)
    page.until(lambda: page.states().get("feed") == "genuine", SOON_S, "the feed was not judged")
    button.click()
    caught = page.until(lambda: [a for a in page.alerts() if a["hypothesis"] == "feed_injected"], SOON_S, "no alert")
    assert caught[0]["simulation"] == attack
    assert caught[0]["who"] == "feed"
    alert = page.page.get_by_test_id("alert").first
    expect(alert).to_contain_text("the picture does not come from a live camera")
    expect(alert.get_by_test_id("simulated")).to_be_visible()
    expect(page.page.get_by_test_id("say-now")).to_contain_text("live camera")


def test_what_a_person_says_of_an_alert_is_kept(page: Seen) -> None:
    start(page)
    page.page.get_by_test_id("attacks").locator("summary").click()
    page.until(lambda: page.states().get("feed") == "genuine", SOON_S, "the feed was not judged")
    page.page.get_by_test_id("attack-freeze").click()
    alert = page.until(page.alerts, SOON_S, "no alert")[0]
    page.page.get_by_test_id("attack-none").click()
    shown = page.page.locator(f'[data-alert="{alert["id"]}"]')
    shown.locator('[data-verdict="false_alarm"]').click()
    given = f"/api/sessions/{alert['session']}"
    page.until(lambda: [a for a in page.api(given)["alerts"] if a["feedback"]], 10, "it was not stored")


@pytest.mark.parametrize("attack", ["late_audio", "foreign_audio", "low_res_face"])
def test_the_other_attacks_run_and_end(page: Seen, attack: str) -> None:
    start(page)
    page.page.get_by_test_id("attacks").locator("summary").click()
    page.page.get_by_test_id(f"attack-{attack}").click()
    page.until(lambda: page.sessions()[0]["simulation"] == attack, 10, "the server was not told")
    page.page.wait_for_timeout(1500)
    frames = page.sessions()[0]["stats"]["frames_in"]
    page.page.wait_for_timeout(2000)
    assert page.sessions()[0]["stats"]["frames_in"] > frames + 15, "pictures go on"
    page.page.get_by_test_id("attack-none").click()
    page.until(lambda: page.sessions()[0]["simulation"] is None, 10, "the server was not told of the end")


def test_four_people_in_a_meeting_are_four_participants(server: Running, meeting: Path) -> None:
    handler = functools.partial(Quiet, directory=str(meeting))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        with chromium(share=TITLE) as browser, opened(browser, server.url) as seen:
            shown = seen.page.context.new_page()
            shown.set_viewport_size({"width": 1280, "height": 720})
            shown.goto(f"http://127.0.0.1:{site.server_address[1]}/")
            seen.page.get_by_test_id("tab-meeting").click()
            seen.page.get_by_test_id("start-meeting").click()
            shown.bring_to_front()
            wanted = {f"face {number}" for number in range(1, 5)}
            seen.until(lambda: wanted <= seen.states().keys(), SOON_S, "not all four were seen")
            expect(seen.page.locator('[data-testid="cards"] [data-testid="card"]')).to_have_count(4)
            assert seen.sessions()[0]["kind"] == "meeting"
            assert seen.troubles == []
        site.shutdown()


def test_a_camera_that_is_refused_is_explained(server: Running) -> None:
    with chromium() as browser, opened(browser, server.url) as seen:
        refusal = "async () => { throw new DOMException('no', 'NotAllowedError'); }"
        seen.page.evaluate(f"() => {{ navigator.mediaDevices.getUserMedia = {refusal}; }}")
        seen.page.get_by_test_id("start-webcam").click()
        expect(seen.page.locator("#view-webcam").get_by_test_id("message")).to_contain_text("allow", ignore_case=True)
        assert seen.sessions() == []


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing is written to the terminal."""
