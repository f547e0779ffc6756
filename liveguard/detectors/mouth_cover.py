"""Whether the mouth can be seen at all: the mesh draws one over a mask, too.

What covers a mouth (a surgical mask, a scarf, a microphone's foam) has hardly ever the colour of the wearer's cheeks, and shows
no lips. A hand is of that colour, and is not found here.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import cv2
import numpy as np

from liveguard.face.geometry import AROUND_MOUTH, LIPS
from liveguard.face.texture import TEXTURE_PX, canonical_face, texel_map
from liveguard.types import BoolArray, FaceSample, FaceView, FloatArray, Probe

# Bare skin, as patches of three: both cheeks under the eyes, and the forehead.
BARE: Final = ((117, 118, 119, 100, 126, 50), (346, 347, 348, 329, 355, 280), (108, 151, 337, 9))
# Log ratios of colours, medians of a clip. Around the mouth against bare skin: 120 of 131 genuine faces lie below 0.15 (tanned,
# painted and oddly lit ones do not), 129 of them with a drawn mask above. Lips are redder than what is around them by more than
# 0.03 in 9 of the other 11; a mask has no lips. So 2 of 131 genuine faces are taken for covered, and 128 masks are found.
COVERED: Final = 0.15
LIPS_REDDER: Final = 0.03
MOST_COVERED: Final = 0.25  # of the pictures
DARK_GREY: Final = 4.0  # keeps noise in the dark from becoming colour


def _skin(view: FaceView) -> FloatArray:
    """Mean RGB (3, 3), 0..255: around the mouth, where the face is bare, and of the lips."""
    return np.asarray([view.texture[where].mean(axis=0) for where in _patches()], np.float32)


SKIN: Final = Probe("skin", _skin, every_us=200_000)


def covered_share(samples: tuple[FaceSample, ...]) -> float:
    """Share of the pictures, 0..1, in which what is around the mouth has not the colour of the face's skin, nor lips in it; 0
    where that was not measured."""
    skins = [sample.probes[SKIN.name] for sample in samples if SKIN.name in sample.probes]
    if not skins:
        return 0.0
    colours = np.log(np.stack(skins) + DARK_GREY)
    # Red and blue against green: light and shade change all three alike.
    tint = colours[:, :, (0, 2)] - colours[:, :, 1:2]
    around, bare, lips = tint[:, 0], tint[:, 1], tint[:, 2]
    strange = np.linalg.norm(around - bare, axis=1) > COVERED
    return float(np.mean(strange & (lips[:, 0] - around[:, 0] < LIPS_REDDER)))


@cache
def _patches() -> tuple[BoolArray, BoolArray, BoolArray]:
    """Texels (96, 96) around the mouth without the lips, of bare skin, and of the lips."""
    lips = _inside(LIPS)
    return _inside(AROUND_MOUTH) & ~lips, _inside(BARE[0]) | _inside(BARE[1]) | _inside(BARE[2]), lips


def _inside(points: tuple[int, ...]) -> BoolArray:
    outline = cv2.convexHull((canonical_face().uv[list(points)] * (TEXTURE_PX - 1)).astype(np.float32))
    drawn = np.zeros((TEXTURE_PX, TEXTURE_PX), np.uint8)
    cv2.fillConvexPoly(drawn, np.round(outline[:, 0]).astype(np.int32), (255,))
    return np.asarray((drawn > 0) & texel_map().mask, np.bool_)
