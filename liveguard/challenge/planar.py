"""Flat or a head: what the landmarks of two views of a face say about its depth.

All views of a flat picture, near or far and however it is held, differ by a plane homography. What the landmarks of a head
do beyond that follows its depth: turned, what lies nearer moves further; nearer, what lies nearer grows more (plane plus
parallax: Irani and Anandan 1998, doi:10.1109/34.683770; Hartley and Zisserman 2004, doi:10.1017/CBO9780511811685).
Only 2-D landmarks and the mean face's depth are used: the depth that a tracker gives is its guess of what a face has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from liveguard.face.geometry import EYE_LEFT_OUTER, EYE_RIGHT_OUTER, OVAL, RIGID
from liveguard.face.texture import canonical_face
from liveguard.types import FloatArray

Floats: TypeAlias = npt.NDArray[np.float64]
NOSE = (1, 2, 4, 5, 6, 19, 48, 94, 98, 168, 195, 197, 278, 327)
POINTS = np.array(sorted({*RIGID, *OVAL, *NOSE}))
# Neighbouring landmarks err together, and so do successive pictures: so many points, and pictures, are taken for one. What
# comes of it is a fraction of a degree, and counts only where the landmarks tremble badly.
_POINTS_AS_ONE, _PICTURES_AS_ONE = 5.0, 2.0

TURNED_DEG = 12.0
"""On average over the views: below, neither depth nor its absence shows. Faces that talk without turning seem foreshortened
by 9 degrees in the median, 13 in one of ten (347 pairs of half seconds of 131 genuine clips)."""
SHARE_FLAT, SHARE_HEAD = (0.18, 0.10), (0.95, 0.15)
"""The share of a turn that shows as depth, mean and standard deviation: of 30 prints, flat or bent by up to 2 per m and turned
by 15 to 70 degrees, and, made wider, of every other genuine clip in which a head turns by 12 degrees or more (30).
"""
STRANGE = 0.02
"""The share of views that fit neither: blurred, half hidden, or a mesh that slipped."""

RECORDED = 0.5
"""The share of attacks that show a head in depth, as a recording that is fed in or a mask: a guess, not measured."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The mean landmarks (k, 2) of some pictures in px, their eye distance, and the error of each mean in px."""

    points: Floats
    eyes_px: float
    error_px: float


@dataclass(frozen=True, slots=True)
class Depth:
    """What differs between two views; lengths in distances between the outer eye corners (iod).

    `parallax_deg`: by how much a head must have turned (nose to the left, and down) for what is no homography, and its
    standard error from the landmarks' own tremble. `foreshortening_deg`: how far a flat thing must be turned to be so much
    narrower than in the other view, about 3 to 10 where nothing turned. `planarity_residual_iod`: what no homography
    explains (RMS over the points), `rigid_residual_iod`: nor the turn of a head. `size`: how much larger the second view is.
    """

    parallax_deg: tuple[float, float]
    parallax_error_deg: float
    foreshortening_deg: float
    planarity_residual_iod: float
    rigid_residual_iod: float
    size: float

    @property
    def turned_deg(self) -> float:
        """How far head or picture turned between the views, as parallax or, without depth, as foreshortening."""
        return max(self.depth_turn_deg, self.foreshortening_deg)

    @property
    def depth_turn_deg(self) -> float:
        return float(np.hypot(*self.parallax_deg))


def stretch(landmarks: FloatArray) -> Stretch:
    """The view that pictures with landmarks (n, 478, 3) px show together. n must be 1 or more."""
    seen = np.asarray(landmarks[:, POINTS, :2], np.float64)
    eyes = np.linalg.norm(landmarks[:, EYE_LEFT_OUTER] - landmarks[:, EYE_RIGHT_OUTER], axis=1)
    centred = seen - seen.mean(axis=1, keepdims=True)
    mean = centred.mean(axis=0)
    # Turning in the plane, coming nearer and a slight turn of the head are no errors: an affine map takes them out.
    basis, _ = np.linalg.qr(mean)
    rest = centred - basis @ (basis.T @ centred)
    error = float(np.sqrt((rest - rest.mean(axis=0)).var(axis=0).mean() * _PICTURES_AS_ONE / len(seen)))
    return Stretch(mean + seen.mean(axis=(0, 1)), float(np.median(eyes)), error)


def furthest(landmarks: FloatArray, straight: Stretch, pictures: int) -> FloatArray:
    """Those `pictures` successive ones of (n, 478, 3) whose shape differs most from `straight`, at any place and size."""
    seen = np.asarray(landmarks[:, POINTS, :2], np.float64)
    flat = (seen - seen.mean(axis=1, keepdims=True)) @ np.array([1, 1j])
    other = (straight.points - straight.points.mean(axis=0)) @ np.array([1, 1j])
    # Turned and scaled in the plane, as complex numbers: what is left differs in shape.
    fit = flat @ other.conj() / np.vdot(other, other).real
    differs = np.sqrt((np.abs(flat / fit[:, None] - other) ** 2).mean(axis=1))
    pictures = min(pictures, len(differs))
    at = int(np.convolve(differs, np.ones(pictures), "valid").argmax())
    return landmarks[at : at + pictures]


