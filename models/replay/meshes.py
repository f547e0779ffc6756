"""Keep the meshes of genuine clips and of bench photos in a hand, for `motion.py`.

    python models/replay/meshes.py MANIFEST.csv OUT [SET ...]

One file a clip and set, with landmarks and times and no pixels; what is there is not made again. Sets of genuine clips:
"as is", "call" (VP8 at 300 kbit/s, 15 pictures a second), "hand-held" (from a phone that sways, VP8 at 500 kbit/s), "dark".
Sets of attacks, each clip's conditions drawn anew: "flat" and "bent", the clip's first picture in a hand, tilted by up to 4 to
25 degrees, and "tablet", the clip itself playing on something flat in a hand (which moves like a person, and is not found).
In "call flat" the face is shrunk to 60 to 160 px and the rate is 15.
"""

from __future__ import annotations

import argparse
import csv
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import numpy as np

from liveguard.face.backends import BackendPool
from liveguard.face.observer import Observer
from liveguard.stress.footage import Footage
from liveguard.stress.held import PRINT, Reach, hand_held, photo_in_hand
from liveguard.stress.light import low_light
from liveguard.stress.rate_and_size import frame_rate, lines
from liveguard.stress.variant import PictureEffect
from liveguard.stress.video_codec import coded
from liveguard.types import VideoFrame

ATTACK_S = 7.0
GENUINE = ("as is", "call", "hand-held", "dark")
ATTACKS = ("flat", "call flat", "bent", "tablet")
POOL = BackendPool()


def conditions(name: str, rng: np.random.Generator, height: int, face_px: float) -> tuple[PictureEffect, ...]:
    """The effects that make the set `name` of a clip, drawn for that clip."""
    codec = coded("vp8", float(rng.choice([300, 500, 800]))) if rng.random() < 0.6 else coded("h264", 400)
    reach = Reach(rng.uniform(4, 25), rng.uniform(2, 12), rng.uniform(0.02, 0.08), rng.uniform(0.04, 0.16))
    small = lines(max(round(height * rng.uniform(60, 160) / max(face_px, 60) / 2) * 2, 64))
    return {
        "as is": (),
        "call": (frame_rate(15), coded("vp8", 300)),
        "hand-held": (hand_held(), coded("vp8", 500)),
        "dark": (low_light(0.25, 6.0),),
        "flat": (photo_in_hand(reach, 0.0, rng.uniform(1, 3)), codec),
        "bent": (photo_in_hand(reach, rng.uniform(0.03, 0.2), rng.uniform(1, 3)), codec),
        "call flat": (frame_rate(15), photo_in_hand(reach, 0.0, rng.uniform(1, 3)), small, codec),
        "tablet": (hand_held(PRINT), codec),
    }[name]


def made(clip: Path, name: str, face_px: float) -> Iterator[VideoFrame]:
    rng = np.random.default_rng(zlib.crc32(f"{name}/{clip.name}".encode()))
    attack = name in ATTACKS
    footage = Footage(clip, ATTACK_S if attack else 0.0)
    first = next(iter(footage.pictures()))
    frames = footage.pictures()
    for effect in conditions(name, rng, first.image.shape[0], face_px):
        frames = effect(frames, rng)
    return takewhile(lambda frame: not attack or frame.t_us < ATTACK_S * 1e6, frames)


def kept(frames: Iterator[VideoFrame]) -> dict[str, np.ndarray]:
    """What the observer sees of the face that is there most: times (n,) us, landmarks (n, 478, 3) px, luma (n,)."""
    observer = Observer(POOL.lend(), [])
    faces = [face for frame in frames for face in observer.observe(frame).faces]
    observer.close()
    most = Counter(face.track for face in faces).most_common(1)
    faces = [face for face in faces if face.track == most[0][0]]
    return {
        "t_us": np.array([face.t_us for face in faces]),
        "landmarks": np.array([face.landmarks for face in faces], np.float32).reshape(-1, 478, 3),
        "light": np.array([face.light for face in faces], np.float32),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("sets", nargs="*", default=(*GENUINE, *ATTACKS))
    args = parser.parse_args()
    with args.manifest.open() as stream:
        rows = [row for row in csv.DictReader(stream) if (row["label"], row["media"]) == ("bonafide", "video")]
    for name in args.sets:
        folder = args.out / name
        folder.mkdir(parents=True, exist_ok=True)
        for number, row in enumerate(rows):
            path = folder / f"{number:03d}.npz"
            if not path.exists():
                found = kept(made(args.manifest.parent / row["path"], name, float(row["face_px_orig"] or 0)))
                np.savez(path, source=row["source"], subject=row["subject"], **found)
        print(name, "done", flush=True)


if __name__ == "__main__":
    main()
