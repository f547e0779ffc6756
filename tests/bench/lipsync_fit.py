"""Fits the lip-sync check's forecast filter and measures it with whole corpora left out. Prints the coefficients.

    python tests/bench/lipsync_fit.py [DATA] [--cache FILE]

Conditional logistic regression over lags: of the 81 lags of a stretch of 3 s, the true one shall have the highest score,
where the score is linear in the cross-correlations. (Whole clips, which are fewer and which scale lips and sound over
more of them, teach less: models/lipsync/README.md.) The true lag is that of the clip's corpus, which is estimated along
the way, because recorders have offsets of their own. Clips whose lips were generated from their sound are in the fit
too (they are in sync by construction), at a lower weight, and never in the figures. A corpus is left out with every page
that shows clips of it.
"""

from __future__ import annotations

import argparse
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from lipsync_lag import Clip, data_folder, exchange, measure, read_clips, report, report_exchange, window_of
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize

from liveguard.detectors import lipsync_lag as lag
from liveguard.detectors.lipsync import LipSync, common_grid
from liveguard.detectors.series import face_series

Array = npt.NDArray[np.float64]
STRETCH_S, STRIDE_S = 3.0, 0.75
STRETCH_WEIGHT = 0.3  # four stretches overlap, and a second of speech counts about as it would in a whole clip
RIDGE = 30.0
GENERATED_WEIGHT = 0.7
# The ridge makes a held-out score too timid: this factor gives the posterior its right width. Corpora left out, the mass
# on the highest hill is 81 % for stretches of 3 s and 97 % for whole clips, and it is the right one in 84 % and 95 %.
SHARPEN = 1.6
LARGEST_OFFSET_MS = 200.0


@dataclass(frozen=True)
class Lessons:
    """Stretches of clips: `designs` (n, 81, 125), which `clip` (n,) each is of, and its `weight` (n,)."""

    designs: Array
    clip: npt.NDArray[np.int64]
    weight: Array

    def only(self, clips: npt.NDArray[np.bool_]) -> Lessons:
        """Those of the clips that `clips` marks."""
        kept = clips[self.clip]
        return Lessons(self.designs[kept], self.clip[kept], self.weight[kept])


def lessons_of(clips: list[Clip], stretch_s: float = STRETCH_S) -> Lessons:
    """The stretches of all clips; of a clip that is shorter, all of it."""
    designs, owner, weight = [], [], []
    for number, clip in enumerate(clips):
        window = window_of(clip)
        grid = common_grid(window, face_series(window))
        for part in stretches(len(grid[0]), stretch_s):
            designs.append(design(*(column[part] for column in grid)))
            owner.append(number)
            weight.append(STRETCH_WEIGHT * (GENERATED_WEIGHT if clip.sync == "generated" else 1.0))
    return Lessons(np.stack(designs), np.array(owner), np.array(weight))


def stretches(steps: int, stretch_s: float) -> list[slice]:
    """Stretches about every `STRIDE_S`, from the first of so many grid steps to the last; one if there are fewer."""
    length = round(stretch_s / lag.STEP_S)
    count = max(round((steps - length) * lag.STEP_S / STRIDE_S), 0) + 1
    return [slice(int(start), int(start) + length) for start in np.linspace(0, max(steps - length, 0), count)]


def design(lips: Array, lips_known: lag.Mask, sound: Array, sound_known: lag.Mask) -> Array:
    """(81, 125): the cross-correlations of a stretch at each lag, smoothed and delayed as the taps read them."""
    x, _ = lag.shaped(lips, lips_known, lag.LIP_FLOOR)
    y, _ = lag.shaped(sound, sound_known, lag.LEVEL_FLOOR_DB)
    reach = len(lag.LAGS_MS) // 2
    smooth = gaussian_filter1d(lag.cross_correlation(x, y, reach + lag.PAD), lag.TAP_SD, axis=2, mode="constant")
    taps = [smooth[:, :, lag.PAD + tap : lag.PAD + tap + 2 * reach + 1] for tap in lag.TAPS]
    return np.stack(taps, axis=2).reshape(-1, 2 * reach + 1).T


