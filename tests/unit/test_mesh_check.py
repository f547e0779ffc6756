"""The mesh check on made-up meshes: which way each figure goes, and when it keeps silent."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import liveguard.detectors.mesh
from liveguard.detectors.mesh import STILL_NATS, Mesh
from liveguard.face.geometry import OVAL
from liveguard.types import Detector, FaceSample, Reading
from tests.moving_faces import Person, faces, window

ALIVE = Person()
MESH = Mesh()


def read(samples: list[FaceSample], shift_us: int = 0) -> Reading:
    return MESH.evaluate(window(samples, MESH.need, shift_us=shift_us))


def test_it_is_a_detector() -> None:
    detector: Detector = MESH
    assert (detector.name, detector.hypothesis) == ("mesh", "face_manipulated")


def test_white_tremble_raises_jitter_and_its_fast_share() -> None:
    slow = replace(ALIVE, tremble=0.5, shape_hz=3.0)
    calm, trembling = read(faces(slow, 3)), read(faces(replace(slow, tremble=6), 3))
    assert calm.llr is not None
    assert trembling.llr is not None
    assert trembling.measures["jitter_permille"] > 2 * calm.measures["jitter_permille"]
    assert trembling.measures["fast_share_db"] > calm.measures["fast_share_db"] + 3


def test_a_frozen_shape_that_moves_speaks_for_an_attack() -> None:
    alive = read(faces(ALIVE, 3))
    rigid = read(faces(replace(ALIVE, breathing=0, tremble=0.3), 3))
    assert rigid.measures["shape_drift_permille"] < 0.5 * alive.measures["shape_drift_permille"]
    assert alive.llr is not None
    assert rigid.llr is not None
    assert rigid.llr > alive.llr + 0.3
    assert "rigid" in rigid.why or "calm" in rigid.why


def test_jitter_is_free_of_size_and_of_rigid_movement() -> None:
    small, large = (read(faces(replace(ALIVE, eyes_px=px), 3)).measures for px in (70, 280))
    assert small["jitter_permille"] == pytest.approx(large["jitter_permille"], rel=0.02)
    moving = read(faces(replace(ALIVE, turn_deg=15, shift=100), 3)).measures
    assert moving["jitter_permille"] == pytest.approx(small["jitter_permille"], rel=0.25)


def test_jitter_hardly_depends_on_the_frame_rate() -> None:
    slow, fast = (read(faces(ALIVE, 3, fps)).measures["jitter_inner_db"] for fps in (25, 30))
    assert slow == pytest.approx(fast, abs=2.0)


def test_at_15_fps_the_fast_band_is_missing_and_the_rest_is_judged() -> None:
    reading = read(faces(ALIVE, 3, 15))
    assert "fast_share_db" not in reading.measures
    assert "jitter_inner_db" in reading.measures
    assert reading.llr is not None


def test_a_photo_with_tremble_is_evidence_and_a_frozen_picture_is_no_judgement() -> None:
    photo = Person(turn_deg=0, shift=0, speech=0, gaze=0, breathing=0, blinks_per_min=0, tremble=2)
    reading = read(faces(photo, 3))
    assert reading.llr is not None
    assert reading.llr >= STILL_NATS
    assert "still" in reading.why
    frozen = read(faces(replace(photo, tremble=0), 3))
    assert frozen.llr is None
    assert "frozen" in frozen.why


def test_dropouts_are_counted() -> None:
    samples = faces(ALIVE, 3)
    holed = [sample for k, sample in enumerate(samples) if k % 25 not in (10, 11, 12)]
    assert read(samples).measures["dropouts_per_min"] == 0
    assert read(holed).measures["dropouts_per_min"] == pytest.approx(60, rel=0.1)


def test_inner_face_and_outline_that_turn_apart_are_seen() -> None:
    samples = faces(ALIVE, 3)
    apart = []
    for sample in samples:
        mesh = sample.landmarks.copy()
        mesh[list(OVAL), 0] += 0.2 * ALIVE.eyes_px * np.sin(sample.t_us / 1e6 * 9) * mesh[list(OVAL), 2] / 100
        apart.append(replace(sample, landmarks=mesh))
    assert read(apart).measures["inner_outer_deg"] > 1.5 * read(samples).measures["inner_outer_deg"]


def test_samples_that_are_not_finite_are_left_out() -> None:
    samples = faces(ALIVE, 3)
    broken = [
        replace(sample, landmarks=np.full((478, 3), np.nan, np.float32)) if k == 30 else sample
        for k, sample in enumerate(samples)
    ]
    whole, holed = read(samples), read(broken)
    assert whole.llr is not None
    assert holed.llr == pytest.approx(whole.llr, abs=0.5)


def test_the_reading_does_not_depend_on_when() -> None:
    early, late = read(faces(ALIVE, 3)), read(faces(ALIVE, 3), shift_us=7_200_000_000)
    assert (early.llr, early.why, early.measures) == (late.llr, late.why, late.measures)


@pytest.mark.parametrize(
    "name", ["mesh", "texture", "blink", "pulse", "quality", "series", "calibration", "face_probes"]
)
def test_the_checks_import_no_clock_no_thread_and_no_chance(name: str) -> None:
    source = Path(liveguard.detectors.mesh.__file__).with_name(f"{name}.py").read_text()
    imported = {
        alias.split(".")[0]
        for node in ast.walk(ast.parse(source))
        for alias in (
            [a.name for a in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert not imported & {"time", "asyncio", "threading", "random", "mediapipe"}
