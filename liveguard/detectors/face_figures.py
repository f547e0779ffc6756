"""What the small face models take: figures of zones, and of a network for everyday pictures, in the same picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from liveguard.detectors import face_embedding, zone_figures
from liveguard.detectors.face_embedding import FACE_EMBEDDING
from liveguard.detectors.zone_figures import ZONE_FIGURES
from liveguard.types import FaceSample, FaceView, FloatArray, Probe

PROBES: Final = (ZONE_FIGURES, FACE_EMBEDDING)
ZONE_COUNT: Final = zone_figures.COUNT
"""So many are of zones and of the grid, and come first."""
COUNT: Final = ZONE_COUNT + face_embedding.COUNT


def face_figures(view: FaceView) -> FloatArray:
    """All figures (COUNT,) float32 of a face, NaN where unknown."""
    return np.concatenate([probe.measure(view) for probe in PROBES])


def fresh_rows(samples: Sequence[FaceSample]) -> FloatArray:
    """All figures (n, COUNT), of those samples in which the network looked anew: what is of zones is then the latest."""
    seen = _fresh(samples, FACE_EMBEDDING)
    rows = [np.concatenate([sample.probes[probe.name] for probe in PROBES]) for sample in seen]
    return np.stack(rows) if rows else np.zeros((0, COUNT), np.float32)


def fresh(samples: Sequence[FaceSample], probe: Probe) -> list[FloatArray]:
    """The figures of one of `PROBES`, of those samples in which they were measured anew."""
    return [sample.probes[probe.name] for sample in _fresh(samples, probe)]


def _fresh(samples: Sequence[FaceSample], probe: Probe) -> list[FaceSample]:
    """Those in which the probe measured anew: in between, its last figures stand, as the same array or an equal one."""
    seen = [sample for sample in samples if probe.name in sample.probes]
    rows: list[FloatArray | None] = [None, *(sample.probes[probe.name] for sample in seen)]
    pairs = zip(seen, rows, rows[1:], strict=False)
    return [sample for sample, last, row in pairs if row is not last and not _alike(row, last)]


def _alike(row: FloatArray | None, last: FloatArray | None) -> bool:
    return row is not None and last is not None and bool(np.array_equal(row, last, equal_nan=True))
