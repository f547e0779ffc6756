"""Pictures that are cut: the steps of a sender or a gallery are no motion, and whose picture jumps is judged all the same."""

from __future__ import annotations

import numpy as np
import pytest

from liveguard.detectors.cuts import LEAST_S, SETTLES_S, cuts, stretches
from liveguard.detectors.planar_motion import LEAST_NATS, LIFELESS_NATS, MOST_NATS, MOVED_IOD, motion
from liveguard.detectors.replay import LIMITS, LISTENERS_BLINK_HZ
from liveguard.engine import Engine
from liveguard.types import Alert, FloatArray, Observation, Reading
from tests.synthetic import VIDEO, frame
from tests.unit.test_planar_motion import CHECK, FPS, meshes, read, samples, series

ZOOMED, JERKED = "one picture zoomed", "elsewhere from here on"


def jumping(points: FloatArray, every_s: float, how: str) -> FloatArray:
    """Meshes of a picture that jumps every so often, by as little as can be."""
    points = points.copy()
    for number, k in enumerate(range(round(every_s * FPS), len(points), round(every_s * FPS))):
        if how == ZOOMED:
            middle = points[k].mean(axis=0)
            points[k] = (points[k] - middle) * 1.1 + middle
        else:
            points[k:] += np.array([65.0 * (-1) ** number, 0, 0], np.float32)
    return points


def resized(points: FloatArray, every_s: float = 3.0) -> FloatArray:
    """As of a sender that shows smaller pictures for half of the time; the mesh needs three pictures to find its place."""
    points = points.copy()
    for k in range(round(every_s * FPS), len(points), round(every_s * FPS)):
        smaller = slice(k, k + round(every_s * FPS / 2))
        points[smaller] *= 0.75
        points[smaller][:3] += np.array([[[12.0, 0, 0]], [[8.0, 0, 0]], [[4.0, 0, 0]]], np.float32)[: len(points) - k]
    return points


@pytest.mark.parametrize("how", [ZOOMED, JERKED])
def test_a_photo_that_jumps_now_and_then_is_found_as_one_that_does_not(how: str) -> None:
    engine, raised, judged = Engine(VIDEO, [CHECK]), [], 0
    for sample in samples(jumping(meshes(flat=True, seconds=40.0), 4.5, how)):
        for event in engine.push(Observation(frame(sample.t_us), (sample,))):
            if isinstance(event, Alert):
                raised.append(event.t_us / 1e6)
            judged += isinstance(event, Reading) and event.llr is not None
    assert judged > 30
    assert raised
    assert raised[0] < 30


@pytest.mark.parametrize("how", [ZOOMED, JERKED])
def test_a_head_that_jumps_now_and_then_is_none(how: str) -> None:
    assert read(jumping(meshes(flat=False, seconds=12.0), 2.0, how)).llr == LEAST_NATS


def test_nothing_but_what_the_face_did_by_itself_counts_as_motion() -> None:
    still = meshes(flat=True, seconds=12.0, reach=0.1)
    for points in (resized(still), jumping(still, 1.5, JERKED)):
        reading = read(points)
        assert reading.llr == read(still).llr == LIFELESS_NATS, "no more than for a face that keeps still by itself"
        assert reading.measures["cuts"] >= 3
        assert reading.measures["moved_iod"] < MOVED_IOD[0]


def test_seconds_are_of_what_was_looked_at() -> None:
    reading = read(jumping(meshes(flat=True, seconds=12.0), 4.5, JERKED))
    assert reading.measures["seen_s"] == pytest.approx(12 - 2 * SETTLES_S, abs=0.1)
    assert reading.llr == pytest.approx(LISTENERS_BLINK_HZ * reading.measures["seen_s"], abs=0.01)
    assert (reading.llr or 0) < MOST_NATS


def test_who_jumps_all_the_time_is_told_so() -> None:
    reading = read(jumping(meshes(flat=True, seconds=12.0), 0.6, JERKED))
    assert reading.llr is None
    assert "the picture of the face jumps, 19 times in 12 s" in reading.why


def test_stretches_lie_between_cuts_and_leave_out_what_cannot_be_judged() -> None:
    points = meshes(flat=False, seconds=10.0, noise_px=0.0)
    points[100:110] *= 0.5  # too short
    points[150:200] *= 0.25  # too small
    seen = series(points)
    assert cuts(seen.points).tolist() == [99, 109, 149, 199]
    found = stretches(seen, cuts(seen.points), LIMITS.face_px)
    settles = round(SETTLES_S * FPS + 0.5)
    assert [(len(part.t_s), float(part.t_s[0])) for part in found] == [
        (100, pytest.approx(0.0, abs=1e-4)),
        (40 - settles, pytest.approx((110 + settles) / FPS, abs=1e-3)),
        (50 - settles, pytest.approx((200 + settles) / FPS, abs=1e-3)),
    ]
    assert all(len(part.samples) == len(part.t_s) == len(part.points) for part in found)
    assert stretches(seen, np.zeros(0, np.int64), LIMITS.face_px) == [seen]
    assert LEAST_S < 1.0


def test_motion_of_stretches_of_any_place_and_size_is_that_of_the_whole() -> None:
    points = meshes(flat=False, seconds=12.0, noise_px=0.0)
    elsewhere = points.copy()
    elsewhere[150:] = 0.6 * elsewhere[150:] + np.array([300, 100, 0], np.float32)
    one = motion(series(points))
    two = motion(*stretches(series(elsewhere), cuts(series(elsewhere).points), 0.0))
    assert one is not None
    assert two is not None
    assert two.parallax_deg == pytest.approx(one.parallax_deg, rel=0.1)
    assert two.moved_iod == pytest.approx(one.moved_iod, rel=0.15)
    assert two.mouth_permille == pytest.approx(one.mouth_permille, rel=0.3, abs=0.5)