def depth_between(first: Stretch, second: Stretch) -> Depth:
    """What differs between two views beyond a homography, and how much of it a head's turn explains.

    `first` should face the camera.
    """
    unit, centre = first.eyes_px, first.points.mean(axis=0)
    before = (first.points - centre) / unit
    after = (second.points - second.points.mean(axis=0)) / unit
    size, angle = size_and_foreshortening(before, after)
    after /= size
    homography, _ = cv2.findHomography(before, after, 0)
    flat = np.asarray(cv2.perspectiveTransform(before[None], homography)[0], np.float64)
    miss = stacked(after - flat)
    free, _ = np.linalg.qr(homographies(flat))
    columns = turns(np.asarray(canonical_face().mean[POINTS, 2], np.float64))
    columns -= free @ (free.T @ columns)
    miss -= free @ (free.T @ miss)
    found, *_ = np.linalg.lstsq(columns, miss, rcond=None)
    error = np.hypot(first.error_px / unit, second.error_px / (unit * size)) * np.sqrt(_POINTS_AS_ONE)
    errors = error * np.sqrt(np.diag(np.linalg.inv(columns.T @ columns)))
    points = len(before)
    return Depth(
        parallax_deg=(_degrees(found[0]), _degrees(found[1])),
        parallax_error_deg=float(np.degrees(np.hypot(errors[0], errors[1]))),
        foreshortening_deg=angle,
        planarity_residual_iod=float(np.sqrt(miss @ miss / points)),
        rigid_residual_iod=float(np.sqrt(((miss - columns @ found) ** 2).sum() / points)),
        size=size,
    )


def depth_share(views: Sequence[Depth]) -> float | None:
    """Which share of the turns between views shows as depth: about 1 for a head, below 0.4 for a flat picture.

    None where they turned too little to tell. A tracker lays some depth into a flat picture, too.
    """
    turned = sum(view.turned_deg for view in views)
    if not views or turned < TURNED_DEG * len(views):
        return None
    return sum(view.depth_turn_deg for view in views) / turned


def flat_nats(views: Sequence[Depth]) -> float | None:
    """The log-likelihood ratio for a flat picture against a head; None where they turned too little to tell."""
    share = depth_share(views)
    if share is None:
        return None
    error = sum(view.parallax_error_deg for view in views) / sum(view.turned_deg for view in views)
    return log_ratio(share, SHARE_FLAT, SHARE_HEAD, error)


def against_attacks(nats: float | None) -> float | None:
    """The log-likelihood ratio for any attack against a living head, from that for a flat picture; None stays None.

    Depth alone clears nobody, so it never outweighs an answer that does not fit.
    """
    return None if nats is None else float(np.logaddexp(np.log(1 - RECORDED) + nats, np.log(RECORDED)))


def log_ratio(value: float, attack: tuple[float, float], genuine: tuple[float, float], error: float) -> float:
    """log p(value | attack) / p(value | genuine): normal about (mean, standard deviation) but for the strange, which
    may be anything within 2; `error` is the value's own standard error."""

    def density(mean: float, deviation: float) -> float:
        spread = float(np.hypot(deviation, error))
        normal = float(np.exp(-(((value - mean) / spread) ** 2) / 2)) / (spread * float(np.sqrt(2 * np.pi)))
        return (1 - STRANGE) * normal + STRANGE / 2

    return float(np.log(density(*attack) / density(*genuine)))


def size_and_foreshortening(before: Floats, after: Floats) -> tuple[float, float]:
    """How much larger `after` is, and the angle whose cosine its narrowing in one direction against the other is."""
    affine, *_ = np.linalg.lstsq(before - before.mean(axis=0), after - after.mean(axis=0), rcond=None)
    wide, narrow = np.linalg.svd(affine)[1]
    return float(np.sqrt(wide * narrow)), float(np.degrees(np.arccos(min(narrow / max(wide, 1e-9), 1.0))))


def homographies(points: Floats) -> Floats:
    """What points (k, 2) do under each of eight small homographies, (2 k, 8)."""
    x, y = points.T
    one, none = np.ones_like(x), np.zeros_like(x)
    moves = ((x, none), (y, none), (one, none), (none, x), (none, y), (none, one), (x * x, x * y), (x * y, y * y))
    return np.stack([np.concatenate(move) for move in moves], axis=1)


def turns(depth: Floats) -> Floats:
    """What points of that depth (k,) do when their head turns to the side and down by angles whose sine is 1, (2 k, 2)."""
    none = np.zeros_like(depth)
    return np.stack([np.concatenate([depth, none]), np.concatenate([none, depth])], axis=1)


def stacked(points: Floats) -> Floats:
    """Points (k, 2) as one vector (2 k,): all x, then all y."""
    return np.concatenate([points[:, 0], points[:, 1]])


def _degrees(sine: float) -> float:
    return float(np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0))))
