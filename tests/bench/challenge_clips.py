"""How many genuine clips the pose challenge's measure takes for flat: `python -m tests.bench.challenge_clips MANIFEST.csv`.

In each clip in which the head turns by 12 degrees or more, the half seconds with the least and the greatest yaw are
compared, as straight ahead and turned are after a cue. Every other clip is left out: the constants were chosen on those.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from liveguard.challenge.planar import depth_between, depth_share, flat_nats, stretch
from liveguard.detectors.series import RIGID_POINTS, head_angles_deg
from liveguard.face.backends import open_backend
from liveguard.face.observer import Observer
from liveguard.taps.file import FileTap
from liveguard.types import VideoFrame

FPS = 15
TURNED_DEG, CLIP_S, STRETCH_S = 12.0, 8.0, 0.5


def clips(manifest: Path) -> None:
    """How many genuine clips are taken for flat where the head turns."""
    with manifest.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == "bonafide"]
    shares, flat, unjudged = [], 0, 0
    for row in rows[1::2]:  # the others were there when the constants were chosen
        points = landmarks_of(manifest.parent / row["path"])
        if len(points) < 2 * STRETCH_S * FPS:
            continue
        yaw = head_angles_deg(points, RIGID_POINTS)[:, 0]
        width = int(STRETCH_S * FPS)
        mean = np.convolve(yaw, np.ones(width) / width, "valid")
        ends = sorted((int(mean.argmin()), int(mean.argmax())), key=lambda at: abs(mean[at]))
        if np.ptp(mean) < TURNED_DEG:
            continue
        depth = depth_between(*(stretch(points[at : at + width]) for at in ends))
        share, nats = depth_share([depth]), flat_nats([depth])
        unjudged += share is None
        if share is not None and nats is not None:
            shares.append(share)
            flat += nats > 0
    low, middle = np.percentile(shares, [5, 50])
    print(
        f"genuine clips: {len(rows[1::2])}, of which {len(shares) + unjudged} with a turn of {TURNED_DEG:.0f} degrees or more; "
        f"{flat} of {len(shares)} taken for flat, {unjudged} not judged; depth share {middle:.2f}, lowest 5 % {low:.2f}"
    )


def landmarks_of(path: Path) -> np.ndarray:
    """The largest track's landmarks (n, 478, 3) of the first seconds of a clip."""
    tap, observer, faces = FileTap(path, max_fps=FPS), Observer(open_backend(), []), []
    for sample in tap.samples():
        if isinstance(sample, VideoFrame):
            if sample.t_us > CLIP_S * 1e6:
                break
            faces += observer.observe(sample).faces
    tap.close()
    observer.close()
    tracks = [face.track for face in faces]
    longest = max(set(tracks), key=tracks.count, default=0)
    return np.array([face.landmarks for face in faces if face.track == longest], np.float32).reshape(-1, 478, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    clips(parser.parse_args().manifest)


if __name__ == "__main__":
    main()
