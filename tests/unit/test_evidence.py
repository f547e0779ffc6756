"""Fusion, alerts and policy: what adds up, what does not, and when something is said."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveguard.alert import AlertMachine
from liveguard.calibration import Calibration
from liveguard.errors import ConfigError
from liveguard.fusion import Evidence, Fusion
from liveguard.policy import SUSPICIOUS_RISK, Policy
from liveguard.types import Alert, Hypothesis, Need, Reading, Status
from liveguard.words import NOT_WEIGHED

NEED = Need(step_us=500_000, video_us=2_000_000, evidence_us=1_000_000)
FEED: Hypothesis = "feed_injected"


def reading(k: int, llr: float | None, check: str = "camera", coverage: float = 1.0, why: str = "seen") -> Reading:
    return Reading(check, None, 500_000 * k, 500_000 * (k + 1), llr, coverage, why)


def feed(readings: list[Reading], policy: Policy | None = None) -> tuple[list[Alert | Status], Evidence]:
    policy = policy or Policy()
    fusion, machine = Fusion(policy), AlertMachine(policy, "s")
    said: list[Alert | Status] = []
    evidence = Evidence(0)
    for one in readings:
        evidence = fusion.add(one, FEED, NEED)
        said += machine.add(one, FEED, evidence)
    return said, evidence


def test_overlap_and_coverage_discount_a_reading() -> None:
    fusion = Fusion(Policy())
    assert fusion.worth(reading(0, 2.0), NEED) == pytest.approx(1.0)
    assert fusion.worth(reading(0, 2.0, coverage=0.25), NEED) == pytest.approx(0.25)
    assert Fusion(Policy(weights={"camera": 0.5})).worth(reading(0, 2.0), NEED) == pytest.approx(0.5)


def test_one_reading_never_raises_an_alert() -> None:
    said, evidence = feed([reading(0, 1e9)])
    assert evidence.nats <= Policy().most_nats
    assert not [event for event in said if isinstance(event, Alert)]


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 0)), max_size=60))
def test_missing_and_genuine_readings_never_raise_an_alert(llrs: list[float | None]) -> None:
    said, evidence = feed([reading(k, llr) for k, llr in enumerate(llrs)])
    assert evidence.nats == 0.0
    assert not [event for event in said if isinstance(event, Alert)]


def test_alert_is_raised_once_then_cleared_with_the_same_id() -> None:
    readings = [reading(k, 6.0) for k in range(12)] + [reading(12 + k, -6.0) for k in range(20)]
    alerts = [event for event in feed(readings)[0] if isinstance(event, Alert)]
    assert [(alert.state, alert.id, alert.hypothesis) for alert in alerts] == [
        ("raised", "s-1", FEED),
        ("cleared", "s-1", FEED),
    ]
    raised = alerts[0]
    assert raised.evidence_nats >= raised.threshold_nats
    assert raised.risk > 0.99
    assert raised.readings[0].why == "seen"
    assert raised.settle


def test_evidence_after_a_genuine_past_counts_from_its_onset() -> None:
    readings = [reading(k, -6.0) for k in range(200)] + [reading(200 + k, 6.0) for k in range(12)]
    alert = next(event for event in feed(readings)[0] if isinstance(event, Alert))
    assert alert.t_us - 100_000_000 <= 4_000_000
    assert alert.lag_us == alert.t_us - 100_000_000


def test_a_check_that_is_always_a_little_wrong_stays_below_its_ceiling() -> None:
    said, evidence = feed([reading(k, 3.0, "mesh") for k in range(7200)])
    assert evidence.nats <= Policy().ceiling_nats("mesh", FEED) < Policy().threshold_nats(FEED)
    assert not [event for event in said if isinstance(event, Alert)]


def test_unsupported_evidence_fades() -> None:
    fusion = Fusion(Policy(half_life_s=60))
    fusion.add(reading(0, 4.0), FEED, NEED)
    evidence = fusion.add(reading(120, None), FEED, NEED)
    assert evidence.nats == pytest.approx(1.0)


def test_states_go_from_cannot_judge_over_suspicious_to_alert() -> None:
    readings = [reading(0, None, why="too dark")] + [reading(1 + k, -0.5) for k in range(3)]
    said, _ = feed(readings + [reading(4 + k, 5.0) for k in range(12)])
    states = [event.state for event in said if isinstance(event, Status)]
    assert states == ["cannot_judge", "genuine", "suspicious", "alert"]


@pytest.mark.parametrize("policy", [Policy(weights={"camera": 0.0}), Policy()])
def test_a_check_that_is_switched_off_or_saw_nothing_makes_nobody_genuine(policy: Policy) -> None:
    coverage = 1.0 if policy.weights else 0.0
    said, _ = feed([reading(k, -3.0, coverage=coverage) for k in range(20)], policy)
    assert [event.state for event in said if isinstance(event, Status)] == ["cannot_judge"]


def test_what_was_found_is_not_cleared_by_what_looks_for_something_else() -> None:
    policy = Policy(calibration=Calibration())
    fusion, machine = Fusion(policy), AlertMachine(policy, "s")

    def say(k: int, llr: float | None, check: str, hypothesis: Hypothesis) -> Status:
        one = replace(reading(k, llr, check), track=1)
        fusion.tick(one.end_us)
        machine.add(one, hypothesis, fusion.add(one, hypothesis, NEED))
        return machine.statuses(one.end_us)[0]

    for k in range(5):
        said = say(k, 4.0, "replay", FEED)
    assert said.state == "suspicious"
    for k in range(5, 35):  # it holds still, so that nothing more is found
        say(k, None, "replay", FEED)
        said = say(k, -0.1, "mesh", "face_manipulated")
    assert said.state == "suspicious"
    assert "seen" in said.why[0]
    for k in range(35, 400):
        said = say(k, -0.1, "mesh", "face_manipulated")
    assert said.state == "genuine", "but it fades"


def test_one_genuine_reading_is_too_little() -> None:
    said, _ = feed([reading(0, -3.0)])
    assert [(e.state, e.why[0]) for e in said if isinstance(e, Status)] == [
        ("cannot_judge", "too little was seen so far")
    ]


def standing(
    track: int | None, readings: list[tuple[str, Hypothesis]], policy: Policy, heard_us: int | None = None
) -> Status:
    """How `track` stands after readings that found nothing: of the camera about the feed, of the others about `track`."""
    fusion, machine = Fusion(policy), AlertMachine(policy, "s")
    if heard_us is not None:
        machine.heard(heard_us)
    for k, (check, hypothesis) in enumerate(readings):
        one = replace(reading(k, -0.5, check), track=None if check == "camera" else track)
        machine.add(one, hypothesis, fusion.add(one, hypothesis, NEED))
    return machine.statuses(500_000 * len(readings))[-1]


MESH: tuple[str, Hypothesis] = ("mesh", "face_manipulated")
LIPS: tuple[str, Hypothesis] = ("lipsync", "av_mismatch")
CAMERA: tuple[str, Hypothesis] = ("camera", FEED)
SWAPPED, CLONED = "a swapped or animated face is not ruled out", "a cloned voice is not ruled out"
FOREIGN, PLAYED = "a voice that is somebody else's is not ruled out", "a picture that is played back is not ruled out"


def test_what_the_checks_could_not_have_told_is_said_beside_genuine() -> None:
    policy = Policy(calibration=Calibration())
    said = standing(1, [CAMERA, MESH, MESH, MESH, LIPS], policy)
    assert (said.state, said.why) == ("genuine", (SWAPPED,))
    assert standing(1, [CAMERA, LIPS, LIPS, LIPS], policy).why == (SWAPPED,), "a face that nothing looked at"
    strong = replace(policy, ceilings_nats={"mesh": 9.0})
    assert standing(1, [CAMERA, MESH, MESH, MESH, LIPS], strong).why == ()
    two = replace(policy, ceilings_nats={"mesh": 2.5, "texture": 2.5})
    assert standing(1, [CAMERA, MESH, MESH, ("texture", "face_manipulated")], two).why == ()
    heard: list[tuple[str, Hypothesis]] = [CAMERA, CAMERA, ("voice", "voice_synthetic")]
    assert standing(None, heard, replace(policy, ceilings_nats={"voice": 0.5})).why == (CLONED,)
    assert standing(None, heard, policy).why == ()


def test_what_no_check_has_judged_lately_is_said_beside_genuine() -> None:
    policy = Policy(calibration=Calibration(), ceilings_nats={"mesh": 9.0})
    faces = [MESH] * 3
    assert standing(1, faces, policy).why == (PLAYED,), "there was no sound, so none was somebody else's"
    assert standing(1, faces, policy, heard_us=500_000).why == (FOREIGN, PLAYED)
    assert standing(1, [CAMERA, *faces], policy, heard_us=500_000).why == (FOREIGN,)
    assert standing(1, [("replay", FEED), *faces, LIPS], policy, heard_us=500_000).why == ()
    assert standing(1, [CAMERA, LIPS, *[MESH] * 12], policy, heard_us=7_000_000).why == (FOREIGN, PLAYED), (
        "judged 6 s ago"
    )
    assert standing(None, [CAMERA] * 3, policy, heard_us=500_000).why == (CLONED,)
    assert standing(None, [CAMERA] * 3, policy).why == ()


def test_every_hypothesis_can_be_alerted_whatever_the_budget() -> None:
    for budget in (60.0, 0.02, 1e-6):
        policy = Policy(false_alerts_per_hour=budget, calibration=Calibration())
        for check, hypothesis in (("voice", "voice_synthetic"), ("lipsync", "av_mismatch"), ("camera", FEED)):
            assert policy.ceiling_nats(check, hypothesis) > policy.threshold_nats(hypothesis)  # type: ignore[arg-type]


def test_a_face_that_comes_late_has_its_onset_then() -> None:
    policy = Policy()
    fusion, machine = Fusion(policy), AlertMachine(policy, "s")
    alerts = []
    for k in range(120, 140):
        one = replace(reading(k, 6.0), track=3)
        alerts += [e for e in machine.add(one, FEED, fusion.add(one, FEED, NEED)) if isinstance(e, Alert)]
    assert alerts[0].lag_us <= 5_000_000


def test_cannot_judge_says_why_and_has_no_risk() -> None:
    policy = Policy()
    fusion, machine = Fusion(policy), AlertMachine(policy, "s")
    one = reading(0, None, why="face too small: 20 px of 64 px needed")
    machine.add(one, FEED, fusion.add(one, FEED, NEED))
    status = machine.statuses(500_000)[0]
    assert (status.state, status.risk, status.why) == ("cannot_judge", None, ("face too small: 20 px of 64 px needed",))


def test_an_old_judgement_does_not_stand_for_ever() -> None:
    policy = Policy()
    fusion, machine = Fusion(policy), AlertMachine(policy, "s")
    for k in range(3):
        one = reading(k, -0.5)
        machine.add(one, FEED, fusion.add(one, FEED, NEED))
    assert machine.statuses(4_000_000)[0].state == "genuine"
    assert machine.statuses(30_000_000)[0].state == "cannot_judge"


def test_without_a_model_is_an_excuse_only_where_there_is_no_other() -> None:
    policy = Policy()
    fusion, machine = Fusion(policy), AlertMachine(policy, "s")
    whys = {
        "voice": "no model",
        "swap": "no model",
        "pulse": NOT_WEIGHED,
        "mesh": NOT_WEIGHED,
        "camera": "no picture arrives",
    }
    for check, why in whys.items():
        one = reading(0, None, check, why=why)
        machine.add(one, FEED, fusion.add(one, FEED, NEED))
    assert machine.statuses(500_000)[0].why == ("no picture arrives",)


def test_threshold_follows_the_budget() -> None:
    # 0.02/h over four hypotheses: one false alarm in 720,000 s each.
    assert Policy().threshold_nats(FEED) == pytest.approx(math.log(720_000))
    assert Policy(thresholds_nats={FEED: 9.0}).threshold_nats(FEED) == 9.0
    assert Policy(false_alerts_per_hour=2.0).threshold_nats(FEED) < Policy().threshold_nats(FEED)


def test_nobody_is_suspicious_before_anything_was_seen() -> None:
    policy = Policy(prior=0.49)
    assert policy.risk(0.0) < SUSPICIOUS_RISK
    assert standing(1, [CAMERA, MESH, MESH, MESH], policy).state == "genuine"


def test_risk_is_the_prior_without_evidence_and_grows_with_it() -> None:
    policy = Policy(prior=0.01)
    assert policy.risk(0.0) == pytest.approx(0.01)
    assert policy.risk(0.0) < policy.risk(3.0) < policy.risk(1e9) <= 1.0


@pytest.mark.parametrize(
    "bad",
    [
        {"false_alerts_per_hour": 0.0},
        {"prior": 1.0},
        {"prior": 0.5},
        {"half_life_s": math.nan},
        {"most_nats": -1.0},
        {"weights": {"mesh": -1.0}},
        {"ceilings_nats": {"mesh": math.inf}},
        {"thresholds_nats": {"feed_injected": 0.0}},
        {"thresholds_nats": {"no such thing": 9.0}},
    ],
)
def test_settings_out_of_range_are_refused_by_name(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        Policy(**bad)  # type: ignore[arg-type]
