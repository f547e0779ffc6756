"""What has changed against an earlier evaluation."""

from __future__ import annotations

from typing import Any

from liveguard.evaluate.compare import Change, compare


def figures(auc: float, found: float = 0.9, false: float = 0.0, cannot_judge: float = 0.1) -> dict[str, Any]:
    return {
        "checks": {"mesh": {"auc": auc, "auc_ci": [0.6, 0.8], "eer": None, "ece": 0.04, "cannot_judge": cannot_judge}},
        "sessions": {"false_alerts_per_hour": false, "false_alerts_per_hour_ci": [0.0, 0.3], "detected_share": 0.1},
        "stress": {"false_alerts_per_hour": false},
        "bench": {"bench photo": {"detected_share": found, "detected_ci": [0.85, 0.95]}},
    }


def test_the_same_figures_have_not_changed() -> None:
    assert compare(figures(0.7), figures(0.7)) == []
    assert compare(figures(0.7), figures(0.7004)) == [], "another processor rounds otherwise"


def test_what_is_worse_comes_first_and_says_whether_it_is_chance() -> None:
    found = compare(figures(0.7), figures(0.75, found=0.5, cannot_judge=0.2))
    assert found == [
        Change("bench bench photo: detected_share", 0.9, 0.5, better=False, certain=True),
        Change("checks mesh: cannot_judge", 0.1, 0.2, better=False, certain=False),
        Change("checks mesh: auc", 0.7, 0.75, better=True, certain=False),
    ]


def test_more_false_alerts_are_worse() -> None:
    worse = compare(figures(0.7), figures(0.7, false=1.0))
    assert [(change.name, change.better, change.certain) for change in worse] == [
        ("sessions: false_alerts_per_hour", False, True),
        ("stress: false_alerts_per_hour", False, False),
    ]


def test_what_is_new_is_not_compared() -> None:
    assert compare({"checks": {}}, figures(0.7)) == []


def test_a_figure_that_is_gone_is_certainly_worse() -> None:
    now = figures(0.75, found=0.5)
    now["checks"]["mesh"]["ece"] = None
    now["stress"] = {"false_alerts_per_hour": None}
    assert compare(figures(0.7), now)[:3] == [
        Change("stress: false_alerts_per_hour", 0.0, None, better=False, certain=True),
        Change("checks mesh: ece", 0.04, None, better=False, certain=True),
        Change("bench bench photo: detected_share", 0.9, 0.5, better=False, certain=True),
    ]
    nothing = compare(figures(0.7), {"checks": {}, "sessions": None, "bench": {}})
    assert len(nothing) == 7
    assert all(change.now is None and change.certain and not change.better for change in nothing)
