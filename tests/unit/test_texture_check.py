"""The texture check on made-up figures, and its probes on painted pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest

from liveguard.detectors.face_probes import (
    ZONES,
    cell_share,
    detail,
    face_cells,
    inner_cells,
    ring_cells,
    surround,
)
from liveguard.detectors.texture import Texture
from liveguard.face.texture import canonical_face, unwrap
from liveguard.types import ByteArray, FaceSample, FloatArray, Reading
from tests.moving_faces import Person, faces, window

ALIVE = Person()
TEXTURE = Texture()


def read(samples: list[FaceSample], shift_us: int = 0) -> Reading:
    return TEXTURE.evaluate(window(samples, TEXTURE.need, shift_us=shift_us))


@dataclass(frozen=True)
class View:
    image: ByteArray
    landmarks: FloatArray

    @property
    def texture(self) -> ByteArray:
        return unwrap(self.image, self.landmarks)


def painted(eyes_px: float, blur_inner: float = 0.0, centre: tuple[float, float] = (320, 240)) -> View:
    """A picture of noise that is as fine as the pixels of a face 180 px wide, and the mesh on it."""
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 25, (480, 640, 1)).repeat(3, axis=2)
    image = np.clip(120 + noise, 0, 255).astype(np.uint8)
    mesh = (canonical_face().mean * eyes_px + np.array([*centre, 0])).astype(np.float32)
    if blur_inner:
        x, y, half = int(centre[0]), int(centre[1]), int(0.55 * eyes_px)
        patch = image[y - half : y + half, x - half : x + half]
        patch[:] = cv2.GaussianBlur(patch, (0, 0), blur_inner)
    return View(image, mesh)


def test_the_inner_cells_and_the_ring_are_apart_and_on_the_face() -> None:
    assert not (inner_cells() & ring_cells()).any()
    assert inner_cells().sum() > 30
    assert ring_cells().sum() > 15
    assert (cell_share()[inner_cells() | ring_cells()] > 0.8).all()


def test_a_blurred_inner_face_loses_its_detail_and_the_rest_keeps_it() -> None:
    sharp, blurred = detail(painted(130)), detail(painted(130, blur_inner=2.0))
    inner, outside = ZONES.index("inner"), ZONES.index("outside")
    assert blurred[inner] < 0.5 * sharp[inner]
    assert blurred[outside] == pytest.approx(sharp[outside], rel=0.05)


def test_probes_have_their_shapes_also_at_the_edge_of_the_picture() -> None:
    for centre in ((320, 240), (5, 5), (639, 240)):
        view = painted(130, centre=centre)
        assert face_cells(view).shape == (12, 12, 3)
        assert detail(view).shape == (15,)
        around = surround(view)
        assert around.shape == (8, 8)
        assert np.isnan(around).any() == (centre != (320, 240))


def test_probes_of_a_tiny_or_absent_face_do_not_fail() -> None:
    for mesh in (painted(2).landmarks, painted(130, centre=(-900, -900)).landmarks):
        view = View(painted(130).image, mesh)
        assert np.isfinite(face_cells(view)).all()
        assert detail(view).shape == (15,)


def test_a_face_without_fine_detail_speaks_for_an_attack() -> None:
    sharp, blurry = read(faces(ALIVE, 3)), read(faces(ALIVE, 3, blur=0.3))
    assert blurry.measures["detail_inner_db"] < sharp.measures["detail_inner_db"] - 6
    assert sharp.llr is not None
    assert blurry.llr is not None
    assert blurry.llr > sharp.llr + 0.2
    assert "detail" in blurry.why or "blurrier" in blurry.why


def test_flicker_of_the_inner_face_shows_against_ring_and_background() -> None:
    calm, boiling = read(faces(ALIVE, 3)).measures, read(faces(ALIVE, 3, flicker=3.0)).measures
    for name in ("flicker_inner_db", "flicker_over_ring_db", "flicker_over_back_db", "boil_over_ring_db"):
        assert boiling[name] > calm[name] + 3, name


def test_gain_of_the_camera_is_no_flicker() -> None:
    def brighter(sample: FaceSample, gain: float) -> FaceSample:
        return replace(sample, probes={**sample.probes, "face_cells": sample.probes["face_cells"] * np.float32(gain)})

    samples = faces(ALIVE, 3)
    pumping = [brighter(sample, 1 + 0.1 * np.sin(k)) for k, sample in enumerate(samples)]
    assert read(pumping).measures["flicker_inner_db"] == pytest.approx(
        read(samples).measures["flicker_inner_db"], abs=1
    )


def test_a_sudden_step_is_measured() -> None:
    samples = faces(ALIVE, 3)
    stepped = []
    for k, sample in enumerate(samples):
        cells = sample.probes["face_cells"].copy()
        if k >= 40:
            cells[3:6, 3:9] += 30
        stepped.append(replace(sample, probes={**sample.probes, "face_cells": cells}))
    assert read(stepped).measures["step_db"] > read(samples).measures["step_db"] + 6


def test_a_background_outside_the_picture_is_no_measure() -> None:
    samples = [
        replace(sample, probes={**sample.probes, "surround": np.full((8, 8), np.nan, np.float32)})
        for sample in faces(ALIVE, 3)
    ]
    reading = read(samples)
    assert reading.llr is not None
    assert "flicker_over_back_db" not in reading.measures


def test_small_dark_and_slow_are_said() -> None:
    assert "px" in read(faces(replace(ALIVE, eyes_px=20), 3)).why
    assert "dark" in read(faces(replace(ALIVE, light=12), 3)).why
    assert "fps" in read(faces(ALIVE, 3, fps=5)).why


def test_the_reading_does_not_depend_on_when() -> None:
    early, late = read(faces(ALIVE, 3)), read(faces(ALIVE, 3), shift_us=7_200_000_000)
    assert (early.llr, early.why, early.measures) == (late.llr, late.why, late.measures)
