"""Makes a check's ratios honest: a line from what it says to what that turned out to mean, fitted on labelled windows."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from liveguard.calibration import CONDITIONS, CheckCalibration, Condition
from liveguard.evaluate.films import film_variant
from liveguard.evaluate.kinds import RECORDED, is_about, kinds_seen
from liveguard.evaluate.metrics import Array, Mask
from liveguard.evaluate.run import Run
from liveguard.evaluate.scores import main_readings
from liveguard.stress.catalogue import variant
from liveguard.types import Detector

LEAST_PEOPLE = 10
"""Of each label; with fewer the check is left as it is."""
MOST_SLOPE = 3.0
USUAL_NATS = 2.0
SHRINK_CONDITIONS = 0.02
CAREFUL_PERCENT = 10
LEAST_SOURCES = 5
DRAWS = 40
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

    def only(self, rows: Mask, times: npt.NDArray[np.int64] | int = 1) -> Windows:
        """The rows that are True, each so many `times`, weighed anew."""
        weight = self.weight[rows] * times
        for label in (False, True):
            own = self.attack[rows] == label
            if own.any():
                weight[own] *= 0.5 / weight[own].sum()
        part = (self.attack[rows], weight, self.person[rows], self.source[rows])
        return Windows(self.own[rows], *part, self.conditions, self.x[rows])


def fits(run: Run, detector: Detector) -> bool:
    """Whether a run may teach: footage of both labels in the same conditions, and the check's own bench attacks. Of the benign
    stress set only VP8 150k, VP8 300k and talk are such footage; the rest is kept for the test."""
    if run.error or (run.judged and detector.hypothesis not in run.judged):
        return False
    if run.bench:
        return run.hypothesis == detector.hypothesis
    if run.attack and not is_about(detector, run.item.kind):
        return False
    made = film_variant(run.item) or variant(run.variant)
    return made.for_attacks or (made.play_s > 0 and not made.sound)


def windows_of(detector: Detector, runs: Sequence[Run], mixture: bool = False) -> Windows:
    """The windows of one check in those of `runs` that may teach.

    `mixture`: for ratios that are about all kinds of attack of its hypothesis, each equally likely, and not about those that
    the check is made for alone: windows of all of them, each kind weighing the same.
    """
    own: list[float] = []
    rows: list[tuple[bool, str, str, str]] = []
    conditions: list[list[float]] = []
    recorded = any(run.attack and not run.bench for run in runs if not run.error)
    seen = kinds_seen(detector, runs)
    for run in runs:
        if not fits(run, detector):
            continue
        if run.bench and detector.hypothesis in RECORDED and recorded:
            continue
        if run.attack and not run.bench and not mixture and run.item.kind not in seen:
            continue
        part = "bench" if run.bench else run.item.kind if mixture and run.attack else "recorded"
        for reading in main_readings(run, detector.name):
            own.append(float(reading.llr or 0.0))
            rows.append((run.attack, part, run.item.person, run.item.source))
            conditions.append([_log(reading.measures.get(name, math.nan)) for name in CONDITIONS])
    attack = np.array([row[0] for row in rows], bool)
    parts, people, source = (np.array([row[i] for row in rows], str) for i in (1, 2, 3))
    x = np.array(conditions, np.float64).reshape(len(own), len(CONDITIONS))
    known = np.isfinite(x).all(axis=0) if len(own) else np.zeros(len(CONDITIONS), bool)
    names = tuple(name for name, there in zip(CONDITIONS, known, strict=True) if there)
    return Windows(np.array(own), attack, _weights(attack, parts, people), people, source, names, x[:, known])


def _log(value: float) -> float:
    return math.log(max(value, 1e-3))


def _weights(attack: Mask, part: npt.NDArray[np.str_], person: npt.NDArray[np.str_]) -> Array:
    """Half for each label, evenly among its parts, and in a part among people."""
    weight = np.zeros(len(attack))
    for label in (False, True):
        parts = set(part[attack == label].tolist())
        for one in parts:
            rows = (attack == label) & (part == one)
            names, place, count = np.unique(person[rows], return_inverse=True, return_counts=True)
            weight[rows] = 0.5 / len(parts) / (count[place] * len(names))
    return weight


def fit_check(windows: Windows, must_carry_over: bool = True) -> CheckCalibration | None:
    """The calibration of one check; None where too few people were seen to say.

    `must_carry_over`: its slope is the lowest tenth over draws of sources, so that what only some sources bear out counts for
    little, and for nothing where a tenth of them would have it the other way round. Conditions that make it more or less
    steep are taken in where they certainly lower the loss on sources left out.
    """
    people = [len(set(windows.person[windows.attack == label].tolist())) for label in (False, True)]
    if min(people, default=0) < LEAST_PEOPLE:
        return None
    # Nobody can prove a ratio that would need more people than were there.
    most_nats = round(math.log(min(people) + 1), 4)
    groups = _groups(windows)
    names = windows.conditions
    if names:
        plain, bent = (_left_out_losses(windows, groups, most_nats, form) for form in ((), names))
        names = names if _certainly_lower(bent, than=plain) else ()
    fitted = _line(windows, most_nats, names)
    if not must_carry_over:
        return fitted
    return _line(windows, most_nats, names, most_slope=min(_careful_slope(windows, groups, names), fitted.slope))


def _careful_slope(windows: Windows, groups: npt.NDArray[np.str_], names: tuple[str, ...]) -> float:
    """The lowest tenth of the slope, over draws of groups."""
    place = np.unique(groups, return_inverse=True)[1]
    count, rng, slopes = int(place.max()) + 1, np.random.default_rng(0), list[float]()
    for _ in range(DRAWS):
        drawn = np.bincount(rng.integers(0, count, count), minlength=count)[place]
        part = windows.only(drawn > 0, times=drawn[drawn > 0])
        one_label = part.attack.all() or not part.attack.any()
        slopes.append(0.0 if one_label else _line(part, 1.0, names).slope)
    return round(float(np.percentile(slopes, CAREFUL_PERCENT)), 4)


def _certainly_lower(losses: Array, than: Array) -> bool:
    """Whether the sum over groups is lower by more than its standard error, as it differs from group to group (the one
    standard error rule: Breiman et al. 1984, doi:10.1201/9781315139470)."""
    count = len(losses)
    if count < 2 or not (np.isfinite(losses).all() and np.isfinite(than).all()):
        return False
    gain = than - losses
    return bool(gain.sum() > math.sqrt(count / (count - 1) * float(((gain - gain.mean()) ** 2).sum())))


def _groups(windows: Windows) -> npt.NDArray[np.str_]:
    """What is left out together: a source; people, where there are too few sources."""
    if len(set(windows.source.tolist())) >= LEAST_SOURCES:
        return windows.source
    return np.array([str(zlib.crc32(who.encode()) % LEAST_SOURCES) for who in windows.person.tolist()])


def loss(calibration: CheckCalibration, windows: Windows, rows: Mask) -> float:
    """Cross-entropy in nats at equal priors, of the windows in `rows`, by their weight in the whole."""
    trust = np.ones(int(rows.sum()))
    for name, condition in calibration.conditions.items():
        x = np.exp(windows.x[rows, windows.conditions.index(name)])
        trust *= (np.clip(x, condition.low, condition.high) / condition.centre) ** condition.power
    most = calibration.most_nats
    llr = np.clip(calibration.slope * windows.own[rows] * trust + calibration.offset, -most, most)
    sign = np.where(windows.attack[rows], 1.0, -1.0)
    return float((windows.weight[rows] * np.logaddexp(0, -sign * llr)).sum())


def _left_out_losses(windows: Windows, groups: npt.NDArray[np.str_], most_nats: float, names: tuple[str, ...]) -> Array:
    """The loss on each group of a line that has not seen it; infinite where there would be nothing left to fit it on."""
    found = []
    for group in sorted(set(groups.tolist())):
        out = groups == group
        rest = windows.only(~out)
        one_label = rest.attack.all() or not rest.attack.any()
        found.append(math.inf if one_label else loss(_line(rest, most_nats, names), windows, out))
    return np.array(found)


def _line(
    windows: Windows, most_nats: float, names: tuple[str, ...], most_slope: float = MOST_SLOPE
) -> CheckCalibration:
    """Weighted logistic regression on the check's own ratio, more or less steep by the conditions `names`; never downhill."""
    chosen = [windows.conditions.index(name) for name in names]
    low, centre, high = (
        np.percentile(windows.x[:, chosen], (RANGE_PERCENT[0], 50, RANGE_PERCENT[1]), axis=0)
        if chosen
        else np.zeros((3, 0))
    )
    columns = np.clip(windows.x[:, chosen], low, high) - centre
    sign = np.where(windows.attack, 1.0, -1.0)
    # Until people say otherwise ratios are believed to be about USUAL_NATS wide (a Gaussian prior, as heavy as one of them),
    # so that few people cannot make a check loud.
    doubt = 0.5 / min(len(set(windows.person[windows.attack == label].tolist())) for label in (False, True))
    width = math.sqrt(float((windows.weight * windows.own**2).sum() / windows.weight.sum()))

    def cost(v: Array) -> float:
        llr = v[0] * windows.own * np.exp(columns @ v[2:]) + v[1]
        shrink = doubt * ((v[0] * width) ** 2 + v[1] ** 2) / USUAL_NATS**2 + SHRINK_CONDITIONS * (v[2:] ** 2).sum()
        return float((windows.weight * np.logaddexp(0, -sign * llr)).sum() + shrink)

    bounds = [(0.0, most_slope), (-3.0, 3.0), *[(-2.0, 2.0)] * len(chosen)]
    best = minimize(
        cost, np.array([min(1.0, most_slope), 0.0, *[0.0] * len(chosen)]), method="L-BFGS-B", bounds=bounds
    ).x
    conditions = {}
    for i, name in enumerate(names):
        least, middle, most = (round(math.exp(edge[i]), 4) for edge in (low, centre, high))
        conditions[name] = Condition(round(float(best[2 + i]), 4), middle, min(least, middle), max(most, middle))
    slope, offset = (round(float(value), 4) for value in best[:2])
    return CheckCalibration(slope, offset, most_nats, conditions)
