"""What has changed against an earlier evaluation, and whether it is more than chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from liveguard.evaluate.figures import Figures

SESSION_FIGURES = {"false_alerts_per_hour": False, "detected_share": True, "cannot_judge": False}
CHECK_FIGURES = {"auc": True, "eer": False, "ece": False, "cannot_judge": False}
"""The figures that are compared, and whether more is better."""
SAME = 0.005
"""Differences up to this are none: another processor's rounding makes as much."""


@dataclass(frozen=True, slots=True)
class Change:
    """One figure that is not what it was. `certain`: it lies outside the earlier figure's 95 % interval."""

    name: str
    before: float
    now: float
    better: bool
    certain: bool


def compare(before: Figures, now: Figures) -> list[Change]:
    """All figures that differ and are in both, the worst first. What is missing on one side is not compared."""
    changes = [
        Change(name, old, new, (new > old) == more_is_better, _outside(new, ci))
        for name, old, new, ci, more_is_better in _pairs(before, now)
        if abs(new - old) > SAME
    ]
    return sorted(changes, key=lambda change: (change.better, not change.certain, -abs(change.now - change.before)))


def _pairs(before: Figures, now: Figures) -> Iterator[tuple[str, float, float, Any, bool]]:
    tables = [("sessions", before.get("sessions"), now.get("sessions"), SESSION_FIGURES)]
    tables += [("stress", before.get("stress"), now.get("stress"), {"false_alerts_per_hour": False})]
    for group, figures in (("checks", CHECK_FIGURES), ("bench", {"detected_share": True})):
        old, new = before.get(group) or {}, now.get(group) or {}
        tables += [(f"{group} {name}", old[name], new[name], figures) for name in old if name in new]
    for where, old, new, figures in tables:
        for figure, more_is_better in figures.items():
            was, is_now = (old or {}).get(figure), (new or {}).get(figure)
            if isinstance(was, int | float) and isinstance(is_now, int | float):
                ci = (old or {}).get("detected_ci" if figure == "detected_share" else f"{figure}_ci")
                yield f"{where}: {figure}", float(was), float(is_now), ci, more_is_better


def _outside(value: float, ci: Any) -> bool:
    return isinstance(ci, list) and None not in ci and not ci[0] <= value <= ci[1]
