"""Lids, brows and eyes over a long stretch: a person blinks, looks about, and speaks with the whole face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liveguard.detectors.quality import Limits, judge
from liveguard.detectors.series import FaceSeries, align_to_mean, band_power, conditions, db, on_grid
from liveguard.face.geometry import (
    BROW_LEFT,
    BROW_RIGHT,
    EYE_LEFT_INNER,
    EYE_LEFT_OUTER,
    EYE_RIGHT_INNER,
    EYE_RIGHT_OUTER,
    IRIS_LEFT,
    IRIS_RIGHT,
    LIDS_LEFT,
    LIDS_RIGHT,
    RIGID,
)
from liveguard.types import BoolArray, FloatArray, Hypothesis, Need, Reading, Window

LIMITS = Limits(seconds=6.0, fps=11.5, face_px=70, yaw_deg=30)
BLINK_DEPTH = 0.3  # of the open eye; glances down and smiles narrow it by less
BLINK_S = (
    0.04,
    0.6,
)  # blinks of people who are awake last 0.1 to 0.4 s (doi:10.1002/mds.870120629 counts them)
MOTION_HZ = (0.5, 5.0)
_CORNERS = (EYE_LEFT_OUTER, EYE_LEFT_INNER, EYE_RIGHT_OUTER, EYE_RIGHT_INNER)
UPPER, LOWER = [159, 386], [145, 374]
WORDS = {
    "lid_difference_db": ("both lids move as one", "the lids move each a little on its own"),
    "lid_speed_db": ("the lids hardly move", "the lids move briskly"),
    "gaze_motion_db": ("the gaze is dead", "the gaze wanders"),
    "brow_motion_db": ("the brows stay frozen while the mouth speaks", "the brows move"),
}


class Blink:
    """See the module. Weak: people differ, and a driven fake blinks when its driver does."""

    name = "blink"
    hypothesis: Hypothesis = "face_manipulated"
    about = "Do lids, gaze and brows live, also while the mouth speaks? (weak)"
    need = Need(step_us=4_000_000, video_us=20_000_000)

    def evaluate(self, window: Window) -> Reading:
        return judge(self.name, window, LIMITS, blink_measures, WORDS)


@dataclass(frozen=True, slots=True)
class Blinks:
    """What the lids did: number, and medians of duration, depth (share of the open eye) and left-right
    difference.
    """

    count: int
    length_s: float
    depth: float
    asymmetry: float


def eye_aspect(points: FloatArray) -> FloatArray:
    """Mean gap of the lids over the width of the eye, (n, 2): left, right; about 0.3 open, under 0.15 shut.

    The eye aspect ratio of Soukupova and Cech 2016, taken in 3-D so that turning the head changes it less.
    """
    sides = (
        (LIDS_LEFT, EYE_LEFT_OUTER, EYE_LEFT_INNER),
        (LIDS_RIGHT, EYE_RIGHT_OUTER, EYE_RIGHT_INNER),
    )
    ratios = []
    for lids, outer, inner in sides:
        upper, lower = [pair[0] for pair in lids], [pair[1] for pair in lids]
        gap = np.linalg.norm(points[:, upper] - points[:, lower], axis=2).mean(axis=1)
        ratios.append(gap / np.maximum(np.linalg.norm(points[:, outer] - points[:, inner], axis=1), 1e-6))
    return np.asarray(np.stack(ratios, axis=1), np.float32)


def find_blinks(t_s: FloatArray, aspect: FloatArray) -> Blinks:
    """Blinks in the aspect ratios (n, 2): short, deep, and back to open; the first and last picture cannot be
    part of one.
    """
    open_eye = np.maximum(np.percentile(aspect, 80, axis=0), 1e-3)
    closure = 1 - aspect / open_eye
    both = closure.mean(axis=1)
    starts, ends = _runs(both > BLINK_DEPTH / 2)
    found = []
    for start, end in zip(starts, ends, strict=True):
        if start == 0 or end == len(t_s) or both[start:end].max() < BLINK_DEPTH:
            continue
        length = float(t_s[end] - t_s[start - 1]) / 2 + float(t_s[end - 1] - t_s[start]) / 2
        if BLINK_S[0] <= length <= BLINK_S[1]:
            peak = start + int(both[start:end].argmax())
            found.append((length, float(both[peak]), float(abs(closure[peak, 0] - closure[peak, 1]))))
    if not found:
        return Blinks(0, float("nan"), float("nan"), float("nan"))
    length, depth, asymmetry = np.median(np.array(found), axis=0)
    return Blinks(len(found), float(length), float(depth), float(asymmetry))


def blink_measures(series: FaceSeries) -> dict[str, float]:
    """The figures of a series of some seconds."""
    aspect = eye_aspect(series.points)
    blinks = find_blinks(series.t_s, aspect)
    openness = aspect / np.maximum(np.percentile(aspect, 80, axis=0), 1e-3)
    grid, rate = on_grid(series.t_s, openness * 100)
    speed = np.abs(np.diff(grid.mean(axis=1))) * rate
    return (
        conditions(series)
        | expression(series)
        | {
            "blinks": float(blinks.count),
            "blinks_per_min": blinks.count * 60 / float(np.ptp(series.t_s)),
            "blink_s": blinks.length_s,
            "blink_depth_share": blinks.depth,
            "blink_asymmetry_share": blinks.asymmetry,
            "lid_difference_db": 2 * db(float((grid[:, 0] - grid[:, 1]).std())),
            "lid_speed_db": 2 * db(float(np.percentile(speed, 90))),
        }
    )


def expression(series: FaceSeries) -> dict[str, float]:
    """How much brows, lids and gaze move, 0.5 to 5 Hz, as powers in dB re (permille of the eye distance)^2
    per Hz.
    """
    rows = [*RIGID, *BROW_LEFT, *BROW_RIGHT, *UPPER, *LOWER, *_CORNERS, IRIS_LEFT, IRIS_RIGHT]
    points = series.points[:, rows] / series.unit_px
    aligned = align_to_mean(points, np.arange(len(RIGID)))[:, len(RIGID) :]
    brows = aligned[:, :10, 1].reshape(len(points), 2, 5).mean(axis=2)
    lids = aligned[:, 10:12, 1] - aligned[:, 12:14, 1]
    gaze = aligned[:, 18:20, :2].mean(axis=1) - aligned[:, 14:18, :2].mean(axis=1)
    grid, rate = on_grid(series.t_s, np.concatenate([brows, lids, gaze], axis=1) * 1000)
    power = band_power(grid, rate, (MOTION_HZ,))[0].reshape(3, 2).mean(axis=1)
    return {
        "brow_motion_db": db(float(power[0])),
        "lid_motion_db": db(float(power[1])),
        "gaze_motion_db": db(float(power[2])),
    }


def _runs(mask: BoolArray) -> tuple[list[int], list[int]]:
    """Starts and ends (exclusive) of the stretches where `mask` (n,) is true."""
    edges = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    return np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist()
