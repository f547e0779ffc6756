"""Picture effects on faces, with the real mesh: what is changed lies where it should, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import cv2
import numpy as np
import pytest

from liveguard.face.backend import FaceBackend
from liveguard.face.backends import open_backend
from liveguard.face.geometry import LIPS, OVAL, inter_ocular_px
from liveguard.stress import faces
from liveguard.stress.beauty import beauty
from liveguard.stress.face_attacks import mouth_retimed, self_blended
from liveguard.stress.face_cover import beard, glasses, mask
from liveguard.stress.faces import EYE_LEFT, EYE_RIGHT, Area, pasted, soft_area, with_mesh
from liveguard.stress.hand import hand
from liveguard.stress.light import back_light
from liveguard.stress.person import person_mask
from liveguard.stress.variant import PictureEffect
from liveguard.stress.virtual_background import virtual_background
from liveguard.types import BoolArray, ByteArray, FloatArray, VideoFrame
from tests.replay.portrait_people import follow, portrait

pytestmark = pytest.mark.replay

FPS = 12.5
WIDTH, HEIGHT = 480, 416
MOUTH_OPEN_S = (1.0, 1.4)
ON_FACES: dict[str, Callable[[], PictureEffect]] = {
    "glasses": glasses,
    "mask": mask,
    "beard": beard,
    "hand": lambda: hand(2.0, (0.8, 0.8)),
    "beauty": beauty,
    "self_blended": lambda: self_blended(48.0, dropouts_every_s=1.5, dropouts_s=(0.3, 0.5)),
    "mouth_retimed": lambda: mouth_retimed(0.4),
}


@pytest.fixture(scope="module")
def backend() -> Iterator[FaceBackend]:
    backend = open_backend()
    yield backend
    backend.close()


def picture(t_s: float, mouth_opens: bool = False) -> ByteArray:
    """The portrait, swaying and turning a little, with a mouth that is dark for a while."""
    person = portrait("ann").copy()
    if mouth_opens and MOUTH_OPEN_S[0] <= t_s < MOUTH_OPEN_S[1]:
        cv2.ellipse(person, (134, 152), (13, 8), 0, 0, 360, (60, 20, 20), -1, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((130, 130), 3 * np.sin(1.3 * t_s), 1.6)
    turn[:, 2] += (WIDTH / 2 - 130 + 12 * np.sin(1.7 * t_s), HEIGHT / 2 - 130 + 5 * np.sin(1.1 * t_s))
    image = cv2.warpAffine(person, turn, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    image.flags.writeable = False  # effects must not write into what comes in
    return np.asarray(image, np.uint8)


@cache
def film(mouth_opens: bool = False, seconds: float = 2.4) -> tuple[VideoFrame, ...]:
    times = [n / FPS for n in range(round(seconds * FPS))]
    return tuple(VideoFrame(round(t_s * 1e6), picture(t_s, mouth_opens)) for t_s in times)


@cache
def meshes(mouth_opens: bool = False) -> tuple[FloatArray, ...]:
    found = [mesh for _, mesh in with_mesh(iter(film(mouth_opens)))]
    assert all(mesh is not None for mesh in found)
    return tuple(mesh for mesh in found if mesh is not None)


@cache
def shown(name: str, mouth_opens: bool = False) -> tuple[VideoFrame, ...]:
    return tuple(ON_FACES[name]()(iter(film(mouth_opens)), np.random.default_rng(1)))


def inside(outline: FloatArray, grown_px: float = 0.0) -> BoolArray:
    """The pixels within a polygon (n, 2), grown or (below 0) shrunk."""
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(canvas, [np.round(outline).astype(np.int32)], (255,))
    size = 2 * round(abs(grown_px)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray((cv2.dilate if grown_px >= 0 else cv2.erode)(canvas, kernel) > 0)


def part(mesh: FloatArray, points: tuple[int, ...]) -> FloatArray:
    return np.asarray(mesh[list(points), :2], np.float32)


def change(before: ByteArray, after: ByteArray) -> FloatArray:
    return np.asarray(np.abs(before.astype(np.float32) - after).max(axis=2), np.float32)


def sharpness(image: ByteArray, where: BoolArray) -> float:
    return float(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_32F)[where].var())


@pytest.mark.parametrize("name", ON_FACES)
def test_every_picture_comes_out_in_time_and_the_seed_decides(name: str) -> None:
    out, again = shown(name), list(ON_FACES[name]()(iter(film()), np.random.default_rng(1)))
    assert [f.t_us for f in out] == [f.t_us for f in film()]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(out, again, strict=True))


@pytest.mark.parametrize("name", ["glasses", "mask", "beard", "beauty", "self_blended", "mouth_retimed"])
def test_nothing_is_touched_away_from_the_face(name: str) -> None:
    touched = 0.0
    for before, after, mesh in zip(film(True), shown(name, True), meshes(True), strict=True):
        away = ~inside(part(mesh, OVAL), 0.35 * inter_ocular_px(mesh))
        assert not change(before.image, after.image)[away].any()
        touched = max(touched, float(change(before.image, after.image).max()))
    assert touched > 5


@pytest.mark.parametrize("name", ON_FACES)
def test_pictures_without_a_face_stay_as_they_are(name: str) -> None:
    wall = [VideoFrame(n * 80_000, np.full((120, 160, 3), 90, np.uint8)) for n in range(5)]
    out = list(ON_FACES[name]()(iter(wall), np.random.default_rng(1)))
    assert all(np.array_equal(f.image, wall[0].image) for f in out)


@pytest.mark.parametrize("name", ["glasses", "beard", "beauty", "mask"])
def test_the_face_is_still_found_beneath_what_is_worn(backend: FaceBackend, name: str) -> None:
    found = [seen for _, seen in follow(backend, (f.image for f in shown(name)), FPS)]
    share = np.mean([len(seen) == 1 for seen in found])
    assert share > (0.9 if name != "mask" else 0.5)  # a mask may well hide a face from the finder for a while
    assert len({face.track for seen in found for face in seen}) == 1


def test_glasses_ring_the_eyes_and_leave_them_to_be_seen() -> None:
    for before, after, mesh in zip(film(), shown("glasses"), meshes(), strict=True):
        moved, unit = change(before.image, after.image), inter_ocular_px(mesh)
        for eye in (EYE_LEFT, EYE_RIGHT):
            assert moved[inside(part(mesh, eye), 0.02 * unit)].mean() < 25
        around = inside(part(mesh, (*EYE_LEFT, *EYE_RIGHT)), 0.25 * unit)
        assert 0.1 < (moved[around] > 60).mean() < 0.5
        assert not moved[inside(part(mesh, LIPS))].any()


def test_a_mask_covers_nose_mouth_and_chin_and_not_the_eyes() -> None:
    for before, after, mesh in zip(film(), shown("mask"), meshes(), strict=True):
        for point in (1, 13, 61, 291, 200, 205, 425):
            x, y = mesh[point, :2].round().astype(int)
            red, _, blue = after.image[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).mean(axis=0)
            assert blue > red + 15  # cloth, where skin is red
        eyes = inside(part(mesh, EYE_LEFT)) | inside(part(mesh, EYE_RIGHT))
        assert not change(before.image, after.image)[eyes].any()


def test_a_beard_darkens_the_chin_and_spares_lips_and_eyes() -> None:
    for before, after, mesh in zip(film(), shown("beard"), meshes(), strict=True):
        chin = inside(part(mesh, (194, 201, 200, 421, 418, 262, 369, 396, 175, 171, 140, 32)), -3)
        assert after.image[chin].mean() < 0.7 * before.image[chin].mean()
        moved = change(before.image, after.image)
        assert not moved[inside(part(mesh, EYE_LEFT))].any()
        assert moved[inside(part(mesh, LIPS), -0.04 * inter_ocular_px(mesh))].mean() < 30


def test_a_hand_comes_moves_before_the_face_and_goes() -> None:
    cover = [
        float((change(before.image, after.image)[inside(part(mesh, OVAL))] > 4).mean())
        for before, after, mesh in zip(film(), shown("hand"), meshes(), strict=True)
    ]
    assert max(cover) > 0.15
    assert 0.2 < np.mean([share == 0 for share in cover]) < 0.9
    inner = [n for n, share in enumerate(cover) if share > 0.1]
    pairs = [(n, n + 1) for n in inner if n + 1 in inner]
    assert pairs
    assert all(not np.array_equal(shown("hand")[a].image, shown("hand")[b].image) for a, b in pairs)


def test_beauty_smooths_the_skin_and_not_the_eyes_and_the_mouth() -> None:
    for before, after, mesh in zip(film()[:8], shown("beauty"), meshes(), strict=False):
        noise = np.random.default_rng(1).normal(0, 5, before.image.shape)
        rough = np.clip(before.image + noise, 0, 255).astype(np.uint8)
        smooth = next(iter(beauty(0.8)(iter([VideoFrame(0, rough)]), np.random.default_rng(1)))).image
        cheek = inside(part(mesh, (50, 205, 36, 101, 118)), -2)
        assert sharpness(smooth, cheek) < 0.3 * sharpness(rough, cheek)
        moved = change(before.image, after.image)
        for spared in (EYE_LEFT, EYE_RIGHT, LIPS):
            assert moved[inside(part(mesh, spared), -2)].mean() < 2


def test_a_self_blended_face_is_coarser_inside_and_shows_the_real_one_in_between() -> None:
    real, ratios = 0, []
    for before, after, mesh in zip(film(), shown("self_blended"), meshes(), strict=True):
        core = inside(part(mesh, OVAL), -0.3 * inter_ocular_px(mesh))
        if np.array_equal(before.image, after.image):
            real += 1
        else:
            ratios.append(sharpness(after.image, core) / sharpness(before.image, core))
    assert max(ratios) < 0.5
    assert 2 <= real <= len(film()) / 2


def test_the_inner_face_has_as_many_pixels_as_asked_for() -> None:
    mesh, still = meshes()[0], list(film()[:1])
    core = inside(part(mesh, OVAL), -0.3 * inter_ocular_px(mesh))
    quiet = {"colour_grey": 0.0, "warp": 0.0, "jitter": 0.0, "flicker": 0.0}
    out = [
        next(iter(self_blended(px, **quiet)(iter(still), np.random.default_rng(1)))).image for px in (24, 48, 96, 999)
    ]
    detail = [sharpness(image, core) for image in out]
    assert detail == sorted(detail)
    assert detail[0] < 0.2 * detail[-1]
    assert change(out[-1], still[0].image)[core].max() <= 2  # nothing to be coarse about: it lies where it was


def test_the_mouth_comes_later_and_nothing_else_does() -> None:
    dark: dict[str, list[float]] = {"before": [], "after": []}
    out = shown("mouth_retimed", True)
    for before, after, mesh in zip(film(True), out, meshes(True), strict=True):
        lips = inside(part(mesh, LIPS), -2)
        dark["before"].append(float(before.image[lips].mean()))
        dark["after"].append(float(after.image[lips].mean()))
        around = inside(cv2.convexHull(part(mesh, (*LIPS, 2, 200)))[:, 0], 0.35 * inter_ocular_px(mesh))
        assert not change(before.image, after.image)[~around].any()
    opens, later = (np.array(dark[side]) < 110 for side in ("before", "after"))
    assert opens.sum() == 5
    shift = round(0.4 * FPS)
    assert np.abs(np.flatnonzero(later) - np.flatnonzero(opens) - shift).max() == 0


def test_a_still_mouth_is_carried_over_without_a_trace() -> None:
    for before, after, mesh in zip(film(), shown("mouth_retimed"), meshes(), strict=True):
        lips = inside(part(mesh, LIPS), 4)
        assert change(before.image, after.image)[lips].mean() < 9


def test_the_background_goes_and_the_person_stays() -> None:
    out = list(virtual_background()(iter(film()[:12]), np.random.default_rng(1)))
    for before, after in zip(film(), out, strict=False):
        sure, away = person_and_away(before.image)
        moved = change(before.image, after.image)
        assert sure.mean() > 0.2
        assert away.mean() > 0.15
        assert moved[sure].mean() < 0.5
        assert moved[away].mean() > 20
    assert not change(out[0].image, out[11].image)[:20, :40].any()  # the room keeps still


def test_the_edge_before_another_background_is_restless_where_nothing_moves() -> None:
    image = film()[0].image
    still = (VideoFrame(n * 80_000, image) for n in range(2))
    one, other = (f.image for f in virtual_background()(still, np.random.default_rng(1)))
    sure, away = person_and_away(image)
    flicker = change(one, other) > 10
    assert flicker.sum() > 100
    assert not flicker[sure | away].any()


def person_and_away(image: ByteArray) -> tuple[BoolArray, BoolArray]:
    """The pixels that surely are of the person, and those that surely are not: 12 px from the edge."""
    mask, kernel = person_mask(image), np.ones((25, 25), np.uint8)
    return cv2.erode(mask, kernel) > 0.9, cv2.dilate(mask, kernel) < 0.1


def test_against_a_window_the_face_is_dark_and_all_else_bright() -> None:
    for before, after, mesh in zip(
        film()[:5], back_light()(iter(film()[:5]), np.random.default_rng(1)), meshes(), strict=False
    ):
        face = inside(part(mesh, OVAL), -5)
        _, away = person_and_away(before.image)
        assert after.image[face].mean() < 0.75 * before.image[face].mean()
        assert after.image[away].mean() > before.image[away].mean() + 20


def test_soft_areas_are_placed_exactly_and_cut_at_the_border() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    square = np.array([[-20, 10], [30, 10], [30, 40], [-20, 40]], np.float32)
    area = soft_area(image, square, 2.0)
    assert area is not None
    out = pasted(image, np.full_like(area.of(image), 200), area)
    assert not image.any()
    assert out[25, 0, 0] == out[25, 20, 0] == 200
    assert out[25, 30, 0] == pytest.approx(110, abs=20)
    assert not out[:, 40:].any()
    assert soft_area(image, square + 500, 2.0) is None
    assert isinstance(area, Area)


def test_a_stream_that_is_left_early_gives_its_backend_back() -> None:
    effect = glasses()(iter(film()), np.random.default_rng(1))
    next(effect)
    idle = len(faces._POOL._idle or [])
    effect.close()  # type: ignore[attr-defined]
    assert len(faces._POOL._idle or []) == idle + 1
