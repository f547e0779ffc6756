"""Calibration: what readings are worth after it, how it is read, and where it is used."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveguard.calibration import (
    OWN_NATS,
    Calibration,
    CheckCalibration,
    Condition,
    Tail,
    parse,
    read,
    shipped,
    uncalibrated,
)
from liveguard.config import parse_config
from liveguard.engine import Engine
from liveguard.errors import ConfigError
from liveguard.fusion import Evidence, Fusion
from liveguard.journal import JournalWriter, read_journal
from liveguard.policy import Policy
from liveguard.replaying import replay
from liveguard.types import Detector, Event, Hypothesis, Need, Reading
from tests.synthetic import VIDEO, Says, pictures

FEED: Hypothesis = "feed_injected"
NEED = Need(step_us=500_000, video_us=2_000_000, evidence_us=1_000_000)
FACE_PX = Condition(power=2.0, centre=100.0, low=50.0, high=200.0)
FULL = Calibration(
    {
        "mesh": CheckCalibration(0.5, -0.25, 3.0, {"face_px": FACE_PX}, 4_000_000, 2.5),
        "camera": CheckCalibration(offset=0.1),
    },
    {"face_manipulated": Tail(2.0, 1.5, 40.0), "feed_injected": Tail(0.5, 0.25)},
)


def reading(llr: float | None, check: str = "mesh", k: int = 0, **measures: float) -> Reading:
    return Reading(check, 1, 500_000 * k, 500_000 * (k + 1), llr, 1.0, "seen", measures)


# --- one reading ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [-2.0, 0.0, 3.0])
def test_of_other_kinds_of_attack_a_check_says_nothing(own: float) -> None:
    one, quarter = CheckCalibration(), CheckCalibration(share=0.25)
    assert one.llr(own, {}) == own
    assert quarter.llr(own, {}) == pytest.approx(math.log(0.75 + 0.25 * math.exp(own)))
    assert quarter.llr(-100.0, {}) == pytest.approx(math.log(0.75))  # the most that passing can clear
    with pytest.raises(ConfigError, match="share must be above 0"):
        parse({"checks": {"mesh": {"share": 0.0}}})
    assert parse({"checks": {"mesh": {"share": 0.25}}}).checks["mesh"] == quarter


@pytest.mark.parametrize(
    ("face_px", "factor"),
    [
        (100.0, 1.0),
        (150.0, 2.25),
        (200.0, 4.0),
        (900.0, 4.0),
        (50.0, 0.25),
        (0.0, 0.25),
        (-5.0, 0.25),
        (math.nan, 1.0),
        (math.inf, 1.0),
    ],
)
def test_trust_follows_a_power_and_is_flat_beyond_what_was_seen(face_px: float, factor: float) -> None:
    assert FACE_PX.trust(face_px) == pytest.approx(factor)


def test_a_line_that_conditions_make_steeper_or_less_steep() -> None:
    check = CheckCalibration(0.5, -0.25, conditions={"face_px": FACE_PX, "snr_db": Condition(-1.0, 10.0, 1.0, 100.0)})
    assert check.llr(3.0, {"face_px": 200.0, "snr_db": 20.0}) == pytest.approx(0.5 * 3 * 4 / 2 - 0.25)
    assert check.llr(3.0, {"face_px": 200.0}) == pytest.approx(0.5 * 3 * 4 - 0.25)
    assert check.llr(3.0, {}) == pytest.approx(1.25), "what was not measured changes nothing"
    assert check.llr(3.0, {"light_luma": 1e9}) == pytest.approx(1.25), "nor does what is no condition of this check"


@given(st.floats(1, 1000))
def test_a_condition_says_nothing_by_itself(face_px: float) -> None:
    """Else a large face would be evidence."""
    check = CheckCalibration(0.5, -0.25, conditions={"face_px": FACE_PX})
    assert check.llr(0.0, {"face_px": face_px}) == -0.25


@pytest.mark.parametrize(("own", "llr"), [(1e9, 3.0), (-1e9, -3.0), (7.0, 3.0), (6.0, 2.75)])
def test_no_reading_says_more_than_the_most(own: float, llr: float) -> None:
    assert CheckCalibration(0.5, -0.25, 3.0).llr(own, {}) == llr


def test_apply_keeps_what_the_check_said_and_uncalibrated_gives_it_back() -> None:
    before = reading(3.0, face_px=200.0, jitter_px=0.3)
    after = FULL.apply(before)
    assert after.llr == 3.0, "0.5 * 3 * 4 - 0.25, but no more than 3"
    assert after.measures == {"face_px": 200.0, "jitter_px": 0.3, OWN_NATS: 3.0}
    assert (after.why, after.coverage, after.end_us) == (before.why, before.coverage, before.end_us)
    assert uncalibrated(after) == before
    assert uncalibrated(before) == before
    assert before.measures == {"face_px": 200.0, "jitter_px": 0.3}, "what came in is not written into"


def test_what_could_not_judge_and_what_has_no_calibration_stays_as_it_is() -> None:
    for same in (reading(None), reading(3.0, "swap")):
        assert FULL.apply(same) is same
    assert Calibration().apply(reading(3.0)) == reading(3.0)


@settings(deadline=None)
@given(st.floats(-100, 100), st.floats(-100, 100), st.floats(1, 1000))
def test_more_evidence_is_never_worth_less(one: float, other: float, face_px: float) -> None:
    low, high = (FULL.apply(reading(own, face_px=face_px)).llr for own in sorted((one, other)))
    assert low is not None
    assert high is not None
    assert low <= high


# --- reading it ----------------------------------------------------------------------------------------------------


def test_a_calibration_comes_back_as_it_was() -> None:
    assert parse(FULL.to_dict()) == FULL
    assert parse(json.loads(json.dumps(FULL.to_dict()))) == FULL
    assert parse({}) == parse(Calibration().to_dict()) == Calibration()


def test_a_file_is_read_in_full(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(
        """
        [checks.mesh]
        slope = 0.5
        offset = -0.25
        most_nats = 3
        evidence_us = 4_000_000
        ceiling_nats = 2.5
        [checks.mesh.conditions]
        face_px = {power = 2, centre = 100, low = 50, high = 200}
        [checks.camera]
        offset = 0.1
        [tails.face_manipulated]
        per_hour = 2.0
        scale_nats = 1.5
        hours = 40
        [tails.feed_injected]
        per_hour = 0.5
        scale_nats = 0.25
        """
    )
    assert read(path) == FULL


HUGE = f"1{400 * '0'}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("checks = 3", "checks must be a table"),
        ("tails = [1]", "tails must be a table"),
        ("[policy]\nprior = 0.1", "no table 'policy': allowed are checks and tails"),
        ("[checks]\nmesh = 3", "checks.mesh: "),
        ("[checks.mesh]\nslop = 1", r"checks\.mesh: .*slop"),
        ("[checks.mesh]\nslope = 'x'", r"checks\.mesh: "),
        ("[checks.mesh]\nslope = -1", r"checks\.mesh: .*slope not below 0"),
        ("[checks.mesh]\nslope = nan", r"checks\.mesh: figures must be finite"),
        (f"[checks.mesh]\nslope = {HUGE}", r"checks\.mesh: "),
        ("[checks.mesh]\noffset = inf", r"checks\.mesh: figures must be finite"),
        ("[checks.mesh]\nmost_nats = 0", r"checks\.mesh: .*most_nats above 0"),
        ("[checks.mesh]\nceiling_nats = -1", r"checks\.mesh: ceiling_nats must not be below 0"),
        ("[checks.mesh]\nevidence_us = 0", r"checks\.mesh: .*evidence_us above 0"),
        ("[checks.mesh]\nconditions = 3", r"checks\.mesh: "),
        ("[checks.mesh.conditions]\nface_px = 3", r"checks\.mesh: "),
        ("[checks.mesh.conditions.face_px]\npower = 1", r"checks\.mesh: .*centre"),
        ("[checks.mesh.conditions.face_px]\npower = 1\ncentre = 9\nlow = 10\nhigh = 20", "low <= centre <= high"),
        ("[checks.mesh.conditions.face_px]\npower = 1\ncentre = 0\nlow = 0\nhigh = 20", "0 < low"),
        ("[checks.mesh.conditions.face_px]\npower = nan\ncentre = 9\nlow = 9\nhigh = 20", "power within 4"),
        ("[tails.face_manipulated]\nper_hour = 1", r"tails\.face_manipulated: .*scale_nats"),
        ("[tails.face_manipulated]\nper_hour = 0\nscale_nats = 1", r"tails\.face_manipulated: .*above 0"),
        ("[tails.face_manipulated]\nper_hour = inf\nscale_nats = 1", r"tails\.face_manipulated: .*finite"),
        (f"[tails.face_manipulated]\nper_hour = {HUGE}\nscale_nats = 1", r"tails\.face_manipulated: "),
        ("[tails.faces]\nper_hour = 1\nscale_nats = 1", r"tails\.faces: there are face_manipulated, voice_synthetic"),
        ("= 1", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read(path)


ANY_KEY = st.sampled_from(("checks", "tails", "mesh", "conditions", "slope", "per_hour", "scale_nats", *FULL.tails))
ANY = st.recursive(
    st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=3) | st.none(),
    lambda of: st.lists(of, max_size=2) | st.dictionaries(ANY_KEY | st.text(max_size=3), of, max_size=3),
    max_leaves=8,
)
TABLES = st.fixed_dictionaries(
    {}, optional={"checks": st.dictionaries(ANY_KEY, ANY) | ANY, "tails": st.dictionaries(ANY_KEY, ANY) | ANY}
)


@settings(deadline=None, max_examples=200)
@given(TABLES)
def test_any_table_is_a_calibration_or_a_config_error(table: Mapping[str, Any]) -> None:
    try:
        found = parse(table)
    except ConfigError:
        return
    for check in found.checks:
        assert math.isfinite(found.apply(reading(1.0, check, face_px=100.0)).llr or 0.0)
    for tail in found.tails.values():
        assert math.isfinite(tail.threshold_nats(0.005))


def test_the_one_that_comes_with_the_package_is_whole() -> None:
    assert parse(shipped().to_dict()) == shipped() == Policy().calibration


# --- where it is used ----------------------------------------------------------------------------------------------


def test_the_threshold_is_the_higher_of_the_bound_and_what_genuine_calls_reached() -> None:
    bound = math.log(720_000)  # 0.02 an hour over four hypotheses is one in 720,000 s each
    # Evidence reaches h nats 2 exp(-h / 1.5) times an hour: 0.005 times at 1.5 ln 400 = 8.99, which is below the bound.
    assert FULL.tails["face_manipulated"].threshold_nats(0.005) == pytest.approx(1.5 * math.log(400))
    policy = Policy(calibration=FULL)
    assert policy.threshold_nats("face_manipulated") == policy.threshold_nats("voice_synthetic") == pytest.approx(bound)
    worse = Policy(calibration=Calibration(tails={"face_manipulated": Tail(2.0, 4.0)}))
    assert worse.threshold_nats("face_manipulated") == pytest.approx(4 * math.log(400))
    assert worse.threshold_nats("voice_synthetic") == pytest.approx(bound)
    own = Policy(calibration=worse.calibration, thresholds_nats={"face_manipulated": 9.0})
    assert own.threshold_nats("face_manipulated") == 9.0, "what the user says counts"
    assert Tail(0.001, 4.0).threshold_nats(0.005) == 0.0, "a height that is reached less often is never below 0"


def test_fusion_counts_a_reading_for_the_stretch_that_was_measured() -> None:
    plain, measured = Fusion(Policy(calibration=Calibration())), Fusion(Policy(calibration=FULL))
    assert plain.worth(reading(2.0), NEED) == pytest.approx(1.0)  # half a second of one is new
    assert measured.worth(reading(2.0), NEED) == pytest.approx(0.25)  # of four
    assert measured.worth(reading(2.0, "camera"), NEED) == pytest.approx(1.0)  # nothing was measured


def test_evidence_of_a_check_ends_at_its_measured_ceiling() -> None:
    fusion, evidence = Fusion(Policy(calibration=FULL)), Evidence(0)
    for k in range(200):
        evidence = fusion.add(reading(4.0, k=k), "face_manipulated", NEED)
    assert evidence.nats == pytest.approx(2.5)
    policy = Policy(calibration=FULL, ceilings_nats={"mesh": 1.5})
    assert policy.ceiling_nats("mesh", "face_manipulated") == 1.5, "what the user says counts"
    generous = Calibration({"mesh": CheckCalibration(ceiling_nats=1e6)})
    policy = Policy(calibration=generous)
    assert policy.ceiling_nats("mesh", FEED) == pytest.approx(2 * policy.threshold_nats(FEED))


def test_the_core_says_and_adds_up_what_is_calibrated() -> None:
    mute = Calibration({"spy": CheckCalibration(slope=0.0, offset=-1.0)})
    for calibration, llr, state in ((Calibration(), 6.0, "alert"), (mute, -1.0, "genuine")):
        policy = Policy(calibration=calibration, thresholds_nats={"face_manipulated": 5.0}, ceilings_nats={"spy": 9.0})
        engine = Engine(VIDEO, [Says(need=NEED, llr=6.0)], policy)
        events = [event for sample in pictures(6.0) for event in engine.push(sample)]
        assert {event.llr for event in events if isinstance(event, Reading)} == {llr}
        assert [status.state for status in engine.statuses()] == [state]


def journal(path: Path, detectors: list[Detector], policy: Policy) -> list[Event]:
    """What was said in a session of 4 s, which is written down."""
    engine = Engine(VIDEO, detectors, policy, "id-1")
    writer = JournalWriter(path, VIDEO, policy, "id-1", [detector.name for detector in detectors])
    said: list[Event] = []
    for sample in pictures(4.0):
        writer.sample(sample)
        for event in engine.push(sample):
            writer.event(event)
            said.append(event)
    for event in engine.finish():
        writer.event(event)
        said.append(event)
    writer.close()
    return said


def test_a_policy_with_a_calibration_survives_a_journal(tmp_path: Path) -> None:
    path, policy = tmp_path / "call.lgj", Policy(calibration=FULL, weights={"mesh": 0.5})
    said = journal(path, [Says("mesh", NEED, 3.0)], policy)
    assert {event.llr for event in said if isinstance(event, Reading)} == {1.25}
    assert read_journal(path)[0].policy == policy
    assert replay(path, [Says("mesh", NEED, 3.0)]).differences == ()


@pytest.mark.parametrize("need", [Need(500_000, 1_000_000, cost="heavy"), Need(500_000, 1_000_000, crops=("face",))])
def test_what_is_taken_from_a_journal_is_not_calibrated_twice(tmp_path: Path, need: Need) -> None:
    path = tmp_path / "call.lgj"
    journal(path, [Says("mesh", need, 3.0)], Policy(calibration=FULL))
    assert replay(path, [Says("mesh", need, 3.0)]).differences == ()


def test_the_settings_name_a_file(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text("[checks.camera]\noffset = 0.1\n")
    checks = parse_config({"policy": {"calibration": str(path)}}).policy.calibration.checks
    assert checks == {**shipped().checks, "camera": CheckCalibration(offset=0.1)}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "policy.calibration must be a path in quotes"),
        ({"checks": {}}, "policy.calibration must be a path in quotes"),
        ("none.toml", "cannot read .*none.toml: No such file"),
        ("guard.toml", "no table 'policy'"),
    ],
)
def test_other_settings_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: object, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("guard.toml").write_text("[policy]\nprior = 0.1\n")
    with pytest.raises(ConfigError, match=message):
        parse_config({"policy": {"calibration": value}})
