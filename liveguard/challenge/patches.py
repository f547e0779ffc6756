"""What the occlusion challenge keeps of a picture: five small patches of the face, and colours just outside its outline."""

from __future__ import annotations

from functools import cache
from typing import Final

import cv2
import numpy as np

from liveguard.challenge.script import REGIONS
from liveguard.face.geometry import NOSE_TIP, OVAL
from liveguard.face.texture import texel_map
from liveguard.types import BoolArray, FaceView, FloatArray, Probe

PATCH: Final = 12
# Rows and columns of the canonical texture, in the order of REGIONS.
_PLACES: Final = (
    (slice(44, 64), slice(14, 34)),
    (slice(44, 64), slice(62, 82)),
    (slice(60, 78), slice(34, 62)),
    (slice(2, 16), slice(30, 66)),
    (slice(78, 94), slice(36, 60)),
)
_LEAST_SHARE: Final = 0.6
_AROUND: Final = np.array(OVAL[::3])  # clockwise from the top of the forehead
AROUND: Final = len(OVAL[::3])
_OUTSIDE: Final = (1.2, 1.3, 1.4)  # of the way from the middle of the face to its outline
_SPOT_PX = 2


def _face_patches(view: FaceView) -> FloatArray:
    """Mean RGB (5, 12, 12, 3), 0..255, of the patches of `REGIONS`; where the layout has no face (the mouth's inside), the
    patch's mean."""
    found = np.empty((len(_PLACES), PATCH, PATCH, 3), np.float32)
    for patch, place, (share, outside) in zip(found, _PLACES, _shares(), strict=True):
        patch[:] = cv2.resize(view.texture[place], (PATCH, PATCH), interpolation=cv2.INTER_AREA) / share[..., None]
        patch[outside] = patch[~outside].mean(axis=0)
    return found


@cache
def _shares() -> tuple[tuple[FloatArray, BoolArray], ...]:
    """Of each patch, the share of its cells (12, 12) that is on the face, and which cells have too little of it."""
    mask = texel_map().mask.astype(np.float32)
    shares = [cv2.resize(mask[place], (PATCH, PATCH), interpolation=cv2.INTER_AREA) for place in _PLACES]
    return tuple((np.maximum(share, _LEAST_SHARE), np.asarray(share < _LEAST_SHARE, np.bool_)) for share in shares)


def _around_face(view: FaceView) -> FloatArray:
    """Mean RGB (12, 3), 0..255, of spots outside of the outline, clockwise from the top; NaN where the picture ends."""
    height, width = view.image.shape[:2]
    outline = view.landmarks[_AROUND, :2]
    middle = (view.landmarks[list(OVAL), :2].mean(axis=0) + view.landmarks[NOSE_TIP, :2]) / 2
    spots = middle + np.array(_OUTSIDE)[:, None, None] * (outline - middle)
    offsets = np.arange(-_SPOT_PX, _SPOT_PX + 1)
    columns = np.round(spots[..., 0]).astype(np.int64)[..., None, None] + offsets
    rows = np.round(spots[..., 1]).astype(np.int64)[..., None, None] + offsets[:, None]
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    colours = view.image[rows.clip(0, height - 1), columns.clip(0, width - 1)].astype(np.float32)
    means = colours.mean(axis=(0, 2, 3))
    means[~inside.all(axis=(0, 2, 3))] = np.nan
    return np.asarray(means, np.float32)


FACE_PATCHES: Final = Probe("face_patches", _face_patches)
AROUND_FACE: Final = Probe("around_face", _around_face)

if len(_PLACES) != len(REGIONS):
    raise AssertionError("a patch for each region")
