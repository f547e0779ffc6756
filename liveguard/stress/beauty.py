"""A beauty filter: the skin smoothed, eyes and mouth left alone."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from liveguard.face.geometry import LIPS, OVAL, inter_ocular_px
from liveguard.stress.faces import EYE_LEFT, EYE_RIGHT, Area, pasted, scaled, soft_area, with_mesh
from liveguard.stress.variant import PictureEffect
from liveguard.types import ByteArray, FloatArray, VideoFrame

_GREY = 28.0  # smaller differences than this are smoothed away
_REACH = 0.02  # of the filter, in eye distances
_MOST_PX = 180  # larger faces are smoothed at this width, which costs less and looks much the same


def beauty(strength: float = 0.7) -> PictureEffect:
    """Skin inside the oval of the face smoothed where it has no edges; `strength` 0..1 of the way."""
    if not 0 <= strength <= 1:
        raise ValueError(f"strength {strength}; allowed is 0 to 1")

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:  # noqa: ARG001
        for frame, mesh in with_mesh(frames):
            area = None if mesh is None else _skin(frame.image, mesh)
            if mesh is None or area is None:
                yield frame
                continue
            smooth = _smoothed(area.of(frame.image), _REACH * inter_ocular_px(mesh))
            part = Area(area.left, area.top, area.mask * np.float32(strength))
            yield VideoFrame(frame.t_us, pasted(frame.image, smooth, part))

    return effect


def _skin(image: ByteArray, mesh: FloatArray) -> Area | None:
    def outline(points: tuple[int, ...]) -> FloatArray:
        return np.asarray(mesh[list(points), :2], np.float32)

    holes = (scaled(outline(EYE_LEFT), 1.25), scaled(outline(EYE_RIGHT), 1.25), scaled(outline(LIPS), 1.1))
    return soft_area(image, scaled(outline(OVAL), 0.97), 0.03 * inter_ocular_px(mesh), holes)


def _smoothed(skin: ByteArray, reach_px: float) -> ByteArray:
    """Bilateral filter: Tomasi and Manduchi 1998, doi:10.1109/ICCV.1998.710815."""
    height, width = skin.shape[:2]
    shrink = max(width / _MOST_PX, 1.0)
    size = (round(width / shrink), round(height / shrink))
    small = cv2.resize(skin, size, interpolation=cv2.INTER_AREA) if shrink > 1 else np.ascontiguousarray(skin)
    smooth = cv2.bilateralFilter(
        small, 2 * max(round(1.5 * reach_px / shrink), 2) + 1, _GREY, max(reach_px / shrink, 2)
    )
    return np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR) if shrink > 1 else smooth)
