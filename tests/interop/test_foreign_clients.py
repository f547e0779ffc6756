"""WHIP clients and WebRTC stacks that others wrote publish to the server and are guarded.

Their npm packages come from `npm ci --prefix tests/interop`, GStreamer from the system. Who is not installed is skipped.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import shutil
import statistics
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from liveguard.server.settings import ServerSettings
from tests.interop.film import SIZE, Film, flashes, write_rtp, write_webm
from tests.interop.witness import Heard, WitnessGuard
from tests.server_parts import LOOPBACK, Running, serving, wait_until

pytestmark = pytest.mark.replay
HERE = Path(__file__).parent
TOKEN = "a-token-of-the-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
FILM_S = 9.0
SYSTEM_PYTHON = "/usr/bin/python3"
ELEMENTS = (
    "webrtcbin nicesrc dtlsenc srtpenc rtpvp8pay rtph264pay rtpopuspay rtppcmupay matroskademux vp8enc openh264enc"
)
FIND_ELEMENTS = """
import sys, gi
gi.require_version("Gst", "1.0"), gi.require_version("GstSdp", "1.0"), gi.require_version("GstWebRTC", "1.0")
from gi.repository import Gst, GstSdp, GstWebRTC
Gst.init(None)
sys.exit(", ".join(name for name in sys.argv[1:] if Gst.ElementFactory.find(name) is None) or None)
"""
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# --- what they need -------------------------------------------------------------------------------------------------


def need_npm(*packages: str) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    missing = [package for package in packages if not (HERE / "node_modules" / package).is_dir()]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (npm ci --ignore-scripts --prefix tests/interop)")


def need_gstreamer() -> None:
    if not Path(SYSTEM_PYTHON).exists():
        pytest.skip(f"{SYSTEM_PYTHON} is not there")
    command = [SYSTEM_PYTHON, "-c", FIND_ELEMENTS, *ELEMENTS.split()]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if found.returncode:
        pytest.skip(f"GStreamer is not fully installed: {found.stderr.strip().splitlines()[-1:]}")


def need_chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path is not None:
            return path
    pytest.skip("no Chromium is installed")


@pytest.fixture(scope="module")
def film() -> Film:
    return flashes(FILM_S)


@pytest.fixture(scope="module")
def guard() -> Iterator[WitnessGuard]:
    with WitnessGuard() as witness:
        yield witness


@pytest.fixture(scope="module")
def server(guard: WitnessGuard) -> Iterator[Running]:
    with serving(guard, ServerSettings(token=TOKEN, ice_addresses=LOOPBACK)) as running:
        yield running


@pytest.fixture(scope="module")
def page_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with the clients for browsers, of another origin than the server under test."""
    need_npm("@eyevinn/whip-web-client", "whip-whep", "esbuild")
    folder = tmp_path_factory.mktemp("page")
    bundle = [str(HERE / "node_modules/.bin/esbuild"), "whip_page.js", "--bundle", "--log-level=warning"]
    subprocess.run([*bundle, f"--outfile={folder}/page.js"], cwd=HERE, check=True, timeout=60)
    (folder / "index.html").write_text("<!doctype html><meta charset=utf-8><body><script src=page.js></script>")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{web.server_port}/"
        web.shutdown()
        thread.join()


# --- what they all must show ----------------------------------------------------------------------------------------


def session(server: Running, participant: str) -> dict[str, Any]:
    listed = httpx.get(f"{server.url}/api/sessions", headers=BEARER).json()["sessions"]
    return next((one for one in listed if one["participant"] == participant), {"statuses": [], "ended_at": None})


def wait_until_guarded(server: Running, participant: str) -> None:
    """The session is connected, pictures are judged, and the feed has been found genuine."""

    def judged() -> bool:
        one = session(server, participant)
        return bool(one["statuses"]) and one["connected"] and one["statuses"][0]["state"] == "genuine"

    wait_until(judged, 30.0)


