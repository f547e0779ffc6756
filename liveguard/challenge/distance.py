"""The head comes nearer and goes back as asked, and its relief is magnified on the way as a real head's is."""

from __future__ import annotations

from itertools import product
from typing import Final

import numpy as np

from liveguard.challenge.check import LONGEST_US, Verdict, cannot_judge, its_cue, reading
from liveguard.challenge.follow import GRID_S, Axis, Floats, Followed, followed, on_grid
from liveguard.challenge.perspective import Perspective, View, flat_nats, perspective_between
from liveguard.challenge.phases import PHASES
from liveguard.challenge.planar import against_attacks
from liveguard.challenge.script import NEARER, STAYS_NEAR, TENTH_US, cue_name
from liveguard.challenge.seen import LEAST_BEFORE, Seen, seen_around
from liveguard.detectors.series import RIGID_POINTS
from liveguard.types import BoolArray, Cue, FloatArray, Hypothesis, Need, Reading, Window

MOVE_S: Final = 1.0
BACK_AFTER_S: Final = np.array(STAYS_NEAR) * TENTH_US / 1e6
"""All the times near that `script` may draw."""
SOONER_S: Final = np.arange(-0.4, 0.41, 0.1)
"""By how much sooner or later than the way there the way back is begun."""
GAINS: Final = np.linspace(0.5, 1.5, 9)
DEVIATES, OFFSET = 0.07, 0.03  # of the logarithm of the size
STRAIGHT_UNTIL_S: Final = 0.2
NEAR_FROM_S, NEAR_FOR_S = 0.3, 0.7
"""The face is nearest at some time from so long after the cue until so long after it is asked back."""
LEAST_FRESH: Final = 3
LEAST_NEAR: Final = 0.93
"""Of the largest size: what is seen then is seen from near."""
LEAST_GROWTH: Final = 1.2
"""Less than so much nearer, and perspective changes by less than its error on flat pictures."""


class DistanceChallenge:
    """See the module. Those who come nearer and go back at all mostly pass: the scripts differ by little. What counts is
    the perspective, which neither a flat picture nor a zoom changes; a head that a computer draws anew may have it."""

    name = "distance"
    hypothesis: Hypothesis = "feed_injected"
    about = "Does the head come nearer as asked, and does perspective change as it does on a head?"
    need = Need(step_us=LONGEST_US, video_us=LONGEST_US, cue=cue_name("distance"), probes=(PHASES,))

    def evaluate(self, window: Window) -> Reading:
        cue = its_cue(window, "distance")
        seen = seen_around(window, cue)
        if seen.why:
            return cannot_judge(self.name, window, seen.why, _rounded(seen.measures))
        answer, view = compliance(seen, cue), perspective_of(seen, float(cue.params["back_us"]) / 1e6)
        nats = None if view is None or view.size < LEAST_GROWTH else flat_nats(view)
        found = _rounded(dict(seen.measures) | _measures(answer, view))
        return reading(self.name, window, Verdict(answer.nats, against_attacks(nats), _why(answer, view, nats), found))


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
    return [round(float(back_s), 3) for back_s in (asked_s[:, None] + SOONER_S).ravel()]


def _courses(starts_s: list[float], levels: list[float], back_s: list[float]) -> Floats:
    """Courses (m, k): each of the levels until each of the times to go back, on the grid of all `starts_s`."""
    return np.array([[level if start < back else 0.0 for start in starts_s] for level, back in product(levels, back_s)])


def face_sizes_px(points: FloatArray) -> FloatArray:
    """How large the faces with landmarks (n, 478, 3) are, as (n,) px from the middle, in any pose."""
    rigid = points[:, RIGID_POINTS]
    return np.asarray(np.sqrt(((rigid - rigid.mean(axis=1, keepdims=True)) ** 2).sum(axis=2).mean(axis=1)), np.float32)


def perspective_of(seen: Seen, back_s: float) -> Perspective | None:
    """How relief is magnified while the face is nearest, against before the cue (or after it); None where one is not seen."""
    sizes = face_sizes_px(seen.points)
    far = seen.t_s < STRAIGHT_UNTIL_S
    if np.count_nonzero(far) < LEAST_BEFORE:  # the session began with this cue: afterwards the head is back
        far = seen.t_s > seen.t_s[-1] - NEAR_FOR_S
    near = (seen.t_s >= NEAR_FROM_S) & (seen.t_s < back_s + NEAR_FOR_S) & ~far
    if not near.any():
        return None
    near &= sizes >= LEAST_NEAR * np.percentile(sizes[near], 90)
    views = [view_of(seen, which) for which in (far, near)]
    if any(len(view.landmarks) < LEAST_FRESH for view in views):
        return None
    return perspective_between(*views)


def view_of(seen: Seen, which: BoolArray) -> View:
    """Those samples of `which` (n,) whose phases were measured anew."""
    found = [sample.probes.get(PHASES.name) for sample in seen.samples]
    anew = [
        k
        for k in np.flatnonzero(which).tolist()
        if found[k] is not None and (k == 0 or not _same(found[k], found[k - 1]))
    ]
    phases = np.array([found[k] for k in anew], np.float32)
    return View(seen.points[anew], phases)


def _same(one: FloatArray | None, other: FloatArray | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


def _why(answer: Followed, view: Perspective | None, nats: float | None) -> str:
    did = "the face did not come nearer and go back as asked"
    if answer.nats <= 0:
        did = f"the face came nearer and went back after {answer.lag_s * 1000:.0f} ms"
    if view is None:
        return f"{did}; too little was seen from near to tell a head from a picture"
    if nats is None:
        return f"{did}; it grew only {view.size:.2f} times, {LEAST_GROWTH:.2f} are needed to tell a head from a picture"
    return f"{did}; {'perspective changed as it does on a head' if nats <= 0 else 'it grew evenly, as a flat picture does'}"


def _measures(answer: Followed, view: Perspective | None) -> dict[str, float]:
    found = {"lag_ms": answer.lag_s * 1000, "nearer_gain": answer.gains[0]}
    if view is None:
        return found
    return found | {
        "nearer_times": view.size,
        "perspective_per_iod": view.per_iod,
        "perspective_error_per_iod": view.error_per_iod,
        "planarity_residual_iod": view.planarity_residual_iod,
        "rigid_residual_iod": view.rigid_residual_iod,
    }


def _rounded(measures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in measures.items()}
