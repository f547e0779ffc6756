"""Does a face move as one plane? A photo held to the camera does, however it is held; a head does not.

Every view of something flat is a homography of every other (Hartley and Zisserman 2004, doi:10.1017/CBO9780511811685). So
the mean shape of some seconds is carried onto each picture by the homography that fits best, and carried back. What is then
still left is no plane's motion: the depth of a head that turns (plane plus parallax: Irani and Anandan 1998,
doi:10.1109/34.683770), lids, lips, brows and a gaze that wanders. On a photo it is no more than what the mesh trembles by.

Only the picture's plane is used: the depth that a tracker gives is its guess, and it guesses some into a photo, too. How far
a plane was tilted is not asked: the foreshortening of faces that just talk (15 degrees in the median) is more than that of
photos that a hand tilts by up to 25 (12). What is asked is that it moved at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import cache
from operator import mul
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from liveguard.challenge.planar import POINTS as STIFF
from liveguard.challenge.planar import homographies, turns
from liveguard.detectors.series import FaceSeries
from liveguard.face.geometry import BROW_LEFT, BROW_RIGHT, IRIS_LEFT, IRIS_RIGHT, LIDS_LEFT, LIDS_RIGHT
from liveguard.face.texture import canonical_face

Floats: TypeAlias = npt.NDArray[np.float64]
LIPS: Final = (13, 14, 61, 291)  # inner upper and lower, and the corners
UPPER_LIDS: Final = tuple(pair[0] for pair in (*LIDS_LEFT, *LIDS_RIGHT))
LOWER_LIDS: Final = tuple(pair[1] for pair in (*LIDS_LEFT, *LIDS_RIGHT))
LIVELY: Final = (*LIPS, *UPPER_LIDS, *LOWER_LIDS, *BROW_LEFT, *BROW_RIGHT, IRIS_LEFT, IRIS_RIGHT)
USED: Final = np.array([*STIFF, *LIVELY])
LEAST_SPELLS: Final = 12
SPELL_S: Final = 0.2  # pictures so close together are taken for one: less tremble, less to do, and a blink still shows
ROUNDS: Final = 2


@dataclass(frozen=True, slots=True)
class Motion:
    """What a face did in some seconds; lengths in distances between the outer eye corners (iod), or thousandths of it.

    As a plane: `moved_iod`, how far its points went (RMS about their mean place). Beyond any plane's motion, as standard
    deviations over time: `parallax_deg`, by how much a head must have turned; `shape_permille`, what no turn of a head
    explains, either (RMS over the points); `lids_permille` and `blink_permille`, how open the eyes are, and by how much less
    at the least; `brows_permille`, `gaze_permille` and `mouth_permille`, the larger of its height and width.
    """

    moved_iod: float
    parallax_deg: float
    shape_permille: float
    lids_permille: float
    blink_permille: float
    brows_permille: float
    gaze_permille: float
    mouth_permille: float


def motion(*stretches: FaceSeries) -> Motion | None:
    """How a face moved in some stretches of time; None where there are too few pictures, or points that no homography can be
    fitted to.

    Between them it may have changed its place and size, which is no motion: each is seen about its own mean place.
    """
    parts = [spells for series in stretches if len(spells := _spells(series))]
    if sum(map(len, parts)) < LEAST_SPELLS:
        return None
    with np.errstate(all="ignore"):  # where a mesh has slipped off all bounds, that is seen in what comes out
        flattened = as_plane(np.concatenate(parts))
        if flattened is None:
            return None
        back, carried = flattened
        moved = [part.var(axis=0).sum(axis=1).mean() for part in np.split(carried, np.cumsum([*map(len, parts)])[:-1])]
        found = _motion(back, float(np.sqrt(sum(map(mul, moved, map(len, parts))) / len(carried))))
    return found if np.isfinite(astuple(found)).all() else None


def _spells(series: FaceSeries) -> Floats:
    """The points that are used (spells, k, 2) of each spell, as means over its pictures: in eye distances, about their mean."""
    together = max(int(SPELL_S * series.fps + 0.2), 1)
    spells = len(series.t_s) // together
    seen = series.points[: spells * together, USED, :2].astype(np.float64)
    seen = seen.reshape(spells, together, len(USED), 2).mean(axis=1)
    middle = seen[:, : len(STIFF)].mean(axis=(0, 1)) if spells else np.zeros(2)
    return np.asarray((seen - middle) / series.unit_px, np.float64)


def _motion(back: Floats, moved_iod: float) -> Motion:
    """The figures of points as `as_plane` carries them back."""
    stiff, lively = back[:, : len(STIFF)], 1000 * back[:, len(STIFF) :]
    parallax, shape = beyond_plane(stiff)
    lips, upper, lower, brows, gaze = np.split(lively, np.cumsum((len(LIPS), 4, 4, 10)), axis=1)
    open_eyes = (lower - upper)[..., 1].mean(axis=1)
    return Motion(
        moved_iod=moved_iod,
        parallax_deg=_spread(parallax),
        shape_permille=1000 * _spread(shape) / float(np.sqrt(len(STIFF))),
        lids_permille=float(open_eyes.std()),
        blink_permille=float(np.median(open_eyes) - open_eyes.min()),
        brows_permille=_spread(brows[..., 1].mean(axis=1)),
        gaze_permille=_spread(gaze.mean(axis=1)),
        mouth_permille=max(_spread(lips[:, 1, 1] - lips[:, 0, 1]), _spread(lips[:, 3, 0] - lips[:, 2, 0])),
    )


def as_plane(seen: Floats) -> tuple[Floats, Floats] | None:
    """Points (n, k, 2), the first of which are `STIFF`, carried back onto their mean shape by each picture's homography.

    With them comes where the homographies carry the mean shape's stiff points (n, s, 2). None for points that are degenerate.
    """
    stiff = seen[:, : len(STIFF)]
    shape, trust = mean_shape(stiff), np.ones(stiff.shape[:2])
    try:
        for _ in range(ROUNDS):
            planes = fit_homographies(shape, stiff, trust)
            back = _apply(np.linalg.inv(planes), seen)
            miss = np.linalg.norm(back[:, : len(STIFF)] - shape, axis=2)
            # Cauchy's weights: a chin that speaks, or a mesh that slips on one side, must not bend the plane.
            trust = 1 / np.sqrt(1 + (miss / max(2 * float(np.median(miss)), 1e-9)) ** 2)
            shape = np.median(back[:, : len(STIFF)], axis=0)
    except np.linalg.LinAlgError:
        return None
    carried = _apply(planes, np.broadcast_to(shape, stiff.shape))
    return (back, carried) if np.isfinite(back).all() and np.isfinite(carried).all() else None


def mean_shape(points: Floats) -> Floats:
    """The mean (k, 2) of points (n, k, 2) after each was turned, scaled and shifted onto the middle one, as complex numbers."""
    flat = (points - points.mean(axis=1, keepdims=True)) @ np.array([1, 1j])
    other = flat[len(flat) // 2]
    fit = flat @ other.conj() / max(float(np.vdot(other, other).real), 1e-12)
    onto = flat / np.where(np.abs(fit) < 1e-9, 1, fit)[:, None]
    mean = onto.mean(axis=0)
    return np.stack([mean.real, mean.imag], axis=1)


def fit_homographies(shape: Floats, points: Floats, trust: Floats) -> Floats:
    """The homographies (n, 3, 3) that carry `shape` (k, 2) onto each of `points` (n, k, 2), weighted by `trust` (n, k).

    The direct linear transformation with h33 = 1 (Hartley and Zisserman 2004, section 4.1); both must be of the size of 1 and
    about the origin. Raises LinAlgError where the points do not span a plane.
    """
    n, k = points.shape[:2]
    rows = np.zeros((n, 2, k, 8))
    plain = np.column_stack([shape, np.ones(k)])
    rows[:, 0, :, :3] = rows[:, 1, :, 3:6] = plain
    rows[:, :, :, 6:] = -np.swapaxes(points, 1, 2)[..., None] * shape
    rows *= trust[:, None, :, None]
    weighted = rows.reshape(n, 2 * k, 8)
    target = (np.swapaxes(points, 1, 2) * trust[:, None, :]).reshape(n, 2 * k, 1)
    across = np.swapaxes(weighted, 1, 2)
    found = np.linalg.solve(across @ weighted, across @ target)[..., 0]
    return np.asarray(np.concatenate([found, np.ones((n, 1))], axis=1).reshape(n, 3, 3), np.float64)


def beyond_plane(stiff: Floats) -> tuple[Floats, Floats]:
    """How far a head must have turned (n, 2) in degrees for what is left of `stiff` (n, s, 2), and what is then still left."""
    mean = stiff.mean(axis=0)
    free, _ = np.linalg.qr(homographies(mean))
    columns = turns(stiff_depth())
    columns -= free @ (free.T @ columns)
    miss = np.swapaxes(stiff - mean, 1, 2).reshape(len(stiff), -1)
    sines = miss @ np.linalg.pinv(columns).T
    return np.degrees(sines), miss - sines @ columns.T


@cache
def stiff_depth() -> Floats:
    """The mean face's depth (s,) at the stiff points."""
    return np.asarray(canonical_face().mean[STIFF, 2], np.float64)


