"""Figures of merit, with weights, and their intervals. Scores are higher for an attack; `attack` is True for one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

Array: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Interval: TypeAlias = tuple[float, float]

REPEATS = 500
LEVEL = 0.95
BINS = 10
LEAST_PEOPLE = 5
"""Of each label; draws of fewer show hardly more than themselves."""


@dataclass(frozen=True, slots=True)
class Roc:
    """Operating points from "nothing is an attack" to "all is": `fpr`, `tpr` (n,) and the score from which on."""

    fpr: Array
    tpr: Array
    threshold: Array


def roc(scores: Array, attack: Mask, weight: Array | None = None) -> Roc:
    """One point for each different score. Raises ValueError where one of the labels is missing."""
    weight = np.ones(len(scores)) if weight is None else weight
    order = np.argsort(-scores, kind="stable")
    ranked, hits, w = scores[order], attack[order], weight[order]
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True)) if len(ranked) else np.zeros(0, int)
    hit, miss = np.cumsum(w * hits)[last], np.cumsum(w * ~hits)[last]
    if not len(last) or hit[-1] <= 0 or miss[-1] <= 0:
        raise ValueError("both labels are needed")
    start = np.zeros(1)
    return Roc(
        np.concatenate([start, miss / miss[-1]]),
        np.concatenate([start, hit / hit[-1]]),
        np.concatenate([[np.inf], ranked[last]]),
    )


def auc(scores: Array, attack: Mask, weight: Array | None = None) -> float:
    """Probability that an attack scores above a genuine one, ties half; NaN where one of the labels is missing."""
    try:
        curve = roc(scores, attack, weight)
    except ValueError:
        return math.nan
    return float((np.diff(curve.fpr) * (curve.tpr[1:] + curve.tpr[:-1]) / 2).sum())


def eer(scores: Array, attack: Mask, weight: Array | None = None) -> float:
    """The error rate at which as many attacks are missed as genuine ones are flagged, straight between points."""
    try:
        curve = roc(scores, attack, weight)
    except ValueError:
        return math.nan
    gap = curve.fpr - (1 - curve.tpr)  # rises from -1 to 1
    after = int(np.argmax(gap >= 0))
    before = max(after - 1, 0)
    step = gap[after] - gap[before]
    share = -gap[before] / step if step > 0 else 0.0
    return float(curve.fpr[before] + share * (curve.fpr[after] - curve.fpr[before]))


def fpr_at_tpr(scores: Array, attack: Mask, tpr: float) -> float:
    """Share of genuine ones that are flagged where at least `tpr` of the attacks are."""
    try:
        curve = roc(scores, attack)
    except ValueError:
        return math.nan
    return float(curve.fpr[int(np.argmax(curve.tpr >= tpr - 1e-12))])


def rates_at(scores: Array, attack: Mask, threshold: float = 0.0) -> tuple[float, float]:
    """Share of genuine ones above `threshold`, and of attacks not above it: FPR, FNR."""
    flagged = scores > threshold
    fpr = float(flagged[~attack].mean()) if (~attack).any() else math.nan
    fnr = float((~flagged[attack]).mean()) if attack.any() else math.nan
    return fpr, fnr


def posterior(llr: Array) -> Array:
    """Probability of an attack where both labels are equally likely beforehand."""
    return 1 / (1 + np.exp(-np.clip(llr, -60, 60)))


def ece(p: Array, attack: Mask, weight: Array, bins: int = BINS) -> float:
    """Expected calibration error: mean gap between said and true share of attacks, over bins of equal width.

    Guo et al. 2017, arXiv 1706.04599. Not of equal weight: those would part probabilities that are all but equal by what
    little differs between the folds that said them, and so by source.
    """
    said, true, mass = reliability(p, attack, weight, bins)
    return float((mass * np.abs(said - true)).sum() / mass.sum()) if mass.sum() > 0 else math.nan


def reliability(p: Array, attack: Mask, weight: Array, bins: int = BINS) -> tuple[Array, Array, Array]:
    """(bins,) each: what was said on average, the true share of attacks, and the weight; empty bins are left out."""
    place = np.minimum((p * bins).astype(int), bins - 1)
    mass = np.bincount(place, weight, bins)
    full = mass > 0
    said = np.bincount(place, weight * p, bins)[full] / mass[full]
    true = np.bincount(place, weight * attack, bins)[full] / mass[full]
    return said, true, np.asarray(mass[full], np.float64)


def ece_by_chance(p: Array, weight: Array, group: npt.NDArray[np.int64], repeats: int = 200, seed: int = 0) -> float:
    """The calibration error that an honest check would show on so few recordings: labels drawn from `p`, one for each
    `group`, as the windows of one recording share its label."""
    if not len(p):
        return math.nan
    rng, names = np.random.default_rng(seed), np.unique(group, return_inverse=True)[1]
    count = int(names.max()) + 1
    share = np.bincount(names, weight * p, count) / np.bincount(names, weight, count)
    found: list[float] = []
    for _ in range(repeats):
        drawn = (rng.random(count) < share)[names]
        found.append(ece(p, drawn, weight))
    return float(np.mean(found))


def bootstrap(
    figure: Callable[[Array], float], cluster: Sequence[str], repeats: int = REPEATS, seed: int = 0
) -> Interval | None:
    """95 % interval of `figure(weight)` by drawing whole clusters anew; None with fewer than two of them.

    `weight` (n,) is how often each sample was drawn; a figure that is NaN for a draw is left out.
    """
    names, place = np.unique(np.asarray(cluster), return_inverse=True)
    if len(names) < 2:
        return None
    rng, found = np.random.default_rng(seed), []
    for _ in range(repeats):
        drawn = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))
        value = figure(drawn[place].astype(np.float64))
        if math.isfinite(value):
            found.append(value)
    if len(found) < repeats / 10:
        return None
    low, high = np.percentile(found, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)


def auc_interval(scores: Array, attack: Mask, cluster: Sequence[str]) -> Interval | None:
    """95 % interval of the AUC over clusters (people, or sources); None with fewer than five of either label."""
    return _of_both_labels(auc, _score_interval, scores, attack, cluster)


def eer_interval(scores: Array, attack: Mask, cluster: Sequence[str]) -> Interval | None:
    """95 % interval of the EER over clusters; None with fewer than five of either label."""

    def as_share(rate: float, attacks: int, genuine: int) -> Interval | None:
        fewer = min(attacks, genuine)
        return share_interval(round(rate * fewer), fewer)

    return _of_both_labels(eer, as_share, scores, attack, cluster)


def ratio_interval(part: Array, whole: Array, cluster: Sequence[str]) -> Interval | None:
    """95 % interval of the share that `part` (n,) is of `whole` (n,), over clusters.

    None with fewer than five of them, but where all or none is: then clusters are counted (Wilson).
    """
    count, share = len(set(cluster)), float(part.sum() / whole.sum()) if whole.sum() > 0 else math.nan
    if not math.isfinite(share):
        return None
    one_sided = share in (0.0, 1.0)
    if count < LEAST_PEOPLE and not one_sided:
        return None
    drawn = None if one_sided else bootstrap(lambda w: _ratio(float(w @ part), float(w @ whole)), cluster)
    return drawn if _has_width(drawn) else share_interval(round(share * count), count)


def _of_both_labels(
    figure: Callable[[Array, Mask, Array | None], float],
    by_count: Callable[[float, int, int], Interval | None],
    scores: Array,
    attack: Mask,
    cluster: Sequence[str],
) -> Interval | None:
    """By drawing clusters anew. Where every draw gives the same (the labels are parted without fault, or all scores are one),
    that is no knowledge but too few clusters to see it move: then by their number alone."""
    names = np.asarray(cluster, str)
    attacks, genuine = (len(set(names[attack == label].tolist())) for label in (True, False))
    if min(attacks, genuine) < LEAST_PEOPLE:
        return None
    drawn = bootstrap(lambda weight: figure(scores, attack, weight), cluster)
    return drawn if _has_width(drawn) else by_count(figure(scores, attack, None), attacks, genuine)


def _has_width(found: Interval | None) -> bool:
    return found is not None and found[1] - found[0] > 1e-9


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan


def _score_interval(area: float, attacks: int, genuine: int) -> Interval:
    """Of an AUC by the numbers of either label alone: all areas whose own spread allows for the one that was seen.

    Newcombe 2006, doi:10.1002/sim.2324, method 5, by the variance of Hanley and McNeil 1982,
    doi:10.1148/radiology.143.1.7063747. An area of 1 has a lower end below it, unlike by the variance at the area itself.
    """
    z = float(stats.norm.ppf((1 + LEVEL) / 2))
    more = (attacks + genuine) / 2 - 1

    def low(seen: float) -> float:
        def gap(true: float) -> float:
            spread = 1 + more * ((1 - true) / (2 - true) + true / (1 + true))
            return seen - true - z * math.sqrt(true * (1 - true) * spread / (attacks * genuine))

        return float(optimize.brentq(gap, 0.0, seen - 1e-9)) if seen > 1e-6 else 0.0

    return low(area), 1 - low(1 - area)


def share_interval(count: int, of: int) -> Interval | None:
    """95 % interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    if of <= 0:
        return None
    found = stats.binomtest(count, of).proportion_ci(LEVEL, method="wilson")
    return float(found.low), float(found.high)
