"""Things worn or held before the face, drawn on its mesh. People do so on honest calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import cv2
import numpy as np

from liveguard.face.geometry import LIPS, OVAL, inter_ocular_px
from liveguard.stress.faces import Area, line_area, on_head, pasted, soft_area, stroke, with_mesh
from liveguard.stress.variant import PictureEffect
from liveguard.types import ByteArray, FloatArray, VideoFrame

_Draw: TypeAlias = Callable[[ByteArray, FloatArray], ByteArray]

_JAW = OVAL[9:28]  # from the right ear over the chin to the left ear
# From the left ear over the nose to the right ear, and so with the beard, but beneath the nose.
_MASK_TOP = (93, 123, 50, 101, 217, 195, 437, 330, 280, 352, 323)
_BEARD_TOP = (93, 132, 215, 207, 216, 206, 165, 164, 391, 426, 436, 427, 435, 361, 323)
_CLOTH = (168, 198, 212)
_TILE_PX = 192


def glasses(rim: tuple[int, int, int] = (28, 24, 26)) -> PictureEffect:
    """Spectacles with rims of that colour (RGB) and lenses that mirror a little; they keep still on the head."""
    turn = np.linspace(0, 2 * np.pi, 40)
    # A superellipse, in the mean face's space: a lens is neither round nor square.
    ring = np.stack(
        [np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.7, np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** 0.7]
    )
    lenses = [
        np.stack([side * 0.345 + 0.255 * ring[0], -0.3 + 0.19 * ring[1], np.full(40, -0.1)], axis=1) for side in (-1, 1)
    ]
    bridge = np.array([[-0.1, -0.36, -0.13], [-0.05, -0.4, -0.2], [0.05, -0.4, -0.2], [0.1, -0.36, -0.13]])
    temples = [np.array([[side * 0.6, -0.37, -0.08], [side * 0.78, -0.34, 0.6]]) for side in (-1, 1)]

    def draw(image: ByteArray, mesh: FloatArray) -> ByteArray:
        out, unit = image.copy(), inter_ocular_px(mesh)
        for lens in lenses:
            outline = on_head(lens, mesh)
            area = soft_area(image, outline, 0.01 * unit)
            if area is not None:
                out = pasted(out, _mirroring(area.of(out)), area)
        lines = [(on_head(lens, mesh), 0.032 * unit) for lens in lenses]
        lines += [(on_head(line, mesh), 0.04 * unit) for line in (bridge, *temples)]
        return _painted(out, line_area(image, lines), rim)

    return _on_mesh(draw)


def mask() -> PictureEffect:
    """A surgical mask over nose, mouth and chin, pleated, with its loops; it goes with the jaw."""

    def draw(image: ByteArray, mesh: FloatArray) -> ByteArray:
        points, unit = np.asarray(mesh[:, :2], np.float32), inter_ocular_px(mesh)
        pairs = ((93, 234), (172, 234), (323, 454), (397, 454))
        loops = line_area(image, [(points[list(pair)], 0.02 * unit) for pair in pairs])
        out = _painted(image, loops, (215, 218, 220))
        chin = points[list(_JAW)] + 0.05 * unit * _down(points)
        area = soft_area(image, np.concatenate([points[list(_MASK_TOP)], chin[1:-1]]), 0.012 * unit)
        return out if area is None else pasted(out, _cloth(area, image, points, unit), area)

    return _on_mesh(draw)


def beard(strength: float = 0.8) -> PictureEffect:
    """A dark full beard that hides `strength` (0..1) of the skin beneath."""
    if not 0 <= strength <= 1:
        raise ValueError(f"strength {strength}; allowed is 0 to 1")

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:
        # Hair hangs down: rough across, smooth along.
        hair = cv2.GaussianBlur(rng.standard_normal((_TILE_PX, _TILE_PX), np.float32), (0, 0), 0.8, sigmaY=2.5)
        tile = np.clip(48 + 22 * hair / hair.std(), 0, 255).astype(np.uint8)
        corners = np.array([[40, 40], [152, 40], [96, 190]], np.float32)

        def draw(image: ByteArray, mesh: FloatArray) -> ByteArray:
            points, unit = np.asarray(mesh[:, :2], np.float32), inter_ocular_px(mesh)
            outline = np.concatenate([points[list(_BEARD_TOP)], points[list(_JAW[1:-1])] + 0.04 * unit * _down(points)])
            area = soft_area(image, outline, 0.045 * unit, (points[list(LIPS)],))
            if area is None:
                return image
            place = cv2.getAffineTransform(corners, area.inside(points[[33, 263, 152]]))
            size = (area.mask.shape[1], area.mask.shape[0])
            grown = cv2.warpAffine(tile, place, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
            brown = cv2.merge([cv2.convertScaleAbs(grown, alpha=share) for share in (1.0, 0.82, 0.68)])
            return pasted(
                image, np.asarray(brown, np.uint8), Area(area.left, area.top, area.mask * np.float32(strength))
            )

        return _on_mesh(draw)(frames, rng)

    return effect


def _on_mesh(draw: _Draw) -> PictureEffect:
    """`draw` on every picture with a face; the others as they are."""

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:  # noqa: ARG001
        for frame, mesh in with_mesh(frames):
            yield frame if mesh is None else VideoFrame(frame.t_us, draw(frame.image, mesh))

    return effect


def _painted(image: ByteArray, area: Area | None, colour: tuple[int, int, int]) -> ByteArray:
    """`image` with `area` in one colour."""
    if area is None:
        return image
    return pasted(image, np.full_like(area.of(image), colour), area)


def _mirroring(part: ByteArray) -> ByteArray:
    """What is behind a lens: a little darker, with a pale band across."""
    height, width = part.shape[:2]
    across = (np.arange(width)[None] / width + np.arange(height)[:, None] / height).astype(np.float32)
    band = 26 * np.exp(-(((across - 0.7) / 0.13) ** 2))
    return np.asarray(np.clip(part * np.float32(0.93) + band[..., None], 0, 255), np.uint8)


def _down(points: FloatArray) -> FloatArray:
    """The direction from the forehead to the chin, of length 1."""
    axis = points[152] - points[10]
    return np.asarray(axis / max(float(np.linalg.norm(axis)), 1e-6), np.float32)


def _cloth(area: Area, image: ByteArray, points: FloatArray, unit: float) -> ByteArray:
    """Pale blue cloth (h, w, 3), lit as the face beneath is, with three pleats."""
    light = cv2.cvtColor(np.ascontiguousarray(area.of(image)), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(light, (12, 10), interpolation=cv2.INTER_AREA).astype(np.float32)
    # Nose and lips must not show through: only the fall of the light, and no more of it than cloth would have.
    fall = np.clip(cv2.GaussianBlur(small, (0, 0), 2.0) / max(float(small.mean()), 1.0), 0.75, 1.12)
    level = float(np.clip(small.mean() / 150, 0.25, 1.15))
    shade = cv2.resize(np.asarray(level * fall, np.float32), light.shape[::-1], interpolation=cv2.INTER_CUBIC)
    pleats = np.zeros(light.shape, np.uint8)
    for share in (0.3, 0.5, 0.7):
        left, middle, right = (
            (1 - share) * points[top] + share * points[bottom] for top, bottom in ((93, 136), (195, 152), (323, 365))
        )
        along = np.linspace(0, 1, 12)[:, None]
        curve = (
            (1 - along) * (1 - 2 * along) * left + 4 * along * (1 - along) * middle + along * (2 * along - 1) * right
        )
        stroke(pleats, area.inside(np.asarray(curve, np.float32)), 0.02 * unit)
    folds = cv2.GaussianBlur(pleats, (0, 0), max(0.012 * unit, 0.5)).astype(np.float32) / 255
    shade = shade - 0.18 * level * folds
    return np.asarray(np.clip(shade[..., None] * np.array(_CLOTH, np.float32), 0, 255), np.uint8)
