"""The face since shortly before a cue, and whether it was seen well enough to judge how it moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liveguard.challenge.check import BEFORE_US, SEVERAL
from liveguard.detectors.series import face_series
from liveguard.face.geometry import EYE_LEFT_OUTER, EYE_RIGHT_OUTER
from liveguard.types import Cue, FaceSample, FloatArray, Window

LEAST_HZ = 8.0
LEAST_EYES_PX = 60.0
"""Smaller faces were not measured: those of the laboratory had 64 px and more."""
LONGEST_GONE_S = 0.8
LEAST_BEFORE = 4


@dataclass(frozen=True, slots=True)
class Seen:
    """The face's `samples`: `t_s` (n,) from the cue on, below 0 before it; `points` (n, 478, 3) px.

    `why`: what forbids to judge, else empty.
    """

    t_s: FloatArray
    points: FloatArray
    samples: tuple[FaceSample, ...]
    why: str
    measures: dict[str, float]

    def between(self, start_s: float, end_s: float) -> FloatArray:
        """The landmarks (m, 478, 3) of [start_s, end_s)."""
        return self.points[(self.t_s >= start_s) & (self.t_s < end_s)]


def seen_around(window: Window, cue: Cue) -> Seen:
    """What is seen of the face from `BEFORE_US` before the cue to the window's end."""
    series = face_series(window)
    at_us = np.array([sample.t_us - cue.t_us for sample in series.samples], np.int64)
    kept = at_us >= -BEFORE_US
    # From whole microseconds since the cue: the same whenever in the session it came.
    t_s, points = (at_us[kept] / 1e6).astype(np.float32), series.points[kept]
    samples = tuple(sample for sample, wanted in zip(series.samples, kept, strict=True) if wanted)
    over_s = (window.end_us - cue.t_us) / 1e6
    if not window.alone:
        return Seen(t_s, points, samples, SEVERAL, {})
    if len(t_s) < LEAST_BEFORE:
        return Seen(t_s, points, samples, "no face was seen: look into the camera while you are asked", {})
    rate = 1.0 / float(np.median(np.diff(t_s)))
    since = t_s[t_s >= 0]
    gone = float(np.diff(np.concatenate([[0.0], since, [over_s]])).max())
    eyes = float(np.median(np.linalg.norm(points[:, EYE_LEFT_OUTER] - points[:, EYE_RIGHT_OUTER], axis=1)))
    measures = {"frame_rate_hz": rate, "longest_gone_s": gone, "eyes_px": eyes}
    why = ""
    if rate < LEAST_HZ:
        why = f"too few pictures: {rate:.3g} a second, {LEAST_HZ:.0f} needed: check light and connection"
    elif gone > LONGEST_GONE_S:
        why = f"the face was out of sight for {gone:.1f} s, {LONGEST_GONE_S:.1f} s at most: stay in view"
    elif eyes < LEAST_EYES_PX:
        why = f"face too small: {eyes:.0f} px between the eyes, {LEAST_EYES_PX:.0f} px needed: come closer"
    return Seen(t_s, points, samples, why, measures)
