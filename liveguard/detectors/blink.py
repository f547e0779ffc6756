"""Lids, brows and eyes over a long stretch: a person blinks, looks about, and speaks with the whole face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liveguard.detectors.quality import Limits, quality_of, shortfall
from liveguard.detectors.series import RIGID_POINTS, FaceSeries, align, band_power, db, face_series, on_grid
from liveguard.detectors.weights import card
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
    LIP_LOWER_INNER,
    LIP_UPPER_INNER,
)
from liveguard.types import BoolArray, FloatArray, Hypothesis, Need, Reading, Window

BLINK_DEPTH = 0.3  # of the open eye; glances down and smiles narrow it by less
BLINK_S = (0.04, 0.6)  # blinks of awake people last 0.1 to 0.4 s (doi:10.1016/j.ics.2005.02.044 gives similar bounds)
SPEAKING = 0.006  # movement of the lips in eye distances (a deviation) from which on the mouth is taken to speak
MOTION_HZ = (0.5, 5.0)


@dataclass(frozen=True, slots=True)
class Blinks:
    """What the lids did: number, and medians of duration, depth (share of the open eye) and left-right difference."""

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
    return np.stack(ratios, axis=1).astype(np.float32)


def find_blinks(t_s: FloatArray, aspect: FloatArray) -> Blinks:
    """Blinks in the aspect ratios (n, 2): short, deep, and back to open; the first and last picture cannot be part of one."""
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


def expression(series: FaceSeries) -> dict[str, float]:
    """How much mouth, brows, lids and gaze move, as powers in dB re (permille of the eye distance)^2 per Hz."""
    points = series.points / series.unit_px
    aligned, _ = align(points, points.mean(axis=0), RIGID_POINTS)
    brows = aligned[:, [*BROW_LEFT, *BROW_RIGHT], 1].reshape(len(points), 2, -1).mean(axis=2)
    lids = np.stack([aligned[:, [159, 386], 1] - aligned[:, [145, 374], 1]]).reshape(len(points), 2)
    corners = aligned[:, [EYE_LEFT_OUTER, EYE_LEFT_INNER, EYE_RIGHT_OUTER, EYE_RIGHT_INNER], :2]
    gaze = aligned[:, [IRIS_LEFT, IRIS_RIGHT], :2].mean(axis=1) - corners.mean(axis=1)
    lips = aligned[:, LIP_LOWER_INNER, 1:2] - aligned[:, LIP_UPPER_INNER, 1:2]
    grid, rate = on_grid(series.t_s, np.concatenate([lips, brows, lids, gaze], axis=1) * 1000)
    power = band_power(grid, rate, (MOTION_HZ,))[0]
    mouth, brow, lid, look = power[0], power[1:3].mean(), power[3:5].mean(), power[5:7].mean()
    return {
        "mouth_motion_db": db(mouth),
        "brow_motion_db": db(brow),
        "lid_motion_db": db(lid),
        "gaze_motion_db": db(look),
        "lip_gap_deviation_eyes": float(lips.std()),
    }


def _runs(mask: BoolArray) -> tuple[list[int], list[int]]:
    """Starts and ends (exclusive) of the stretches where `mask` (n,) is true."""
    edges = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    return np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist()