def check_media(heard: Heard, source: str, late_ms: float, least_s: float = FILM_S - 1) -> None:
    """The film has come, without a hole in the sound, and sound and picture fit each other."""
    summary = heard.summary()
    assert {size for _, size, _ in heard.pictures} == {SIZE}, summary
    assert 15 < heard.picture_rate_hz < 35, summary  # a browser on a busy machine paints less than 30
    assert heard.sound_s > least_s, summary
    # Where sound and picture are aligned anew, when the sender reports come, sound is moved once, and that is no loss.
    steps = heard.clocks[-1].params["step"]
    assert len(heard.missing_sound_ms) <= steps, summary
    gaps = [gap for gap in heard.gaps if gap.kind == "audio" and gap.end_us > heard.sound[0].t_us]
    assert len(gaps) <= steps, summary
    late = heard.tones_late_ms()
    assert len(late) >= 2, summary
    assert abs(statistics.median(late)) < late_ms, summary
    assert heard.clocks[-1].params["source"] == source, summary


def play(command: list[str], server: Running, participant: str) -> list[dict[str, Any]]:
    """Runs a client from its offer to its DELETE; gives what it said."""
    said = []
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True) as client:
        watchdog = threading.Timer(90, client.kill)
        watchdog.start()
        try:
            assert client.stdout is not None
            for line in client.stdout:
                said.append(json.loads(line))
                if said[-1].get("connected"):
                    wait_until_guarded(server, participant)
            assert client.wait() == 0
        finally:
            watchdog.cancel()
            client.kill()
    return said


def check_course(said: list[dict[str, Any]], server: Running, participant: str) -> None:
    answered = said[0]
    assert answered["status"] == 201, said
    assert answered["location"].startswith(f"/whip/{participant}/")
    assert answered["etag"]
    assert said[1:] == [{"connected": True}, {"deleted": 200}]
    assert session(server, participant)["ended_at"] is not None


# --- stacks that are no browser's -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("video", "audio"), [("VP8", "opus"), ("H264", "G722")])
def test_werift_publishes(
    server: Running, guard: WitnessGuard, film: Film, tmp_path: Path, video: str, audio: str
) -> None:
    """Its sender reports have whole seconds only, so they must not be used."""
    need_npm("werift")
    file = write_rtp(film, tmp_path / "film.rtp", video, audio)
    name = f"werift-{video}"
    url = f"{server.url}/whip/{name}"
    said = play(["node", "werift_publisher.mjs", url, TOKEN, str(file), video, audio], server, name)
    check_course(said, server, name)
    assert f"{video}/90000" in said[0]["text"]
    check_media(guard.heard[name], "arrival", 100)


@pytest.mark.parametrize(("video", "audio"), [("VP8", "opus"), ("H264", "PCMU")])
def test_gstreamer_publishes(
    server: Running, guard: WitnessGuard, film: Film, tmp_path: Path, video: str, audio: str
) -> None:
    """It has an RSA certificate. The film runs while it connects, so the beginning is missing."""
    need_gstreamer()
    file = write_webm(film, tmp_path / "film.webm")
    name = f"gst-{video}"
    url = f"{server.url}/whip/{name}"
    said = play([SYSTEM_PYTHON, "gst_publisher.py", url, TOKEN, str(file), video, audio], server, name)
    check_course(said, server, name)
    assert f"{video}/90000" in said[0]["text"]
    check_media(guard.heard[name], "sender_report", 60, least_s=4)


# --- in a browser ---------------------------------------------------------------------------------------------------


