"""Feeds for liveness sessions: somebody who does what a script asks, and what attackers would show instead.

A feed is written before the session begins, so its writer knows the script, as no attacker does. The session begins when the
face is well placed: the actor sits beside the picture's middle until `COMES_S`, and so decides when.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import numpy as np

from demo.head import Cover, Head, HeadPose, Light, idle
from liveguard.challenge.script import Step
from liveguard.types import SAMPLE_RATE_HZ, ByteArray, FloatArray

FPS = 15
COMES_S = 8.0  # by then the page has been clicked through
FIRST_CUE_S = 2.4  # after that the first step is announced, measured
BETWEEN_S = 0.09  # from the end of a step to the announcement of the next one: the way there
DIGIT_S = 0.62
ASIDE_MM = 175.0
SMOOTH_S = 0.35


@dataclass(frozen=True, slots=True)
class Manner:
    """How somebody does it: all in seconds after what is asked, and how well the feed follows what is shown."""

    seed: int = 0
    reacts_s: float = 0.45
    beat_s: float = 0.08
    light_s: float = 0.12  # of the camera
    late_s: float = 0.0  # of everything: a relay
    ambient: float = 0.5


def cues_s(steps: Sequence[Step], first_s: float) -> list[float]:
    """When each step's stimulus is shown, on the feed's own clock; the first is announced at `first_s`."""
    lasts = [step.lead_ms / 1e3 + step.lasts_us / 1e6 + BETWEEN_S for step in steps]
    announced = [first_s + before for before in itertools.accumulate([0.0, *lasts[:-1]])]
    return [at_s + step.lead_ms / 1e3 for at_s, step in zip(announced, steps, strict=True)]


class Actor:
    """Renders one person who does `steps`. Times are seconds of the feed."""

    def __init__(self, head: Head, steps: Sequence[Step], manner: Manner, comes_s: float = COMES_S) -> None:
        self._head, self._manner, self._comes_s = head, manner, comes_s
        self._cues = list(zip(steps, cues_s(steps, comes_s + FIRST_CUE_S), strict=True))
        self.seconds = self._cues[-1][1] + steps[-1].lasts_us / 1e6 + 5.0

    def picture(self, t_s: float) -> ByteArray:
        pose, light, cover = self._at(t_s)
        return self._head.draw(pose, light, cover)

    def _at(self, t_s: float) -> tuple[HeadPose, Light, Cover | None]:
        manner = self._manner
        pose = idle(t_s, manner.seed)
        aside = 1.0 - _smooth((t_s - self._comes_s) / 0.3)
        pose = replace(pose, shift_x_mm=pose.shift_x_mm + aside * ASIDE_MM)
        light, cover = Light((0.85, 0.85, 0.85), manner.ambient), None
        for step, cue_s in self._cues:
            since_s = t_s - cue_s - manner.late_s
            if not -0.5 <= since_s <= step.lasts_us / 1e6 + 1.0:
                continue
            if step.kind == "light":
                light = Light(_colour(step, since_s - manner.light_s) or light.screen, manner.ambient)
            elif step.kind == "occlusion":
                cover = _cover(step, since_s) or cover
            else:
                pose = _moved(pose, step, since_s, manner)
        return pose, light, cover

    def sound(self, words: dict[str, FloatArray]) -> FloatArray:
        """What is heard: digits one after the other, (n,) float32 at 16 kHz, over a quiet room."""
        rng = np.random.default_rng(self._manner.seed)
        pcm = rng.normal(0, 0.0006, int(self.seconds * SAMPLE_RATE_HZ)).astype(np.float32)
        for at_s, digit in self._spoken():
            start = int(at_s * SAMPLE_RATE_HZ)
            word = words[digit][: len(pcm) - start]
            pcm[start : start + len(word)] += word
        return pcm

    def _spoken(self) -> Iterator[tuple[float, str]]:
        for step, cue_s in self._cues:
            if step.kind == "digits":
                for number, digit in enumerate(str(step.params["digits"]).split()):
                    yield cue_s + self._manner.late_s + self._manner.reacts_s + 0.2 + number * DIGIT_S, digit


def _moved(pose: HeadPose, step: Step, since_s: float, manner: Manner) -> HeadPose:
    rng = np.random.default_rng((manner.seed, step.lasts_us))
    if step.kind == "pose":
        each_s = int(step.params["each_us"]) / 1e6
        yaw = pitch = 0.0
        before = (0.0, 0.0)
        for number, text in enumerate(str(step.params["targets"]).split()):
            to = tuple(float(part) * rng.uniform(0.85, 1.1) for part in text.split(","))
            share = _smooth((since_s - number * each_s - manner.reacts_s) / 0.6)
            yaw += share * (to[0] - before[0])
            pitch += share * (to[1] - before[1])
            before = (to[0], to[1])
        return replace(pose, yaw_deg=pose.yaw_deg + yaw, pitch_deg=pose.pitch_deg + pitch)
    if step.kind == "distance":
        near_s, back_s = int(step.params["near_us"]) / 1e6, int(step.params["back_us"]) / 1e6
        share = _smooth((since_s - manner.reacts_s) / (near_s - manner.reacts_s)) - _smooth(
            (since_s - back_s - 0.3) / 1.0
        )
        nearer = 1.0 + share * (float(step.params["nearer"]) - 1.0)
        return replace(pose, distance_mm=pose.distance_mm / nearer)
    if step.kind == "rhythm":
        beats = [int(text) / 1e6 for text in str(step.params["beats_us"]).split()]
        hits = [beat + manner.beat_s + rng.normal(0, 0.06) for beat in beats]
        width_s = 0.09 if step.params["action"] == "blink" else 0.16
        done = min(sum(float(np.exp(-(((since_s - hit) / width_s) ** 2))) for hit in hits), 1.0)
        if step.params["action"] == "blink":
            return replace(pose, lids=max(done, 0.0))
        return replace(pose, mouth=done)
    if step.kind == "digits":
        open_s = since_s - manner.reacts_s - 0.2
        speaking = 0 <= open_s < 4 * DIGIT_S
        return replace(pose, mouth=0.75 * abs(np.sin(np.pi * open_s / DIGIT_S)) if speaking else 0.0)
    return pose


def _colour(step: Step, since_s: float) -> tuple[float, float, float] | None:
    colours = str(step.params["colours"]).split()
    number = int(since_s // (int(step.params["each_us"]) / 1e6))
    if since_s < 0 or number >= len(colours):
        return None
    text = colours[number]
    return (int(text[1:3], 16) / 255, int(text[3:5], 16) / 255, int(text[5:7], 16) / 255)


def _cover(step: Step, since_s: float) -> Cover | None:
    covered_s, bare_s = int(step.params["covered_us"]) / 1e6, int(step.params["bare_us"]) / 1e6
    into = _smooth((since_s - covered_s + 0.6) / 0.5) - _smooth((since_s - bare_s - 0.2) / 0.5)
    place: Any = step.params["region"]
    return Cover(place, into) if into > 0.01 else None


def _smooth(share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return share * share * (3 - 2 * share)


def grained(pictures: Iterator[ByteArray], seed: int, sigma: float = 1.6) -> Iterator[ByteArray]:
    """The pictures with a sensor's noise, another one in each."""
    rng = np.random.default_rng(seed)
    field: Any = None
    for picture in pictures:
        height, width = picture.shape[:2]
        if field is None:
            field = rng.normal(0, sigma, (height + 64, width + 64, 3)).astype(np.int16)
        y, x = rng.integers(0, 64, 2)
        noisy = picture.astype(np.int16) + field[y : y + height, x : x + width]
        yield np.clip(noisy, 0, 255).astype(np.uint8)


def write_y4m(path: Path, pictures: Iterator[ByteArray], fps: int = FPS) -> None:
    """Pictures (h, w, 3) uint8 RGB as a file that Chromium plays as a camera of this rate."""
    with path.open("wb") as out:
        for number, picture in enumerate(pictures):
            if number == 0:
                height, width = picture.shape[:2]
                out.write(f"YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 C420jpeg\n".encode())
            planes = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            out.write(b"FRAME\n" + planes.to_ndarray().tobytes())


def film(actor: Actor, seed: int) -> Iterator[ByteArray]:
    return grained((actor.picture(number / FPS) for number in range(int(actor.seconds * FPS))), seed)
