"""A plane in any motion is told from a head on made-up meshes, and where it cannot be told, that is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from liveguard.detectors.planar_motion import (
    LEAST_NATS,
    LIFELESS,
    LIFELESS_NATS,
    MOST_NATS,
    MOVED_IOD,
    SIGNS,
    SWAYS_IOD,
    Motion,
    lifeless_nats,
    motion,
    photo_nats,
    strongest,
)
from liveguard.detectors.replay import LIFELESS_FACE_PX, LIFELESS_FROM_S, LISTENERS_BLINK_HZ, Replay
from liveguard.detectors.series import FaceSeries, face_series, face_widths_per_eye_distance
from liveguard.engine import Engine
from liveguard.face.geometry import box_of
from liveguard.face.texture import canonical_face
from liveguard.types import Alert, FaceSample, FloatArray, Observation, Reading
from tests.made_heads import Held, landmarks
from tests.moving_faces import Person, faces, window
from tests.synthetic import VIDEO, frame

CHECK = Replay()
IN_6_S = pytest.approx(6 * LISTENERS_BLINK_HZ, rel=0.03)
FPS = 25.0
TREMBLE_PX = 0.35  # of a mesh on a face whose eyes are 108 px apart
UPPER_LIDS, LOWER_LIDS = (160, 158, 159, 387, 385, 386), (144, 153, 145, 373, 380, 374)


def swing(t_s: float, hz: float, phase: float) -> float:
    return float(np.sin(2 * np.pi * hz * t_s + phase))


def in_hand(t_s: float, reach: float = 1.0) -> Held:
    """A hand turns it by up to 15 degrees and moves it nearer and further."""
    yaw, pitch = 15 * reach * swing(t_s, 0.35, 0.3), 12 * reach * swing(t_s, 0.23, 2.0)
    return Held(yaw, pitch, 500 + 60 * reach * swing(t_s, 0.3, 1.0))


def meshes(
    flat: bool, seconds: float = 6.0, fps: float = FPS, noise_px: float = TREMBLE_PX, reach: float = 1.0
) -> FloatArray:
    rng = np.random.default_rng(3)
    times = np.arange(round(seconds * fps)) / fps
    seen = [landmarks(in_hand(t_s, reach), flat, noise_px, rng) for t_s in times.tolist()]
    # Also shifted in the plane, as a hand does and a head, too.
    return np.stack(seen) + np.array([30 * reach, 20 * reach, 0], np.float32) * np.sin(1.9 * times)[:, None, None]


def samples(points: FloatArray, fps: float = FPS) -> list[FaceSample]:
    return [
        FaceSample(round(k * 1e6 / fps), 1, mesh, box_of(mesh), sharpness=60.0, light=120.0)
        for k, mesh in enumerate(np.asarray(points, np.float32))
    ]


def series(points: FloatArray, fps: float = FPS) -> FaceSeries:
    return face_series(window(samples(points, fps), CHECK.need))


def measured(points: FloatArray, fps: float = FPS) -> Motion:
    found = motion(series(points, fps))
    assert found is not None
    return found


def read(points: FloatArray, fps: float = FPS, shift_us: int = 0) -> Reading:
    return CHECK.evaluate(window(samples(points, fps), CHECK.need, shift_us=shift_us))


@pytest.mark.parametrize("seed", range(8))
def test_a_plane_under_any_homographies_leaves_nothing_but_the_tremble(seed: int) -> None:
    rng = np.random.default_rng(seed)
    flat = np.column_stack([canonical_face().mean[:, :2], np.ones(478)])
    at = np.sin(np.linspace(0, 6, 80)[:, None, None] + rng.uniform(0, 6, (3, 3)))
    planes = np.eye(3) + rng.uniform(0.05, 0.15, (3, 3)) * at * np.array([[1, 1, 1], [1, 1, 1], [0.7, 0.7, 0]])
    seen = flat @ np.swapaxes(planes, 1, 2)
    points = np.concatenate([100 * seen[..., :2] / seen[..., 2:] + 300, np.zeros((80, 478, 1))], axis=2)
    still = measured(np.asarray(points, np.float32))
    assert still.moved_iod > MOVED_IOD[0]
    assert max(getattr(still, name) for name in SIGNS) < 0.05
    noisy = measured(np.asarray(points + rng.normal(0, TREMBLE_PX, points.shape), np.float32))
    assert strongest(noisy)[0] < 0


def test_a_photo_in_a_hand_is_a_plane_and_a_head_that_moves_alike_is_none() -> None:
    photo, head = read(meshes(flat=True)), read(meshes(flat=False))
    assert photo.llr == IN_6_S
    assert "as a flat picture does" in photo.why
    assert head.llr == LEAST_NATS
    assert head.measures["parallax_deg"] > 5 * photo.measures["parallax_deg"]


def test_parallax_tells_by_how_much_a_head_turns() -> None:
    times = np.arange(100) / FPS
    rng = np.random.default_rng(1)
    yaw = 8 * np.sin(2 * np.pi * 0.5 * times)
    points = np.stack([landmarks(Held(angle), False, 0.0, rng) for angle in yaw.tolist()])
    assert measured(points).parallax_deg == pytest.approx(float(yaw.std()), rel=0.15)


def alive(name: str, points: FloatArray) -> FloatArray:
    """`points` of eyes 108 px apart, one thing about which lives."""
    points, t_s = points.copy(), np.arange(len(points)) / FPS
    if name == "mouth_permille":
        points[:, 14, 1] += (14 * np.maximum(np.sin(2 * np.pi * 1.5 * t_s), 0)).astype(np.float32)
    elif name == "blink_permille":
        shut = np.clip(1.6 - np.abs(t_s - 2) / 0.1, 0, 1)[:, None] * 3.5
        points[:, UPPER_LIDS, 1] += shut.astype(np.float32)
        points[:, LOWER_LIDS, 1] -= shut.astype(np.float32)
    elif name == "brows_permille":
        points[:, (70, 63, 105, 66, 107, 300, 293, 334, 296, 336), 1] += (3 * np.sin(2 * t_s))[:, None].astype(
            np.float32
        )
    else:
        points[:, 468:478, 0] += (3.5 * np.sign(np.sin(3 * t_s)))[:, None].astype(np.float32)
    return points


@pytest.mark.parametrize("name", ["mouth_permille", "blink_permille", "brows_permille", "gaze_permille"])
def test_each_sign_of_life_alone_keeps_a_plane_from_being_a_photo(name: str) -> None:
    plane = meshes(flat=True)
    assert photo_nats(measured(plane)) == MOST_NATS
    living = measured(alive(name, plane))
    assert strongest(living)[1] == name
    assert photo_nats(living) == LEAST_NATS
    assert SIGNS[name].words in read(alive(name, plane)).why


def test_what_has_not_moved_is_not_said_to_be_a_photo() -> None:
    still = read(meshes(flat=True, reach=0.1))
    assert still.llr is None
    assert still.measures["moved_iod"] < MOVED_IOD[0]
    assert "turn your head a little" in still.why
    # Signs of life count without it.
    assert read(alive("mouth_permille", meshes(flat=True, reach=0.1))).llr == LEAST_NATS


def hardly_moving(seconds: float = 12.0) -> FloatArray:
    """A photo that sways by a few hundredths of the distance between its eyes."""
    points = meshes(flat=True, seconds=seconds, reach=0.1)
    assert measured(points[-300:]).moved_iod < MOVED_IOD[0]
    return points


def test_a_face_that_keeps_from_every_sign_of_life_for_long_is_slowly_taken_for_a_photo() -> None:
    found = read(hardly_moving())
    assert found.llr == LIFELESS_NATS
    assert "no blink, no glance, no word" in found.why
    assert read(hardly_moving(LIFELESS_FROM_S - 0.5)).llr is None


@pytest.mark.parametrize("name", ["mouth_permille", "blink_permille", "brows_permille", "gaze_permille"])
def test_a_single_sign_of_life_clears_a_face_that_hardly_moves(name: str) -> None:
    assert read(alive(name, hardly_moving())).llr == LEAST_NATS


def test_a_face_too_small_to_show_a_blink_or_beside_others_may_keep_still() -> None:
    points = hardly_moving()
    width_px = series(points).unit_px * face_widths_per_eye_distance()
    assert read(np.asarray(0.95 * LIFELESS_FACE_PX / width_px * points, np.float32)).llr is None
    cut = window(samples(points), CHECK.need)
    assert CHECK.evaluate(replace(cut, peers=(2,))).llr is None
    assert CHECK.evaluate(replace(cut, unfollowed=True)).llr is None


def first_alert_s(points: FloatArray) -> float | None:
    engine = Engine(VIDEO, [CHECK])
    events = (event for one in samples(points) for event in engine.push(Observation(frame(one.t_us), (one,))))
    return next((event.t_us / 1e6 for event in events if isinstance(event, Alert)), None)


def test_a_photo_that_sways_is_an_alert_within_a_minute() -> None:
    raised = first_alert_s(hardly_moving(seconds=60.0))
    assert raised is not None
    assert raised > 40


def test_a_listener_who_does_nothing_but_blink_every_ten_seconds_is_none() -> None:
    minute, t_s = hardly_moving(seconds=90.0), np.arange(round(90 * FPS)) / FPS
    shut = np.clip(1.6 - np.abs(t_s % 10 - 4) / 0.1, 0, 1)[:, None] * 3.5
    minute[:, UPPER_LIDS, 1] += shut.astype(np.float32)
    minute[:, LOWER_LIDS, 1] -= shut.astype(np.float32)
    assert first_alert_s(minute) is None


def in_three_quarters(points: FloatArray) -> FloatArray:
    """As a sender's smaller pictures show it."""
    return np.asarray(0.75 * points, np.float32)


