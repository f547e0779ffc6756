"""The figures of how sharp the parts of a face are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from liveguard.detectors.zone_figures import (
    COUNT,
    figures_of,
    zone_figures,
)
from liveguard.face.crops import crop, crop_and_points
from liveguard.face.geometry import OVAL
from liveguard.face.observer import View
from liveguard.face.texture import canonical_face
from liveguard.types import ByteArray, FloatArray

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
