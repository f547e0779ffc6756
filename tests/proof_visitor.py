"""Somebody who opens the link of a liveness session in a real Chromium whose camera and microphone are files."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, ViewportSize

from demo.clips import speech
from liveguard.types import FloatArray
from tests.browser.parts import chromium, fake_devices

SIZE: ViewportSize = {"width": 420, "height": 800}
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DONE_WITHIN_S = 75.0


@dataclass
class Visit:
    """What the page was told: (seconds since the page was opened, message)."""

    told: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    @property
    def done(self) -> dict[str, Any] | None:
        return next((message for _, message in self.told if message["type"] == "done"), None)

    def at_s(self, kind: str) -> float:
        """When it was last told such a message."""
        return max(at_s for at_s, message in self.told if message["type"] == kind)

    @property
    def judged_after_s(self) -> float:
        """From the end of the last step to the verdict."""
        return self.at_s("done") - self.at_s("step_over")

    @property
    def lasted_s(self) -> float:
        """From the first step's announcement to the verdict."""
        return self.at_s("done") - min(at_s for at_s, message in self.told if message["type"] == "step")


def visit(link: str, camera: Path, microphone: Path, flags: Sequence[str] = (), script: str = "") -> Visit:
    """Click through the page to the verdict, as far as it goes. `script`: runs in the page before all else."""
    with chromium(*fake_devices(camera, microphone), *flags) as browser:
        page = browser.new_page(viewport=SIZE)
        if script:
            page.add_init_script(script)
        return watch(page, link)


def watch(page: Page, link: str) -> Visit:
    seen, began_s = Visit(), time.monotonic()

    def heard(data: str | bytes) -> None:
        message = json.loads(data)
        if message["type"] != "ping":
            seen.told.append((time.monotonic() - began_s, message))

    page.on("websocket", lambda socket: socket.on("framereceived", heard))
    page.goto(link)
    while seen.done is None and time.monotonic() - began_s < DONE_WITHIN_S:
        for button in page.locator("button.primary:visible:enabled").all()[:1]:
            button.click(timeout=2_000)
        page.wait_for_timeout(200)
    return seen


def spoken_digits(folder: Path) -> dict[str, FloatArray]:
    """Each digit by espeak-ng, without silence around it. Raises FileNotFoundError where that is not installed."""
    words = {}
    for digit, word in enumerate(DIGITS):
        pcm = 0.8 * speech(word, folder, "en-us", 150)
        loud = np.flatnonzero(np.abs(pcm) > 0.01)
        words[str(digit)] = np.asarray(pcm[loud[0] : loud[-1] + 800], np.float32)
    return words
