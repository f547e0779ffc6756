"""What has changed against an earlier evaluation, and whether it is more than chance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from liveguard.evaluate.figures import Figures

SESSION_FIGURES = {"false_alerts_per_hour": False, "detected_share": True, "cannot_judge": False}
KIND_FIGURES = {"detected_share": True}
CHECK_FIGURES = {"auc": True, "eer": False, "ece": False, "cannot_judge": False}
"""The figures that are compared, and whether more is better."""
SAME = 0.005
"""Differences up to this are none: another processor's rounding makes as much."""
_Table: TypeAlias = tuple[str, Figures | None, Figures | None, dict[str, bool]]


@dataclass(frozen=True, slots=True)
class Change:
    """One figure that is not what it was. `certain`: it lies outside the earlier figure's 95 % interval, or is gone (None)."""

    name: str
    before: float
    now: float | None
    better: bool
    certain: bool


def compare(before: Figures, now: Figures) -> list[Change]:
    """All figures that differ, the worst first. One that is there no more is worse: nobody knows any longer how it is. One that
    is new is not compared."""
    changes = [
        Change(name, old, None, better=False, certain=True)
        if new is None
        else Change(name, old, new, (new > old) == more_is_better, _outside(new, ci))
        for name, old, new, ci, more_is_better in _pairs(before, now)
        if new is None or abs(new - old) > SAME
    ]
    return sorted(changes, key=_place)


def _place(change: Change) -> tuple[bool, bool, float]:
    by = math.inf if change.now is None else abs(change.now - change.before)
    return change.better, not change.certain, -by


def _pairs(before: Figures, now: Figures) -> Iterator[tuple[str, float, float | None, Any, bool]]:
    tables: list[_Table] = [("sessions", before.get("sessions"), now.get("sessions"), SESSION_FIGURES)]
    tables += [("stress", before.get("stress"), now.get("stress"), {"false_alerts_per_hour": False})]
    tables += _by_name("sessions", _in(before, "sessions", "by_kind"), _in(now, "sessions", "by_kind"), KIND_FIGURES)
    tables += _by_name("bench", _in(before, "bench"), _in(now, "bench"), KIND_FIGURES)
    tables += _by_name("checks", _in(before, "checks"), _in(now, "checks"), CHECK_FIGURES)
    for name in _in(before, "checks"):
        kinds = ("checks", name, "by_kind")
        tables += _by_name(f"checks {name}", _in(before, *kinds), _in(now, *kinds), {"auc": True})
    for where, old, new, figures in tables:
        for figure, more_is_better in figures.items():
            was, is_now = (old or {}).get(figure), (new or {}).get(figure)
            if isinstance(was, int | float):
                ci = (old or {}).get("detected_ci" if figure == "detected_share" else f"{figure}_ci")
                value = float(is_now) if isinstance(is_now, int | float) else None
                yield f"{where}: {figure}", float(was), value, ci, more_is_better


def _in(found: Figures, *path: str) -> Figures:
    for name in path:
        found = found.get(name) or {}
    return found


def _by_name(group: str, before: Figures, now: Figures, figures: dict[str, bool]) -> list[_Table]:
    return [(f"{group} {name}", before[name], now.get(name), figures) for name in before]


def _outside(value: float, ci: Any) -> bool:
    return isinstance(ci, list) and None not in ci and not ci[0] <= value <= ci[1]
