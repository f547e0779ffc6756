"""A person before a webcam, in three dimensions, made of one photo: for tests of checks that ask somebody to do something.

The photo's mesh gives the surface (`shape`), its pixels the colours (`photo`, `skin`); a pinhole camera looks at it
(`rays`) under a screen's and a room's light (`light`). It is a simulation: what a check says about it
holds for the geometry and the light that are simulated, not for people.
"""

from __future__ import annotations

import cv2
import numpy as np

from liveguard.types import ByteArray, FloatArray
from tests.rendering.camera import Camera, pinhole
from tests.rendering.expression import Expression
from tests.rendering.hand import Cover, Hand, covered_mm
from tests.rendering.light import SCREEN_AT_MM, Light, blend, coloured, linear_of, screen_share, srgb_of
from tests.rendering.person import Person, person_in
from tests.rendering.photo import portrait, projected
from tests.rendering.pose import HeadPose, idle, rotation_of, shaken
from tests.rendering.rays import Hits, Window, hits, inverse, window_around
from tests.rendering.room import ROOM_MM, room
from tests.rendering.shape import shape_of
from tests.rendering.sheet import Sheet
from tests.rendering.skin import Fitzpatrick

__all__ = [
    "Camera",
    "Cover",
    "Fitzpatrick",
    "Head",
    "HeadPose",
    "Light",
    "Sheet",
    "idle",
    "pinhole",
    "shaken",
]

# The head turns about the top of the spine, seen from the middle of the skull.
_PIVOT_MM = np.array([0.0, 45.0, 15.0], np.float32)
_FACE_PLANE_MM = 58.0  # the eyes' corners before the middle of the skull
_NECK_MM = 45.0  # neck and shoulders behind the middle of the skull
_BODY_FACING = 0.7
_RAYS_MM = 2.6  # from ray to ray on the face
_BLOCKS = np.ones((3, 3), np.uint8)
_FAR_PX = 100_000
_NO_MAP = np.empty(0, np.float32)


