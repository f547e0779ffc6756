"""Whole calls made of short recordings: what is alleged, when, and what figures follow from it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveguard.calibration import Calibration
from liveguard.engine import Engine
from liveguard.evaluate.calls import FEED, HEIGHTS_NATS, Call, call
from liveguard.evaluate.figures import call_figures, detection_figures, false_alert_figures
from liveguard.evaluate.manifest import Item
from liveguard.evaluate.run import Run
from liveguard.policy import Policy
from liveguard.types import HYPOTHESES, Alert, Hypothesis, Need, Reading
from tests.synthetic import Says

POLICY = Policy(calibration=Calibration())
THRESHOLD_NATS = math.log(720_000)  # of that policy, for every hypothesis
STEP_US = 500_000


def check(name: str, hypothesis: Hypothesis) -> Says:
    """A check each of whose readings is new in full."""
    one = Says(name, Need(STEP_US, STEP_US))
    one.hypothesis = hypothesis
    return one


CAMERA, MESH = check("camera", "feed_injected"), check("mesh", "face_manipulated")
SWAP, LIPS = check("swap", "face_manipulated"), check("lipsync", "av_mismatch")
CHECKS = [CAMERA, MESH, SWAP, LIPS]


def said(name: str, *llrs: float | None, track: int | None = None, from_s: float = 0.0) -> list[Reading]:
    """Two readings a second, the first of which ends half a second after `from_s`."""
    ends_us = [round(from_s * 1e6) + STEP_US * (k + 1) for k in range(len(llrs))]
    return [
        Reading(name, track, end - STEP_US, end, llr, 1.0, "seen", {}) for end, llr in zip(ends_us, llrs, strict=True)
    ]


def run(
    readings: list[Reading], seconds: float, label: str = "bonafide", bench: Hypothesis | None = None, subject: str = "ann",
    onset_s: float = 0.0, play_s: float = 0.0, judged: tuple[Hypothesis, ...] = (), name: str = "a.mp4", kind: str = "-",
) -> Run:  # fmt: skip
    item = Item(name, Path(name), "attack" if label == "attack" else "bonafide", kind=kind, subject=subject)
    in_order = tuple(sorted(readings, key=lambda reading: reading.end_us))
    return Run(
        item, "bench" if bench else "as is", "attack" if bench else label, bench, onset_s, play_s, judged, seconds,
        readings=in_order,
    )  # fmt: skip


# --- what is alleged -----------------------------------------------------------------------------------------------


def test_a_check_that_errs_a_little_about_a_genuine_person_raises_nothing_in_five_minutes() -> None:
    made = call(run(said("mesh", *[0.5] * 10, track=1), 5.0), CHECKS, POLICY)
    assert made.seconds == 300.0
    assert made.raised == ()
    assert made.height_nats["face_manipulated"] == pytest.approx(
        POLICY.ceiling_nats("mesh", "face_manipulated"), abs=0.1
    )
    assert made.height_nats["feed_injected"] == 0.0


def test_but_checks_that_err_together_for_long_do_and_so_does_a_strong_one_at_once() -> None:
    # 0.5 nats a step and check add up to both ceilings, 4 + 12 nats, which are above the threshold.
    both = said("mesh", *[0.5] * 10, track=1) + said("swap", *[0.5] * 10, track=1)
    wrong = call(run(both, 5.0), CHECKS, POLICY)
    assert [hypothesis for hypothesis, _ in wrong.raised] == ["face_manipulated"]
    assert 5.0 < wrong.raised[0][1] < 60.0, "five seconds alone show nothing"
    # 2.5 nats are the most that one reading counts: the sixth brings 15.
    attack = call(run(said("camera", *[6.0] * 10), 5.0, "attack"), CHECKS, POLICY)
    assert attack.raised == (("feed_injected", 3.0),)
    assert attack.first_s(60.0) == 3.0


def test_of_a_variant_that_speaks_about_one_hypothesis_only_its_checks_are_heard() -> None:
    readings = said("camera", *[6.0] * 10) + said("lipsync", *[6.0] * 10, track=1)
    made = call(run(readings, 5.0, judged=("av_mismatch",)), CHECKS, POLICY)
    assert [hypothesis for hypothesis, _ in made.raised] == ["av_mismatch"]
    assert made.height_nats["feed_injected"] == 0.0


def test_a_recording_without_a_judgement_is_a_call_without_one() -> None:
    for readings in ([], said("camera", *[None] * 10)):
        made = call(run(readings, 5.0), CHECKS, POLICY)
        assert (made.raised, made.judged_s, made.seconds) == ((), 0.0, 300.0)
        assert set(made.height_nats.values()) == {0.0}


def test_each_check_is_said_to_have_judged_as_long_as_it_did() -> None:
    """Most of a call may be covered by one check, while another hardly ever could tell."""
    of = run([*said("camera", 1.0, 1.0, 1.0, 1.0), *said("mesh", 1.0, None, None, None)], 2.0)
    made = call(of, CHECKS, POLICY, 300.0)
    assert made.judged_by_s == {"camera": 300.0, "mesh": 150.0, "swap": 0.0, "lipsync": 0.0}
    hours = call_figures([made, made])["judged_hours_bonafide"]
    assert hours == {"camera": 0.167, "lipsync": 0.0, "mesh": 0.083, "swap": 0.0}


def test_how_long_a_judgement_stood() -> None:
    # From each reading on for a second: 0.5 to 2.0, then 5.0 to 6.0.
    readings = said("camera", 1.0, 1.0, None, None) + said("camera", -1.0, from_s=4.5)
    assert call(run(readings, 8.0, "attack", play_s=8.0), CHECKS, POLICY).judged_s == pytest.approx(2.5)
    assert call(run(said("camera", *[-1.0] * 10), 5.0), CHECKS, POLICY).judged_s == 300.0


# --- laps ----------------------------------------------------------------------------------------------------------

LLR = st.none() | st.floats(-4.0, 6.0)
LAP = st.lists(st.tuples(LLR, LLR, LLR), min_size=10, max_size=10)


def lap_of(rows: list[tuple[float | None, float | None, float | None]], from_s: float = 0.0) -> list[Reading]:
    camera, mesh, swap = zip(*rows, strict=True)
    return [
        *said("camera", *camera, from_s=from_s),
        *said("mesh", *mesh, track=1, from_s=from_s),
        *said("swap", *swap, track=1, from_s=from_s),
    ]


@settings(deadline=None, max_examples=40)
@given(LAP)
def test_it_does_not_matter_how_the_same_is_cut_into_laps(
    rows: list[tuple[float | None, float | None, float | None]],
) -> None:
    once = call(run(lap_of(rows), 5.0), CHECKS, POLICY, 60.0)
    twice = call(run(lap_of(rows) + lap_of(rows, 5.0), 10.0), CHECKS, POLICY, 60.0)
    assert once.seconds == twice.seconds == 60.0
    assert once.raised == twice.raised
    assert once.height_nats == pytest.approx(twice.height_nats)


@settings(deadline=None, max_examples=40)
@given(LAP)
def test_laps_say_what_the_core_says_of_all_readings_one_after_the_other(
    rows: list[tuple[float | None, float | None, float | None]],
) -> None:
    made = call(run(lap_of(rows), 5.0), CHECKS, POLICY, 60.0)
    engine = Engine(FEED, CHECKS, POLICY)
    all_of_it = run([reading for lap in range(12) for reading in lap_of(rows, 5.0 * lap)], 60.0).readings
    events = [event for reading in all_of_it for event in engine.take(reading)]
    alerts = [event for event in events if isinstance(event, Alert) and event.state == "raised"]
    assert made.raised == tuple((alert.hypothesis, alert.t_us / 1e6) for alert in alerts)


def test_a_face_that_is_seen_but_seldom_judged_is_not_taken_for_gone() -> None:
    # Judged every four seconds; whoever is not heard of for three has left, and what was held against them with them.
    seldom = said("swap", *[6.0, *[None] * 7], track=1)
    absent = [reading for reading in seldom if reading.llr is not None]
    lower = Policy(calibration=Calibration(), thresholds_nats={"face_manipulated": 8.0})
    assert call(run(seldom, 4.0), CHECKS, lower).raised
    assert not call(run(absent, 4.0), CHECKS, lower).raised


def test_what_was_played_on_purpose_is_not_repeated() -> None:
    readings = said("camera", *[2.0] * 6, *[None] * 22)
    played = call(run(readings, 14.0, bench="feed_injected", play_s=14.0), CHECKS, POLICY)
    assert (played.seconds, played.raised) == (14.0, ())
    assert played.height_nats["feed_injected"] == pytest.approx(6 * 2.0, abs=0.4)
    repeated = call(run(readings, 14.0, "attack"), CHECKS, POLICY)
    assert repeated.raised


@pytest.mark.parametrize(
    ("seconds", "call_s", "of_call"), [(5.0, 300.0, 300.0), (7.0, 300.0, 301.0), (400.0, 300.0, 400.0)]
)
def test_laps_are_whole(seconds: float, call_s: float, of_call: float) -> None:
    assert call(run(said("camera", -1.0), seconds), CHECKS, POLICY, call_s).seconds == of_call


def test_the_shortest_recording_makes_a_call_too() -> None:
    assert call(run(said("camera", -1.0), 0.0), CHECKS, POLICY).seconds == 300.0


# --- when ----------------------------------------------------------------------------------------------------------


def test_of_a_bench_attack_only_alerts_about_itself_and_after_its_onset_count() -> None:
    others = said("lipsync", *[6.0] * 28, track=1)
    seen_at_once = said("camera", *[6.0] * 8, from_s=4.0)
    attack = run(others + seen_at_once, 14.0, bench="feed_injected", onset_s=4.0, play_s=14.0)
    made = call(attack, CHECKS, POLICY)
    assert [hypothesis for hypothesis, _ in made.raised] == ["av_mismatch", "feed_injected"]
    assert made.raised[0][1] < 0, "times are after the onset"
    assert made.first_s(60.0) == pytest.approx(3.0)
    assert made.first_s(2.9) is None
    early = run(said("camera", *[6.0] * 28), 14.0, bench="feed_injected", onset_s=4.0, play_s=14.0)
    assert call(early, CHECKS, POLICY).raised == (("feed_injected", -1.0),)
    assert call(early, CHECKS, POLICY).first_s(60.0) is None


def test_of_a_recorded_attack_any_alert_counts() -> None:
    made = call(run(said("lipsync", *[6.0] * 10, track=1), 5.0, "attack"), CHECKS, POLICY)
    assert made.first_s(60.0) == 3.0


@settings(deadline=None, max_examples=40)
@given(LAP)
def test_heights_are_never_below_zero_and_reach_the_threshold_where_an_alert_was_raised(
    rows: list[tuple[float | None, float | None, float | None]],
) -> None:
    made = call(run(lap_of(rows), 5.0), CHECKS, POLICY, 60.0)
    raised = {hypothesis for hypothesis, _ in made.raised}
    assert set(made.height_nats) == set(HYPOTHESES)
    for hypothesis, nats in made.height_nats.items():
        assert nats >= 0.0
        assert (nats >= THRESHOLD_NATS) == (hypothesis in raised)
        assert len(made.passed_s[hypothesis]) == sum(nats >= height for height in HEIGHTS_NATS)
        assert list(made.passed_s[hypothesis]) == sorted(made.passed_s[hypothesis])


@settings(deadline=None, max_examples=20)
@given(st.lists(LLR, min_size=10, max_size=10))
def test_a_height_is_passed_when_a_threshold_there_would_have_raised_the_alert(llrs: list[float | None]) -> None:
    attack = run(said("lipsync", *llrs, track=1), 5.0, "attack", onset_s=1.0)
    passed = call(attack, CHECKS, POLICY, 60.0).passed_s["av_mismatch"]
    for nats, t_s in zip(HEIGHTS_NATS, passed, strict=False):
        lower = Policy(
            calibration=Calibration(), thresholds_nats={"av_mismatch": nats}, ceilings_nats={"lipsync": 100.0}
        )
        if nats <= THRESHOLD_NATS:
            assert call(attack, CHECKS, lower, 60.0).raised[0] == ("av_mismatch", t_s)


# --- figures -------------------------------------------------------------------------------------------------------


def spoken(of: Run, seconds: float, *raised: tuple[Hypothesis, float], judged_s: float = 0.0) -> Call:
    return Call(of, seconds, raised, judged_s, dict.fromkeys(HYPOTHESES, 0.0), dict.fromkeys(HYPOTHESES, ()))


def test_false_alerts_by_hand() -> None:
    # Three alerts in two calls of a quarter of an hour are six an hour. One of two people was accused; Wilson's interval
    # of 1 of 2 is 0.0945 to 0.9055. Who is accused is so three times, and half an hour is of two: times 3 * 2 / 0.5.
    ann = run([], 5.0, subject="ann")
    calls = [
        spoken(ann, 900.0, ("feed_injected", 3.0), ("av_mismatch", 50.0), ("feed_injected", 800.0)),
        spoken(run([], 7.0, subject="bob"), 900.0),
    ]
    figures = false_alert_figures(calls)
    assert figures["false_alerts"] == 3
    assert figures["hours"] == 0.5
    assert figures["false_alerts_per_hour"] == 6.0
    assert figures["material_hours"] == pytest.approx(12 / 3600, abs=5e-4)
    assert (figures["people"], figures["people_alarmed"]) == (2, 1)
    assert figures["false_alerts_by_hypothesis"] == {"av_mismatch": 1, "feed_injected": 2}
    assert figures["false_alerts_per_hour_ci"] == pytest.approx([0.0945 * 12, 0.9055 * 12], abs=2e-3)


def test_two_recordings_of_one_person_are_one_person_and_of_nobody_known_are_two() -> None:
    names = ("a.mp4", "b.mp4")
    for subject, people in (("ann", 1), ("-", 2)):
        calls = [spoken(run([], 5.0, subject=subject, name=name), 900.0, ("feed_injected", 1.0)) for name in names]
        assert false_alert_figures(calls)["people"] == people


def test_without_a_false_alert_the_interval_still_says_how_little_is_known() -> None:
    # Wilson's interval of 0 of 20 ends at 0.1611; 20 calls of 5 minutes are 1.667 hours.
    calls = [spoken(run([], 5.0, name=f"{k}.mp4", subject=str(k)), 300.0) for k in range(20)]
    figures = false_alert_figures(calls)
    assert figures["false_alerts_per_hour"] == 0.0
    assert figures["false_alerts_per_hour_ci"] == pytest.approx([0.0, 0.1611 * 20 / (20 / 12)], abs=2e-3)


def test_detections_and_delays_by_hand() -> None:
    # Raised after 1, 2, 3 and 4 s, and one too late: the middle of four is 2.5 s, and 95 % lie below 3.85 s.
    calls = [
        spoken(run([], 5.0, "attack", subject=f"{delay}"), 300.0, ("av_mismatch", delay))
        for delay in (1.0, 2.0, 3.0, 4.0, 61.0)
    ]
    figures = detection_figures(calls)
    assert (figures["detected"], figures["n_attack"], figures["detected_share"]) == (4, 5, 0.8)
    assert figures["delay_s"] == pytest.approx({"p50": 2.5, "p95": 3.85})
    # Of five people drawn anew the one who was missed is drawn 0 to 3 times, in 95 of 100 draws.
    assert figures["detected_ci"] == pytest.approx([0.4, 1.0])


def attacked(people: int, times: int, detected: Callable[[int], bool]) -> list[Call]:
    """Attacks, so many times on each of `people`, detected or not as the person is."""
    alert: tuple[Hypothesis, float] = ("av_mismatch", 3.0)
    one = [run([], 5.0, "attack", subject=str(k), name=f"{k}.mp4") for k in range(people)]
    return [spoken(each, 300.0, *[alert] * detected(k)) for k, each in enumerate(one) for _ in range(times)]


@pytest.mark.parametrize("detected", [lambda k: k % 4 > 0, lambda _: True, lambda _: False])
def test_more_attacks_on_the_same_people_prove_no_more(detected: Callable[[int], bool]) -> None:
    once, thrice = (detection_figures(attacked(30, times, detected)) for times in (1, 3))
    assert thrice["n_attack"] == 3 * once["n_attack"]
    assert thrice["detected_ci"] == once["detected_ci"]


def test_where_all_attacks_were_detected_or_none_people_are_counted() -> None:
    # Wilson's intervals of 20 of 20, and of 0 of 20.
    assert detection_figures(attacked(20, 3, lambda _: True))["detected_ci"] == pytest.approx([0.8389, 1.0], abs=1e-4)
    assert detection_figures(attacked(20, 3, lambda _: False))["detected_ci"] == pytest.approx([0.0, 0.1611], abs=1e-4)


def test_only_the_first_alert_is_a_detection_and_later_ones_are_none() -> None:
    twice = spoken(run([], 5.0, "attack"), 300.0, ("av_mismatch", 5.0), ("feed_injected", 7.0))
    assert detection_figures([twice])["detected"] == 1
    assert detection_figures([twice])["delay_s"] == {"p50": 5.0, "p95": 5.0}


def test_all_calls_together_and_by_kind() -> None:
    calls = [
        spoken(run([], 5.0), 300.0, judged_s=300.0),
        spoken(run([], 5.0, "attack", kind="swap"), 300.0, ("face_manipulated", 4.0), judged_s=100.0),
        spoken(run([], 5.0, "attack", kind="reenact"), 300.0),
        spoken(run([], 14.0, bench="feed_injected"), 300.0, ("feed_injected", 2.0), judged_s=200.0),
    ]
    figures = call_figures(calls)
    assert (figures["false_alerts"], figures["detected"], figures["n_attack"]) == (0, 2, 3)
    assert {kind: of["detected"] for kind, of in figures["by_kind"].items()} == {"bench": 1, "reenact": 0, "swap": 1}
    assert figures["cannot_judge"] == pytest.approx(0.5)
    assert figures["cannot_judge_bonafide"] == 0.0


def test_how_much_could_not_be_judged_has_an_interval_over_people() -> None:
    def figures(times: int) -> dict[str, Any]:
        judged_s = [0.0, 300.0, 300.0, 150.0, 300.0, 300.0] * times
        calls = [
            spoken(run([], 5.0, subject=str(k % 6), name=f"{k}.mp4"), 300.0, judged_s=judged)
            for k, judged in enumerate(judged_s)
        ]
        return call_figures(calls)

    once = figures(1)
    assert once["cannot_judge"] == 0.25
    assert once["cannot_judge_ci"][0] < 0.25 < once["cannot_judge_ci"][1]
    assert figures(4)["cannot_judge_ci"] == once["cannot_judge_ci"]


def test_of_no_calls_nothing_is_known() -> None:
    figures = call_figures([])
    assert (figures["false_alerts"], figures["hours"], figures["n_attack"]) == (0, 0, 0)
    for unknown in (
        "false_alerts_per_hour",
        "false_alerts_per_hour_ci",
        "detected_share",
        "detected_ci",
        "cannot_judge",
        "cannot_judge_ci",
    ):
        assert figures[unknown] is None
    assert figures["delay_s"] == {"p50": None, "p95": None}