def in_another_tile(points: FloatArray) -> FloatArray:
    return points + np.array([400, -150, 0], np.float32)


@pytest.mark.parametrize("changed", [in_three_quarters, in_another_tile])
def test_pictures_of_another_size_or_place_are_no_motion_of_a_face(changed: Callable[[FloatArray], FloatArray]) -> None:
    """Who sits still looks like a photo, and only having moved speaks for one."""
    still = meshes(flat=True, seconds=9.8, reach=0.1)
    half = len(still) // 2
    for points in (still, np.concatenate([still[:half], changed(still[half:])])):
        reading = read(points)
        assert reading.llr is None
        assert reading.measures["moved_iod"] < MOVED_IOD[0]
    photo = meshes(flat=True, seconds=12.0)
    assert (
        read(np.concatenate([photo[:half], changed(photo[half:])])).llr or 0
    ) > 0  # what moved by itself still counts


def test_a_person_who_speaks_and_blinks_is_none() -> None:
    found = CHECK.evaluate(window(faces(Person(tremble=2), 6), CHECK.need))
    assert found.llr == LEAST_NATS


@pytest.mark.parametrize("fps", [10.0, 15.0, 30.0])
def test_the_rate_of_pictures_hardly_matters(fps: float) -> None:
    assert read(meshes(flat=True, fps=fps), fps).llr == IN_6_S
    assert read(meshes(flat=False, fps=fps), fps).llr == LEAST_NATS


