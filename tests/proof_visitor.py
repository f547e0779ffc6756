"""Somebody who opens the link of a liveness session in a real Chromium whose camera and microphone are files.

Who answers sees what the page is told, when it has shown it, and may say something aloud.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from playwright.sync_api import Page, ViewportSize

from demo.clips import speech
from liveguard.challenge.policy import Kind
from liveguard.challenge.script import Step
from liveguard.types import SAMPLE_RATE_HZ, FloatArray
from tests.browser.parts import chromium, fake_devices

SIZE: ViewportSize = {"width": 420, "height": 800}
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DONE_WITHIN_S = 150.0


# Given a step and when it was shown (time.monotonic()), what is said from then on, (n,) float32 at 16 kHz; maybe nothing.
Answer: TypeAlias = Callable[[Step, float], FloatArray]

# Chromium reads its fake microphone's file once, so what is said live is added to it in the page.
VOICE = """
(() => {
  const media = navigator.mediaDevices, real = media.getUserMedia.bind(media);
  media.getUserMedia = async (wanted) => {
    const stream = await real(wanted);
    if (!stream.getAudioTracks().length) return stream;
    const sound = new AudioContext(), both = sound.createMediaStreamDestination();
    sound.createMediaStreamSource(stream).connect(both);
    window.sayForTests = ({ pcm, rate, in_s }) => {
      const bytes = Uint8Array.from(atob(pcm), (letter) => letter.charCodeAt(0));
      const heard = Float32Array.from(new Int16Array(bytes.buffer), (value) => value / 32768);
      const buffer = sound.createBuffer(1, heard.length, rate), source = sound.createBufferSource();
      buffer.copyToChannel(heard, 0);
      source.buffer = buffer;
      source.connect(both);
      source.start(sound.currentTime + Math.max(in_s, 0), Math.max(-in_s, 0));
    };
    return new MediaStream([...stream.getVideoTracks(), ...both.stream.getAudioTracks()]);
  };
})();
"""


@dataclass
class Visit:
    """What the page was told: (seconds since the page was opened, message)."""

    told: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    @property
    def done(self) -> dict[str, Any] | None:
        """The last word: not one after which the person may try again."""
        return next((m for _, m in self.told if m["type"] == "done" and not m.get("retry")), None)

    @property
    def tries(self) -> int:
        return sum(message["type"] == "done" for _, message in self.told)

    def at_s(self, kind: str) -> float:
        """When it was last told such a message."""
        return max(at_s for at_s, message in self.told if message["type"] == kind)

    @property
    def judged_after_s(self) -> float:
        """From the end of the last step to the verdict."""
        return self.at_s("done") - self.at_s("step_over")

    @property
    def lasted_s(self) -> float:
        """From the first step's announcement to the verdict, in the last try."""
        firsts = (at_s for at_s, message in self.told if message["type"] == "step" and message["number"] == 1)
        return self.at_s("done") - max(firsts)


def visit(
    link: str,
    camera: Path,
    microphone: Path,
    flags: Sequence[str] = (),
    script: str = "",
    answer: Answer | None = None,
    turn: AbstractContextManager[object] | None = None,
) -> Visit:
    """Click through the page to the verdict, as far as it goes, trying again where that is offered.

    `script`: runs in the page before all else. `turn`: held from the first click on, so that a browser may be started while
    others are watched.
    """
    with chromium(*fake_devices(camera, microphone), *flags) as browser:
        page = browser.new_page(viewport=SIZE)
        page.add_init_script(VOICE + script)
        return watch(page, link, answer, turn or nullcontext())


def watch(page: Page, link: str, answer: Answer | None, turn: AbstractContextManager[object]) -> Visit:
    seen, began_s = Visit(), time.monotonic()
    kinds: dict[int, Kind] = {}
    steps: dict[int, Step] = {}
    aloud: list[tuple[float, FloatArray]] = []
    is_led = False  # then there is nothing to click, and looking for it takes time from what is watched

    def heard(data: str | bytes) -> None:
        nonlocal is_led
        message = json.loads(data)
        if message["type"] != "ping":
            is_led = message["type"] in ("step", "show", "step_over", "judging")
        if message["type"] != "ping":
            seen.told.append((time.monotonic() - began_s, message))
        if message["type"] == "step":
            kinds[message["number"]] = message["kind"]
        elif message["type"] == "show":
            steps[message["number"]] = Step(kinds[message["number"]], message["params"])

    def sent(data: str | bytes) -> None:
        now_s, message = time.monotonic(), json.loads(data)
        if message["type"] == "shown" and answer is not None:
            aloud.append((now_s, answer(steps[message["number"]], now_s)))

    page.on("websocket", lambda socket: (socket.on("framereceived", heard), socket.on("framesent", sent)))
    page.goto(link)
    with turn:
        began_s = time.monotonic()
        while seen.done is None and time.monotonic() - began_s < DONE_WITHIN_S:
            for button in [] if is_led else page.locator("button.primary:visible:enabled").all()[:1]:
                button.click(timeout=2_000)
            while aloud:
                since_s, pcm = aloud.pop(0)
                if len(pcm):
                    _say(page, pcm, since_s - time.monotonic())
            page.wait_for_timeout(100)
    return seen


def _say(page: Page, pcm: FloatArray, in_s: float) -> None:
    coded = base64.b64encode((np.clip(pcm, -1, 1) * 32_767).astype("<i2").tobytes()).decode()
    page.evaluate("what => sayForTests(what)", {"pcm": coded, "rate": SAMPLE_RATE_HZ, "in_s": in_s})


def spoken_digits(folder: Path) -> dict[str, FloatArray]:
    """Each digit by espeak-ng, without silence around it. Raises FileNotFoundError where that is not installed."""
    words = {}
    for digit, word in enumerate(DIGITS):
        pcm = 0.8 * speech(word, folder, "en-us", 150)
        loud = np.flatnonzero(np.abs(pcm) > 0.01)
        words[str(digit)] = np.asarray(pcm[loud[0] : loud[-1] + 800], np.float32)
    return words
