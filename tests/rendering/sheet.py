"""The flat counterpart of a head: a printed photo or a tablet that is held and turned before the same webcam."""

from __future__ import annotations

from typing import Literal, TypeAlias

import cv2
import numpy as np

from liveguard.types import ByteArray, FloatArray
from tests.rendering.camera import pinhole
from tests.rendering.light import Light, blend, coloured, linear_of, srgb_of
from tests.rendering.photo import EYES_MM, PhotoFrame, frame_of, portrait
from tests.rendering.pose import HeadPose, rotation_of
from tests.rendering.rays import window_around
from tests.rendering.room import ROOM_MM, room

Material: TypeAlias = Literal["paper", "tablet"]

_PAPER = 0.88  # what white paper sends back
_GLASS = 0.03  # what a tablet's glass sends back
_GLOW = 1.3  # a tablet's white, in units of white paper under the screen at 500 mm
_BORDER_MM: dict[Material, float] = {"paper": 6.0, "tablet": 9.0}
_STEP = 8
_NO_MAP = np.empty(0, np.float32)


class Sheet:
    """Draws a flat picture of a person in any pose. Making one runs the face mesh once.

    `photo` (h, w, 3) uint8 RGB, the portrait in scikit-image without one; its face is as large as a real one if `life_size`
    is 1. "paper" is lit as a face is, "tablet" shines by itself and hardly reflects. `bend_per_m`: curvature about the
    upright axis, its middle nearest to the camera if > 0. Raises ValueError where the photo shows no face, BackendError.
    """

    def __init__(
        self,
        photo: ByteArray | None = None,
        material: Material = "paper",
        bend_per_m: float = 0.0,
        life_size: float = 1.0,
        width: int = 640,
        height: int = 480,
        room_seed: int = 0,
    ) -> None:
        self.camera = pinhole(width, height)
        self._photo = np.ascontiguousarray(portrait() if photo is None else photo)
        frame: PhotoFrame = frame_of(self._photo)
        self._px_per_mm = frame.mesh[[33, 263], :2].ptp(axis=0)[0] / (EYES_MM * life_size)
        self._middle_px = frame.middle_px[:2]
        self._material = material
        self._bend_per_mm = bend_per_m / 1000
        self._room = room(width, height, room_seed)

    def draw(self, pose: HeadPose, light: Light | None = None, picture: ByteArray | None = None) -> ByteArray:
        """The (h, w, 3) uint8 RGB picture that a camera without noise and with a fixed exposure takes."""
        light = light or Light()
        return np.asarray(srgb_of(self.radiance(pose, light, picture) * np.float32(light.exposure)) + 0.5, np.uint8)

    def radiance(self, pose: HeadPose, light: Light, picture: ByteArray | None = None) -> FloatArray:
        """Linear RGB (h, w, 3) float32 as it reaches the camera; `picture`, as large as the photo, is shown in its place.

        The sheet turns about the middle of the face; the mouth, the lids and the brows of the pose move nothing.
        """
        out = coloured(self._room, light.everywhere(ROOM_MM, 0.5))
        shown = self._photo if picture is None else picture
        border = _BORDER_MM[self._material] * self._px_per_mm
        height, width = shown.shape[:2]
        edges = np.array([-border, -border, width + border, height + border]) - np.tile(self._middle_px, 2)
        turn = rotation_of(pose)
        middle = np.array([pose.shift_x_mm, pose.shift_y_mm, pose.distance_mm], np.float32)
        window = window_around(self.camera, self.camera.project(self._rim(edges) @ turn.T + middle), 2.0, _STEP)
        eye = np.asarray(-middle @ turn, np.float32)
        places = window.fine(self._met(eye, window.rays(self.camera) @ turn)) + self._middle_px - 0.5
        places = np.asarray(places[: len(out) - window.top, : out.shape[1] - window.left], np.float32)
        inside = self._inside(places, border, (width, height))
        colours = linear_of(np.asarray(cv2.remap(shown, places, _NO_MAP, cv2.INTER_LINEAR), np.uint8))
        on_photo = self._inside(places, 0.0, (width, height))
        area = out[window.top :, window.left :][: len(places), : places.shape[1]]
        facing = max(float(turn[2, 2]), 0.2)
        lit = light.everywhere(pose.distance_mm, facing)
        blend(area, self._sent_back(colours, on_photo, lit), inside)
        return out

    def _sent_back(self, colours: FloatArray, on_photo: FloatArray, lit: FloatArray) -> FloatArray:
        """What the sheet sends to the camera, (h, w, 3), its border included."""
        white = cv2.merge([on_photo] * 3)
        if self._material == "paper":
            return coloured(np.asarray(1 - white * (1 - colours), np.float32), _PAPER * lit)
        return np.asarray(white * colours * _GLOW + _GLASS * lit, np.float32)

    def _inside(self, places: FloatArray, border: float, size: tuple[int, int]) -> FloatArray:
        """How far each of the places (h, w, 2) is on the photo with so much around it, (h, w) 0..1, soft over a pixel."""
        low = np.minimum(places[..., 0], places[..., 1]) + border
        high = np.minimum(size[0] - 1 - places[..., 0], size[1] - 1 - places[..., 1]) + border
        spread = max(abs(float(places[0, -1, 0] - places[0, 0, 0])) / max(places.shape[1], 1), 0.2)
        return np.asarray(np.clip(np.minimum(low, high) / spread + 0.5, 0, 1), np.float32)

    def _rim(self, edges: FloatArray) -> FloatArray:
        """Points (n, 3) in mm on the upper and lower edge of the sheet, from its left, top, right, bottom in pixels."""
        left, top, right, bottom = edges / self._px_per_mm
        along = np.linspace(left, right, 9)
        x, z = self._bent(along)
        return np.concatenate([np.stack([x, np.full_like(x, y), z], axis=1) for y in (top, bottom)]).astype(np.float32)

    def _bent(self, along_mm: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Where points `along_mm` from the middle are on the bent sheet: to the right, and away from the camera."""
        bend = self._bend_per_mm
        if abs(bend) < 1e-9:
            return along_mm, np.zeros_like(along_mm)
        return np.sin(bend * along_mm) / bend, (1 - np.cos(bend * along_mm)) / bend

    def _met(self, eye: FloatArray, rays: FloatArray) -> FloatArray:
        """Where rays (rows, columns, 3) from `eye` (3,), in the sheet's axes, meet it: (rows, columns, 2) photo pixels from
        the middle."""
        bend = self._bend_per_mm
        t = -eye[2] / rays[..., 2]
        x = eye[0] + t * rays[..., 0]
        if abs(bend) > 1e-9:
            for _ in range(6):
                # Beyond a quarter of the circle there is no sheet; the limit only keeps the search from running away.
                depth = (1 - np.sqrt(np.maximum(1 - np.minimum((bend * x) ** 2, 0.95), 0))) / bend
                t = (depth - eye[2]) / rays[..., 2]
                x = eye[0] + t * rays[..., 0]
            x = np.arcsin(np.clip(bend * x, -0.999, 0.999)) / bend
        y = eye[1] + t * rays[..., 1]
        return np.asarray(np.stack([x, y], axis=-1) * self._px_per_mm, np.float32)