def _spread(values: Floats) -> float:
    """The standard deviation over time of `values` (n, ...), all their columns together."""
    return float(np.sqrt(values.reshape(len(values), -1).var(axis=0).sum()))


def _apply(planes: Floats, points: Floats) -> Floats:
    """Points (n, k, 2) carried by homographies (n, 3, 3)."""
    carried = points @ np.swapaxes(planes[:, :, :2], 1, 2) + planes[:, None, :, 2]
    return np.asarray(carried[..., :2] / carried[..., 2:], np.float64)


@dataclass(frozen=True, slots=True)
class Sign:
    """How much of a sign of life the mesh shows on a photo that moves (median, and spread of the logarithm), and its words."""

    photo: float
    spread: float
    words: str


# Fitted by models/replay/motion.py, as are the line and its bounds below.
SIGNS: Final[Mapping[str, Sign]] = {
    "parallax_deg": Sign(1.56, 0.49, "the face has depth"),
    "shape_permille": Sign(3.23, 0.32, "the face changes its shape"),
    "lids_permille": Sign(2.5, 0.36, "the lids move"),
    "blink_permille": Sign(5.1, 0.44, "the eyes blink"),
    "brows_permille": Sign(3.23, 0.50, "the brows move"),
    "gaze_permille": Sign(5.9, 0.43, "the gaze wanders"),
    "mouth_permille": Sign(9.16, 0.42, "the mouth moves"),
}
SLOPE_NATS, CENTRE = 2.13, 2.87
MOVED_IOD: Final = (0.06, 0.10)
"""What has moved by more is said to be a photo by what else is left of its motion, from the second on in full. People who sit
still look like one: a simulated listener who never blinks sways by 0.02 to 0.06. Of those `lifeless_nats` tells."""
MOST_NATS: Final = 3.5
"""What so few people can prove: none of 81 clips, also as from a phone in the hand, was above 0 by a fit without its source."""
LEAST_NATS: Final = -0.3
"""A film that is held to the camera shows depth and life, too, so that they prove next to nothing."""

