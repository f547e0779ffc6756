"""A hand that comes before the face, made by rule: fingers and palm with their own relief, and a hard edge."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

import cv2
import numpy as np

from liveguard.types import FloatArray
from tests.rendering.light import Light, blend, falloff
from tests.rendering.rays import Pinhole

Place: TypeAlias = Literal["left_cheek", "right_cheek", "mouth", "forehead", "chin", "nose", "left_eye", "right_eye"]
Kind: TypeAlias = Literal["palm", "fingers"]
# x, y and thickness in mm, the middle of what covers at 0, 0; y down, so that the fingers point up.
_Bone: TypeAlias = tuple[tuple[float, float, float], ...]

_PX_PER_MM = 1.4
_BOX_MM = (-75, -120, 75, 480)  # the arm goes on below the picture
_AWAY_MM = 330.0  # how far below and beside its place a hand is before it comes
_ARM: tuple[_Bone, ...] = (
    ((-6, 95, 40), (-4, 170, 46), (0, 470, 74)),
    ((8, 95, 40), (8, 170, 46), (0, 470, 74)),
)
_PALM: tuple[_Bone, ...] = (
    ((-28, 15, 22), (-18, 92, 34)),
    ((-9, 11, 22), (-7, 92, 34)),
    ((10, 13, 22), (6, 92, 34)),
    ((28, 20, 21), (18, 92, 34)),
)
_THUMB: _Bone = ((-22, 80, 28), (-48, 42, 22), (-55, 14, 18))
_OPEN: tuple[_Bone, ...] = (
    ((-28, 15, 19), (-32, -26, 17.5), (-33, -62, 15)),
    ((-9, 11, 20), (-10, -34, 18.5), (-10, -75, 15.5)),
    ((10, 13, 19), (11, -30, 17.5), (12, -68, 15)),
    ((28, 20, 17), (32, -12, 15), (34, -42, 13)),
)
_TWO: tuple[_Bone, ...] = (
    *_OPEN[:2],
    ((10, 13, 20), (11, -8, 20), (11, 6, 19)),  # the others are bent into the palm
    ((28, 20, 18), (29, 2, 18), (28, 14, 17)),
)
_PARTS: dict[Kind, tuple[_Bone, ...]] = {
    "palm": (*_ARM, *_PALM, _THUMB, *_OPEN),
    "fingers": (*_ARM, *_PALM, ((-22, 80, 28), (-40, 48, 23), (-22, 22, 19)), *_TWO),
}
_UP_MM: dict[Kind, float] = {"palm": 0.0, "fingers": 35.0}  # two fingers cover with their length, not with the palm
_MESH: dict[Place, tuple[int, ...]] = {
    "left_cheek": (50, 205),
    "right_cheek": (280, 425),
    "mouth": (13, 14),
    "forehead": (151, 9),
    "chin": (199, 152),
    "nose": (1, 4),
    "left_eye": (159, 145),
    "right_eye": (386, 374),
}
# By how much it leans (the fingers to the right), and from which side it comes.
_LEANS_DEG: dict[Place, float] = {
    "left_cheek": 24.0,
    "left_eye": 20.0,
    "right_cheek": -24.0,
    "right_eye": -20.0,
    "mouth": 62.0,
    "chin": 70.0,
    "nose": 40.0,
    "forehead": 55.0,
}
_REDDER = np.array([0.88, 0.80, 0.77], np.float32)  # hands are, and darker than cheeks
_SHADOW = 0.5  # of the light under the hand is left
_SHADOW_MM = 9.0


@dataclass(frozen=True, slots=True)
class Cover:
    """A hand before the face: the middle of what it covers (left and right as in the picture), how far it has come in (0
    out of sight, 1 in its place), the whole hand or two fingers, how much nearer to the camera than the face it is, and
    how many times as large as an adult's."""

    place: Place = "mouth"
    into: float = 1.0
    kind: Kind = "palm"
    before_mm: float = 25.0
    size: float = 1.0


def covered_mm(place: Place, points: FloatArray) -> FloatArray:
    """The middle (3,) of a place on the mesh `points` (478, 3)."""
    return np.asarray(points[list(_MESH[place])].mean(axis=0), np.float32)


