"""Makes a check's ratios honest: a line from what it says to what that turned out to mean, fitted on labelled windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from liveguard.calibration import CONDITIONS, CheckCalibration, Condition
from liveguard.evaluate.metrics import Array, Mask
from liveguard.evaluate.run import Run
from liveguard.evaluate.scores import main_readings
from liveguard.stress.catalogue import variant
from liveguard.types import Detector, Hypothesis

LEAST_PEOPLE = 10
"""Of each label; with fewer the check is left as it is."""
MOST_SLOPE = 3.0
RECORDED: Final[frozenset[Hypothesis]] = frozenset({"face_manipulated", "voice_synthetic"})
"""Hypotheses that recorded attacks are about; only without them does a bench attack teach."""
SHRINK_CONDITIONS = 0.02
GAIN = 0.01
"""Conditions are taken in where they lower the loss on left-out sources by so much of it."""
RANGE_PERCENT = (3, 97)


@dataclass(frozen=True, slots=True)
class Windows:
    """All windows of one check that a fit may use, as columns. `weight`: both labels weigh the same, and so do within a label
    people. Where recorded attacks are of another hypothesis than the check's, half of the attacks are recorded ones, which
    it cannot see, and half its own bench attacks: passing it must not clear anybody. `x` (n, k): logarithms of the
    conditions."""

    own: Array
    attack: Mask
    weight: Array
    person: npt.NDArray[np.str_]
    source: npt.NDArray[np.str_]
    conditions: tuple[str, ...]
    x: Array

    def only(self, rows: Mask) -> Windows:
        """The rows that are True, weighed anew."""
        weight = self.weight[rows].copy()
        for label in (False, True):
            own = self.attack[rows] == label
            if own.any():
                weight[own] *= 0.5 / weight[own].sum()
        part = (self.attack[rows], weight, self.person[rows], self.source[rows])
        return Windows(self.own[rows], *part, self.conditions, self.x[rows])


def fits(run: Run, detector: Detector) -> bool:
    """Whether a run may teach: footage of both labels in the same conditions, and the check's own bench attacks. The benign
    stress set is kept for the test."""
    if run.error or (run.judged and detector.hypothesis not in run.judged):
        return False
    if run.bench:
        return run.hypothesis == detector.hypothesis
    made = variant(run.variant)
    return made.for_attacks or (made.play_s > 0 and not made.sound)


def windows_of(detector: Detector, runs: Sequence[Run]) -> Windows:
    """The windows of one check in those of `runs` that may teach."""
    own: list[float] = []
    rows: list[tuple[bool, bool, str, str]] = []
    conditions: list[list[float]] = []
    recorded = any(run.item.attack for run in runs if not run.error)
    for run in runs:
        if not fits(run, detector):
            continue
        person = run.item.subject if run.item.subject != "-" else run.item.name
        if run.bench and detector.hypothesis in RECORDED and recorded:
            continue
        for reading in main_readings(run, detector.name):
            own.append(float(reading.llr or 0.0))
            rows.append((run.attack, run.bench, person, run.item.source))
            conditions.append([_log(reading.measures.get(name, math.nan)) for name in CONDITIONS])
    attack, bench = (np.array([row[i] for row in rows], bool) for i in (0, 1))
    people, source = (np.array([row[i] for row in rows], str) for i in (2, 3))
    x = np.array(conditions, np.float64).reshape(len(own), len(CONDITIONS))
    known = np.isfinite(x).all(axis=0) if len(own) else np.zeros(len(CONDITIONS), bool)
    names = tuple(name for name, there in zip(CONDITIONS, known, strict=True) if there)
    return Windows(np.array(own), attack, _weights(attack, bench, people), people, source, names, x[:, known])


def _log(value: float) -> float:
    return math.log(max(value, 1e-3))


def _weights(attack: Mask, bench: Mask, person: npt.NDArray[np.str_]) -> Array:
    weight = np.zeros(len(attack))
    parts = [~attack, attack & ~bench, attack & bench]
    there = [part for part in parts if part.any()]
    for part in there:
        names, place, count = np.unique(person[part], return_inverse=True, return_counts=True)
        share = 0.5 if not attack[part].any() else 0.5 / sum(p.any() for p in parts[1:])
        weight[part] = share / (count[place] * len(names))
    return weight


def fit_check(windows: Windows) -> CheckCalibration | None:
    """The calibration of one check; None where too few people were seen to say."""
    people = [len(set(windows.person[windows.attack == label].tolist())) for label in (False, True)]
    if min(people, default=0) < LEAST_PEOPLE:
        return None
    # Nobody can prove a ratio that would need more people than were there.
    most_nats = round(math.log(min(people) + 1), 4)
    plain = _line(windows, most_nats, ())
    names = windows.conditions
    if not names or len(set(windows.source.tolist())) < 3:
        return plain
    if _left_out_loss(windows, most_nats, names) < (1 - GAIN) * _left_out_loss(windows, most_nats, ()):
        return _line(windows, most_nats, names)
    return plain


def loss(calibration: CheckCalibration, windows: Windows) -> float:
    """Mean cross-entropy in nats at equal priors."""
    llr = np.array([calibration.llr(own, _measures(windows, i)) for i, own in enumerate(windows.own)])
    sign = np.where(windows.attack, 1.0, -1.0)
    return float((windows.weight * np.logaddexp(0, -sign * llr)).sum() / windows.weight.sum())


def _measures(windows: Windows, row: int) -> dict[str, float]:
    return {name: math.exp(value) for name, value in zip(windows.conditions, windows.x[row], strict=True)}


def _left_out_loss(windows: Windows, most_nats: float, names: tuple[str, ...]) -> float:
    total = 0.0
    for source in sorted(set(windows.source.tolist())):
        out = windows.source == source
        rest = windows.only(~out)
        if rest.attack.all() or not rest.attack.any():
            continue
        part = windows.only(out)
        total += loss(_line(rest, most_nats, names), part) * float(windows.weight[out].sum())
    return total


def _line(windows: Windows, most_nats: float, names: tuple[str, ...]) -> CheckCalibration:
    """Weighted logistic regression on the check's own ratio, whose slope the conditions `names` may change; never downhill."""
    chosen = [windows.conditions.index(name) for name in names]
    low, centre, high = (
        np.percentile(windows.x[:, chosen], (RANGE_PERCENT[0], 50, RANGE_PERCENT[1]), axis=0)
        if chosen
        else np.zeros((3, 0))
    )
    columns = np.clip(windows.x[:, chosen], low, high) - centre
    sign = np.where(windows.attack, 1.0, -1.0)
    # A slope is believed to be about 1 away from 0 at most until people say otherwise (a Gaussian prior on it and the
    # offset, as heavy as one of them), so that few people cannot make a check loud.
    doubt = 0.5 / min(len(set(windows.person[windows.attack == label].tolist())) for label in (False, True))

    def cost(v: Array) -> float:
        llr = v[0] * windows.own * np.exp(columns @ v[2:]) + v[1]
        shrink = doubt * (v[0] ** 2 + v[1] ** 2) + SHRINK_CONDITIONS * (v[2:] ** 2).sum()
        return float((windows.weight * np.logaddexp(0, -sign * llr)).sum() + shrink)

    bounds = [(0.0, MOST_SLOPE), (-3.0, 3.0), *[(-2.0, 2.0)] * len(chosen)]
    best = minimize(cost, np.array([1.0, 0.0, *[0.0] * len(chosen)]), method="L-BFGS-B", bounds=bounds).x
    conditions = {}
    for i, name in enumerate(names):
        least, middle, most = (round(math.exp(edge[i]), 4) for edge in (low, centre, high))
        conditions[name] = Condition(round(float(best[2 + i]), 4), middle, min(least, middle), max(most, middle))
    return CheckCalibration(round(float(best[0]), 4), round(float(best[1]), 4), most_nats, conditions)
