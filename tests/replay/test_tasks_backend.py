"""The Tasks API backend, for real where mediapipe's wheel has the models to put a .task file together."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from liveguard.errors import BackendError
from liveguard.face.backend import FaceBackend, region_of_box, region_of_mesh
from liveguard.face.backends import open_backend
from liveguard.face.geometry import box_of, inter_ocular_px
from liveguard.types import ByteArray, FloatArray
from tests.replay.portrait_people import Actor, at, draw, follow, portrait, swaying
from tests.replay.task_file import write_task

pytestmark = pytest.mark.replay

FPS = 15.0


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return write_task(tmp_path_factory.mktemp("models") / "face_landmarker.task")
    except ImportError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def backend(task: Path) -> Iterator[FaceBackend]:
    backend = open_backend(task)
    yield backend
    backend.close()


def test_both_backends_put_the_mesh_in_the_same_place(backend: FaceBackend) -> None:
    """Iris points aside: they are stand-ins in the test's file. Two networks agree to 2 % of the eye distance."""
    image = portrait("ann")
    other = open_backend()
    meshes = []
    for one in (backend, other):
        mesher = one.new_mesher()
        mesh = mesher.mesh(image, region_of_box(one.find(image)[0]))
        for _ in range(3):
            assert mesh is not None
            mesh = mesher.mesh(image, region_of_mesh(mesh, box_of(mesh)))
        assert mesh is not None
        assert mesh.shape == (478, 3)
        assert mesh.dtype == np.float32
        meshes.append(mesh)
        mesher.close()
    other.close()
    error = np.linalg.norm(meshes[0][:468, :2] - meshes[1][:468, :2], axis=1) / inter_ocular_px(meshes[1])
    assert np.median(error) < 0.02


def film(actors: list[Actor], seconds: float) -> Iterator[ByteArray]:
    return (draw(actors, number / FPS) for number in range(round(seconds * FPS)))


def test_faces_are_tracked_through_an_occlusion(backend: FaceBackend) -> None:
    actors = [Actor("ann", swaying(400, 300, 40), 150.0), Actor("ben", swaying(900, 300, 40), 130.0)]

    def images() -> Iterator[ByteArray]:
        for number, image in enumerate(film(actors, 3.5)):
            if 1.0 < number / FPS < 1.8:
                image[:, 250:550] = 110
            yield image

    shown = [
        (t_s, [at(faces, actor.path(t_s), 60) for actor in actors]) for t_s, faces in follow(backend, images(), FPS)
    ]
    start, end = ([face.track if face else None for face in faces] for _, faces in (shown[5], shown[-1]))
    assert None not in start
    assert start == end


def test_no_step_when_the_window_moves(backend: FaceBackend) -> None:
    actor = Actor("ann", lambda t: (250 + 120 * t, 300 + 30 * t), 140.0)
    shapes: list[FloatArray] = []
    for _, faces in follow(backend, (draw([actor], number / 30) for number in range(180)), 30.0):
        mesh = faces[0].landmarks[:, :2]
        shapes.append((mesh - mesh.mean(axis=0)) / inter_ocular_px(faces[0].landmarks))
    steps = np.linalg.norm(np.diff(np.stack(shapes[5:]), axis=0), axis=2)
    assert np.sqrt((steps**2).mean(axis=1)).max() < 0.01


def test_the_same_pictures_give_the_same_bits(task: Path) -> None:
    told = []
    for _ in range(2):
        backend = open_backend(task)
        actor = Actor("ann", swaying(400, 300, 90, 1.0), 150.0)
        told.append(
            hashlib.sha256(
                b"".join(
                    face.landmarks.tobytes() for _, faces in follow(backend, film([actor], 2.0), FPS) for face in faces
                )
            ).hexdigest()
        )
        backend.close()
    assert told[0] == told[1]


def test_the_file_is_checked(task: Path, tmp_path: Path) -> None:
    right = hashlib.sha256(task.read_bytes()).hexdigest()
    open_backend(task, right.upper()).close()
    with pytest.raises(BackendError, match="sha256"):
        open_backend(task, "0" * 64)
    with pytest.raises(BackendError, match=r"cannot read .*missing\.task"):
        open_backend(tmp_path / "missing.task")
    with pytest.raises(BackendError, match="cannot read"):
        open_backend(tmp_path)
    page = tmp_path / "page.task"
    page.write_text("<html>404</html>")
    with pytest.raises(BackendError, match=r"no \.task file"):
        open_backend(page)
    other = tmp_path / "other.task"
    with zipfile.ZipFile(other, "w") as bundle:
        bundle.writestr("hand_detector.tflite", b"")
    with pytest.raises(BackendError, match=r"no face_landmarker\.task"):
        open_backend(other)
    broken = tmp_path / "broken.task"
    with zipfile.ZipFile(broken, "w") as bundle:
        bundle.writestr("face_detector.tflite", b"junk")
        bundle.writestr("face_landmarks_detector.tflite", b"junk")
    with pytest.raises(BackendError, match=r"mediapipe refuses broken\.task"):
        open_backend(broken)
