"""The cells of the pictures of a window in order of time: those of the whole picture, and those of each face."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from liveguard.face.cells import CELLS
from liveguard.types import FaceSquare, FloatArray, FrameSample

# Rows and columns of a face's cells that show its eyes, nose and mouth and no background, wherever it lies in its square.
FEATURES: Final = (slice(None), slice(2, 7), slice(2, 6))


@dataclass(frozen=True, slots=True)
class Series:
    """Mean luma of cells, `values` (n, cells), at times `t_s` (n,) that rise."""

    t_s: FloatArray
    values: FloatArray

    def since(self, t_s: float) -> Series:
        later = self.t_s > t_s
        return Series(self.t_s[later], self.values[later])

    def features(self) -> Series:
        """Of a face's cells those of its features."""
        return Series(self.t_s, self.values.reshape(-1, CELLS, CELLS)[FEATURES].reshape(len(self.t_s), -1))

    def means(self, span_s: float) -> Series:
        """Each value as the mean of those of the last `span_s`."""
        first = np.searchsorted(self.t_s, self.t_s - span_s, side="right")
        after = np.arange(1, len(self.t_s) + 1)
        sums = np.concatenate([np.zeros((1, self.values.shape[1])), np.cumsum(self.values, axis=0, dtype=np.float64)])
        return Series(self.t_s, (sums[after] - sums[first]) / (after - first)[:, None])


def picture_series(frames: Sequence[FrameSample], start_us: int) -> Series:
    t_s = np.array([frame.t_us - start_us for frame in frames]) / 1e6
    return Series(t_s, np.stack([frame.signature.ravel() for frame in frames]))


def face_series(frames: Sequence[FrameSample], start_us: int) -> list[Series]:
    """One for each place of each face, as cells of different places cannot be compared."""
    seen: dict[FaceSquare, list[tuple[int, FloatArray]]] = defaultdict(list)
    for frame in frames:
        for square, cells in frame.face_cells.items():
            seen[square].append((frame.t_us - start_us, cells.ravel()))
    series = [
        Series(np.array([t_us for t_us, _ in kept]) / 1e6, np.stack([c for _, c in kept])) for kept in seen.values()
    ]
    return [one for one in series if len(one.t_s) > 1]
