"""The head comes nearer and goes back as asked, and its relief is magnified on the way as a real head's is."""

from __future__ import annotations

from itertools import product
from typing import Final

import numpy as np

from liveguard.challenge.check import LONGEST_US, Verdict, cannot_judge, its_cue, reading
from liveguard.challenge.follow import GRID_S, Axis, Floats, Followed, followed, log_mean, on_grid
from liveguard.challenge.planar import STRANGE, Depth, depth_between, stretch
from liveguard.challenge.script import NEARER, cue_name
from liveguard.challenge.seen import LEAST_BEFORE, Seen, seen_around
from liveguard.detectors.series import RIGID_POINTS
from liveguard.types import Cue, FloatArray, Hypothesis, Need, Reading, Window

MOVE_S: Final = 1.0
BACK_AFTER_S: Final = np.arange(0.8, 1.41, 0.1)
"""All the times near that `script` may draw."""
SOONER_S: Final = np.arange(-0.4, 0.41, 0.1)
"""By how much sooner or later than the way there the way back is begun."""
GAINS: Final = np.linspace(0.5, 1.5, 9)
DEVIATES, OFFSET = 0.07, 0.03  # of the logarithm of the size
STRAIGHT_UNTIL_S: Final = 0.2
LEAST_GROWTH: Final = 1.2
"""Less than so much nearer, and perspective changes by less than it takes to be told from the landmarks' own errors."""
EYES_MM: Final = 90.0  # between the outer corners; adults differ by about 5 %
FAR_MM: Final = np.linspace(300.0, 900.0, 13)
"""How far people sit from their camera: taken as equally likely."""
FLAT_PER_IOD: Final = 0.005
"""How far off nothing the perspective of flat pictures is measured (standard deviation)."""
HEAD_SHARE: Final = (1.0, 0.25)
"""Which share of a head's perspective is measured: mean and standard deviation."""
MOST_PER_IOD: Final = 0.5


class DistanceChallenge:
    """See the module. A picture that is flat, near or far, looks the same but for its size, whatever zooms it."""

    name = "distance"
    hypothesis: Hypothesis = "feed_injected"
    about = "Does the head come nearer as asked, and does perspective change as it does on a head?"
    need = Need(step_us=LONGEST_US, video_us=LONGEST_US, cue=cue_name("distance"))

    def evaluate(self, window: Window) -> Reading:
        cue = its_cue(window, "distance")
        seen = seen_around(window, cue)
        if seen.why:
            return cannot_judge(self.name, window, seen.why, _rounded(seen.measures))
        answer, depth = compliance(seen, cue), depth_of(seen, cue)
        nats = None if depth is None else flat_nats(depth)
        found = _rounded(dict(seen.measures) | _measures(answer, depth))
        return reading(self.name, window, Verdict(answer.nats, nats, _why(answer, depth, nats), found))


def compliance(seen: Seen, cue: Cue) -> Followed:
    """How well the face's size follows the cue, against all other scripts and none."""
    near_s, back_s, lasts_s = (float(cue.params[name]) / 1e6 for name in ("near_us", "back_us", "lasts_us"))
    size = np.log(face_sizes_px(seen.points))
    before = seen.t_s < STRAIGHT_UNTIL_S
    usual = float(np.median(size[before])) if np.count_nonzero(before) >= LEAST_BEFORE else float(size[-1])
    grid = np.arange(0.0, lasts_s, GRID_S)
    grown = float(np.log(float(cue.params["nearer"])))
    # Each is a course on all the times when one may go back, which is done sooner or later than one came nearer.
    starts = [0.0, *sorted({*courses_back_s(near_s + BACK_AFTER_S), *courses_back_s(np.array([back_s]))})]
    true = _courses(starts, [grown], courses_back_s(np.array([back_s])))
    others = _courses(starts, np.log(NEARER).tolist(), courses_back_s(near_s + BACK_AFTER_S))
    axis = Axis(on_grid(seen.t_s, size - usual, grid), true, others, GAINS, DEVIATES, OFFSET)
    return followed(grid, starts, MOVE_S, [axis])


