"""Where things are on the 478-point mesh, and the rigid geometry that the checks share.

Indices are those of MediaPipe's face mesh (arXiv 1907.06724), iris included; "left" and "right" are as in the picture.
"""

from __future__ import annotations

import numpy as np

from liveguard.types import Box, FloatArray

POINTS = 478
EYE_LEFT_OUTER, EYE_LEFT_INNER = 33, 133
EYE_RIGHT_OUTER, EYE_RIGHT_INNER = 263, 362
IRIS_LEFT, IRIS_RIGHT = 468, 473
NOSE_TIP, CHIN = 1, 152
LIP_UPPER_INNER, LIP_LOWER_INNER = 13, 14
# Upper and lower lid, pairwise, and the corners: the six points of the eye aspect ratio.
LIDS_LEFT = ((160, 144), (158, 153))
LIDS_RIGHT = ((387, 373), (385, 380))
BROW_LEFT = (70, 63, 105, 66, 107)
BROW_RIGHT = (300, 293, 334, 296, 336)
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
        152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
# The red of the lips, and a ring around them that the open mouth does not reach.
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
AROUND_MOUTH = (2, 97, 165, 206, 216, 212, 202, 204, 194, 201, 200, 421, 418, 424, 422, 432, 436, 426, 391, 326)
# Points that expressions and speech move least: nose bridge, eye corners, temples, forehead.
RIGID = (6, 168, 197, 195, 5, 33, 133, 263, 362, 10, 109, 338, 67, 297, 54, 284, 127, 356, 234, 454)


def inter_ocular_px(landmarks: FloatArray) -> float:
    """Distance between the outer eye corners in 3-D, in pixels: the unit that makes faces of any size comparable."""
    return float(np.linalg.norm(landmarks[EYE_LEFT_OUTER] - landmarks[EYE_RIGHT_OUTER]))


def box_of(landmarks: FloatArray) -> Box:
    """The upright rectangle around all points, in pixels."""
    low = landmarks[:, :2].min(axis=0)
    high = landmarks[:, :2].max(axis=0)
    return Box(float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))


def similarity(source: FloatArray, target: FloatArray) -> tuple[FloatArray, float, FloatArray]:
    """Rotation (3, 3), scale and shift (3,) that carry `source` (n, 3) onto `target` with least squared error.

    Umeyama 1991, doi:10.1109/34.88573.
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    a, b = source - source_mean, target - target_mean
    u, s, vt = np.linalg.svd(b.T @ a / len(a))
    sign = np.ones(3)
    sign[-1] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    rotation = (u * sign) @ vt
    scale = float((s * sign).sum() / max(float((a**2).sum()) / len(a), 1e-12))
    shift = target_mean - scale * rotation @ source_mean
    return rotation.astype(np.float32), scale, shift.astype(np.float32)


def similarity_align(source: FloatArray, target: FloatArray) -> FloatArray:
    """`source` (n, 3) carried onto `target` by the best similarity."""
    rotation, scale, shift = similarity(source, target)
    return (scale * source @ rotation.T + shift).astype(np.float32)


def yaw_pitch_roll_deg(rotation: FloatArray) -> tuple[float, float, float]:
    """Head angles of a rotation that carries the canonical face onto the picture (y down, z away from the camera)."""
    yaw = float(np.degrees(np.arctan2(rotation[0, 2], rotation[2, 2])))
    pitch = float(np.degrees(np.arcsin(np.clip(-rotation[1, 2], -1.0, 1.0))))
    roll = float(np.degrees(np.arctan2(rotation[1, 0], rotation[0, 0])))
    return yaw, pitch, roll
