"""What one photo tells about a head: where its mesh is in millimetres, its outline, and its picture cut out."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from skimage.data import astronaut

from liveguard.face.backends import open_backend
from liveguard.face.geometry import OVAL, RIGID, inter_ocular_px, similarity
from liveguard.face.observer import Observer
from liveguard.face.texture import canonical_face
from liveguard.stress.person import person_mask
from liveguard.types import BoolArray, ByteArray, FloatArray, VideoFrame
from tests.rendering.light import linear_of

EYES_MM = 90.0  # between the outer eye corners
CENTRE_MM = 67.0  # how far the middle of the skull is behind the origin of the mean face: level with the ears
HEAD_PX_PER_MM = 1.25
HEAD_BOX_MM = (-170, -200, 170, 160)  # left, top, right, bottom, from the middle of the face
_MASK_BOX_MM = (-260, -230, 260, 290)
_MASK_PX_PER_MM = 1.0
_OUTLINE_ANGLES = 128
_EAR_LOBE_MM = 18.0
_INWARD_PX = 2  # colours at the very edge are mixed with the background


@dataclass(frozen=True, slots=True)
class PhotoFrame:
    """How the face lies in its photo: the mesh there (478, 3), mm a pixel, where the middle of the face is, its rotation."""

    mesh: FloatArray
    mm_per_px: float
    middle_px: FloatArray
    rotation: FloatArray


def portrait() -> ByteArray:
    """The public-domain portrait (512, 512, 3) that comes with scikit-image."""
    return np.asarray(astronaut(), np.uint8)  # type: ignore[no-untyped-call]


def frame_of(photo: ByteArray) -> PhotoFrame:
    """Where the largest face of `photo` is. Raises ValueError where there is none, BackendError without MediaPipe."""
    observer = Observer(open_backend(), [])
    try:
        seen = [observer.observe(VideoFrame(k * 40_000, photo)).faces for k in range(3)]
    finally:
        observer.close()
    if not seen[-1]:
        raise ValueError("no face in the photo")
    mesh = max(seen[-1], key=lambda face: face.box.width * face.box.height).landmarks
    rotation, _, middle = similarity(canonical_face().mean[list(RIGID)], mesh[list(RIGID)])
    return PhotoFrame(mesh, EYES_MM / inter_ocular_px(mesh), middle, rotation)


def mesh_mm(frame: PhotoFrame) -> FloatArray:
    """The mesh (478, 3) in mm from the middle of the skull, upright and straight: x right, y down, z away."""
    points = frame.mm_per_px * (frame.mesh - frame.middle_px) @ frame.rotation
    points[:, 2] -= CENTRE_MM
    return np.asarray(points, np.float32)


def outline_of(photo: ByteArray, frame: PhotoFrame, points: FloatArray) -> FloatArray:
    """How far the head's outline is from its middle in mm, seen from the front, by angle (n,): 0 is right, clockwise."""
    part, to_px = scaled_part(photo, frame, _MASK_BOX_MM, _MASK_PX_PER_MM)
    return _outline(person_mask(part), points, to_px)


