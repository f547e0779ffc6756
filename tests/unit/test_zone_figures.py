"""The figures of how sharp the parts of a face are, and the two checks that live by them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from liveguard.detectors.animation import LEAST_PICTURES, Animation, course
from liveguard.detectors.swap import Swap
from liveguard.detectors.zone_figures import (
    COUNT,
    OF_ZONES,
    ZONE_FIGURES,
    figures_of,
    fresh_rows,
    zone_figures,
)
from liveguard.errors import ConfigError
from liveguard.face.crops import crop, crop_and_points
from liveguard.face.geometry import OVAL
from liveguard.face.observer import View
from liveguard.face.texture import canonical_face
from liveguard.types import ByteArray, FloatArray, Observation
from tests.synthetic import pictures
from tests.tiny_models import mean_model
from tests.unit.test_model_checks import readings

MIDDLE_OVER_AROUND = 2 * 4  # contrasts come first, four octaves of luma each; that of the skin is the third
BLACK = np.zeros((360, 640, 3), np.uint8)


def mesh(size: float = 110.0) -> FloatArray:
    return np.asarray(canonical_face().mean * size + np.array([320, 180, 0]), np.float32)


def rough(seed: int = 0) -> ByteArray:
    """Skin with grain of all sizes."""
    rng = np.random.default_rng(seed)
    grain = sum(
        cv2.resize(rng.normal(0, 14, (360 // k, 640 // k, 3)).astype(np.float32), (640, 360)) for k in (1, 2, 4, 8)
    )
    return np.asarray(np.clip(150 + grain, 1, 255), np.uint8)


def painted(image: ByteArray, points: FloatArray, sigma: float) -> ByteArray:
    """The same, softer within the outline of the face."""
    inside = cv2.fillPoly(
        np.zeros(image.shape[:2], np.uint8), [np.round(points[list(OVAL), :2]).astype(np.int32)], (1,)
    )
    return np.where(inside[..., None] > 0, cv2.GaussianBlur(image, (0, 0), sigma), image)


def test_a_face_that_is_softer_than_what_is_around_it_is_told() -> None:
    image, points = rough(), mesh()
    sharp, soft = (zone_figures(View(x, points)) for x in (image, painted(image, points, 1.5)))
    assert sharp.shape == (COUNT,)
    assert abs(sharp[MIDDLE_OVER_AROUND]) < 0.15
    assert soft[MIDDLE_OVER_AROUND] < -0.8
    assert np.isfinite(sharp).mean() > 0.95


@pytest.mark.parametrize("gain", [0.5, 0.75])
def test_the_light_of_the_room_hardly_counts(gain: float) -> None:
    image, points = cv2.GaussianBlur(rough(), (0, 0), 0.7), mesh()
    dim = np.asarray(np.maximum(image * gain, 1), np.uint8)
    one, other = (zone_figures(View(np.asarray(x, np.uint8), points)) for x in (image, dim))
    assert np.nanmedian(np.abs(one - other)) < 0.05


def test_the_place_and_the_turn_of_the_face_in_the_picture_hardly_count() -> None:
    image, points = cv2.GaussianBlur(rough(), (0, 0), 1.5), mesh()
    turn = cv2.getRotationMatrix2D((320, 180), 20, 1.0)
    turned = np.asarray(cv2.warpAffine(image, turn, (640, 360), borderValue=(150, 150, 150)), np.uint8)
    moved = points.copy()
    moved[:, :2] = points[:, :2] @ turn[:, :2].T.astype(np.float32) + turn[:, 2].astype(np.float32)
    one, other = zone_figures(View(np.asarray(image, np.uint8), points)), zone_figures(View(turned, moved))
    assert np.nanmedian(np.abs(one - other)) < 0.1


def test_what_is_not_in_view_is_unknown_and_nothing_fails() -> None:
    half = mesh() + np.array([300, 0, 0], np.float32)  # over the right edge
    assert 0 < np.isnan(zone_figures(View(rough(), half))).sum() < COUNT
    away = zone_figures(View(rough(), mesh() + np.array([3000, 0, 0], np.float32)))
    assert np.isnan(away[:44]).all()
    assert not np.isinf(zone_figures(View(BLACK, mesh()))).any()
    assert not np.isinf(zone_figures(View(rough(), mesh(0.01)))).any()


def test_points_go_with_their_crop() -> None:
    image, points = rough(), mesh()
    cut, within = crop_and_points(image, points, "face")
    assert (cut == crop(image, points, "face")).all()
    assert within.mean(axis=0) == pytest.approx([112, 112], abs=12)
    assert np.isfinite(figures_of(cut, within)).mean() > 0.95


def test_what_stands_between_two_measurements_counts_once() -> None:
    faces = [one.faces[0] for one in pictures(1.0)]
    rows = [np.full(COUNT, k // 5, np.float32) for k in range(len(faces))]
    rows = [np.where(np.arange(COUNT) == 3, np.nan, row).astype(np.float32) for row in rows]  # unknown is like unknown
    kept = fresh_rows([replace(face, probes={ZONE_FIGURES.name: row}) for face, row in zip(faces, rows, strict=True)])
    assert kept[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert fresh_rows(faces).shape == (0, COUNT)


def test_the_course_of_the_figures_is_their_middle_and_how_much_they_change() -> None:
    rows = np.zeros((10, COUNT), np.float32)
    rows[:, 0] = np.arange(10)
    rows[:, 1] = np.nan
    found = course(rows)
    assert found.shape == (2 * OF_ZONES,)
    assert found[0] == 4.5
    assert found[OF_ZONES] == pytest.approx(np.log(np.std(np.arange(10)) + 1e-3))
    assert np.isnan(found[[1, OF_ZONES + 1]]).all()
    assert found[OF_ZONES + 2] == pytest.approx(np.log(1e-3))


def with_figures(seen: list[Observation], value: float, step: int = 5) -> list[Observation]:
    """Figures that are measured in every so many pictures and never the same twice."""
    return [
        replace(one, faces=tuple(
            replace(f, probes={ZONE_FIGURES.name: np.full(COUNT, value + 1e-4 * (k // step), np.float32)}) for f in one.faces
        ))
        for k, one in enumerate(seen)
    ]  # fmt: skip


def test_a_model_of_figures_is_asked_for_a_swap(tmp_path: Path) -> None:
    check = Swap(mean_model(tmp_path / "model", [None, COUNT]))
    assert (check.need.crops, check.need.probes, check.need.still) == ((), (ZONE_FIGURES,), True)
    assert {round(r.llr or 0, 1) for r in readings(check, with_figures(pictures(2.0), 0.8))} == {3.0}
    assert {(r.llr, r.why) for r in readings(check, pictures(2.0))} == {(None, "no face in view")}


def test_a_model_of_other_figures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"takes 40 figures, not {COUNT}"):
        Swap(mean_model(tmp_path / "model", [None, 40]))


def test_animation_wants_some_seconds_of_pictures_that_differ(tmp_path: Path) -> None:
    check = Animation(mean_model(tmp_path / "model", [1, 2 * OF_ZONES]))
    feed = with_figures(pictures(7.0), 8.0)
    said = readings(check, feed)
    heard = fresh_rows([one.faces[0] for one in feed if said[-1].start_us <= one.frame.t_us < said[-1].end_us])
    assert said[-1].llr == pytest.approx(10 * float(course(heard).mean()) - 5, abs=1e-3)
    assert 0 < (said[-1].llr or 0) < 4
    assert said[0].llr is None
    frozen = readings(check, with_figures(pictures(6.0), 8.0, step=1000))
    assert {r.llr for r in frozen} == {None}
    assert f"1 of {LEAST_PICTURES}" in frozen[-1].why


@pytest.mark.parametrize("kind", [Swap, Animation])
def test_the_models_that_ship_take_what_the_checks_give(kind: type[Swap] | type[Animation]) -> None:
    check = kind()
    assert check.has_model
    assert check.need.probes == (ZONE_FIGURES,)
    rng = np.random.default_rng(1)
    seen = [
        replace(one, faces=tuple(
            replace(f, probes={ZONE_FIGURES.name: zone_figures(View(rough(int(rng.integers(9))), mesh()))}) for f in one.faces
        )) if k % 5 == 0 else replace(one, faces=())
        for k, one in enumerate(pictures(6.0, fps=25.0))
    ]  # fmt: skip
    said = [r.llr for r in readings(check, seen) if r.llr is not None]
    assert said
    assert all(abs(llr) <= 3.0 for llr in said)
    assert said == [r.llr for r in readings(kind(), seen) if r.llr is not None]