class Browser:
    """A page of another origin, and the requests to WHIP that it has made: (method, status, If-Match)."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self.requests: list[tuple[str, int, str | None]] = []
        self.errors: list[str] = []
        page.on("response", self._answered)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _answered(self, response: Any) -> None:
        if "/whip/" in response.url:
            match = response.request.headers.get("if-match")
            self.requests.append((response.request.method, response.status, match))

    def ask(self, what: str, *arguments: str) -> Any:
        return self._page.evaluate("([what, ...rest]) => window.whip[what](...rest)", [what, *arguments])

    def wait_until(self, true: Callable[[], Any], timeout_s: float = 20.0) -> None:
        """Playwright handles what happens in the page only while it waits."""

        def looked() -> Any:
            self._page.wait_for_timeout(50)
            return true()

        wait_until(looked, timeout_s)


@contextlib.contextmanager
def browsing(url: str) -> Iterator[Browser]:
    path = need_chromium()
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        try:
            page = chromium.new_page()
            browser = Browser(page)
            page.goto(url)
            yield browser
        finally:
            chromium.close()


def test_a_page_of_another_origin_publishes_its_camera(server: Running, guard: WitnessGuard, page_url: str) -> None:
    """The client of Eyevinn makes complete offers, as our answer to OPTIONS names no PATCH to other origins: what it would
    trickle has no If-Match, and names component 0."""
    with browsing(page_url) as browser:
        location = browser.ask("eyevinn", f"{server.url}/whip/eyevinn", TOKEN)
        assert location.startswith(f"{server.url}/whip/eyevinn/")
        browser.wait_until(lambda: browser.ask("state") == "connected")
        wait_until_guarded(server, "eyevinn")
        heard = guard.heard["eyevinn"]
        browser.wait_until(lambda: heard.sound_s > 6)
        assert browser.ask("sent") == {"video": "video/VP8", "audio": "audio/opus"}
        browser.ask("leave")
        browser.wait_until(lambda: session(server, "eyevinn")["ended_at"] is not None)
        assert browser.errors == []
        assert browser.requests == [
            ("OPTIONS", 200, None),
            ("OPTIONS", 200, None),
            ("POST", 201, None),
            ("DELETE", 200, None),
        ]
    summary = heard.summary()
    assert {size for _, size, _ in heard.pictures[-40:]} == {(640, 480)}, summary
    assert 15 < heard.picture_rate_hz < 35, summary
    assert len(heard.missing_sound_ms) <= heard.clocks[-1].params["step"], summary
    assert heard.clocks[-1].params["source"] == "sender_report", summary


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_candidates_trickle_and_ice_restarts_in_a_page_of_another_origin(
    server: Running, guard: WitnessGuard, page_url: str, codec: str
) -> None:
    """The client of the RFC's author, which also closes its connection before it sends DELETE."""
    name = f"medooze-{codec}"
    with browsing(page_url) as browser:
        if not browser.ask("canEncode", codec):
            pytest.skip(f"this Chromium cannot encode {codec}")
        browser.ask("medooze", f"{server.url}/whip/{name}", TOKEN, codec)
        browser.wait_until(lambda: browser.ask("state") == "connected")
        wait_until_guarded(server, name)
        heard = guard.heard[name]
        browser.wait_until(lambda: heard.sound_s > 3)
        assert browser.ask("sent") == {"video": f"video/{codec}", "audio": "audio/opus"}
        trickled = list(browser.requests)
        etag = trickled[1][2]
        assert trickled == [("POST", 201, None), *[("PATCH", 204, etag)] * (len(trickled) - 1)]
        before = browser.ask("remoteUfrags")
        browser.ask("restart")
        browser.wait_until(lambda: set(browser.ask("remoteUfrags")).isdisjoint(before))
        browser.wait_until(lambda: len(browser.requests) > len(trickled) + 1)
        restarted = browser.requests[len(trickled) :]
        assert restarted[0] == ("PATCH", 200, "*")
        assert {(method, status) for method, status, _ in restarted[1:]} == {("PATCH", 204)}
        assert etag not in {match for _, _, match in restarted}
        browser.wait_until(lambda: heard.sound_s > FILM_S)
        assert browser.ask("state") == "connected"
        browser.ask("leave")
        browser.wait_until(lambda: session(server, name)["ended_at"] is not None)
        assert browser.requests[-1] == ("DELETE", 200, None)
        assert browser.errors == []
    check_media(heard, "sender_report", 150)