def head_of(
    photo: ByteArray, frame: PhotoFrame, points: FloatArray, outline_mm: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Linear RGB (h, w, 3) of the head without anything around it, and the way (2, 4) there from the head's mm."""
    part, to_px = scaled_part(photo, frame, HEAD_BOX_MM, HEAD_PX_PER_MM)
    masked, to_mask_px = scaled_part(photo, frame, _MASK_BOX_MM, _MASK_PX_PER_MM)
    inside = head_area(outline_mm, to_px, part.shape) * _face_or_hair(points, to_px, part.shape)
    inside[_resampled(person_mask(masked), to_mask_px, to_px, part.shape) < 0.6] = 0
    inside = np.asarray(cv2.erode(inside, np.ones((3, 3), np.uint8), iterations=_INWARD_PX), np.uint8)
    return linear_of(spread(part, inside > 0)), to_px


def projected(points: FloatArray, to_px: FloatArray) -> FloatArray:
    """Points (n, 3) in pixels (n, 2)."""
    return np.asarray(points @ to_px[:, :3].T + to_px[:, 3], np.float32)


def scaled_part(
    photo: ByteArray, frame: PhotoFrame, box_mm: tuple[int, int, int, int], px_per_mm: float
) -> tuple[ByteArray, FloatArray]:
    """The part `box_mm` of the photo around the face at so many pixels a mm, and the way there from the head's mm (2, 4)."""
    scale = frame.mm_per_px * px_per_mm
    left, top, right, bottom = (px_per_mm * side for side in box_mm)
    # Shrinking needs the mean over pixels, which warping does not take.
    shrink = min(scale, 1.0)
    small = cv2.resize(photo, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else photo
    rest = scale / shrink
    at = shrink * frame.middle_px[:2]
    warp = np.array([[rest, 0, -left - rest * at[0]], [0, rest, -top - rest * at[1]]])
    size = (round(right - left), round(bottom - top))
    part = cv2.warpAffine(small, warp, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    turned = px_per_mm * frame.rotation[:2]
    to_px = np.column_stack([turned, turned @ np.array([0, 0, CENTRE_MM]) - np.array([left, top])])
    return np.asarray(part, np.uint8), np.asarray(to_px, np.float32)


def _outline(mask: FloatArray, points: FloatArray, to_mask_px: FloatArray) -> FloatArray:
    """How far the head's outline is from its middle by angle, seen from the front: hair above, the jaw below."""
    angles = np.arange(_OUTLINE_ANGLES) * 2 * np.pi / _OUTLINE_ANGLES
    rays = np.stack([np.cos(angles), np.sin(angles), np.zeros_like(angles)], axis=1)
    steps = np.arange(40.0, 190.0, 1.0)
    along = projected((rays[:, None] * steps[None, :, None]).reshape(-1, 3), to_mask_px).reshape(len(angles), -1, 2)
    found = cv2.remap(mask, np.asarray(along, np.float32), np.empty(0, np.float32), cv2.INTER_LINEAR)
    outside = np.concatenate([found < 0.5, np.ones((len(angles), 1), bool)], axis=1)
    seen = steps[np.minimum(outside.argmax(axis=1), len(steps) - 1)]
    oval = points[list(OVAL), :2]
    around = np.arctan2(oval[:, 1], oval[:, 0])
    jaw = np.interp(angles, np.sort(around), np.hypot(*oval[np.argsort(around)].T), period=2 * np.pi)
    # Below the ears the mask goes on into neck and shoulders: there the head ends with the jaw.
    low = np.clip((np.sin(angles) - 0.1) / 0.4, 0, 1)
    limit = jaw * np.where(np.sin(angles) < 0, 1.9, 1.25 - 0.25 * low)
    radius = np.minimum(seen, limit)
    kernel = np.exp(-((np.arange(-6, 7) / 2.0) ** 2) / 2)
    padded = np.concatenate([radius[-6:], radius, radius[:6]])
    smooth = np.convolve(padded, kernel / kernel.sum(), "valid")
    # Level with the ears the underside of the jaw is higher than the chin.
    return np.asarray(smooth * (1 - 0.2 * np.clip(np.sin(angles), 0, 1) ** 4), np.float32)


def outline_points(outline_mm: FloatArray, factor: float = 1.0) -> FloatArray:
    """The outline (n, 3) in mm, in the plane of the middle of the skull."""
    angles = np.arange(len(outline_mm)) * 2 * np.pi / len(outline_mm)
    flat = np.stack([np.cos(angles) * outline_mm, np.sin(angles) * outline_mm, np.zeros_like(angles)], axis=1)
    return np.asarray(factor * flat, np.float32)


def head_area(outline_mm: FloatArray, to_px: FloatArray, shape: tuple[int, ...]) -> ByteArray:
    """1 inside of the head's outline and 0 outside (h, w)."""
    canvas = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(canvas, [np.round(projected(outline_points(outline_mm), to_px)).astype(np.int32)], (1,))
    return canvas


def _face_or_hair(points: FloatArray, to_px: FloatArray, shape: tuple[int, ...]) -> ByteArray:
    """0 beside the jaw, below the ears: there a photo shows neck, collar or wall (h, w)."""
    canvas = np.zeros(shape[:2], np.uint8)
    ears = projected(np.array([[0.0, _EAR_LOBE_MM, 0.0]], np.float32), to_px)[0]
    canvas[: int(ears[1])] = 1
    cv2.fillPoly(canvas, [np.round(projected(points[list(OVAL)], to_px)).astype(np.int32)], (1,))
    return canvas


def _resampled(mask: FloatArray, from_px: FloatArray, to_px: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """`mask`, which lies as `from_px` says, as (h, w) of that shape that lies as `to_px` says."""
    flat = from_px[:, :2] @ np.linalg.inv(to_px[:, :2])
    back = np.column_stack([flat, from_px[:, 3] - flat @ to_px[:, 3]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(mask, back, (shape[1], shape[0]), flags=flags), np.float32)


def spread(image: ByteArray, inside: BoolArray) -> ByteArray:
    """`image` with each pixel outside replaced by the next one inside: what lies around a thing must never show on it."""
    outside = 1 - inside.astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    colours = np.zeros((int(labels.max()) + 1, 3), np.uint8)
    colours[labels[outside == 0]] = image[outside == 0]
    filled = colours[labels]
    soft = cv2.GaussianBlur(filled, (0, 0), 2.0)
    return np.where(outside[..., None] > 0, soft, image).astype(np.uint8)