class Hand:
    """Draws hands of one skin colour, linear RGB (3,)."""

    def __init__(self, skin_rgb: FloatArray) -> None:
        self._sprites = {kind: _sprite(parts, skin_rgb * _REDDER) for kind, parts in _PARTS.items()}

    def draw(
        self,
        picture: FloatArray,
        head_alpha: FloatArray,
        cover: Cover,
        at_mm: FloatArray,
        roll: float,
        camera: Pinhole,
        light: Light,
    ) -> None:
        """Draw into `picture` (h, w, 3), linear. `at_mm` (3,): what is covered, from the camera, in a head turned by `roll`
        (radians) whose `head_alpha` (h, w) takes the hand's shadow."""
        to_px, depth_mm = _way(cover, at_mm, roll, camera)
        sprite = self._sprites[cover.kind]
        corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * sprite[0].shape[::-1]
        ends = corners @ to_px[:, :2].T + to_px[:, 2]
        scale = camera.focal_px / depth_mm
        margin = 3 * _SHADOW_MM * scale
        limit = (camera.width, camera.height)
        low = np.clip(np.floor(ends.min(axis=0) - margin), 0, limit).astype(int)
        high = np.clip(np.ceil(ends.max(axis=0) + margin), 0, limit).astype(int)
        if (high - low < 1).any():
            return
        to_px[:, 2] -= low
        part = (slice(low[1], high[1]), slice(low[0], high[0]))
        size = tuple(int(side) for side in high - low)
        lit = _lit(sprite, light, falloff(depth_mm))
        drawn = np.asarray(cv2.warpAffine(lit, to_px, size, flags=cv2.INTER_LINEAR), np.float32)
        alpha = np.ascontiguousarray(drawn[..., 3])
        _shade(picture[part], alpha, head_alpha[part], scale, cover.before_mm)
        # Around the hand the sprite is as bright as at its edge, so what the alpha lets through is skin.
        blend(picture[part], cv2.cvtColor(drawn, cv2.COLOR_RGBA2RGB), alpha)


def _way(cover: Cover, at_mm: FloatArray, roll: float, camera: Pinhole) -> tuple[FloatArray, float]:
    """The way (2, 3) from the sprite's pixels to the picture's, and how far the hand is from the camera in mm."""
    lean_deg = _LEANS_DEG[cover.place]
    eased = cover.into * cover.into * (3 - 2 * cover.into)
    away = (1 - eased) * _AWAY_MM * max(float(at_mm[2]) / 500, 1.0)
    at = at_mm + np.array([-away * np.sin(np.radians(1.2 * lean_deg)), away, -cover.before_mm])
    lean = np.radians(lean_deg * (1 + 0.3 * (1 - eased))) + roll / 2
    grow = cover.size * camera.focal_px / float(at[2]) / _PX_PER_MM
    mirror = -1.0 if lean_deg < 0 else 1.0  # what leans to the left is the other hand
    cos, sin = np.cos(lean), np.sin(lean)
    flat = grow * np.array([[mirror * cos, -sin], [mirror * sin, cos]])
    centre = _PX_PER_MM * np.array([-_BOX_MM[0], -_BOX_MM[1] - _UP_MM[cover.kind]])
    return np.column_stack([flat, camera.project(at[None])[0] - flat @ centre]), float(at[2])


def _lit(sprite: list[FloatArray], light: Light, near: float) -> FloatArray:
    """RGBA (h, w, 4) of the hand in that light, so many times as much of the screen's as at 500 mm."""
    red, green, blue, alpha, room, screen = sprite
    of_room, of_screen = light.from_room().tolist(), (near * light.from_screen()).tolist()
    planes = [
        cv2.multiply(colour, cv2.addWeighted(room, by_room, screen, by_screen, 0))
        for colour, by_room, by_screen in zip((red, green, blue), of_room, of_screen, strict=True)
    ]
    return np.asarray(cv2.merge([*planes, alpha]), np.float32)


