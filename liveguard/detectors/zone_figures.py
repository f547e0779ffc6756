"""How sharp the parts of a face are, in brightness and in colour, beside each other: what paint on a face gives away.

A swapped or drawn face is made at another resolution than the picture that it is put into, and its eyes, mouth and skin are
drawn with other care: so each zone's detail is set against the others'. None of it is a pixel, so it may be kept.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from liveguard.face.crops import crop_and_points
from liveguard.face.geometry import AROUND_MOUTH, BROW_LEFT, BROW_RIGHT, NOSE_TIP, OVAL
from liveguard.types import ByteArray, FaceView, FloatArray, Probe

ZONES: Final = ("eyes", "mouth", "middle", "cheeks", "forehead", "rim", "around", "outside")
EYES, MOUTH, MIDDLE, CHEEKS, FOREHEAD, RIM, AROUND, OUTSIDE = range(len(ZONES))
OCTAVES: Final = (4, 3, 3)  # of detail that are measured in luma and in the two colour differences
LEAST_PX: Final = 80  # of a zone at full size, a quarter of it an octave lower and so on
LEAST_SEEN: Final = 0.3  # of a cell of the grid
CELLS: Final = 7
GRID_OCTAVES: Final = 3
DARKEST: Final = 10.0  # luma that figures are relative to at least
FLOOR_PERCENT: Final = 0.02
SEAM_SCALES: Final = np.arange(0.6, 1.16, 0.05, dtype=np.float32)  # of the outline
_EYES: Final = ((33, 160, 158, 133, 153, 144), (263, 387, 385, 362, 380, 373))
_CONTRASTS: Final = (
    *((zone, AROUND) for zone in (EYES, MOUTH, MIDDLE, CHEEKS, FOREHEAD)),
    (MIDDLE, OUTSIDE), (MIDDLE, RIM), (EYES, MIDDLE), (MOUTH, MIDDLE), (MOUTH, EYES), (FOREHEAD, CHEEKS),
)  # fmt: skip
_LEVELS: Final = (MIDDLE, EYES, MOUTH, AROUND)
_COLOUR_STEPS: Final = ((MIDDLE, RIM), (MIDDLE, FOREHEAD), (RIM, AROUND))

OF_ZONES: Final = (
    sum(OCTAVES) * (len(_CONTRASTS) + len(_LEVELS))
    + sum(n - 1 for n in OCTAVES) * len(ZONES)
    + 2 * len(_LEVELS)
    + 3 * len(_COLOUR_STEPS)
    + 9
)
"""So many of the figures are of zones, and come first; the others are of the grid."""
COUNT: Final = OF_ZONES + (2 * GRID_OCTAVES - 1) * CELLS * CELLS


def zone_figures(view: FaceView) -> FloatArray:
    """Figures (COUNT,) float32 of a face; NaN for those of zones or cells that are not in view."""
    crop, points = crop_and_points(view.image, view.landmarks, "face")
    return figures_of(crop, points)


ZONE_FIGURES: Final = Probe("zone_figures", zone_figures, every_us=190_000)  # five a second, as crops


def figures_of(crop: ByteArray, points: FloatArray) -> FloatArray:
    """The figures of a crop "face" (224, 224, 3), black where it leaves the picture, with its mesh `points` (478, 2) in it."""
    colours = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2YCrCb), np.float32)
    lit = np.asarray(crop.max(axis=2) > 0, np.uint8) * np.uint8(255)
    seen = np.asarray(cv2.erode(lit, np.ones((5, 5), np.uint8)), np.uint8)
    zones = [np.asarray(zone & seen, np.uint8) for zone in _zones(points, crop.shape[0])]
    means = np.array([_mean(colours, zone, LEAST_PX) for zone in zones])
    brightness = max(float(np.nan_to_num(means[MIDDLE, 0], nan=60.0)), DARKEST)
    detail, cells = _detail(colours, zones, seen, brightness)
    steps = [np.abs(means[a] - means[b]) / brightness for a, b in _COLOUR_STEPS]
    found = [*_compared(detail), *steps, _seam(colours, points, brightness), *cells]
    return np.asarray(np.concatenate(found), np.float32)


def _detail(
    colours: FloatArray, zones: list[ByteArray], seen: ByteArray, brightness: float
) -> tuple[FloatArray, list[FloatArray]]:
    """Log detail (zones, 3, octaves) in percent of the brightness, one octave lower each time; and that of the grid's cells
    beside the mean of all (luma and the mean of the colours, each octave)."""
    detail = np.full((len(zones), 3, max(OCTAVES)), np.nan, np.float32)
    cells = []
    share = (seen > 0).astype(np.float32)
    for octave in range(max(OCTAVES)):
        low = cv2.GaussianBlur(colours, (0, 0), 1.0)
        band = np.asarray(np.abs(colours - low), np.float32)
        for number, zone in enumerate(zones):
            detail[number, :, octave] = _mean(band, zone, max(LEAST_PX >> 2 * octave, 4))
        if octave < GRID_OCTAVES:
            of_luma, of_colour = _gridded(band, share, brightness)
            cells += [of_luma, of_colour] if octave < GRID_OCTAVES - 1 else [of_luma]
        colours = np.ascontiguousarray(low[::2, ::2])
        zones = [np.ascontiguousarray(zone[::2, ::2]) for zone in zones]
        share = np.ascontiguousarray(share[::2, ::2])
    return np.asarray(np.log(detail / brightness * 100 + FLOOR_PERCENT), np.float32), cells


def _gridded(band: FloatArray, share: FloatArray, brightness: float) -> tuple[FloatArray, FloatArray]:
    """Log detail of luma and of colour in each of 7 x 7 cells, less its mean over those that are seen."""
    size = (CELLS, CELLS)
    seen = cv2.resize(share, size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(band * share[..., None], size, interpolation=cv2.INTER_AREA)
    level = np.log(total / np.maximum(seen, 0.05)[..., None] / brightness * 100 + FLOOR_PERCENT)
    level[seen < LEAST_SEEN] = np.nan
    both = np.stack([level[..., 0], level[..., 1:].mean(axis=2)]).reshape(2, -1)
    known = np.isfinite(both)
    middle = np.where(known, both, 0.0).sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1)
    luma, colour = np.asarray(both - middle, np.float32)
    return luma, colour


def _compared(detail: FloatArray) -> list[FloatArray]:
    """Zones against each other, the levels themselves, and how fast detail falls off from octave to octave."""
    found = []
    for colour, octaves in enumerate(OCTAVES):
        level = detail[:, colour, :octaves]
        found += [level[a] - level[b] for a, b in _CONTRASTS]
        found += [level[zone] for zone in _LEVELS]
        found += [np.asarray(level[:, :-1] - level[:, 1:]).ravel()]
    found += [detail[zone, 1:, :2].mean(axis=0) - detail[zone, 0, :2] for zone in _LEVELS]
    return found


def _seam(colours: FloatArray, points: FloatArray, brightness: float) -> FloatArray:
    """(9,): for each colour the sharpest bump of the slope across curves within the outline, and how the slope grows to it."""
    smooth = np.asarray(cv2.GaussianBlur(colours, (0, 0), 1.0), np.float32)
    outline = points[list(OVAL)]
    middle = _middle(points)
    rays = outline - middle
    step = 1.5 * rays / np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-3)
    curves = middle + SEAM_SCALES[:, None, None] * rays
    across = np.abs(_at(smooth, curves + step) - _at(smooth, curves - step)).mean(axis=1) / brightness
    slope = np.log(across * 100 + 0.1)
    bump = slope[1:-1] - (slope[:-2] + slope[2:]) / 2
    return np.asarray(np.concatenate([bump[:7].max(axis=0), slope[8] - slope[4], slope[6] - slope[2]]), np.float32)


def _zones(points: FloatArray, side: int) -> list[ByteArray]:
    """Masks (side, side) of `ZONES`, 255 within."""
    outline, middle = points[list(OVAL)], _middle(points)
    brows_y = int(np.clip(points[[*BROW_LEFT, *BROW_RIGHT], 1].mean(), 0, side))
    whole, most, inner, core, beyond, far = (
        _filled(middle + scale * (outline - middle), side) for scale in (0.97, 0.9, 0.8, 0.72, 1.08, 1.3)
    )
    eyes = np.zeros_like(whole)
    for eye in _EYES:
        ring = points[list(eye)]
        eyes |= _filled(ring.mean(axis=0) + 2.0 * (ring - ring.mean(axis=0)), side)
    mouth = _filled(points[list(AROUND_MOUTH)], side)
    below = np.zeros_like(whole)
    below[brows_y:] = 255
    forehead = most.copy()
    forehead[max(brows_y - 12, 0) :] = 0
    skin = core & below & ~(eyes | mouth)
    rim = whole & ~inner
    return [eyes, mouth, skin, rim & below, forehead, rim, far & ~beyond, ~beyond]


def _middle(points: FloatArray) -> FloatArray:
    return np.asarray((points[list(OVAL)].mean(axis=0) + points[NOSE_TIP]) / 2, np.float32)


def _filled(outline: FloatArray, side: int) -> ByteArray:
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], (255,))
    return mask


def _mean(values: FloatArray, zone: ByteArray, least_px: int) -> FloatArray:
    """Mean (3,) of the three channels within a zone; NaN where there is too little of it."""
    if cv2.countNonZero(zone) < least_px:
        return np.full(3, np.nan, np.float32)
    return np.array(cv2.mean(values, zone)[:3], np.float32)


def _at(picture: FloatArray, where: FloatArray) -> FloatArray:
    """Values of `picture` (h, w, 3) at the nearest pixel of `where` (..., 2)."""
    index = np.clip(np.round(where), 0, picture.shape[0] - 1).astype(np.int64)
    return np.asarray(picture[index[..., 1], index[..., 0]], np.float32)
