"""Whether the last 2 s of a feed have been shown before, and so were not seen by a camera just now.

What comes back is not always a loop. Lamps flicker in bands that come back every tenth of a second, so a loop must match
itself far better than its neighbourhood does. A background, a slide or a lamp may repeat around a living person, so what
comes back must be all that moves, and every face.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from liveguard.detectors.camera_series import Series
from liveguard.face.cells import CELLS
from liveguard.types import BoolArray, FloatArray

IndexArray: TypeAlias = npt.NDArray[np.signedinteger[Any]]

QUERY_S = 2.0
MIN_LAG_S = 1.0
NEAR_LAGS_S: Final = (0.1, 0.97)
INNER: Final = slice(2, 6)  # rows and columns of a face's cells that show no background
GRID_HZ, QUERY_POINTS = 30, 15
MOST_STEP_S = 0.4  # between two pictures, to say what was between them
MIN_MOTION_GREY2 = 0.3  # temporal variance below which any stretch matches any other
MIN_FACE_MOTION_GREY2 = 4.0
MOST_CELLS_PERCENT = 90


@dataclass(frozen=True, slots=True)
class Match:
    """How well the last 2 s match the earlier stretch that they match best; each figure is 0 for an exact repetition.

    `residual`: of the whole picture, over its motion energy; 1 for strangers. `against_near`: the same residual over the
    best at a lag below 1 s. `face`: the residual of the face which repeats least, over its energy; None where no face moved
    at the same place then and now. `cells`: the residual that nine of ten cells that move stay below, over their energy.
    """

    residual: float = 1.0
    against_near: float = 1.0
    face: float | None = None
    cells: float = 1.0
    lag_s: float = 0.0


def best_match(picture: Series, faces: list[Series]) -> Match:
    """On an even grid, as a live feed's pictures come unevenly, and a loop is not played in the rhythm of its taking."""
    end_s, first_s = picture.t_s[-1], picture.t_s[0]
    at_s = end_s - np.arange(int((end_s - first_s) * GRID_HZ), -1, -1) / GRID_HZ
    grid, known = _on_grid(picture, at_s)
    count, length, min_lag = len(grid), round(QUERY_S * GRID_HZ), round(MIN_LAG_S * GRID_HZ)
    near = round(NEAR_LAGS_S[0] * GRID_HZ)
    if count < length + min_lag or not known[count - length :].all():
        return Match()
    chosen = np.arange(count - length, count, length // QUERY_POINTS)
    lags = np.arange(near, count - length + 1)
    earlier = chosen[:, None] - lags[None, :]
    # Only how each cell changes counts: exposure, scaling and another way through an encoder shift its level.
    query = grid[chosen] - grid[chosen].mean(axis=0)
    energy = float(np.mean(query**2))
    if energy < MIN_MOTION_GREY2:
        return Match()
    cross = np.take_along_axis(query @ grid.T, earlier, axis=1).mean(axis=0)
    squares = np.einsum("nc,nc->n", grid, grid)[earlier].mean(axis=0)
    levels = sum(grid[row] for row in earlier) / len(chosen)  # (lags, cells)
    squares -= np.einsum("nc,nc->n", levels, levels)
    residual = np.maximum(energy + (squares - 2 * cross) / grid.shape[1], 0.0)
    residual[~known[earlier].all(axis=0)] = np.inf
    far = lags >= min_lag
    best = int(np.argmin(np.where(far, residual, np.inf)))
    if not np.isfinite(residual[best]):
        return Match()
    nearest = float(residual[lags <= NEAR_LAGS_S[1] * GRID_HZ].min())
    told = [_face(_on_grid(face, at_s), chosen, earlier[:, best]) for face in faces]
    return Match(
        residual=float(residual[best]) / (2 * energy),
        # Where pictures were missing just before, nothing is known of the neighbourhood, and so of a rhythm.
        against_near=float(residual[best]) / max(nearest, 1e-6) if np.isfinite(nearest) else 1.0,
        face=max((ratio for ratio in told if ratio is not None), default=None),
        cells=_cells(query, grid[earlier[:, best]]),
        lag_s=float(lags[best] / GRID_HZ),
    )


def _cells(query: FloatArray, earlier: FloatArray) -> float:
    energy = np.mean(query**2, axis=0)
    moving = energy > MIN_MOTION_GREY2
    if not moving.any():
        return 1.0
    residual = np.mean((query - earlier + earlier.mean(axis=0)) ** 2, axis=0)
    return float(np.percentile(residual[moving] / (2 * energy[moving]), MOST_CELLS_PERCENT))


def _face(track: tuple[FloatArray, BoolArray], chosen: IndexArray, earlier: IndexArray) -> float | None:
    """None for a face that cannot tell: it hardly moves, or was not at the same place then and now."""
    grid, known = track
    grid = grid.reshape(len(grid), CELLS, CELLS)[:, INNER, INNER]
    both = known[chosen] & known[earlier]
    if both.sum() < 0.8 * len(chosen):
        return None
    now, then = (grid[at[both]] - grid[at[both]].mean(axis=0) for at in (chosen, earlier))
    energy = float(np.mean(now**2))
    if energy < MIN_FACE_MOTION_GREY2:
        return None
    return float(np.mean((now - then) ** 2) / (2 * energy))


def _on_grid(series: Series, at_s: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Values at these times, straight between pictures; False where these are too far apart, and before and after."""
    t_s = series.t_s
    after = np.clip(np.searchsorted(t_s, at_s), 1, len(t_s) - 1)
    step_s = np.maximum(t_s[after] - t_s[after - 1], 1e-6)
    share = np.clip((at_s - t_s[after - 1]) / step_s, 0.0, 1.0)[:, None].astype(np.float32)
    grid = (1 - share) * series.values[after - 1] + share * series.values[after]
    slack_s = 0.5 / GRID_HZ
    return grid, (step_s < MOST_STEP_S) & (at_s >= t_s[0] - slack_s) & (at_s <= t_s[-1] + slack_s)
