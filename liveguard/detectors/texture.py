"""What the skin looks like from picture to picture: too little detail, boiling, seams, sudden steps.

A swap model renders the inner face at 128 to 256 pixels and pastes it in: less fine detail there than the
rest of the picture promises, and a texture that flickers although the mesh under it stands still.
"""

from __future__ import annotations

import numpy as np

from liveguard.detectors.face_probes import DETAIL, FACE_CELLS, SURROUND, ZONES, inner_cells, ring_cells
from liveguard.detectors.quality import Limits, judge
from liveguard.detectors.series import FaceSeries, band_power, conditions, db, on_grid
from liveguard.types import BoolArray, FloatArray, Hypothesis, Need, Reading, Window

LIMITS = Limits(seconds=1.8, fps=9.5, face_px=80, light=40)
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
SLOW_HZ, FAST_HZ = (0.5, 2.0), (5.0, 7.4)
DARKEST = 0.02  # grey levels: keeps logarithms of empty zones finite
WORDS = {
    "detail_inner_db": (
        "the inner face is blurrier than the rest of the picture",
        "the inner face shows fine detail",
    ),
    "detail_coarse_db": ("the inner face is flat", "the inner face shows relief"),
    "detail_slope_db": (
        "the finest detail of the inner face is missing",
        "the inner face has its finest detail",
    ),
    "detail_over_cheeks_db": (
        "the inner face is blurrier than its edge",
        "the inner face is as sharp as its edge",
    ),
    "flicker_inner_db": ("the skin is unusually steady", "the texture of the inner face flickers"),
    "flicker_over_ring_db": (
        "the inner face flickers no more than its edge",
        "the inner face flickers more than its edge",
    ),
    "flicker_over_back_db": (
        "the face flickers no more than the background",
        "the face flickers more than the background",
    ),
    "boil_over_ring_db": ("the inner face changes no more than its edge", "the inner face boils"),
    "seam_db": ("no seam around the inner face", "a seam runs around the inner face"),
    "outline_db": ("the outline of the face is soft", "the outline of the face is cut out"),
    "step_db": ("the texture changes evenly", "the texture changes in steps"),
}


class Texture:
    """See the module. Cannot see a fake that was filmed from a screen, nor one rendered at the picture's own
    resolution.
    """

    name = "texture"
    hypothesis: Hypothesis = "face_manipulated"
    about = "Is the skin as detailed and as steady as the rest of the picture, without seams or steps?"
    need = Need(step_us=1_000_000, video_us=3_000_000, probes=(FACE_CELLS, SURROUND, DETAIL))

    def evaluate(self, window: Window) -> Reading:
        return judge(self.name, window, LIMITS, texture_measures, WORDS)


def texture_measures(series: FaceSeries) -> dict[str, float]:
    """The figures of a series of at least 1.8 s; brightness in percent of the skin's, so that light does not
    matter.
    """
    fresh = series.fresh(FACE_CELLS.name)
    luma = series.probe(FACE_CELLS.name)[fresh] @ LUMA
    inner, ring = luma[:, inner_cells()], luma[:, ring_cells()]
    skin = float(max(np.median(inner), 1.0))
    back = _background(series.probe(SURROUND.name)[fresh])
    # The camera's own gain moves all cells together: what is left is the texture.
    level = np.maximum(np.concatenate([inner, ring], axis=1).mean(axis=1, keepdims=True), 1.0) / 100
    return (
        conditions(series)
        | _flicker(series.t_s[fresh], inner / level, ring / level, back / skin * 100)
        | _detail(series.probe(DETAIL.name), skin)
        | {"step_db": _step_db(inner / level), "skin_luma": skin}
    )


def _background(surround: FloatArray) -> FloatArray:
    """The cells (n, k) left, right and above of the face that never leave the picture."""
    outside: BoolArray = np.ones(surround.shape[1:], np.bool_)
    outside[2:, 2:6] = False
    outside &= np.isfinite(surround).all(axis=0)
    return surround[:, outside]


def _flicker(t_s: FloatArray, inner: FloatArray, ring: FloatArray, back: FloatArray) -> dict[str, float]:
    """Median power over cells, slow (boiling) and fast (flicker), dB re 1 % of the skin's brightness squared
    per Hz.
    """
    grid, rate = on_grid(t_s, np.concatenate([inner, ring, back], axis=1))
    slow, fast = band_power(grid, rate, (SLOW_HZ, FAST_HZ))
    first, last = inner.shape[1], inner.shape[1] + ring.shape[1]
    inner_db, ring_db = db(float(np.median(fast[:first]))), db(float(np.median(fast[first:last])))
    # The stillest quarter of the background: the rest may be shoulders, hair or other people.
    back_db = db(float(np.percentile(fast[last:], 25))) if back.shape[1] >= 8 else float("nan")
    return {
        "flicker_inner_db": inner_db,
        "flicker_over_ring_db": inner_db - ring_db,
        "flicker_over_back_db": inner_db - back_db,
        "boil_over_ring_db": db(float(np.median(slow[:first]))) - db(float(np.median(slow[first:last]))),
    }


def _detail(figures: FloatArray, skin: float) -> dict[str, float]:
    """Detail of the zones in dB re 1 % of the skin's brightness, medians over time, and the contrast across
    the outline.
    """
    zones = 2 * len(ZONES)
    level = 20 * np.log10(np.maximum(_median(figures[:, :zones]), DARKEST) / skin * 100)
    fine, coarse = level[: len(ZONES)], level[len(ZONES) :]
    slope = 20 * np.log10(np.maximum(figures[:, zones:].mean(axis=0), DARKEST))
    bump = slope[1:-1] - (slope[:-2] + slope[2:]) / 2
    return {
        "detail_inner_db": float(fine[0]),
        "detail_coarse_db": float(coarse[0]),
        "detail_slope_db": float(fine[0] - coarse[0]),
        "detail_over_cheeks_db": float(fine[0] - fine[2]),
        "detail_outside_db": float(fine[3]),
        "seam_db": float(bump[:4].max()),
        "outline_db": float(bump[4]),
    }


def _median(values: FloatArray) -> FloatArray:
    """Median over time of the columns, of the finite values; NaN where there are too few."""
    enough = np.isfinite(values).mean(axis=0) > 0.3
    filled = np.where(enough, values, 0.0)
    return np.where(enough, np.nanmedian(filled, axis=0), np.nan).astype(np.float32)


def _step_db(inner: FloatArray) -> float:
    """The largest change from picture to picture over the usual one."""
    change = np.abs(np.diff(inner, axis=0)).mean(axis=1)
    return 2 * db(float(change.max() / max(float(np.median(change)), 0.02)))
