"""The simulated person: the real mesh sees the pose that was drawn, and only a solid head moves like one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

from liveguard.face.backends import BackendPool
from liveguard.face.geometry import (
    LIDS_LEFT,
    LIDS_RIGHT,
    LIP_LOWER_INNER,
    LIP_UPPER_INNER,
    RIGID,
    inter_ocular_px,
    similarity,
    yaw_pitch_roll_deg,
)
from liveguard.face.observer import Observer
from liveguard.face.texture import canonical_face
from liveguard.types import ByteArray, FloatArray, VideoFrame
from tests.rendering.head import Camera, Cover, Fitzpatrick, Head, HeadPose, Light, Sheet, idle, shaken
from tests.rendering.photo import portrait

pytestmark = pytest.mark.replay

See = Callable[[ByteArray], FloatArray]
FACE = (slice(230, 300), slice(285, 355))  # cheeks and mouth of a head that is straight, at 500 mm
WALL = (slice(10, 60), slice(10, 100))
EYE_CORNERS = ((33, 133), (263, 362))


@cache
def head() -> Head:
    return Head()


@pytest.fixture(scope="module")
def see() -> Iterator[See]:
    """The landmarks of a picture, after the tracker has settled on it."""
    pool = BackendPool()

    def look(picture: ByteArray) -> FloatArray:
        observer = Observer(pool.lend(), [])
        seen = [observer.observe(VideoFrame(k * 40_000, picture)).faces for k in range(3)]
        observer.close()
        assert len(seen[-1]) == 1
        return seen[-1][0].landmarks

    yield look
    pool.close()


def angles_deg(landmarks: FloatArray) -> tuple[float, float, float]:
    rotation, _, _ = similarity(canonical_face().mean[list(RIGID)], landmarks[list(RIGID)])
    return yaw_pitch_roll_deg(rotation)


def eye_aspect_ratio(landmarks: FloatArray) -> float:
    ratios = []
    for lids, (outer, inner) in zip((LIDS_LEFT, LIDS_RIGHT), EYE_CORNERS, strict=True):
        high = [np.linalg.norm(landmarks[upper, :2] - landmarks[lower, :2]) for upper, lower in lids]
        ratios.append(np.mean(high) / np.linalg.norm(landmarks[outer, :2] - landmarks[inner, :2]))
    return float(np.mean(ratios))


def lip_gap(landmarks: FloatArray) -> float:
    gap = np.linalg.norm(landmarks[LIP_UPPER_INNER, :2] - landmarks[LIP_LOWER_INNER, :2])
    return float(gap) / inter_ocular_px(landmarks)


def off_plane(before: FloatArray, after: FloatArray) -> float:
    """What the best homography leaves over, in distances between the eyes."""
    source, target = before[:468, :2], after[:468, :2]
    plane, _ = cv2.findHomography(source, target)
    left = cv2.perspectiveTransform(source[None], plane)[0] - target
    return float(np.sqrt((left**2).sum(axis=1).mean())) / inter_ocular_px(before)


@pytest.mark.parametrize("distance_mm", [300, 500, 800])
def test_yaw_is_seen_as_drawn(see: See, distance_mm: float) -> None:
    drawn = (-30, -15, 0, 15, 30)
    seen = [angles_deg(see(head().draw(HeadPose(yaw_deg=yaw, distance_mm=distance_mm))))[0] for yaw in drawn]
    assert seen == sorted(seen)
    assert seen == pytest.approx(drawn, abs=2, rel=0.3)


@pytest.mark.parametrize("distance_mm", [300, 500, 800])
def test_pitch_and_roll_are_seen_as_drawn(see: See, distance_mm: float) -> None:
    drawn = (-20, -10, 0, 10, 20)
    straight = angles_deg(see(head().draw(HeadPose(distance_mm=distance_mm))))[1]  # of this face; people differ
    seen = [
        angles_deg(see(head().draw(HeadPose(pitch_deg=pitch, distance_mm=distance_mm))))[1] - straight
        for pitch in drawn
    ]
    assert seen == sorted(seen)
    assert seen == pytest.approx(drawn, abs=5, rel=0.3)
    assert angles_deg(see(head().draw(HeadPose(roll_deg=15, distance_mm=distance_mm))))[2] == pytest.approx(15, abs=3)


@pytest.mark.parametrize("pose", [HeadPose(), HeadPose(yaw_deg=20, pitch_deg=-8), HeadPose(distance_mm=800)])
def test_lids_close_and_lips_open(see: See, pose: HeadPose) -> None:
    eyes = [eye_aspect_ratio(see(head().draw(replace(pose, lids=lids)))) for lids in (0, 0.5, 1)]
    assert eyes[0] > eyes[1] > eyes[2]
    assert eyes[0] > 0.25
    assert eyes[2] < 0.13
    mouth = [lip_gap(see(head().draw(replace(pose, mouth=mouth)))) for mouth in (0, 0.5, 1)]
    assert mouth[0] < 0.05
    assert mouth[1] > 0.1
    assert mouth[2] > 0.15


def test_only_the_sheet_moves_as_a_plane(see: See) -> None:
    solid, flat, bent = head(), Sheet(), Sheet(bend_per_m=3)
    for pose in (HeadPose(yaw_deg=20), HeadPose(pitch_deg=12), HeadPose(yaw_deg=20, pitch_deg=12)):
        left = [off_plane(see(person.draw(HeadPose())), see(person.draw(pose))) for person in (solid, flat, bent)]
        assert left[0] > 3 * left[1]
        assert left[0] > 3 * left[2]
    assert left[0] > 0.03


def test_nearness_bends_a_head_only(see: See) -> None:
    solid, flat = (
        off_plane(*(see(person.draw(HeadPose(distance_mm=distance))) for distance in (800, 300)))
        for person in (head(), Sheet())
    )
    assert solid > 2.5 * flat
    assert solid > 0.03


def test_the_room_stays_and_nothing_jumps() -> None:
    before = head().draw(HeadPose())
    assert np.array_equal(before[WALL], head().draw(HeadPose(yaw_deg=25, distance_mm=400))[WALL])
    for pose in (HeadPose(), HeadPose(yaw_deg=27), HeadPose(yaw_deg=-27, pitch_deg=10)):
        still, moved = (head().draw(replace(pose, yaw_deg=pose.yaw_deg + by)) for by in (0, 0.1))
        change = np.abs(cv2.absdiff(cv2.GaussianBlur(still, (0, 0), 1.5), cv2.GaussianBlur(moved, (0, 0), 1.5)))
        assert change.max() < 45
        assert change.mean() < 0.5


def test_light_of_the_screen_falls_on_the_face() -> None:
    def share(light: Light, area: tuple[slice, slice], distance_mm: float = 500) -> float:
        lit, dark = (
            head().radiance(HeadPose(distance_mm=distance_mm), which)[area].mean()
            for which in (light, replace(light, screen=(0, 0, 0)))
        )
        return float(lit / dark - 1)

    dim, bright = Light(ambient=0.3), Light(ambient=3)
    assert share(dim, FACE) > 1.5
    assert share(bright, FACE) == pytest.approx(share(dim, FACE) / 10, rel=0.2)
    assert share(dim, WALL) < 0.1 * share(dim, FACE)
    nearer, farther = (share(dim, (slice(232, 248), slice(312, 328)), distance) for distance in (300, 800))
    assert nearer > 3 * farther
    red, green = (
        head().radiance(HeadPose(), Light(screen, 0.5))[FACE].mean(axis=(0, 1)) for screen in ((1, 0, 0), (0, 1, 0))
    )
    assert red[0] / red[1] > 2 * green[0] / green[1]


def test_white_balance_takes_its_time() -> None:
    cold, warm = (head().radiance(HeadPose(), Light(ambient_kelvin=kelvin)) for kelvin in (6500, 2800))

    def redness(picture: ByteArray) -> float:
        return float(picture[..., 0].mean()) / float(picture[..., 2].mean())

    auto, fixed = Camera(), Camera(white_balance="fixed", kelvin=6500)
    before = redness(auto.shoot(cold, 0))
    assert redness(auto.shoot(warm, 0.05)) > 1.3 * before
    assert redness(auto.shoot(warm, 5)) == pytest.approx(before, rel=0.1)
    assert redness(fixed.shoot(warm, 0)) == pytest.approx(redness(fixed.shoot(warm, 9)), rel=0.02)


def test_a_camera_makes_noise() -> None:
    grey = np.full((96, 96, 3), 0.2, np.float32)
    quiet, noisy = (Camera("fixed", "fixed", shot=shot, read=shot / 2, subsampled=False) for shot in (0.0, 2.0))
    assert float(quiet.shoot(grey, 0).std(axis=(0, 1)).max()) == 0
    assert 1.5 < float(noisy.shoot(grey, 0)[..., 1].std()) < 3.5
    assert not np.array_equal(noisy.shoot(grey, 1), noisy.shoot(grey, 2))


def test_a_hand_comes_and_goes() -> None:
    bare = head().draw(HeadPose())
    assert np.array_equal(bare, head().draw(HeadPose(), cover=Cover("mouth", into=0)))
    for place, at in (("left_cheek", (265, 290)), ("right_cheek", (265, 350)), ("mouth", (272, 320))):
        size = [
            int((cv2.absdiff(bare, head().draw(HeadPose(), cover=Cover(place, into))).max(axis=2) > 24).sum())  # type: ignore[arg-type]
            for into in (0.4, 0.7, 1)
        ]
        assert size == sorted(size)
        covered = head().draw(HeadPose(), cover=Cover(place))  # type: ignore[arg-type]
        around = (slice(at[0] - 6, at[0] + 6), slice(at[1] - 6, at[1] + 6))
        assert cv2.absdiff(bare[around], covered[around]).mean() > 10


def test_skin_gets_darker_by_type_and_hair_does_not() -> None:
    types: tuple[Fitzpatrick, ...] = ("II", "VI")
    looks = [Head(skin=skin).radiance(HeadPose(), Light()) for skin in types]
    cheeks = [float(look[250:262, 285:297].mean()) for look in looks]
    assert cheeks[0] > 6 * cheeks[1]
    hair = [float(look[112:125, 300:340].mean()) for look in looks]
    assert hair == pytest.approx([hair[0]] * 2, rel=0.05)


def test_idle_moves_a_little_blinks_and_never_repeats() -> None:
    poses = [idle(k / 10, seed=3) for k in range(1200)]
    assert len({(pose.yaw_deg, pose.shift_x_mm) for pose in poses}) == len(poses)
    assert poses[7] == idle(0.7, seed=3) != idle(0.7, seed=4)
    assert max(abs(pose.yaw_deg) for pose in poses) < 6
    fine = np.array([idle(k / 50, seed=3).lids for k in range(6000)]) > 0.5
    assert 20 < int((np.diff(fine.astype(int)) == 1).sum()) < 50  # in two minutes


def test_a_sheet_shows_what_it_is_given() -> None:
    photo, pose, dark = portrait(), HeadPose(yaw_deg=10), Light((0, 0, 0), 0.1)
    tablet = Sheet(photo, "tablet", life_size=0.7)
    assert tablet.radiance(pose, dark)[FACE].mean() > 3 * Sheet(photo).radiance(pose, dark)[FACE].mean()
    other = tablet.draw(pose, picture=np.ascontiguousarray(255 - photo))
    assert np.abs(other.astype(int) - tablet.draw(pose)).max() > 100
    held = [shaken(pose, k / 25) for k in range(50)]
    assert 0 < float(np.std([each.yaw_deg for each in held])) < 3


def test_a_photo_without_a_face_is_refused() -> None:
    with pytest.raises(ValueError, match="no face"):
        Head(np.full((200, 200, 3), 128, np.uint8))
