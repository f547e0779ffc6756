"""Bench attacks on the camera check: `python -m tests.bench.camera_feeds MANIFEST.csv`.

Every clip of the manifest is shown as it is, frozen after 1.6 s, and (where it is 4 s or longer) again and again, evenly
and as a live feed does: every other picture of the loop only, each held for two, a fifth of all lost, times jittered, a
little brighter. The delay counts from the freeze, or from where the first repetition begins. Real pictures, faked feeds:
no deepfake is in it.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.progress import track

from liveguard.detectors.camera import Camera
from liveguard.engine import Engine
from liveguard.face.backends import open_backend
from liveguard.face.observer import Observer
from liveguard.taps.file import FileTap
from liveguard.types import Alert, Box, FaceSample, FeedInfo, FrameSample, Observation, VideoFrame

FREEZE_S, SECONDS, LOOP_FROM_S = 1.6, 20.0, 4.0
LOST, GAIN, LEVEL_GREY = 0.2, 1.03, 2.0
FEED = FeedInfo("bench", frozenset({"video"}))


def frames_of(path: Path) -> list[FrameSample]:
    tap, observer = FileTap(path, max_fps=30.0), Observer(open_backend(), [Camera()])
    try:
        return [observer.observe(s).frame for s in tap.samples() if isinstance(s, VideoFrame)]
    finally:
        observer.close()
        tap.close()


def alerts_s(frames: list[FrameSample]) -> list[float]:
    """When the camera check raises alerts, with a face in view all the time."""
    raised_s: list[float] = []
    engine, mesh = Engine(FEED, [Camera()]), np.zeros((478, 3), np.float32)
    for frame in frames:
        face = FaceSample(frame.t_us, 1, mesh, Box(0, 0, 1, 1), 1.0, 100.0)
        for event in engine.push(Observation(frame, (face,))):
            if isinstance(event, Alert) and event.state == "raised":
                raised_s.append(event.t_us / 1e6)
    return raised_s


def summed_up(what: str, feeds: Sequence[tuple[Sequence[float], float]]) -> str:
    """`feeds`: when alerts were raised, and since when the feed was false. One that came before is about the genuine part:
    it catches nothing."""
    delays_s = [min(after) for raised_s, since_s in feeds if (after := [t - since_s for t in raised_s if t >= since_s])]
    early = sum(any(t < since_s for t in raised_s) for raised_s, since_s in feeds)
    low, middle, high = np.percentile(delays_s, [5, 50, 95]) if delays_s else (np.nan,) * 3
    after = f"after {middle:.1f} s ({low:.1f} to {high:.1f}, 5-95 %)"
    return f"{what}: caught {len(delays_s)} of {len(feeds)}, {after}; {early} raised an alert before it began"


def shown(frames: list[FrameSample], which: Callable[[int], int], step_us: int) -> list[FrameSample]:
    return [replace(frames[which(k)], t_us=k * step_us) for k in range(int(SECONDS * 1e6 / step_us))]


def unevenly(frames: list[FrameSample], step_us: int) -> list[FrameSample]:
    """A loop of the clip as it comes over a busy machine: coarse in time, with pictures missing, out of step."""
    rng = np.random.default_rng(len(frames))
    kept: list[FrameSample] = []
    for k in range(int(SECONDS * 1e6 / step_us)):
        once = k < len(frames)
        at = k if once else (k % len(frames)) // 2 * 2
        jitter_us = int(rng.integers(-step_us // 3, step_us // 3 + 1))
        if rng.random() > LOST:
            t_us = max(k * step_us + jitter_us, kept[-1].t_us + 1 if kept else 0)
            kept.append(replace(frames[at] if once else _brighter(frames[at]), t_us=t_us))
    return kept


def _brighter(frame: FrameSample) -> FrameSample:
    face_cells = {square: cells * GAIN + LEVEL_GREY for square, cells in frame.face_cells.items()}
    return replace(frame, signature=frame.signature * GAIN + LEVEL_GREY, face_cells=face_cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    manifest = parser.parse_args().manifest
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    false, frozen, looped, uneven = [], [], [], []
    for row in track(rows, "measuring"):
        frames = frames_of(manifest.parent / row["path"])
        if len(frames) < 2:
            continue
        if alerts_s(frames):
            false.append(row["path"])
        step_us = int(np.median(np.diff([frame.t_us for frame in frames])))
        hold, length_s = round(FREEZE_S * 1e6 / step_us), len(frames) * step_us / 1e6
        if hold < len(frames):
            frozen.append((alerts_s(shown(frames, lambda k, at=hold: min(k, at), step_us)), FREEZE_S))
        if length_s >= LOOP_FROM_S:
            looped.append((alerts_s(shown(frames, lambda k, frames=frames: k % len(frames), step_us)), length_s))
            uneven.append((alerts_s(unevenly(frames, step_us)), length_s))
    print(f"as they are: {len(false)} of {len(rows)} clips raise an alert {false}")
    for what, found in (("frozen", frozen), ("looped", looped), ("looped unevenly", uneven)):
        print(summed_up(what, found))


if __name__ == "__main__":
    main()
