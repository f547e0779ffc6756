"""When the eyes were closed, or the mouth was open, in a series of faces: each closing or opening as one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from liveguard.detectors.blink import eye_aspect
from liveguard.detectors.series import FaceSeries
from liveguard.face.geometry import LIP_LOWER_INNER, LIP_UPPER_INNER

Array: TypeAlias = npt.NDArray[np.float64]

ACTIONS: Final = {"blink": "the eyes closed", "mouth": "the mouth opened"}
AROUND_S: Final = 1.5  # either side, over which a person's open eyes, or closed lips, are taken
# An event is over at half of the person's own range, which is what the deepest two reached; smaller movement is none.
OF_RANGE: Final = 0.5
LEAST_CLOSED: Final = 0.25  # of the open eye
LEAST_OPENED: Final = (
    0.07  # eye distances, 6 mm: speech opens the lips by as much, so the person's own range matters more
)
SHORTEST_S, LONGEST_S = 0.03, 1.0
APART_S: Final = 0.25
LEAST_OPEN_EYE: Final = 0.12  # aspect ratio: eyes narrower than this cannot be seen to close


@dataclass(frozen=True, slots=True)
class Events:
    """`at_s` (n,): the middle of each, in seconds; `depth` (n,): how far it went; `range`: the person's own."""

    action: str
    at_s: Array
    depth: Array
    range: float
    why_not: str = ""

    def measures(self) -> dict[str, float]:
        unit = "share" if self.action == "blink" else "eyes"
        figures = {f"range_{unit}": round(self.range, 3)}
        return figures | ({f"depth_{unit}": round(float(np.median(self.depth)), 3)} if len(self.depth) else {})


def find_events(t_s: Array, series: FaceSeries, action: str) -> Events:
    """Closures of both eyes (action blink) or openings of the mouth (mouth) in `series`, whose samples lie at `t_s` (n,)."""
    if action == "blink":
        aspect = eye_aspect(series.points).mean(axis=1).astype(np.float64)
        usual = _around(t_s, aspect, 80)
        if float(np.median(usual)) < LEAST_OPEN_EYE:
            why_not = "the eyes cannot be seen well: look into the camera, without dark glasses"
            return Events(action, np.zeros(0), np.zeros(0), 0.0, why_not)
        moved, least = 1 - aspect / np.maximum(usual, 1e-3), LEAST_CLOSED
    else:
        gap = series.points[:, LIP_UPPER_INNER] - series.points[:, LIP_LOWER_INNER]
        opened = np.linalg.norm(gap, axis=1).astype(np.float64) / series.unit_px
        moved, least = opened - _around(t_s, opened, 20), LEAST_OPENED
    deepest = float(np.sort(moved)[-3]) if len(moved) > 2 else 0.0
    at_s, depth = _peaks(t_s, moved, max(least, OF_RANGE * deepest))
    return Events(action, at_s, depth, deepest)


def _around(t_s: Array, values: Array, percent: float) -> Array:
    """The percentile of what lies within `AROUND_S` of each moment."""
    first = np.searchsorted(t_s, t_s - AROUND_S)
    last = np.searchsorted(t_s, t_s + AROUND_S, side="right")
    return np.array([np.percentile(values[a:b], percent) for a, b in zip(first, last, strict=True)])


def _peaks(t_s: Array, moved: Array, level: float) -> tuple[Array, Array]:
    """Middles and heights of the stretches above `level`; one that is cut by either end of the series is none."""
    above = np.concatenate([[False], moved >= level, [False]])
    starts, ends = (
        np.flatnonzero(np.diff(above.astype(np.int8)) == 1),
        np.flatnonzero(np.diff(above.astype(np.int8)) == -1),
    )
    found: list[tuple[float, float]] = []
    for start, end in zip(starts, ends, strict=True):
        if start == 0 or end == len(t_s):
            continue
        down, up = _crossing(t_s, moved, start - 1, level), _crossing(t_s, moved, end - 1, level)
        if SHORTEST_S <= up - down <= LONGEST_S and (not found or (down + up) / 2 - found[-1][0] >= APART_S):
            found.append(((down + up) / 2, float(moved[start:end].max())))
    table = np.array(found).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _crossing(t_s: Array, moved: Array, k: int, level: float) -> float:
    """When `moved` crosses `level` between the pictures k and k + 1."""
    share = (level - moved[k]) / (moved[k + 1] - moved[k])
    return float(t_s[k] + share * (t_s[k + 1] - t_s[k]))
