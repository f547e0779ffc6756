"""The tracker with the real mesh: places, identities, pictures on the wall, and nothing where there is nothing."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from liveguard.face.backend import FaceBackend, region_of_box, region_of_mesh
from liveguard.face.backends import open_backend
from liveguard.face.geometry import box_of, inter_ocular_px
from liveguard.face.tracker import FaceTracker
from liveguard.types import ByteArray, FloatArray, VideoFrame
from tests.replay.portrait_people import Actor, KeepOpen, at, draw, follow, middle, portrait, still, swaying

pytestmark = pytest.mark.replay

FPS = 15.0


@pytest.fixture(scope="module")
def backend() -> Iterator[FaceBackend]:
    backend = open_backend()
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def reference(backend: FaceBackend) -> FloatArray:
    """Landmarks (478, 3) of the portrait, in its pixels."""
    image, mesher = portrait("ann"), backend.new_mesher()
    mesh = mesher.mesh(image, region_of_box(backend.find(image)[0]))
    for _ in range(3):
        assert mesh is not None
        mesh = mesher.mesh(image, region_of_mesh(mesh, box_of(mesh)))
    assert mesh is not None
    return mesh


def film(*actors: Actor, seconds: float, fps: float = FPS, size: tuple[int, int] = (1280, 720)) -> Iterator[ByteArray]:
    return (draw(actors, number / fps, *size) for number in range(round(seconds * fps)))


def tracks_at(
    backend: FaceBackend, actors: list[Actor], images: Iterator[ByteArray], fps: float = FPS, max_faces: int = 4
) -> list[list[int | None]]:
    """For each picture the track number at each actor's place."""
    rows: list[list[int | None]] = []
    for t_s, faces in follow(backend, images, fps, max_faces):
        row: list[int | None] = []
        for actor in actors:
            spot = actor.path(t_s)
            face = at(faces, spot, 0.5 * actor.face_px) if spot is not None else None
            row.append(face.track if face is not None else None)
        rows.append(row)
    return rows


def numbers(row_of_tracks: list[int | None]) -> set[int]:
    return {track for track in row_of_tracks if track is not None}


# --- places --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (641, 479), (720, 1280), (333, 251)])
@pytest.mark.parametrize("roll_deg", [0.0, 20.0])
def test_landmarks_are_where_the_portrait_has_them(
    backend: FaceBackend, reference: FloatArray, size: tuple[int, int], roll_deg: float
) -> None:
    face_px = 0.25 * min(size)
    spot = (0.55 * size[0], 0.45 * size[1])
    actor = Actor("ann", still(*spot), face_px, roll_deg)
    faces = [faces for _, faces in follow(backend, film(actor, seconds=0.5, size=size))][-1]
    assert len(faces) == 1
    turn = cv2.getRotationMatrix2D((135.0, 123.0), -roll_deg, face_px / 92.0)
    turn[:, 2] += np.array(spot) - (135.0, 123.0)
    expected = reference[:, :2] @ turn[:, :2].T + turn[:, 2]
    found = faces[0].landmarks
    assert found.shape == (478, 3)
    assert found.dtype == np.float32
    error = np.linalg.norm(found[:, :2] - expected, axis=1) / inter_ocular_px(found)
    assert np.median(error) < 0.02
    assert np.quantile(error, 0.95) < 0.04


def test_the_mesh_is_the_one_that_mediapipes_own_face_mesh_lays(backend: FaceBackend) -> None:
    face_mesh = pytest.importorskip("mediapipe.python.solutions.face_mesh")
    image = draw([Actor("ann", still(600, 330), 260.0, 12.0)], 0)
    with face_mesh.FaceMesh(max_num_faces=1, refine_landmarks=True) as own:
        for _ in range(6):
            found = own.process(image).multi_face_landmarks[0].landmark
    expected = np.array([(point.x * 1280, point.y * 720, point.z * 1280) for point in found], np.float32)
    face = [faces for _, faces in follow(backend, [image] * 6)][-1][0]
    assert np.abs(face.landmarks - expected).max() < 0.005 * inter_ocular_px(expected)


def test_a_face_that_glides_through_the_picture_has_a_steady_shape(backend: FaceBackend) -> None:
    """No step in the landmarks when what the network looks at moves on: nothing but the resampling noise is left."""
    actor = Actor("ann", lambda t: (250 + 120 * t, 300 + 30 * t), 140.0)
    shapes = []
    for _, faces in follow(backend, film(actor, seconds=6, fps=30), fps=30):
        assert len(faces) == 1
        mesh = faces[0].landmarks[:, :2]
        shapes.append((mesh - mesh.mean(axis=0)) / inter_ocular_px(faces[0].landmarks))
    steps = np.linalg.norm(np.diff(np.stack(shapes[5:]), axis=0), axis=2)
    assert np.median(steps.max(axis=1)) < 0.02
    assert np.sqrt((steps**2).mean(axis=1)).max() < 0.01


