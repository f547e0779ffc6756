"""How much of a reading is new: successive windows overlap, and all windows of one person share what is odd about them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from liveguard.evaluate.metrics import Array

LEAST_RUNS = 20
LAGS = 3
LEAST_WINDOWS = LAGS + 2


def evidence_us(series: Sequence[Array], step_us: int, most_us: int) -> int | None:
    """The stretch that one reading stands for, from how alike readings `step_us` apart are within a run; None where too few
    runs are long enough.

    The integrated autocorrelation time (Sokal 1997, doi:10.1007/978-1-4899-0319-8_6), cut off after three steps, within
    `step_us`..`most_us`. What a whole run has in common is not in it; that is `likeness`.
    """
    long = [one - one.mean() for one in series if len(one) >= LEAST_WINDOWS and one.std() > 1e-6]
    if len(long) < LEAST_RUNS:
        return None
    power = np.mean([np.mean(one**2) for one in long])
    total = 1.0
    for lag in range(1, LAGS + 1):
        products = np.concatenate([one[lag:] * one[:-lag] for one in long])
        # Taking a run's own mean away makes its windows look unlike each other by about one part in its length.
        bias = np.mean([1 / len(one) for one in long])
        total += 2 * max(float(products.mean() / power + bias), 0.0)
    return int(np.clip(round(step_us * total, -5), step_us, max(most_us, step_us)))


def likeness(series: Sequence[Array]) -> float | None:
    """Share of the variance of single readings that is between people, 0..1: the intraclass correlation (Shrout & Fleiss
    1979, doi:10.1037/0033-2909.86.2.420, one-way). None where too few people were seen more than once."""
    many = [one for one in series if len(one) >= 2]
    if len(many) < LEAST_RUNS:
        return None
    counts = np.array([len(one) for one in many], np.float64)
    means, total = np.array([one.mean() for one in many]), counts.sum()
    grand = float((counts * means).sum() / total)
    between = float((counts * (means - grand) ** 2).sum() / (len(many) - 1))
    within = float(sum(((one - one.mean()) ** 2).sum() for one in many) / (total - len(many)))
    usual = (total - float((counts**2).sum()) / total) / (len(many) - 1)
    spread = between + (usual - 1) * within
    return float(np.clip((between - within) / spread, 0.0, 1.0)) if spread > 0 else None


def ceiling_nats(series: Sequence[Array], alike: float) -> float:
    """The most that a check may add up to about one person: its strongest single readings (the 99th percentile over
    attacks), times the number of independent looks that a person is worth however long one looks."""
    strongest = float(np.percentile(np.concatenate(list(series)), 99)) if series else 0.0
    return round(max(strongest, 0.1) / max(alike, 0.05), 2)
