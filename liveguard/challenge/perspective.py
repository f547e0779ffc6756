"""How much more the relief of a face is magnified nearby than further off: nothing, for what is flat.

A camera D away magnifies what lies z nearer by about 1 + z / D. On coming nearer, nose and cheeks of a head grow against
what lies further back by z times the difference of the inverse distances; all views of a flat picture, and all zooms of
one recording, differ by a homography.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from liveguard.challenge.follow import log_mean
from liveguard.challenge.phases import at_spots, shifts_texels
from liveguard.challenge.planar import STRANGE, Floats, homographies, size_and_foreshortening, stacked, turns
from liveguard.face.geometry import EYE_LEFT_OUTER, EYE_RIGHT_OUTER
from liveguard.face.texture import canonical_face
from liveguard.types import FloatArray

EYES_MM: Final = 90.0  # between the outer corners; adults differ by about 5 %
FAR_MM: Final = np.linspace(300.0, 900.0, 13)
"""How far people sit from their camera: taken as equally likely."""
FLAT_PER_IOD: Final = 0.005
"""By how much the perspective of flat pictures is off beyond its standard error (standard deviation; of 14 bent prints)."""
HEAD_SHARE: Final = (0.65, 0.14)
"""The share of a head's perspective that is measured, mean and standard deviation, of 14 simulated heads. The mesh alone
follows a fifth of it; phases fall short, too, since faces have more coarse detail than the filter is made for."""
STRANGEST_PER_IOD: Final = 0.5
_ROUNDS = 5
_SPOTS_AS_ONE = 3.0  # filters of neighbouring spots see the same texture


@dataclass(frozen=True, slots=True)
class View:
    """Landmarks (n, 478, 3) px of some pictures, and the phases (n, 4, k) under their meshes."""

    landmarks: FloatArray
    phases: FloatArray


@dataclass(frozen=True, slots=True)
class Perspective:
    """`per_iod`: the difference of the inverse distances to the camera for which relief is magnified as it is, near less
    far, in distances between the outer eye corners, with its standard error. Residuals as in `planar.Depth`."""

    per_iod: float
    error_per_iod: float
    size: float
    planarity_residual_iod: float
    rigid_residual_iod: float


def perspective_between(far: View, near: View) -> Perspective:
    """How the relief of a face that looks at the camera in both views is magnified in the nearer one."""
    first, second = far.landmarks.mean(axis=0), near.landmarks.mean(axis=0)
    unit = float(np.linalg.norm(first[EYE_LEFT_OUTER] - first[EYE_RIGHT_OUTER]))
    shifts, weights = shifts_texels(far.phases, near.phases)
    before = at_spots(first[:, :2])
    right, down = (
        (at_spots(second[:, :2], 2 * x, 2 * y) - at_spots(second[:, :2], -2 * x, -2 * y)) / 4
        for x, y in ((1, 0), (0, 1))
    )
    after = at_spots(second[:, :2]) + shifts[:, :1] * right + shifts[:, 1:] * down
    before, after = (before - before.mean(axis=0)) / unit, (after - after.mean(axis=0)) / unit
    size, _ = size_and_foreshortening(before, after)
    homography, _ = cv2.findHomography(before, after / size, 0)
    flat = np.asarray(cv2.perspectiveTransform(before[None], homography)[0], np.float64)
    depth = at_spots(canonical_face().mean[:, 2:])[:, 0]
    plane = homographies(flat)
    nearer = stacked(-flat * depth[:, None])[:, None]
    miss, trust = stacked(after / size - flat), np.sqrt(stacked(weights))
    _, flat_residual, _ = _robust(plane, miss, trust)
    found, residual, error = _robust(np.concatenate([plane, turns(depth), nearer], axis=1), miss, trust)
    return Perspective(float(found[-1]), error, size, flat_residual, residual)


def _robust(columns: Floats, miss: Floats, trust: Floats) -> tuple[Floats, float, float]:
    """The weighted least-squares fit with Cauchy's weights, the weighted RMS per point, and the last one's standard error."""
    weight = trust
    for _ in range(_ROUNDS):
        found, *_ = np.linalg.lstsq(columns * weight[:, None], miss * weight, rcond=None)
        rest = miss - columns @ found
        usual = max(2 * float(np.median(np.abs(rest))), 1e-9)
        used, weight = weight, trust / np.sqrt(1 + (rest / usual) ** 2)
    square = float(((used * rest) ** 2).sum() / max(float((used**2).sum()), 1e-9))
    inverse = np.linalg.pinv((columns * used[:, None]).T @ (columns * used[:, None]))
    return found, float(np.sqrt(2 * square)), float(np.sqrt(_SPOTS_AS_ONE * square * inverse[-1, -1]))


def flat_nats(seen: Perspective) -> float:
    """The log-likelihood ratio for something flat against a head, of a distance that is not known.

    A head that was D away and looks s times larger is D / s away.
    """
    mean, spread = HEAD_SHARE
    expected = (seen.size - 1) * EYES_MM / FAR_MM
    still = np.hypot(FLAT_PER_IOD, seen.error_per_iod)
    flat = _normal(seen.per_iod, np.zeros(1), np.array([still]))
    head = _normal(seen.per_iod, mean * expected, np.hypot(still, spread * expected))
    strange = np.log(STRANGE / (2 * STRANGEST_PER_IOD))
    return float(np.logaddexp(log_mean(flat), strange) - np.logaddexp(log_mean(head), strange))


def _normal(value: float, mean: Floats, deviation: Floats) -> Floats:
    return np.asarray(-(((value - mean) / deviation) ** 2) / 2 - np.log(deviation * np.sqrt(2 * np.pi)), np.float64)
