"""Chromium with made-up devices, and what tests ask of the page."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, WebSocket, sync_playwright

CHROMIUM = next((path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(path).exists()), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)")
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
    "--no-first-run",
    "--mute-audio",
)
ALLOW = "--use-fake-ui-for-media-stream"  # every question is answered with yes, and a shared screen is one's own tab
MEDIA = (
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
)
# Chromium's fake camera and microphone do not begin together, and the camera begins anew whenever it is asked for another
# size. Where sound and picture must belong together, one clip is played and its stream is given out as camera and
# microphone: all behind getUserMedia is as ever.
CLIP_PATH = "/clip-for-tests.webm"
CLIP_DEVICES = """
(() => {
  const give = async (wanted) => {
    const video = document.createElement("video");
    video.src = "CLIP_PATH";
    await new Promise((go, fail) => { video.oncanplaythrough = go; video.onerror = () => fail(video.error); });
    await video.play();
    const stream = video.captureStream();
    if (!wanted.audio) stream.getAudioTracks().forEach((track) => stream.removeTrack(track));
    window.clipForTests = video;
    return stream;
  };
  navigator.mediaDevices.getUserMedia = give;
})();
""".replace("CLIP_PATH", CLIP_PATH)


@contextlib.contextmanager
def chromium(*more: str, share: str = "") -> Iterator[Browser]:
    """A headless browser that stays away from the internet; `share`: the title of the tab that is shared when asked."""
    with sync_playwright() as playwright:
        asked = f"--auto-select-tab-capture-source-by-title={share}" if share else ALLOW
        sandbox = ("--no-sandbox",) if os.getuid() == 0 else ()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *MEDIA, *sandbox, asked, *more])
        try:
            yield browser
        finally:
            browser.close()


def fake_devices(camera: Path, microphone: Path) -> Sequence[str]:
    """What makes Chromium play two files as its devices."""
    return (f"--use-file-for-fake-video-capture={camera}", f"--use-file-for-fake-audio-capture={microphone}")


@dataclass
class Seen:
    """A page under test, and what happened in it."""

    page: Page
    url: str
    troubles: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    messages: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    def api(self, path: str) -> Any:
        return self.page.evaluate("path => fetch(path).then(answer => answer.json())", path)

    def sessions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api("/api/sessions?active=true")["sessions"]
        return found

    def alerts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api("/api/alerts")["alerts"]
        return found

    def states(self) -> dict[str, str]:
        """Who stands how, of all that is guarded now."""
        return {s["participant"]: s["state"] for session in self.sessions() for s in session["statuses"]}

    def until(self, true: Callable[[], Any], timeout_s: float, why: str) -> Any:
        """The first true value; fails with `why`, and what the page shows, when there is none in time."""
        until_s = time.monotonic() + timeout_s
        while not (value := true()):
            assert time.monotonic() < until_s, f"{why} within {timeout_s:g} s: {self.states()}"
            self.page.wait_for_timeout(150)
        return value

    def ticks(self) -> list[float]:
        return [at_s for at_s, message in self.messages if message["type"] == "tick"]


@contextlib.contextmanager
def opened(browser: Browser, url: str, clip: Path | None = None, **context: Any) -> Iterator[Seen]:
    """The page, watched: errors, requests to elsewhere, and what comes over its socket."""
    page = browser.new_context(**context).new_page()
    seen = Seen(page, url)
    page.on("pageerror", lambda error: seen.troubles.append(f"error: {error}"))
    page.on("console", lambda said: seen.troubles.append(f"{said.type}: {said.text}") if said.type == "error" else None)
    page.on("request", lambda request: seen.requests.append(request.url))

    def listen(socket: WebSocket) -> None:
        def received(payload: str | bytes) -> None:
            if isinstance(payload, str):
                seen.messages.append((time.monotonic(), json.loads(payload)))

        socket.on("framereceived", received)

    page.on("websocket", listen)
    if clip is not None:
        page.route(f"**{CLIP_PATH}", lambda route: route.fulfill(path=clip, content_type="video/webm"))
        page.add_init_script(CLIP_DEVICES)
    page.goto(url)
    try:
        yield seen
    finally:
        page.context.close()
