"""The cells of faces: a place that keeps still, and that a face has again when it is where it was."""

from __future__ import annotations

import numpy as np
import pytest

from liveguard.face.cells import FaceCells
from liveguard.types import Box


def picture(width: int = 1920, height: int = 1080) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.kron(rng.integers(0, 256, (height // 20, width // 20, 3)), np.ones((20, 20, 1))).astype(np.uint8)


def of_one(cells: FaceCells, image: np.ndarray, box: Box) -> np.ndarray:
    [found] = cells.measure(image, {1: box}).values()
    return found


def test_an_unsteady_mesh_on_a_still_picture_changes_nothing() -> None:
    cells, image, rng = FaceCells(), picture(), np.random.default_rng(0)
    for side in np.linspace(70, 90, 40):  # whatever the size, none lies so that the place trembles
        cells = FaceCells()
        boxes = [Box(*(np.array([600, 300, side * 0.8, side]) + rng.normal(0, 0.8, 4))) for _ in range(20)]
        found = [of_one(cells, image, box) for box in boxes]
        assert all((one == found[0]).all() for one in found[1:])


def test_a_mouth_of_a_small_face_shows_in_its_cells_by_far() -> None:
    image = np.full((1080, 1920, 3), 180, np.uint8)
    cells, box = FaceCells(), Box(1500, 60, 64, 80)
    closed = of_one(cells, image, box)
    image[118:128, 1522:1542] = 60
    opened = of_one(cells, image, box)
    assert np.abs(opened - closed).max() > 50


def test_a_face_that_comes_back_is_measured_where_it_was() -> None:
    cells, image = FaceCells(), picture()
    path = [Box(600 + x, 300, 160, 200) for x in (0, 60, 120, 300, 120, 60, 0)]
    found = [of_one(cells, image, box) for box in path]
    assert (found[0] == found[-1]).all()
    assert (found[0] != found[3]).any()


@pytest.mark.parametrize("box", [Box(-190, 300, 200, 200), Box(5, 5, 3, 4), Box(5000, 5000, 200, 200)])
def test_what_is_hardly_in_the_picture_has_no_cells(box: Box) -> None:
    assert FaceCells().measure(picture(), {1: box}) == {}


def test_a_face_at_the_edge_is_measured_as_far_as_it_is_seen() -> None:
    assert of_one(FaceCells(), picture(), Box(-60, -40, 200, 200)).shape == (8, 8)