def test_size_does_not_matter() -> None:
    small, large = (measured(scale * meshes(flat=False, noise_px=0.0)) for scale in (0.5, 3.0))
    assert large.parallax_deg == pytest.approx(small.parallax_deg, rel=1e-3)
    assert large.moved_iod == pytest.approx(small.moved_iod, rel=1e-3)


def broken(how: str) -> FloatArray:
    points = meshes(flat=True)
    if how == "one point":
        points[:] = 7.0
    elif how == "one line":
        points[..., 1] = 2 * points[..., 0]
    elif how == "no number":
        points[:] = np.nan
    elif how == "half no number":
        points[::2] = np.inf
    elif how == "three pictures":
        points = points[:3]
    elif how == "huge":
        points[:, :200] = 1e30
    return points


@pytest.mark.parametrize("how", ["one point", "one line", "no number", "three pictures", "huge"])
def test_what_no_plane_can_be_laid_through_is_no_judgement(how: str) -> None:
    with np.errstate(all="ignore"):
        reading = read(broken(how))
    assert reading.llr is None or reading.llr == LEAST_NATS
    assert reading.why


def test_pictures_that_are_no_numbers_are_left_out() -> None:
    with np.errstate(invalid="ignore"):  # of the box, which is not looked at
        reading = read(broken("half no number"))
    assert reading.llr == IN_6_S