def test_a_tiny_face_is_followed_or_left_alone(backend: FaceBackend) -> None:
    actor = Actor("ann", swaying(300, 200, 5), 20.0)
    for _, faces in follow(backend, film(actor, seconds=1, size=(640, 360))):
        assert all(np.isfinite(face.landmarks).all() for face in faces)


def test_the_small_faces_of_a_gallery_are_found(backend: FaceBackend) -> None:
    actors = [Actor("ann", swaying(200 + 400 * i, 150 + 350 * j, 4), 60.0) for i in range(3) for j in range(2)]
    last = [faces for _, faces in follow(backend, film(*actors, seconds=7, fps=3), 3.0, max_faces=6)][-1]
    assert len(last) == 6


def test_of_a_larger_gallery_it_is_counted_who_is_not_followed(backend: FaceBackend) -> None:
    actors = [Actor("ann", swaying(200 + 400 * i, 150 + 350 * j, 4), 60.0) for i in range(3) for j in range(2)]
    tracker = FaceTracker(KeepOpen(backend), max_faces=4)
    faces = [
        tracker.update(VideoFrame(round(k / 3 * 1e6), image)) for k, image in enumerate(film(*actors, seconds=9, fps=3))
    ][-1]
    assert (len(faces), tracker.unfollowed) == (4, 2)


def test_nothing_is_found_where_there_is_nothing(backend: FaceBackend) -> None:
    rng = np.random.default_rng(3)
    images = [np.zeros((360, 640, 3), np.uint8)] * 8
    images += [rng.integers(0, 256, (360, 640, 3)).astype(np.uint8) for _ in range(8)]
    images += [np.full((8, 8, 3), 128, np.uint8), np.full((1, 900, 3), 128, np.uint8)]
    assert all(not faces for _, faces in follow(backend, images, fps=4))


def test_no_more_faces_than_asked_for(backend: FaceBackend) -> None:
    actors = [Actor(name, swaying(200 + 300 * i, 300), 120.0) for i, name in enumerate(("ann", "ben", "cleo", "dan"))]
    for limit in (1, 2):
        counts = [len(faces) for _, faces in follow(backend, film(*actors, seconds=1.5), max_faces=limit)]
        assert max(counts) == limit


def test_a_picture_that_cannot_be_written_to_or_is_a_slice_will_do(backend: FaceBackend) -> None:
    image = draw([Actor("ann", still(400, 300))], 0)
    locked = image.copy()
    locked.flags.writeable = False
    for pixels in (image[:, 100:900], image[::-1][::-1], locked):
        tracker_faces = [faces for _, faces in follow(backend, [pixels])][-1]
        assert len(tracker_faces) == 1
    assert image.flags.writeable


# --- identities ----------------------------------------------------------------------------------------------------


def test_four_faces_keep_their_numbers_while_they_move(backend: FaceBackend) -> None:
    actors = [
        Actor(name, swaying(170 + 310 * i, 300, 40), 130.0) for i, name in enumerate(("ann", "ben", "cleo", "dan"))
    ]
    rows = tracks_at(backend, actors, film(*actors, seconds=4))
    columns = list(zip(*rows, strict=True))
    assert [len(numbers(list(column))) for column in columns] == [1, 1, 1, 1]
    assert len(set(rows[-1])) == 4
    assert sum(track is None for column in columns for track in column) < 4


def bar(image: ByteArray) -> None:
    image[:, 480:760] = 110


def hand(image: ByteArray) -> None:
    """A skin-coloured blob with fingers over most of the face."""
    for dx in (-60, -20, 20, 60):
        cv2.line(image, (600 + dx, 320), (600 + 2 * dx, 160), (205, 150, 125), 34)
    cv2.ellipse(image, (600, 360), (110, 100), 0, 0, 360, (200, 145, 120), -1)


@pytest.mark.parametrize("cover", [bar, hand])
@pytest.mark.parametrize("hidden_s", [0.3, 0.7, 1.5])
def test_a_hidden_face_comes_back_with_its_number(
    backend: FaceBackend, cover: Callable[[ByteArray], None], hidden_s: float
) -> None:
    actors = [Actor("ann", swaying(600, 300, 20), 150.0), Actor("ben", swaying(1000, 300, 20), 130.0)]

    def images() -> Iterator[ByteArray]:
        for number, image in enumerate(film(*actors, seconds=2.5 + hidden_s)):
            if 1.0 <= number / FPS < 1.0 + hidden_s:
                cover(image)
            yield image

    rows = tracks_at(backend, actors, images())
    assert len(numbers([row[0] for row in rows])) == 1
    assert len(numbers([row[1] for row in rows])) == 1
    assert all(row[0] is not None for row in rows[-12:])


@pytest.mark.parametrize("speed_px_s", [200, 450])
def test_two_people_who_cross_keep_their_numbers(backend: FaceBackend, speed_px_s: float) -> None:
    seconds = 800 / speed_px_s
    actors = [
        Actor("ann", lambda t: (240 + speed_px_s * t, 330), 130.0),
        Actor("ben", lambda t: (1040 - speed_px_s * t, 310), 150.0),
    ]
    rows = tracks_at(backend, actors, film(*actors, seconds=seconds))
    tail = rows[-round(FPS / 3) :]
    assert rows[2] == tail[-1]
    assert all(row == rows[2] for row in tail)
    assert len(numbers([track for row in rows for track in row])) == 2


