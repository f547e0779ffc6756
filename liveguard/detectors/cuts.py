"""Where the picture of a face was cut: by a sender that changes the size of its pictures, a gallery that lays out its tiles
anew, or somebody who makes it jump so that nothing can be told of how it moves.

A cut is no motion of the face: pictures of another size are a perfect plane's motion, and nobody made it. So each stretch
between two cuts is seen for itself, and what they tell is put together.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from liveguard.detectors.series import RIGID_POINTS, FaceSeries, IndexArray, face_widths_per_eye_distance
from liveguard.face.geometry import EYE_LEFT_OUTER, EYE_RIGHT_OUTER
from liveguard.types import FloatArray

# From one picture to the next no head grows by a twelfth or moves by half a distance between its eyes: then the sender changed
# the size of its pictures (by a quarter and more), or a gallery has laid out its tiles anew.
JUMP_GROWTH, JUMP_EYES = 0.08, 0.5
SETTLES_S: Final = 0.25  # for so long after a cut a mesh still slides into its place
LEAST_S: Final = 0.5  # of a stretch, when it has: less is a moment that does not belong to what is around it


def cuts(points: FloatArray) -> IndexArray:
    """Where meshes (n, 478, 3) are cut, as the numbers of the pictures before."""
    if len(points) < 2:
        return np.zeros(0, np.int64)
    rigid = points[:, RIGID_POINTS, :2]
    middle, eyes_px = rigid.mean(axis=1), np.maximum(_eyes_px(points[..., :2]), 1e-3)
    spread = np.maximum(np.sqrt(rigid.var(axis=1).sum(axis=1)), 1e-3)  # turns of the head change it less than the eyes
    grown = np.abs(np.diff(np.log(spread))) > JUMP_GROWTH
    moved = np.linalg.norm(np.diff(middle, axis=0), axis=1) > JUMP_EYES * np.minimum(eyes_px[1:], eyes_px[:-1])
    return np.asarray(np.flatnonzero(grown | moved), np.int64)


def stretches(series: FaceSeries, at: IndexArray, least_face_px: float) -> list[FaceSeries]:
    """The parts of `series`, which is cut after the pictures `at`; all of it where it is not.

    Left out are short ones, the moment after a cut, and those in which the face is smaller than `least_face_px`.
    """
    if not len(at):
        return [series]
    found = []
    for first, after in zip([0, *(at + 1)], [*(at + 1), len(series.t_s)], strict=True):
        settled = first + int(np.searchsorted(series.t_s[first:after], series.t_s[first] + SETTLES_S)) if first else 0
        if settled + 1 < after and series.t_s[after - 1] - series.t_s[settled] >= LEAST_S:
            part = slice(settled, after)
            unit_px = max(float(np.median(_eyes_px(series.points[part]))), 1e-3)
            if unit_px * face_widths_per_eye_distance() >= least_face_px:
                found.append(FaceSeries(series.samples[part], series.t_s[part], series.points[part], unit_px))
    return found


def _eyes_px(points: FloatArray) -> FloatArray:
    """Distances (n,) between the outer corners of the eyes."""
    return np.asarray(np.linalg.norm(points[:, EYE_LEFT_OUTER] - points[:, EYE_RIGHT_OUTER], axis=1), np.float32)
