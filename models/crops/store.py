"""Crops of every picture, and of frames spread over every clip, as the running observer cuts them but a little larger.

    python models/crops/store.py DATA OUT                # once; some minutes on two cores

The larger margin lets the training shift, turn and scale: the middle 224 pixels are to the pixel what a check gets. A store
is one file with JPEGs one after the other, the mesh points of each in its pixels, and which item it is of.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from corpus import Check, Item, read_items
from points import kept_of

from liveguard.face import crops
from liveguard.face.backend import FaceBackend, Region, region_of_box, region_of_mesh
from liveguard.face.geometry import box_of
from liveguard.types import ByteArray, FloatArray

SIDE = 256  # pixels; a check gets the middle 224
SEEN = 224
FRAMES = 20  # of a clip
QUALITY = 95
PAD = 0.5  # of a picture's size, black, where a face fills it and is not found without
VIEWS = ("clean", "vp8")
VP8_KBPS = 300.0
CROPS_OF: dict[Check, str] = {"swap": "face", "replay": "scene"}
CROPS = tuple(CROPS_OF.values())

Crop: TypeAlias = tuple[int, bytes, FloatArray, float]


@dataclass(frozen=True)
class Store:
    """`n` crops. `jpeg` (bytes,) uint8 in one piece, crop k at `starts[k] : starts[k + 1]`; `points` (n, k, 2) pixels of the
    crop; `item` (n,) number in the manifest; `face_px` (n,) width of the face where it came from."""

    jpeg: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]
    points: npt.NDArray[np.float32]
    item: npt.NDArray[np.int64]
    face_px: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.item)

    def image(self, k: int) -> ByteArray:
        """Crop k, (SIDE, SIDE, 3) uint8 RGB."""
        found = cv2.imdecode(self.jpeg[self.starts[k] : self.starts[k + 1]], cv2.IMREAD_COLOR)
        return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), np.uint8)

    def images(self, which: Sequence[int]) -> ByteArray:
        """(n, SIDE, SIDE, 3) uint8 RGB."""
        return np.stack([self.image(k) for k in which]) if len(which) else np.zeros((0, SIDE, SIDE, 3), np.uint8)


def load(path: Path) -> Store:
    with np.load(path) as file:
        points = file["points"].astype(np.float32) / 64
        return Store(file["jpeg"], file["starts"], points, file["item"].astype(np.int64), file["face_px"])


def save(path: Path, found: Sequence[Crop]) -> None:
    """Write (item, JPEG, points, face_px) of each crop; points are kept to a 64th of a pixel."""
    lengths = [len(jpeg) for _, jpeg, _, _ in found]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path, jpeg=np.frombuffer(b"".join(jpeg for _, jpeg, _, _ in found), np.uint8),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        points=np.clip(np.round(np.stack([points for _, _, points, _ in found]) * 64), -32768, 32767).astype(np.int16),
        item=np.array([item for item, _, _, _ in found], np.int32),
        face_px=np.array([px for _, _, _, px in found], np.float32),
    )  # fmt: skip


def mesh_of(backend: FaceBackend, image: ByteArray) -> FloatArray | None:
    """The mesh (478, 3) of the largest face, in pixels; a tight crop is looked at again with black around it."""
    mesher = backend.new_mesher()
    height, width = image.shape[:2]
    for pad in (0, round(PAD * max(height, width))):
        wide = cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_CONSTANT) if pad else image
        wide = np.asarray(np.ascontiguousarray(wide), np.uint8)
        boxes = backend.find(wide)
        region = (
            region_of_box(boxes[0]) if boxes else Region(pad + width / 2, pad + height / 2, 1.4 * max(height, width))
        )
        if not boxes and not pad:
            continue
        mesh = mesher.mesh(wide, region)
        mesh = None if mesh is None else mesher.mesh(wide, region_of_mesh(mesh, box_of(mesh)), certain=not boxes)
        if mesh is not None and np.isfinite(mesh).all() and box_of(mesh).height >= 24:
            return np.asarray(mesh - np.array([pad, pad, 0], np.float32), np.float32)
    return None


def larger(name: str) -> crops.CropSpec:
    """The crop `name` with SIDE pixels at the same scale."""
    spec = crops.CROPS[name]
    return crops.CropSpec(SIDE, spec.faces * SIDE / spec.side_px, spec.points)


def cut(image: ByteArray, mesh: FloatArray, name: str) -> tuple[bytes, FloatArray]:
    """The crop as a JPEG, and the kept points in its pixels."""
    crops.CROPS["larger"] = larger(name)
    crop = crops.crop(image, mesh, "larger")
    eyes = mesh[263, :2] - mesh[33, :2]
    roll = float(np.degrees(np.arctan2(eyes[1], eyes[0])))
    box, spec = box_of(mesh), larger(name)
    centre = (box.left + box.width / 2, box.top + box.height / 2)
    turn = cv2.getRotationMatrix2D(centre, roll, SIDE / max(spec.faces * box.height, 1.0))
    turn[:, 2] = turn[:, 2] + SIDE / 2 - np.array(centre)
    points = kept_of(mesh) @ turn[:, :2].T + turn[:, 2]
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return jpeg.tobytes(), points.astype(np.float32)


def pictures(item: Item, view: str, frames: int) -> Iterator[ByteArray]:
    """The picture, or up to `frames` frames spread evenly over the clip, as they are or after VP8."""
    if not item.video:
        found = cv2.imread(str(item.path))
        yield np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), np.uint8)
        return
    from liveguard.stress.footage import Footage
    from liveguard.stress.video_codec import coded

    footage = Footage(item.path)
    stream = footage.pictures()
    if view == "vp8":
        stream = coded("vp8", VP8_KBPS)(stream, np.random.default_rng(0))
    step_us, due_us = footage.lap_us / frames, 0.0
    for frame in stream:
        if frame.t_us >= due_us:
            yield frame.image
            due_us += step_us


def _crops_of(task: tuple[int, Item, str, int]) -> list[tuple[str, Crop]]:
    number, item, view, frames = task
    found = []
    for image in pictures(item, view, frames):
        mesh = mesh_of(face_backend(), image)
        if mesh is not None:
            for name in CROPS:
                found.append((name, (number, *cut(image, mesh, name), box_of(mesh).width)))
    return found


_opened: list[FaceBackend] = []


def face_backend() -> FaceBackend:
    """One for this process, opened when it is first asked for."""
    if not _opened:
        from liveguard.face.backends import open_backend

        cv2.setNumThreads(1)
        _opened.append(open_backend())
    return _opened[0]


def prepare(data: Path, out: Path, frames: int, processes: int | None = None) -> None:
    """Make the stores that are missing: OUT/<crop>-<stills|clips>-<view>.npz, and beside it what has no face in view."""
    items = read_items(data)
    kinds = [("stills", "clean", [k for k, item in enumerate(items) if not item.video])]
    kinds += [("clips", view, [k for k, item in enumerate(items) if item.video]) for view in VIEWS]
    for kind, view, which in kinds:
        paths = {name: out / f"{name}-{kind}-{view}.npz" for name in CROPS}
        if not which or all(path.is_file() for path in paths.values()):
            continue
        found: dict[str, list[Crop]] = {name: [] for name in CROPS}
        with get_context("spawn").Pool(processes) as pool:
            tasks = [(k, items[k], view, frames) for k in which]
            for done, some in enumerate(pool.imap(_crops_of, tasks, chunksize=4), 1):
                for name, crop in some:
                    found[name].append(crop)
                if done % 50 == 0 or done == len(tasks):
                    print(f"\r{kind} {view}: {done} of {len(tasks)}", end="", flush=True)
        print()
        for name, path in paths.items():
            save(path, found[name])
        seen = {entry[0] for entry in found["face"]}
        missed = [items[k].name for k in which if k not in seen]
        (out / f"missed-{kind}-{view}.json").write_text(json.dumps(missed, indent=1), "utf-8")


def asked(about: str) -> argparse.Namespace:
    """What was asked for on the command line: data, out, frames and processes."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--processes", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    given = asked(__doc__ or "")
    prepare(given.data, given.out, given.frames, given.processes)
