"""The blink check on made-up lids, brows and eyes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from liveguard.detectors.blink import Blink, eye_aspect, find_blinks
from liveguard.types import FaceSample, Reading
from tests.moving_faces import Person, faces, landmarks, window

ALIVE = Person()
BLINK = Blink()


def read(samples: list[FaceSample], shift_us: int = 0) -> Reading:
    return BLINK.evaluate(window(samples, BLINK.need, shift_us=shift_us))


@pytest.mark.parametrize("per_min", [6.0, 18.0, 40.0])
def test_blinks_are_counted(per_min: float) -> None:
    t_s = np.arange(500, dtype=np.float32) / 25
    expected = len(np.arange(1.1, 19.9, 60 / per_min))
    blinks = find_blinks(t_s, eye_aspect(landmarks(replace(ALIVE, blinks_per_min=per_min), t_s)))
    assert blinks.count == expected
    assert 0.08 < blinks.length_s < 0.4
    assert blinks.depth > 0.5


def test_no_blink_is_none_and_one_eye_is_asymmetric() -> None:
    t_s = np.arange(250, dtype=np.float32) / 25
    assert find_blinks(t_s, eye_aspect(landmarks(replace(ALIVE, blinks_per_min=0), t_s))).count == 0
    aspect = eye_aspect(landmarks(ALIVE, t_s))
    aspect[:, 1] = np.median(aspect[:, 1])
    wink = find_blinks(t_s, aspect)
    assert wink.count > 0
    assert wink.asymmetry > 0.5


def test_turning_the_head_is_no_blink() -> None:
    t_s = np.arange(250, dtype=np.float32) / 25
    turning = replace(ALIVE, blinks_per_min=0, turn_deg=30)
    assert find_blinks(t_s, eye_aspect(landmarks(turning, t_s))).count == 0


def test_a_long_closure_is_no_blink() -> None:
    t_s = np.arange(250, dtype=np.float32) / 25
    aspect = np.full((250, 2), 0.3, np.float32)
    aspect[100:150] = 0.05
    assert find_blinks(t_s, aspect).count == 0
    aspect[105:150] = 0.3
    assert find_blinks(t_s, aspect).count == 1


def test_a_dead_gaze_speaks_for_an_attack() -> None:
    alive = read(faces(ALIVE, 20))
    dead = read(faces(replace(ALIVE, gaze=0, tremble=0.3, blinks_per_min=0), 20))
    assert dead.measures["gaze_motion_db"] < alive.measures["gaze_motion_db"] - 6
    assert alive.llr is not None
    assert dead.llr is not None
    assert dead.llr > alive.llr + 0.3
    assert abs(dead.llr) <= 1.0
    assert "gaze" in dead.why or "lids" in dead.why


def test_measures_carry_rates_and_brows() -> None:
    measures = read(faces(ALIVE, 20)).measures
    assert measures["blinks_per_min"] == pytest.approx(18, abs=4)
    assert {"brow_motion_db", "lid_speed_db", "blink_s", "mouth_motion_db"} <= measures.keys()


def test_it_waits_for_enough_seconds() -> None:
    reading = read(faces(ALIVE, 4))
    assert reading.llr is None
    assert "wait" in reading.why


def test_one_fps_is_no_judgement() -> None:
    reading = read(faces(ALIVE, 20, fps=1))
    assert reading.llr is None
    assert "frame rate 1 fps" in reading.why


def test_the_reading_does_not_depend_on_when() -> None:
    early, late = read(faces(ALIVE, 20)), read(faces(ALIVE, 20), shift_us=7_200_000_000)
    assert (early.llr, early.why, early.measures) == (late.llr, late.why, late.measures)
