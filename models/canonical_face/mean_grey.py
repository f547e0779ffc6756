"""Make the mean grey face that `liveguard.face.looks` takes off before it compares two faces.

Run `python models/canonical_face/mean_grey.py liveguard/face/mean_grey.npz`. The photos are the 100 small faces of
`skimage.data.lfw_subset` (in scikit-image's wheel); the mean is mirrored, so that left and right agree.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from skimage.data import lfw_subset

from liveguard.face.backend import region_of_box
from liveguard.face.looks import LOOKS_PX
from liveguard.face.solutions import SolutionsBackend
from liveguard.face.texture import unwrap

PHOTO_PX = 250


def main(out: Path) -> None:
    backend = SolutionsBackend()
    mesher = backend.new_mesher()
    total, count = np.zeros((LOOKS_PX, LOOKS_PX, 3)), 0
    for photo in lfw_subset()[:100]:  # the other 100 show no face
        grey = (np.clip(photo, 0, 1) * 255).astype(np.uint8)
        large = cv2.resize(grey, (PHOTO_PX, PHOTO_PX), interpolation=cv2.INTER_CUBIC)
        for image in (large, large[:, ::-1]):
            rgb = np.repeat(image[..., None], 3, axis=2)
            boxes = backend.find(rgb)
            mesh = mesher.mesh(rgb, region_of_box(boxes[0])) if boxes else None
            if mesh is not None:
                small = cv2.resize(unwrap(rgb, mesh), (LOOKS_PX, LOOKS_PX), interpolation=cv2.INTER_AREA)
                total += small / small.mean()
                count += 1
    grey_mean = (total / count).mean(axis=2, keepdims=True).astype(np.float32)
    np.savez_compressed(out, grey=grey_mean / grey_mean.mean())
    print(f"{count} meshes, written to {out}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