def courses_back_s(asked_s: Floats) -> list[float]:
    """When people go back who are asked to at one of `asked_s` and took no time for it, all equally likely."""
    return (asked_s[:, None] + SOONER_S).round(3).ravel().tolist()


def _courses(starts_s: list[float], levels: list[float], back_s: list[float]) -> Floats:
    """Courses (m, k): each of the levels until each of the times to go back, on the grid of all `starts_s`."""
    return np.array([[level if start < back else 0.0 for start in starts_s] for level, back in product(levels, back_s)])


def face_sizes_px(points: FloatArray) -> FloatArray:
    """How large the faces with landmarks (n, 478, 3) are, as (n,) px from the middle, in any pose."""
    rigid = points[:, RIGID_POINTS]
    return np.asarray(np.sqrt(((rigid - rigid.mean(axis=1, keepdims=True)) ** 2).sum(axis=2).mean(axis=1)), np.float32)


def depth_of(seen: Seen, cue: Cue) -> Depth | None:
    """What differs between the face before the cue (or after it) and while it is nearest; None where it is not seen then."""
    back_s = float(cue.params["back_us"]) / 1e6
    far = seen.between(-np.inf, STRAIGHT_UNTIL_S)
    if len(far) < LEAST_BEFORE:  # the session began with this cue: afterwards the head is back
        far = seen.between(float(seen.t_s[-1]) - 0.5, np.inf)
    during = (seen.t_s >= 0.3) & (seen.t_s < back_s + 0.7)
    near = seen.points[during]
    if len(far) < LEAST_BEFORE or len(near) < LEAST_BEFORE:
        return None
    sizes = face_sizes_px(near)
    near = near[sizes >= 0.93 * np.percentile(sizes, 90)]
    return depth_between(stretch(far), stretch(near), perspective=True)


def flat_nats(depth: Depth) -> float | None:
    """The log-likelihood ratio for a flat picture against a head; None where it came too little nearer to tell.

    Relief grows by the difference of the inverse distances: a head that was D away and looks s times larger is D / s away.
    """
    if depth.perspective_per_iod is None or depth.size < LEAST_GROWTH:
        return None
    found, error = depth.perspective_per_iod, depth.perspective_error_per_iod
    mean, spread = HEAD_SHARE
    expected = (depth.size - 1) * EYES_MM / FAR_MM
    flat = _normal(found, np.zeros(1), np.hypot(FLAT_PER_IOD, error))
    head = _normal(found, mean * expected, np.hypot(np.hypot(FLAT_PER_IOD, error), spread * expected))
    strange = np.log(STRANGE / (2 * MOST_PER_IOD))
    return float(np.logaddexp(log_mean(flat), strange) - np.logaddexp(log_mean(head), strange))


def _normal(value: float, mean: Floats, deviation: Floats | float) -> Floats:
    return np.asarray(-(((value - mean) / deviation) ** 2) / 2 - np.log(deviation * np.sqrt(2 * np.pi)), np.float64)


def _why(answer: Followed, depth: Depth | None, nats: float | None) -> str:
    did = "the face did not come nearer and go back as asked"
    if answer.nats <= 0:
        did = f"the face came nearer and went back after {answer.lag_s * 1000:.0f} ms"
    if nats is None:
        grown = 1.0 if depth is None else depth.size
        return f"{did}; it came only {grown:.2f} times nearer, {LEAST_GROWTH:.2f} needed to tell a head from a picture"
    return f"{did}; {'perspective changed as it does on a head' if nats <= 0 else 'it grew evenly, as a flat picture does'}"


def _measures(answer: Followed, depth: Depth | None) -> dict[str, float]:
    found = {"lag_ms": answer.lag_s * 1000, "nearer_gain": answer.gains[0]}
    if depth is None:
        return found
    found |= {
        "nearer_times": depth.size,
        "planarity_residual_iod": depth.planarity_residual_iod,
        "rigid_residual_iod": depth.rigid_residual_iod,
        "perspective_error_per_iod": depth.perspective_error_per_iod,
    }
    if depth.perspective_per_iod is not None:
        found["perspective_per_iod"] = depth.perspective_per_iod
    return found


def _rounded(measures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in measures.items()}
