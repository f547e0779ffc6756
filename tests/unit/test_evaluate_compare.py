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


def test_a_guard_that_falls_silent_is_certainly_worse() -> None:
    """Its figures may well be the same, of the little that it still judges."""
    before, now = figures(0.7), figures(0.7, cannot_judge=0.95)
    before["checks"]["mesh"]["cannot_judge_ci"] = [0.05, 0.2]
    before["sessions"] |= {"cannot_judge": 0.0, "cannot_judge_ci": [0.0, 0.16]}
    now["sessions"]["cannot_judge"] = 0.95
    assert compare(before, now) == [
        Change("sessions: cannot_judge", 0.0, 0.95, better=False, certain=True),
        Change("checks mesh: cannot_judge", 0.1, 0.95, better=False, certain=True),
    ]


def test_what_is_worse_of_one_kind_alone_is_seen() -> None:
    before, now = figures(0.7), figures(0.7)
    before["checks"]["mesh"]["by_kind"] = {"swap": {"auc": 0.9, "auc_ci": [0.8, 0.95]}, "reenact": {"auc": 0.6}}
    now["checks"]["mesh"]["by_kind"] = {"swap": {"auc": 0.4, "auc_ci": None}}
    before["sessions"]["by_kind"] = {"swap": {"detected_share": 0.8, "detected_ci": [0.7, 0.9]}}
    now["sessions"]["by_kind"] = {"swap": {"detected_share": 0.1}}
    assert compare(before, now) == [
        Change("checks mesh reenact: auc", 0.6, None, better=False, certain=True),
        Change("sessions swap: detected_share", 0.8, 0.1, better=False, certain=True),
        Change("checks mesh swap: auc", 0.9, 0.4, better=False, certain=True),
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