def fit(lessons: Lessons, true_ms: Array, width_ms: float) -> Array:
    """The coefficients (125,) that make the true lags `true_ms`, one a clip, likely."""
    weights, true_ms = lessons.weight, true_ms[lessons.clip]
    every = slice(None, None, 2)  # 40 ms are fine enough to learn from
    target = np.exp(-0.5 * ((lag.LAGS_MS[every] - true_ms[:, None]) / width_ms) ** 2)
    target /= target.sum(axis=1, keepdims=True)
    seen = lessons.designs[:, every]
    wanted = np.einsum("nl,nlp->p", target * weights[:, None], seen)

    def loss(w: Array) -> tuple[float, Array]:
        score = seen @ w
        top = score.max(axis=1, keepdims=True)
        p = np.exp(score - top)
        total = p.sum(axis=1, keepdims=True)
        p *= weights[:, None] / total
        value = (weights * (top + np.log(total))[:, 0]).sum() - wanted @ w + 0.5 * RIDGE * w @ w
        return float(value), np.einsum("nl,nlp->p", p, seen) - wanted + RIDGE * w

    return np.asarray(minimize(loss, np.zeros(seen.shape[2]), jac=True, method="L-BFGS-B", options={"maxiter": 60}).x)


def offsets(clips: list[Clip], lessons: Lessons) -> dict[str, float]:
    """The lag of each corpus, ms: 0 to begin with, then where the fit to all sees it, twice."""
    corpora = np.array([clip.corpus for clip in clips])
    found = dict.fromkeys(corpora, 0.0)
    for width_ms in (80.0, 40.0):
        w = fit(lessons, np.array([found[name] for name in corpora]), width_ms)
        for name in found:
            theirs = lessons.designs[corpora[lessons.clip] == name]
            peak = float(lag.LAGS_MS[int(np.argmax((theirs @ w).sum(axis=0)))])
            found[name] = peak if abs(peak) < LARGEST_OFFSET_MS else 0.0
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", help="folder of the clips")
    parser.add_argument("--cache", type=Path, help="keep what the tracker saw in this file")
    given = parser.parse_args()
    if given.cache and given.cache.exists():
        clips = pickle.loads(given.cache.read_bytes())
    else:
        clips = read_clips(data_folder(given.data), ("real", "generated"))
        if given.cache:
            given.cache.write_bytes(pickle.dumps(clips))
    lessons = lessons_of(clips)
    lags = offsets(clips, lessons)
    print("lag of each corpus, ms:", {name: round(value) for name, value in lags.items()})
    true_ms = np.array([lags[clip.corpus] for clip in clips])
    genuine = [clip for clip in clips if clip.sync == "real"]
    checks = {}
    for corpus in sorted({clip.corpus for clip in genuine}):
        pages = {clip.source for clip in genuine if clip.corpus == corpus}
        kept = np.array([clip.corpus != corpus and clip.source not in pages for clip in clips])
        w = fit(lessons.only(kept), true_ms, 40.0)
        checks[corpus] = LipSync(SHARPEN * w.reshape(lag.FORECAST.shape))
    for zeros in (False, True):
        print(f"\nwhole corpora left out, moved sound {'replaced by zeros' if zeros else 'missing'}:")
        report(measure(genuine, lambda clip: checks[clip.corpus], zeros))
    report_exchange(exchange(genuine, lambda clip: checks[clip.corpus]))
    shipped = SHARPEN * fit(lessons, true_ms, 40.0).reshape(lag.FORECAST.shape)
    print("\nfitted on everything:\n" + np.array2string(np.round(shipped, 3), separator=", ", max_line_width=100))


if __name__ == "__main__":
    main()
