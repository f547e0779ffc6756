"""The figures of faces that the small models learn from, of every picture and of frames spread over every clip.

    python models/crops/measured.py DATA OUT             # once; ten minutes on two cores

They are what the running probes measure (`liveguard.detectors.face_figures`), in the same pictures as `store.py` cuts. Kept in
OUT/figures-<stills|clips>-<view>.npz. Pictures that a model of single ones learns from are also measured in the mirror.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
from corpus import SPLIT_BY_SUBJECT, Item, read_items
from store import VIEWS, asked, face_backend, mesh_of, pictures

from liveguard.detectors.face_figures import face_figures
from liveguard.face.geometry import box_of
from liveguard.face.observer import View

MIRRORED = "mirrored"


@dataclass(frozen=True)
class Measured:
    """`x` (n, COUNT) figures, NaN where unknown; `item` (n,) number in the manifest; `face_px` (n,)."""

    x: npt.NDArray[np.float32]
    item: npt.NDArray[np.int64]
    face_px: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.item)


def load(path: Path) -> Measured:
    with np.load(path) as file:
        return Measured(file["x"], file["item"], file["face_px"])


def wanted(item: Item) -> bool:
    """Clips, and stills of sources that have manipulated ones, too: a source that is only genuine teaches its own look."""
    return item.video or (item.kind != "real" and not item.presentation) or item.source in ("dfdc", "dina", "mesonet")


def _figures_of(task: tuple[int, Item, str, int]) -> list[tuple[int, npt.NDArray[np.float32], float]]:
    number, item, view, frames = task
    found = []
    for image in pictures(item, view, frames):
        if view == MIRRORED:
            image = np.ascontiguousarray(image[:, ::-1])
        mesh = mesh_of(face_backend(), image)
        if mesh is not None:
            found.append((number, face_figures(View(image, mesh)), box_of(mesh).width))
    return found


def prepare(items: Sequence[Item], out: Path, frames: int, processes: int | None = None) -> None:
    """Make what is missing."""
    out.mkdir(parents=True, exist_ok=True)
    kinds = [("stills", "clean", [k for k, item in enumerate(items) if not item.video and wanted(item)])]
    kinds += [
        ("stills", MIRRORED, [k for k, item in enumerate(items) if not item.video and item.source == SPLIT_BY_SUBJECT])
    ]
    kinds += [("clips", view, [k for k, item in enumerate(items) if item.video]) for view in VIEWS]
    for kind, view, which in kinds:
        path = out / f"figures-{kind}-{view}.npz"
        if not which or path.is_file():
            continue
        rows: list[tuple[int, npt.NDArray[np.float32], float]] = []
        with get_context("spawn").Pool(processes) as pool:
            tasks = [(k, items[k], view, frames) for k in which]
            for done, some in enumerate(pool.imap(_figures_of, tasks, chunksize=4), 1):
                rows += some
                if done % 50 == 0 or done == len(tasks):
                    print(f"\r{kind} {view}: {done} of {len(tasks)}", end="", flush=True)
        print()
        np.savez(
            path, x=np.stack([x for _, x, _ in rows]), item=np.array([k for k, _, _ in rows]),
            face_px=np.array([px for _, _, px in rows], np.float32),
        )  # fmt: skip


if __name__ == "__main__":
    given = asked(__doc__ or "")
    prepare(read_items(given.data), given.out, given.frames, given.processes)