def _shade(area: FloatArray, alpha: FloatArray, head_alpha: FloatArray, scale: float, before_mm: float) -> None:
    """Darken the head under the hand's edge, mostly below it: the room's light comes from above."""
    size = (
        max(alpha.shape[1] // 4, 1),
        max(alpha.shape[0] // 4, 1),
    )  # of a hand at the picture's edge a pixel may be left
    quarter = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    shift = np.array([[1, 0, 0], [0, 1, 0.15 * before_mm * scale / 4]])
    quarter = cv2.warpAffine(quarter, shift, (quarter.shape[1], quarter.shape[0]))
    soft = cv2.GaussianBlur(quarter, (0, 0), max(_SHADOW_MM * scale / 4, 0.5))
    dark = 1 - (1 - _SHADOW) * cv2.multiply(cv2.resize(soft, (alpha.shape[1], alpha.shape[0])), head_alpha)
    area *= cv2.merge([dark, dark, dark])


def _sprite(parts: tuple[_Bone, ...], skin_rgb: FloatArray) -> list[FloatArray]:
    """A hand, planes (h, w): linear red, green, blue, alpha, and what of the room's and of the screen's light it gets."""
    left, top, right, bottom = _BOX_MM
    rows, columns = np.mgrid[: int((bottom - top) * _PX_PER_MM), : int((right - left) * _PX_PER_MM)].astype(np.float32)
    x, y = left + columns / _PX_PER_MM, top + rows / _PX_PER_MM
    height = np.full(x.shape, -1.0, np.float32)
    for part in parts:
        for start, end in pairwise(part):
            height = np.maximum(height, _rod(x, y, start, end))
    alpha = cv2.GaussianBlur(np.clip(height * _PX_PER_MM + 0.5, 0, 1).astype(np.float32), (0, 0), 0.5)
    smooth = cv2.GaussianBlur(np.maximum(height, 0), (0, 0), 1.6 * _PX_PER_MM)
    slope_x, slope_y = np.gradient(smooth)[::-1]
    normal = np.stack([-slope_x * _PX_PER_MM, -slope_y * _PX_PER_MM, -np.ones_like(smooth)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    # The screen is in front and a little below, the room's lamp above.
    screen = np.clip((normal @ np.array([0.0, 0.2, -0.98]) + 0.25) / 1.25, 0.1, None)
    room = 0.78 + 0.22 * np.clip(normal @ np.array([0.1, -0.75, -0.65]), -1, 1) - 0.25 * (1 + normal[..., 2])
    rng = np.random.default_rng(5)
    grain = sum(
        cv2.GaussianBlur(rng.normal(0, 1, x.shape).astype(np.float32), (0, 0), width) * width * part
        for width, part in ((1.0, 0.06), (5.0, 0.10), (24.0, 0.14))
    )
    colours = skin_rgb * (1 + grain[..., None] * np.array([0.7, 1.0, 1.1], np.float32))
    colours *= (1 - _creases(x, y, parts))[..., None]
    planes = (*np.moveaxis(np.clip(colours, 0, 1), -1, 0), alpha, room, screen)
    return [np.ascontiguousarray(plane, np.float32) for plane in planes]


def _rod(
    x: FloatArray, y: FloatArray, start: tuple[float, float, float], end: tuple[float, float, float]
) -> FloatArray:
    """The height of a round rod that gets thinner from `start` to `end` above the plane, mm; negative beside it."""
    along = np.array([end[0] - start[0], end[1] - start[1]])
    t = np.clip(((x - start[0]) * along[0] + (y - start[1]) * along[1]) / float(along @ along), 0, 1)
    radius = (start[2] + t * (end[2] - start[2])) / 2
    off = np.hypot(x - start[0] - t * along[0], y - start[1] - t * along[1])
    return np.asarray(np.where(off < radius, np.sqrt(np.maximum(radius**2 - off**2, 1e-6)), radius - off), np.float32)


def _creases(x: FloatArray, y: FloatArray, parts: tuple[_Bone, ...]) -> FloatArray:
    """How much darker the skin is over the joints, where it folds."""
    dark = np.zeros_like(x)
    for part in parts:
        if part[-1][2] > 25:  # no finger
            continue
        for at, after in pairwise(part[1:]):
            axis = np.array([after[0] - at[0], after[1] - at[1]], np.float64)
            axis /= np.linalg.norm(axis)
            along = (x - at[0]) * axis[0] + (y - at[1]) * axis[1]
            across = (x - at[0]) * -axis[1] + (y - at[1]) * axis[0]
            near = np.exp(-((across / (0.4 * at[2])) ** 4))
            for fold in (-2.4, 0.0, 2.2):
                dark += 0.16 * near * np.exp(-(((along - fold - 0.02 * across**2) / 0.45) ** 2))
    return np.asarray(np.minimum(dark, 0.4), np.float32)