class Head:
    """Draws one person in any pose. Making one runs the face mesh and fits the surface, about a second.

    `photo` (h, w, 3) uint8 RGB: a face from the front, with some of the hair and shoulders; without one, the public-domain
    portrait in scikit-image. `skin`: another tone than the photo's. `room_seed`: which room is behind. Raises ValueError
    where the photo shows no face, BackendError without MediaPipe. Drawing keeps no state, so threads may share one.
    """

    def __init__(
        self,
        photo: ByteArray | None = None,
        skin: Fitzpatrick | None = None,
        width: int = 640,
        height: int = 480,
        room_seed: int = 0,
    ) -> None:
        self.camera = pinhole(width, height)
        self.person: Person = person_in(np.ascontiguousarray(portrait() if photo is None else photo), skin)
        self._shape = shape_of(self.person.points, self.person.outline_mm)
        self._face = Expression(self.person.head, self.person.landmarks)
        self._room = room(width, height, room_seed)
        # In bytes, which are quicker to warp.
        self._body = [
            np.asarray(part + 0.5, np.uint8) for part in (srgb_of(self.person.body), 255 * self.person.body_alpha)
        ]
        self._body_box = _box_of(self.person.body_alpha)
        self._hand = Hand(self.person.skin_rgb)

    def draw(self, pose: HeadPose, light: Light | None = None, cover: Cover | None = None) -> ByteArray:
        """The (h, w, 3) uint8 RGB picture that a camera without noise and with a fixed exposure takes."""
        light = light or Light()
        picture = self.radiance(pose, light, cover)
        picture *= np.float32(light.exposure)
        return np.asarray(srgb_of(picture) + 0.5, np.uint8)

    def radiance(self, pose: HeadPose, light: Light, cover: Cover | None = None) -> FloatArray:
        """Linear RGB (h, w, 3) float32 as it reaches the camera: 1 is white paper in the room's or the screen's light."""
        picture = coloured(self._room, light.everywhere(ROOM_MM, 0.5))
        turn, straight, middle = _placed(pose)
        self._draw_body(picture, straight, light)
        window, alpha = self._draw_head(picture, pose, turn, middle, light)
        if cover is not None:
            head_alpha = np.zeros(picture.shape[:2], np.float32)
            head_alpha[window.top :, window.left :][: alpha.shape[0], : alpha.shape[1]] = alpha
            at_mm = turn @ covered_mm(cover.place, self.person.points) + middle
            roll = float(np.arctan2(turn[1, 0], turn[0, 0]))
            self._hand.draw(picture, head_alpha, cover, at_mm, roll, self.camera, light)
        return picture

    def _draw_body(self, picture: FloatArray, middle: FloatArray, light: Light) -> None:
        """Neck and shoulders: a picture standing upright behind the face, which shifts and grows but does not turn."""
        depth = float(middle[2]) + _NECK_MM
        scale = self.camera.focal_px / depth
        to_px = self.person.to_body_px
        # The way back, from the picture's pixels over mm to the body's pixels.
        flat = to_px[:, :2] / scale
        start = to_px @ np.array([-middle[0], -middle[1], _NECK_MM, 1.0]) - flat @ self.camera.middle
        left, top, right, bottom = self._body_box
        corners = np.array([[left, top], [right, top], [left, bottom], [right, bottom]])
        ends = (corners - start) @ inverse(flat).T
        limit = (self.camera.width, self.camera.height)
        (x0, y0), (x1, y1) = np.clip([np.floor(ends.min(axis=0)), np.ceil(ends.max(axis=0))], 0, limit).astype(int)
        if min(x1 - x0, y1 - y0) < 1:
            return
        back = np.column_stack([flat, start + flat @ np.array([x0, y0])])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        body, alpha = (
            cv2.warpAffine(part, back, (int(x1 - x0), int(y1 - y0)), flags=flags, borderMode=cv2.BORDER_REPLICATE)
            for part in self._body
        )
        lit = coloured(linear_of(np.asarray(body, np.uint8)), light.everywhere(depth, _BODY_FACING))
        blend(picture[y0:y1, x0:x1], lit, np.asarray(alpha, np.float32) * np.float32(1 / 255))

    def _draw_head(
        self, picture: FloatArray, pose: HeadPose, turn: FloatArray, middle: FloatArray, light: Light
    ) -> tuple[Window, FloatArray]:
        """Draw the head; the part of the picture that it is in, and its alpha there (h, w)."""
        step = max(round(_RAYS_MM * self.camera.focal_px / float(middle[2])), 2)
        around = self.camera.project(self._shape.around @ turn.T + middle)
        window = window_around(self.camera, around, 2.0, step)
        met = hits(self._shape, pose.mouth, self.camera, window, turn, middle)
        height, width = (
            min(window.size[1], self.camera.height - window.top),
            min(window.size[0], self.camera.width - window.left),
        )
        colours = self._coloured(met, pose, window)
        colours *= window.fine(self._lit(met, turn, middle, light))
        px_per_mm = self.camera.focal_px / float(middle[2])
        alpha = window.fine(0.5 - met.clearance_mm * np.float32(px_per_mm))[:height, :width].clip(0, 1)
        area = picture[window.top : window.top + height, window.left : window.left + width]
        blend(area, colours[:height, :width], alpha)
        return window, alpha

    def _coloured(self, met: Hits, pose: HeadPose, window: Window) -> FloatArray:
        """The colours of the surface in the window, (height, width, 3)."""
        face = self._face.draw(pose.mouth, pose.lids, pose.brows)
        pull = cv2.remap(self._shape.pull, met.places, _NO_MAP, cv2.INTER_LINEAR)
        across = met.points * np.dstack([pull, pull, np.ones_like(pull)])
        flat = projected(across.reshape(-1, 3), self.person.to_head_px).reshape((*across.shape[:2], 2))
        return np.asarray(cv2.remap(face, window.fine(flat), _NO_MAP, cv2.INTER_LINEAR), np.float32)

    def _lit(self, met: Hits, turn: FloatArray, middle: FloatArray, light: Light) -> FloatArray:
        """The light on the surface, coarse, (rows, columns, 3)."""
        normals = np.asarray(cv2.remap(self._shape.normals, met.places, _NO_MAP, cv2.INTER_LINEAR), np.float32)
        # In the head's axes: turning the screen is quicker than turning the head.
        share = screen_share(met.points, normals, np.asarray((np.array(SCREEN_AT_MM) - middle) @ turn, np.float32))
        # Between a nose and the cheek that it hides lies what faces away: not seen, but half a block of it would be.
        share = np.asarray(cv2.morphologyEx(share, cv2.MORPH_CLOSE, _BLOCKS), np.float32)
        return np.asarray(light.from_room() + share[..., None] * light.from_screen(), np.float32)


def _placed(pose: HeadPose) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The head's rotation (3, 3), and where the middle of the skull is, mm from the camera: were it straight, and as it is."""
    turn = rotation_of(pose)
    straight = np.array([pose.shift_x_mm, pose.shift_y_mm, pose.distance_mm + _FACE_PLANE_MM], np.float32)
    return turn, straight, np.asarray(straight + _PIVOT_MM - turn @ _PIVOT_MM, np.float32)


def _box_of(alpha: FloatArray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is not transparent; far beyond the edges that it touches."""
    found = cv2.boundingRect((alpha > 0.004).astype(np.uint8))
    left, top, right, bottom = found[0], found[1], found[0] + found[2], found[1] + found[3]
    height, width = alpha.shape
    return (
        left if left > 0 else -_FAR_PX,
        top,
        right if right < width else _FAR_PX,
        bottom if bottom < height else _FAR_PX,
    )
