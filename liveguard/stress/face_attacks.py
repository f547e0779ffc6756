"""Bench attacks on the face, without any network: real pictures put together wrongly. They are never "in the wild"."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from liveguard.face.geometry import AROUND_MOUTH, OVAL, RIGID, inter_ocular_px, similarity
from liveguard.stress.faces import pasted, scaled, soft_area, with_mesh
from liveguard.stress.spells import Spells
from liveguard.stress.variant import PictureEffect
from liveguard.types import ByteArray, FloatArray, VideoFrame

_INNER = 0.86  # of the oval: a swap replaces brows to chin, not the edge of the face
_KEPT = 0.6  # what gain and place keep of their last error
_LOWER_FACE = (2, 164, 61, 291, 0, 17, 200, 57, 287, 206, 426, 202, 422, 18, 13, 14)
_LATE_US = 200_000  # an earlier mouth may be so much older than asked for, where pictures are missing


def self_blended(
    inner_px: float = 96.0,
    *,
    colour_grey: float = 4.0,
    warp: float = 0.02,
    jitter: float = 0.006,
    flicker: float = 0.015,
    edge: float = 0.08,
    dropouts_every_s: float = 6.0,
    dropouts_s: tuple[float, float] = (0.2, 1.5),
) -> PictureEffect:
    """The inner face replaced by its own copy, with the faults of a swap in real time (self-blending: arXiv 2204.08376).

    The copy is `inner_px` wide at most, off in colour by `colour_grey` and in shape by `warp`; it trembles by `jitter`
    and its brightness by `flicker` (standard deviations; shape and place in eye distances or parts of 1). `edge`: the
    seam's softness in eye distances. In dropouts of `dropouts_s` (least, most) s the real face shows through.
    """
    if inner_px < 8:
        raise ValueError(f"an inner face of {inner_px} px; allowed are 8 and more")

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:
        dropouts = Spells(dropouts_every_s, dropouts_s, rng)
        tint = rng.normal(0, colour_grey, 3)
        form = np.eye(2) + rng.normal(0, warp, (2, 2))
        error = np.zeros(3)
        for frame, mesh in with_mesh(frames):
            error = _KEPT * error + np.sqrt(1 - _KEPT**2) * rng.standard_normal(3)
            shows = dropouts.progress(frame.t_us) is None
            unit = 0.0 if mesh is None else inter_ocular_px(mesh)
            area = None
            if mesh is not None and shows:
                area = soft_area(frame.image, scaled(mesh[list(OVAL), :2], _INNER), edge * unit)
            if mesh is None or area is None:
                yield frame
                continue
            face_px = float(np.ptp(mesh[list(OVAL), 0]))
            copy = _coarse(area.of(frame.image), min(inner_px / face_px, 1.0), form, jitter * unit * error[:2])
            tables = np.arange(256)[:, None] * (1 + flicker * error[2]) + tint
            copy = np.asarray(cv2.LUT(copy, np.clip(tables, 0, 255).astype(np.uint8)[None]), np.uint8)
            yield VideoFrame(frame.t_us, pasted(frame.image, copy, area))

    return effect


def mouth_retimed(shift_s: float) -> PictureEffect:
    """The mouth of `shift_s` earlier on the face of now, carried over by the stiff points of the mesh.

    Stiff, because a warp onto the lips of now would make them speak in time again. Pictures as they are until there is
    an earlier mouth, and while no face is seen.
    """
    if shift_s <= 0:
        raise ValueError(f"a shift of {shift_s} s; allowed is more than 0")

    def effect(frames: Iterator[VideoFrame], rng: np.random.Generator) -> Iterator[VideoFrame]:  # noqa: ARG001
        kept: deque[_Mouth] = deque()
        for frame, mesh in with_mesh(frames):
            due_us = frame.t_us - round(shift_s * 1e6)
            while len(kept) > 1 and kept[1].t_us <= due_us:
                kept.popleft()
            if mesh is not None:
                kept.append(_mouth(frame, mesh))
            earlier = kept[0] if kept and due_us - _LATE_US <= kept[0].t_us <= due_us else None
            image = frame.image if mesh is None or earlier is None else _with_mouth(frame.image, mesh, earlier)
            yield VideoFrame(frame.t_us, image)

    return effect


@dataclass(frozen=True, slots=True)
class _Mouth:
    """The lower face at `t_us`: its pixels, where they were, and the whole mesh (478, 3)."""

    t_us: int
    patch: ByteArray
    corner: FloatArray
    mesh: FloatArray


def _mouth(frame: VideoFrame, mesh: FloatArray) -> _Mouth:
    reach = 0.25 * inter_ocular_px(mesh)
    points = mesh[list(AROUND_MOUTH), :2]
    last = np.array([frame.image.shape[1] - 1, frame.image.shape[0] - 1])
    left, top = np.clip(np.floor(points.min(axis=0) - reach), 0, last).astype(int).tolist()
    right, bottom = np.clip(np.ceil(points.max(axis=0) + reach), 0, last).astype(int).tolist()
    patch = frame.image[top : bottom + 1, left : right + 1].copy()  # not a view: it would keep the whole picture
    return _Mouth(frame.t_us, patch, np.array([left, top], np.float32), mesh)


def _with_mouth(image: ByteArray, mesh: FloatArray, earlier: _Mouth) -> ByteArray:
    """`image` with the earlier mouth where the head's motion since has carried it."""
    stiff = list(RIGID)
    rotation, scale, shift = similarity(earlier.mesh[stiff], mesh[stiff])
    carried = (scale * earlier.mesh @ rotation.T + shift)[:, :2]
    # Both mouths lie inside, so that neither the old nor the new one is cut.
    ring = list(AROUND_MOUTH)
    hull = cv2.convexHull(np.concatenate([carried[ring], mesh[ring, :2]]).astype(np.float32))[:, 0]
    area = soft_area(image, np.asarray(hull, np.float32), 0.05 * inter_ocular_px(mesh))
    if area is None:
        return image
    source, target = earlier.mesh[list(_LOWER_FACE), :2] - earlier.corner, area.inside(carried[list(_LOWER_FACE)])
    place, *_ = np.linalg.lstsq(np.column_stack([source, np.ones(len(source))]), target, rcond=None)
    size = (area.mask.shape[1], area.mask.shape[0])
    moved = cv2.warpAffine(earlier.patch, place.T, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return pasted(image, np.asarray(moved, np.uint8), area)


def _coarse(part: ByteArray, factor: float, form: FloatArray, offset_px: FloatArray) -> ByteArray:
    """`part` (h, w, 3) made `factor` as large and back, bent by `form` (2, 2) about its middle and moved by `offset_px`."""
    height, width = part.shape[:2]
    size = (max(round(width * factor), 2), max(round(height * factor), 2))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    back = form @ np.diag([width / size[0], height / size[1]])
    middle = np.array([width - 1, height - 1]) / 2
    small_middle = (np.array(size) - 1) / 2
    place = np.column_stack([back, middle - back @ small_middle + offset_px])
    grown = cv2.warpAffine(small, place, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(grown, np.uint8)
