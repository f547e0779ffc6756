"""Somebody before a camera who does what a liveness session asks, as a feed: a head rendered in 3-D, and a voice.

An actor learns of a step when it is shown, as people do, and reacts after a while (`perform` in `tests.proof_performer` runs
one live). What attackers prepare is the same person, who rehearsed another script (`rehearsed`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from liveguard.challenge.script import Step
from liveguard.types import SAMPLE_RATE_HZ, ByteArray, FloatArray
from tests.live_camera import FPS
from tests.rendering.head import Cover, Head, HeadPose, Light, idle

FIRST_CUE_S = 2.4  # after a face comes into its place the first step is announced, measured
BETWEEN_S = 0.09  # from the end of a step to the announcement of the next one: the way there
DIGIT_S = 0.62
ASIDE_MM = 175.0
ROOM_NOISE = 0.0006


@dataclass(frozen=True, slots=True)
class Manner:
    """How somebody does it: all in seconds after what is asked, and how well the feed follows what is shown."""

    seed: int = 0
    reacts_s: float = 0.45
    beat_s: float = 0.08
    light_s: float = 0.12  # of the camera
    late_s: float = 0.0  # of everything: a relay
    ambient: float = 0.5


class Actor:
    """Renders one person. Times are seconds of the feed; the person sits beside the picture's middle until `comes_s`."""

    def __init__(self, head: Head, manner: Manner, comes_s: float = 0.0) -> None:
        self._head, self._manner, self._comes_s = head, manner, comes_s
        self._asked: list[tuple[Step, float]] = []

    def ask(self, step: Step, shown_s: float) -> None:
        """A step's stimulus is shown from that time on."""
        self._asked.append((step, shown_s))

    def picture(self, t_s: float) -> ByteArray:
        pose, light, cover = self._at(t_s)
        return self._head.draw(pose, light, cover)

    def _at(self, t_s: float) -> tuple[HeadPose, Light, Cover | None]:
        manner = self._manner
        pose = idle(t_s, manner.seed)
        aside = 1.0 - _smooth((t_s - self._comes_s) / 0.3) if self._comes_s else 0.0
        pose = replace(pose, shift_x_mm=pose.shift_x_mm + aside * ASIDE_MM)
        light, cover = Light((0.85, 0.85, 0.85), manner.ambient), None
        for step, shown_s in self._asked:
            since_s = t_s - shown_s - manner.late_s
            if not -0.5 <= since_s <= step.lasts_us / 1e6 + 1.0:
                continue
            if step.kind == "light":
                light = Light(_colour(step, since_s - manner.light_s) or light.screen, manner.ambient)
            elif step.kind == "occlusion":
                cover = _cover(step, since_s) or cover
            else:
                pose = _moved(pose, step, since_s, manner)
        return pose, light, cover


def said(step: Step, manner: Manner, words: dict[str, FloatArray]) -> FloatArray:
    """What is heard from the moment on in which a step is shown, (n,) float32 at 16 kHz; empty where nothing is read aloud."""
    if step.kind != "digits":
        return np.empty(0, np.float32)
    begin_s = manner.late_s + manner.reacts_s + 0.2
    digits = str(step.params["digits"]).split()
    pcm = np.zeros(round((begin_s + (len(digits) + 1) * DIGIT_S) * SAMPLE_RATE_HZ), np.float32)
    for number, digit in enumerate(digits):
        start = round((begin_s + number * DIGIT_S) * SAMPLE_RATE_HZ)
        word = words[digit][: len(pcm) - start]
        pcm[start : start + len(word)] += word
    return pcm


def quiet(seconds: float, seed: int) -> FloatArray:
    """A quiet room, (n,) float32 at 16 kHz."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.normal(0, ROOM_NOISE, round(seconds * SAMPLE_RATE_HZ)), np.float32)


def rehearsed(
    head: Head, steps: Sequence[Step], manner: Manner, comes_s: float, words: dict[str, FloatArray]
) -> tuple[Iterator[ByteArray], FloatArray]:
    """Pictures and sound of somebody who did `steps`, shown one after the other once they had come, in another session."""
    actor = Actor(head, manner, comes_s)
    shown_s = _shown_s(steps, comes_s + FIRST_CUE_S)
    seconds = shown_s[-1] + steps[-1].lasts_us / 1e6 + 5.0
    sound = quiet(seconds, manner.seed)
    for step, at_s in zip(steps, shown_s, strict=True):
        actor.ask(step, at_s)
        start, pcm = round(at_s * SAMPLE_RATE_HZ), said(step, manner, words)
        sound[start : start + len(pcm)] += pcm
    return (actor.picture(number / FPS) for number in range(int(seconds * FPS))), sound


def _shown_s(steps: Sequence[Step], first_s: float) -> list[float]:
    """When each step's stimulus is shown, if the first is announced at `first_s`."""
    lasts = [step.lead_ms / 1e3 + step.lasts_us / 1e6 + BETWEEN_S for step in steps]
    announced = [first_s + before for before in itertools.accumulate([0.0, *lasts[:-1]])]
    return [at_s + step.lead_ms / 1e3 for at_s, step in zip(announced, steps, strict=True)]


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