def test_who_leaves_and_returns_gets_the_number_back_and_a_newcomer_a_new_one(backend: FaceBackend) -> None:
    ann = Actor("ann", lambda t: swaying(350, 300)(t) if t < 2 or t > 5 else None, 140.0)
    cleo = Actor("cleo", lambda t: swaying(950, 300)(t) if t > 3 else None, 140.0)
    rows = tracks_at(backend, [ann, cleo], film(ann, cleo, seconds=8))
    first, second = rows[-1]
    assert first == rows[5][0]
    assert second is not None
    assert second != first
    assert numbers([row[0] for row in rows]) == {first}
    assert numbers([row[1] for row in rows]) == {second}


def test_another_person_on_the_same_chair_is_another_track(backend: FaceBackend) -> None:
    ann = Actor("ann", lambda t: swaying(600, 300)(t) if t < 2 else None, 140.0)
    ben = Actor("ben", lambda t: swaying(600, 300)(t) if t > 2.5 else None, 140.0)
    rows = tracks_at(backend, [ann, ben], film(ann, ben, seconds=5))
    assert rows[10][0] is not None
    assert rows[-1][1] is not None
    assert rows[10][0] != rows[-1][1]


# --- pictures on the wall ------------------------------------------------------------------------------------------


def test_a_portrait_on_the_wall_is_told_from_the_one_who_moves(backend: FaceBackend) -> None:
    rng = np.random.default_rng(8)
    actors = [Actor("ben", still(500, 130), 60.0), Actor("ann", swaying(220, 160, 14), 80.0)]
    images = (draw(actors, number / FPS, 640, 360, noise=rng) for number in range(round(5 * FPS)))
    for t_s, faces in follow(backend, images):
        speaker, wall = at(faces, (220, 160), 50), at(faces, (500, 130), 30)
        assert speaker is None or not speaker.picture
        if t_s > 4:
            assert speaker is not None
            assert wall is not None
            assert wall.picture


@pytest.mark.parametrize("how", ["leaves", "hides", "walks before it"])
def test_a_portrait_never_takes_the_speakers_track(backend: FaceBackend, how: str) -> None:
    wall = Actor("ben", still(900, 260), 120.0)

    def path(t: float) -> tuple[float, float] | None:
        sway = swaying(450, 320)(t)
        if how == "leaves":
            return sway if t < 4 else ((sway[0] - 500 * (t - 4), sway[1]) if t < 6 else None)
        if how == "walks before it" and t > 4:
            return (min(450 + 250 * (t - 4), 900), 290) if t < 6.5 else None
        return sway

    ann = Actor("ann", path, 150.0)

    def images() -> Iterator[ByteArray]:
        for number, image in enumerate(film(wall, ann, seconds=9)):
            if how == "hides" and number / FPS > 4:
                image[150:560, 250:700] = 100
            yield image

    speaker, on_wall = None, set()
    for t_s, faces in follow(backend, images()):
        place = path(t_s)
        if speaker is None and t_s > 0.5 and place is not None:
            found = at(faces, place, 60)
            speaker = found.track if found is not None else None
        hidden = place is None or (how == "hides" and t_s > 4)
        for face in faces:
            if math.dist(middle(face), (900, 260)) < 30 and (hidden or math.dist(place or (0, 0), (900, 260)) > 250):
                on_wall.add(face.track)
                assert face.track != speaker
                assert face.picture or t_s < 4 or how == "walks before it"
    assert speaker is not None
    assert len(on_wall) == 1


# --- the same pictures give the same numbers ------------------------------------------------------------------------


def fingerprint() -> str:
    """Hash of all that a fresh backend and tracker say of a scene with an occlusion and a newcomer."""
    tracker = FaceTracker(open_backend())
    actors = [
        Actor("ann", swaying(300, 200), 90.0),
        Actor("ben", lambda t: (500.0, 200.0) if t > 1 else None, 80.0),
    ]
    told = hashlib.sha256()
    for number in range(30):
        image = draw(actors, number / 10, 640, 360)
        if 12 < number < 18:
            image[:, 200:400] = 90
        for face in tracker.update(VideoFrame(number * 100_000, image)):
            told.update(f"{number} {face.track} {face.picture} {face.box}".encode())
            told.update(face.landmarks.tobytes())
    tracker.close()
    return told.hexdigest()


def test_the_same_pictures_give_the_same_bits_in_one_process_and_in_two() -> None:
    here = fingerprint()
    assert fingerprint() == here
    code = "from tests.replay.test_tracker import fingerprint; print(fingerprint())"
    root = Path(__file__).parents[2]
    there = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, timeout=120
    )
    assert there.stdout.strip() == here
