"""A film from before whose pictures are picked as the script goes: by yaw and pitch, by size, by how far eyes and mouth open.

No model of any kind is in it: it is a library of pictures of one person who once looked around, came nearer, blinked and opened
the mouth, and of what an attacker's program does with it when a step is told. Light and hands are in none of its pictures.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from demo.head import Head, HeadPose, idle
from liveguard.challenge.script import Step
from liveguard.types import ByteArray
from tests.live_camera import FPS
from tests.proof_actor import Manner, moved

IDLE_S = 6.0
YAWS_DEG = np.arange(-28.0, 29.0, 1.0)
PITCHES_DEG = np.arange(-14.0, 14.5, 3.5)
SIZES = np.linspace(1.0, 1.6, 24)
OPEN = np.linspace(0.0, 1.0, 6)
ANSWERED = ("pose", "distance", "rhythm")
LEAST_TURN_DEG, LEAST_NEARER, LEAST_OPEN = 0.5, 0.01, 0.08


class Library:
    """The film: nearly 700 pictures, of 46 s."""

    def __init__(self, head: Head, seed: int = 3) -> None:
        self._idle = [head.draw(_eyes_open(idle(k / FPS, seed))) for k in range(round(IDLE_S * FPS))]
        self.rest = rest = _eyes_open(idle(IDLE_S, seed))
        self._around = {
            (yaw, pitch): head.draw(replace(rest, yaw_deg=rest.yaw_deg + yaw, pitch_deg=rest.pitch_deg + pitch))
            for yaw in YAWS_DEG
            for pitch in PITCHES_DEG
        }
        self._near = [head.draw(replace(rest, distance_mm=rest.distance_mm / size)) for size in SIZES]
        self._blinks = [head.draw(replace(rest, lids=share)) for share in OPEN]
        self._mouths = [head.draw(replace(rest, mouth=share)) for share in OPEN]

    def nearest(self, wanted: HeadPose, t_s: float) -> ByteArray:
        """The picture that looks most like it; of somebody who does nothing, there and back again, where nothing is wanted."""
        rest = self.rest
        yaw, pitch = wanted.yaw_deg - rest.yaw_deg, wanted.pitch_deg - rest.pitch_deg
        if abs(yaw) + abs(pitch) > LEAST_TURN_DEG:
            return self._around[_closest(YAWS_DEG, yaw), _closest(PITCHES_DEG, pitch)]
        nearer = rest.distance_mm / wanted.distance_mm
        for pictures, by, share, least in (
            (self._near, SIZES, nearer, 1.0 + LEAST_NEARER),
            (self._blinks, OPEN, wanted.lids, LEAST_OPEN),
            (self._mouths, OPEN, wanted.mouth, LEAST_OPEN),
        ):
            if share > least:
                return pictures[int(np.abs(by - share).argmin())]
        at = round(t_s * FPS) % (2 * len(self._idle) - 2)
        return self._idle[min(at, 2 * len(self._idle) - 2 - at)]


class Picker:
    """As an `Actor` for who shows its pictures: answers what the library has an answer for. Times are seconds of the feed."""

    def __init__(self, library: Library, manner: Manner) -> None:
        self._library, self._manner = library, manner
        self._asked: list[tuple[Step, float]] = []

    def ask(self, step: Step, shown_s: float) -> None:
        """A step's stimulus is shown from that time on."""
        self._asked.append((step, shown_s))

    def picture(self, t_s: float) -> ByteArray:
        wanted = self._library.rest
        for step, shown_s in self._asked:
            since_s = t_s - shown_s
            if step.kind in ANSWERED and -0.1 <= since_s <= step.lasts_us / 1e6 + 1.0:
                wanted = moved(self._library.rest, step, since_s, self._manner)
        return self._library.nearest(wanted, t_s)


def _eyes_open(pose: HeadPose) -> HeadPose:
    return replace(pose, lids=0.0)


def _closest(of: Any, value: float) -> float:
    return float(of[int(np.abs(of - value).argmin())])
