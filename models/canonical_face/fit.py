"""Fit the canonical face: the mean 3-D mesh of many photos, its triangles and a flat (UV) layout of it.

Run `python models/canonical_face/fit.py FOLDER_OF_PHOTOS liveguard/face/canonical.npz`. Nothing of a single person is
kept: the result is a mean over all faces that look at the camera, mirrored so that left and right agree.
The mean is a generalised Procrustes mean (Gower 1975, doi:10.1007/BF02291478).
"""

from __future__ import annotations

import random
import sys
from itertools import combinations
from pathlib import Path

import cv2
import mediapipe as mp
import numpy as np
from mediapipe.python.solutions.face_mesh_connections import FACEMESH_TESSELATION

from liveguard.face.geometry import EYE_LEFT_OUTER, EYE_RIGHT_OUTER, similarity_align

PHOTOS = 400
MAX_YAW_RATIO = 0.25  # distance of the nose tip from the middle of the eyes, over half the distance between the eyes


def triangles() -> np.ndarray:
    """The (n, 3) triangles of the mesh, recovered as the 3-cliques of its edges."""
    neighbours: dict[int, set[int]] = {}
    for a, b in FACEMESH_TESSELATION:
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
    found = {
        tuple(sorted((a, b, c))) for a in neighbours for b, c in combinations(neighbours[a], 2) if c in neighbours[b]
    }
    return np.array(sorted(found), np.int32)


def mirror_index(mesh: np.ndarray) -> np.ndarray:
    """For each point the index of its mirror image, by nearest neighbour in the mirrored mean mesh."""
    flipped = mesh * np.array([-1, 1, 1], np.float32)
    return np.linalg.norm(mesh[:, None] - flipped[None], axis=2).argmin(axis=1)


def main(folder: Path, out: Path) -> None:
    photos = sorted(p for p in folder.rglob("*.jpg"))
    random.Random(0).shuffle(photos)
    mesher = mp.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True)
    shapes: list[np.ndarray] = []
    for path in photos:
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        found = mesher.process(image).multi_face_landmarks
        if not found:
            continue
        height, width = image.shape[:2]
        points = np.array([(p.x * width, p.y * height, p.z * width) for p in found[0].landmark], np.float32)
        middle = (points[EYE_LEFT_OUTER] + points[EYE_RIGHT_OUTER]) / 2
        half = np.linalg.norm(points[EYE_LEFT_OUTER] - points[EYE_RIGHT_OUTER]) / 2
        if abs(points[1, 0] - middle[0]) < MAX_YAW_RATIO * half:
            shapes.append((points - points.mean(axis=0)) / (2 * half))
        if len(shapes) == PHOTOS:
            break
    stack = np.stack(shapes)
    mean = stack[0]
    for _ in range(5):
        mean = np.mean([similarity_align(shape, mean) for shape in stack], axis=0).astype(np.float32)
        mean = (mean - mean.mean(axis=0)) / np.linalg.norm(mean[EYE_LEFT_OUTER] - mean[EYE_RIGHT_OUTER])
    # Stand the mean upright and facing the camera, then make it symmetric.
    other = mirror_index(mean)
    mean = similarity_align(mean, (mean + mean[other] * np.array([-1, 1, 1])) / 2)
    mean = ((mean + mean[mirror_index(mean)] * np.array([-1, 1, 1])) / 2).astype(np.float32)

    # Unroll around a vertical axis behind the face, so that cheeks are not squashed as in a frontal picture.
    axis_z = mean[:, 2].max() + 0.25
    u = np.arctan2(mean[:, 0], axis_z - mean[:, 2])
    v = mean[:, 1]
    uv = np.stack([(u - u.min()) / np.ptp(u), (v - v.min()) / np.ptp(v)], axis=1).astype(np.float32)
    np.savez_compressed(out, mean=mean, uv=uv, triangles=triangles())
    print(f"{len(shapes)} faces, {len(triangles())} triangles -> {out}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