def test_nothing_short_is_judged() -> None:
    assert read(meshes(flat=True, seconds=4.5)).llr is None
    assert motion(series(meshes(flat=True, seconds=0.6))) is None


def test_when_it_happens_and_what_came_before_do_not_matter() -> None:
    points = meshes(flat=True, seconds=14.0)
    last = samples(points)[-1].t_us + 1
    whole = CHECK.evaluate(window(samples(points), CHECK.need, end_us=last))
    later = CHECK.evaluate(window(samples(points), CHECK.need, end_us=last, shift_us=3_600_000_000))
    part = [sample for sample in samples(points) if sample.t_us >= last - CHECK.need.video_us]
    alone = CHECK.evaluate(window(part, CHECK.need, end_us=last))
    assert (later.llr, later.measures, later.why) == (whole.llr, whole.measures, whole.why)
    assert (alone.llr, alone.measures) == (whole.llr, whole.measures)


def test_an_engine_gives_a_reading_a_second() -> None:
    engine = Engine(VIDEO, [CHECK])
    feed = [Observation(frame(sample.t_us), (sample,)) for sample in samples(meshes(flat=True, seconds=9.0))]
    found = [event for one in feed for event in engine.push(one) if isinstance(event, Reading)]
    assert [reading.llr for reading in found] == [None] * 4 + [
        pytest.approx(s * LISTENERS_BLINK_HZ, rel=0.01) for s in (5, 6, 7, 8)
    ]


def test_a_face_on_the_wall_is_left_to_others() -> None:
    flagged = [replace(sample, picture=True) for sample in samples(meshes(flat=True))]
    assert CHECK.evaluate(window(flagged, CHECK.need)).llr is None


def test_signs_are_weighed_by_how_much_of_them_photos_show() -> None:
    usual = Motion(0.2, **{name: sign.photo for name, sign in SIGNS.items()})
    assert strongest(usual)[0] == pytest.approx(0.0)
    assert photo_nats(usual) == MOST_NATS
    assert photo_nats(replace(usual, moved_iod=MOVED_IOD[0])) is None
    assert photo_nats(replace(usual, moved_iod=sum(MOVED_IOD) / 2)) == pytest.approx(MOST_NATS / 2)
    for name, sign in SIGNS.items():
        life, which = strongest(replace(usual, **{name: sign.photo * float(np.exp(2 * sign.spread))}))
        assert (which, life) == (name, pytest.approx(2.0))


def test_without_motion_less_life_is_a_sign_of_life() -> None:
    usual = Motion(0.02, **{name: sign.photo for name, sign in SIGNS.items()})
    brows = SIGNS["brows_permille"]
    for spreads, nats in ((LIFELESS[0], 0.0), (sum(LIFELESS) / 2, LIFELESS_NATS / 2)):
        figure = brows.photo * float(np.exp(spreads * brows.spread))
        assert lifeless_nats(replace(usual, brows_permille=figure)) == pytest.approx(nats)
    assert lifeless_nats(replace(usual, moved_iod=0.9 * SWAYS_IOD)) == 0