LIFELESS: Final = (0.5, -0.5)
LIFELESS_NATS: Final = 1.0
SWAYS_IOD: Final = 0.01  # meshes of pictures that stand tremble by up to 0.004; those are for the camera check to find
"""None and full evidence by the strongest sign of life, for a face that hardly moves, and what it is worth. Set by hand, with all
genuine clips in view: their windows of 5 to 7 s in which the face moved by less than 0.06 come to 3.2 and more, and with the
mouth left out, as if they only listened, to 1.0 and more, coded and in low light, too. Photos that sway by 0.03 come to -1.2
(median), and 3 of 4 of their windows to less than -0.2."""


def strongest(found: Motion, signs: Mapping[str, Sign] = SIGNS) -> tuple[float, str]:
    """The sign of life that stands out most, in spreads above what photos show, and which it is."""
    above = {
        name: float(np.log(max(getattr(found, name), 1e-6) / sign.photo)) / sign.spread for name, sign in signs.items()
    }
    name = max(above, key=lambda each: above[each])
    return above[name], name


def photo_nats(found: Motion) -> float | None:
    """The log-likelihood ratio for a photo against somebody alive; None where neither life nor enough motion is seen."""
    nats = max(min(SLOPE_NATS * (CENTRE - strongest(found)[0]), MOST_NATS), LEAST_NATS)
    if nats <= 0:
        return nats
    least, full = MOVED_IOD
    trust = (found.moved_iod - least) / (full - least)
    return nats * min(trust, 1.0) if trust > 0 else None


def lifeless_nats(found: Motion) -> float:
    """The same for a face that keeps from every sign of life, even those too weak to tell a head from a photo that moves.

    It asks for hardly any motion, so that it is worth little, and only where a blink would have been seen and was due.
    """
    if found.moved_iod < SWAYS_IOD:
        return 0.0
    none, full = LIFELESS
    return LIFELESS_NATS * float(np.clip((none - strongest(found)[0]) / (none - full), 0.0, 1.0))
