"""How the face mesh moves once the movement of the head is taken out of it.

A mesh follows a real face with a little broad-band tremble. On a swapped face the repainted picture makes it
tremble faster; on an animated photo or a puppet the shape is calmer than any face that moves and speaks as
much.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from liveguard.detectors.quality import Limits, judge
from liveguard.detectors.series import (
    GAP_STEPS,
    RIGID_POINTS,
    FaceSeries,
    align_to_mean,
    band_power,
    conditions,
    db,
    head_angles_deg,
    on_grid,
)
from liveguard.face.geometry import OVAL
from liveguard.types import FloatArray, Hypothesis, Need, Reading, Window

LIMITS = Limits(seconds=1.8, fps=9.5, face_px=60)
# Points of the face that neither speech nor lids move much: nose and cheeks; and those of its outline.
INNER = np.array(
    (1, 4, 5, 6, 197, 195, 168, 48, 278, 98, 327, 50, 280, 205, 425, 101, 330, 118, 347, 187, 411, 123, 352)
)
OUTLINE = np.array(OVAL)
MIDDLE = np.array((6, 168, 197, 195, 5, 4, 33, 133, 263, 362, 50, 280, 205, 425, 101, 330, 118, 347))
# Whatever lives moves one of these: head, lids, lips.
LIVING = np.array((6, 168, 197, 195, 5, 33, 263, 13, 14, 61, 291, 159, 145, 386, 374))
MIDDLE_HZ, FAST_HZ, FASTEST_HZ = (2.0, 5.0), (5.0, 7.4), (7.4, 12.0)
STILL_EYES = 0.004  # eye distances: no more than what the mesh of a noisy still photo trembles by
FROZEN_EYES = 1e-4
# Set by hand, not fitted: people who sit still move by more, but none of the recordings is of one.
STILL_NATS = 1.0
WORDS = {
    "fast_share_db": (
        "the mesh trembles slowly, as on a camera picture",
        "the mesh trembles faster than on a real face",
    ),
    "jitter_inner_db": ("nose and cheeks are unusually calm", "nose and cheeks tremble"),
    "jitter_outline_db": ("the outline of the face is unusually calm", "the outline of the face trembles"),
    "jitter_depth_db": ("the depth of the face is unusually calm", "the depth of the face trembles"),
    "shape_drift_db": (
        "the shape of the face is too rigid for its movement",
        "the shape changes as on a living face",
    ),
    "inner_outer_db": ("inner face and outline turn together", "inner face and outline do not turn together"),
}


class Mesh:
    """See the module. Sees puppets better than swaps; not those rendered with a real person's tremble."""

    name = "mesh"
    hypothesis: Hypothesis = "face_manipulated"
    about = "Does the face's mesh move like a real face: neither trembling nor frozen in its shape?"
    need = Need(step_us=1_000_000, video_us=3_000_000)

    def evaluate(self, window: Window) -> Reading:
        return with_stillness(judge(self.name, window, LIMITS, mesh_measures, WORDS))


def mesh_measures(series: FaceSeries) -> dict[str, float]:
    """The figures of a series of at least 1.8 s. Powers in dB re (permille of the eye distance)^2 per Hz."""
    used = series.points[:, np.concatenate([RIGID_POINTS, INNER, OUTLINE])] / series.unit_px
    aligned = align_to_mean(used, np.arange(len(RIGID_POINTS)))
    residual = (aligned - aligned.mean(axis=0)) * 1000
    rigid, moving = residual[:, : len(RIGID_POINTS)], residual[:, len(RIGID_POINTS) :]
    return conditions(series) | _jitter(series.t_s, moving) | _shape(series, rigid) | motion(series)


def motion(series: FaceSeries) -> dict[str, float]:
    """Living motion, as the largest deviation of head, lids or lips, in eye distances; dropouts of the face a
    minute.
    """
    living = series.points[:, LIVING, :2] / series.unit_px
    interval = np.diff(series.t_s)
    dropouts = int(np.count_nonzero(interval > GAP_STEPS * np.median(interval)))
    return {
        "motion_eyes": float(np.std(living, axis=0).max()),
        "dropouts_per_min": dropouts * 60 / float(np.ptp(series.t_s)),
    }


def with_stillness(reading: Reading) -> Reading:
    """The reading, stronger where the face did not move at all; none where not even the mesh trembled (a
    frozen picture).
    """
    moved = reading.measures.get("motion_eyes")
    if reading.llr is None or moved is None or moved >= STILL_EYES:
        return reading
    if moved < FROZEN_EYES:
        return replace(reading, llr=None, why="the picture is frozen: check the connection")
    why = f"the face has kept perfectly still ({moved:.4f} eye distances)"
    return replace(reading, llr=max(reading.llr, STILL_NATS), why=why)


def _jitter(t_s: FloatArray, moving: FloatArray) -> dict[str, float]:
    """Spectrum of the residual of nose with cheeks, and of the outline; medians over points, so that one
    cannot rule.
    """
    grid, rate = on_grid(t_s, moving.reshape(len(moving), -1))
    power = band_power(grid, rate, (MIDDLE_HZ, FAST_HZ, FASTEST_HZ)).reshape(3, -1, 3)
    plane, depth = np.median(power[..., :2].sum(axis=2), axis=1), np.median(power[..., 2], axis=1)
    inner = float(np.median(power[1, : len(INNER), :2].sum(axis=1)))
    return {
        "jitter_permille": float(np.sqrt(inner * (FAST_HZ[1] - FAST_HZ[0]))),
        "jitter_inner_db": db(inner),
        "jitter_outline_db": db(float(np.median(power[1, len(INNER) :, :2].sum(axis=1)))),
        "jitter_depth_db": db(float(depth[1])),
        "fast_share_db": db(float(plane[2] / max(float(plane[0]), 1e-9))),
    }


def _shape(series: FaceSeries, rigid: FloatArray) -> dict[str, float]:
    """How much the rigid shape changes, and how much inner face and outline disagree about the pose of the
    head.
    """
    drift = float(np.std(rigid, axis=0).mean())
    apart = head_angles_deg(series.points, MIDDLE) - head_angles_deg(series.points, OUTLINE)
    inner_outer = float(np.std(apart, axis=0).mean())
    return {
        "shape_drift_permille": drift,
        "shape_drift_db": 2 * db(drift),
        "inner_outer_deg": inner_outer,
        "inner_outer_db": 2 * db(inner_outer),
    }
