"""Genuine people and bench attacks before the camera and replay checks: `python -m tests.bench.camera_feeds MANIFEST.csv`.

Every clip of the manifest is shown as it is, coded, in low light and small. Each is played once to `camera`, as a repetition
is what it looks for, and to and fro for a minute to `replay`. Then come attacks, delays from where each begins: the clip
frozen after 1.6 s, and (where it is 4 s or longer) again and again, evenly and as a live feed does: every other picture of
the loop only, each held for two, a fifth of all lost, times jittered, a little brighter; the first picture of every third
clip as a photo that sways, by 0.03 distances between the eyes, and cut out before a backdrop that moves, every other one in
VP8. Real pictures, faked feeds: no deepfake is in it. `--keep` names a folder for what the face tracker saw, which takes by
far the longest: half an hour on one core.
"""

from __future__ import annotations

import argparse
import csv
import pickle
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, cycle, takewhile
from pathlib import Path
from typing import Final, TypeAlias

import cv2
import numpy as np
from rich.progress import track

from liveguard.detectors.camera import Camera
from liveguard.detectors.replay import Replay
from liveguard.engine import Engine
from liveguard.face.backends import BackendPool
from liveguard.face.observer import Observer
from liveguard.stress.footage import Footage
from liveguard.stress.light import low_light
from liveguard.stress.rate_and_size import frame_rate, lines
from liveguard.stress.variant import PictureEffect
from liveguard.stress.video_codec import coded
from liveguard.types import Alert, ByteArray, Detector, FeedInfo, FrameSample, Observation, Reading, VideoFrame

FREEZE_S, SECONDS, LOOP_FROM_S = 1.6, 20.0, 4.0
LOST, GAIN, LEVEL_GREY = 0.2, 1.03, 2.0
FEED = FeedInfo("bench", frozenset({"video"}))
SMALL_PX, PHOTO_S, PHOTO_FPS, MINUTE_S = 80, 16.0, 15.0, 60.0
EYES_PER_FACE, SWAY_EYES = 0.6, 0.03
Clip: TypeAlias = dict[str, str]
Forms: TypeAlias = dict[str, tuple[PictureEffect, ...]]
POOL: Final = BackendPool()


def forms(height: int, face_px: float) -> Forms:
    """The ways in which a genuine clip is shown."""
    small = lines(max(round(height * SMALL_PX / max(face_px, SMALL_PX) / 2) * 2, 64))
    return {
        "asis": (),
        "vp300": (frame_rate(15), coded("vp8", 300)),
        "vp150": (frame_rate(15), coded("vp8", 150)),
        "dark": (frame_rate(15), low_light(0.25, 6.0)),
        "small80k": (frame_rate(15), small, coded("vp8", 80)),
    }


def swaying(image: ByteArray, eyes_px: float, rng: np.random.Generator) -> Iterator[VideoFrame]:
    """A still picture that moves as a whole, slowly to and fro."""
    height, width = image.shape[:2]
    phases = rng.uniform(0, 6, 3)
    for k in range(int(PHOTO_S * PHOTO_FPS)):
        swings = np.sin(np.array([1.7, 4.1, 1.1]) * k / PHOTO_FPS + phases)
        right, down = eyes_px * SWAY_EYES * np.array([1.3 * swings[0] + 0.4 * swings[1], 0.8 * swings[2]])
        moved = cv2.warpAffine(
            image,
            np.array([[1, 0, right], [0, 1, down]], np.float32),
            (width, height),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT,
        )
        yield VideoFrame(round(k * 1e6 / PHOTO_FPS), np.asarray(moved, np.uint8))


def before_a_backdrop(image: ByteArray, face_px: float, rng: np.random.Generator) -> Iterator[VideoFrame]:
    """A head and shoulders cut out of a still picture, before waves of light."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    found = seen(iter([VideoFrame(0, image)]))[0].faces
    middle = (found[0].box.left + found[0].box.width / 2, found[0].box.top) if found else (width / 2, height / 3)
    from_middle = np.hypot((x - middle[0]) / (0.75 * face_px), (y - middle[1] - 0.45 * face_px) / face_px)
    shoulders = (y > middle[1] + 0.45 * face_px) & (np.abs(x - middle[0]) < 0.9 * face_px)
    mask = cv2.GaussianBlur(((from_middle < 1) | shoulders).astype(np.float32), (0, 0), 3)[..., None]
    phases = rng.uniform(0, 6, 2)
    for k in range(int(PHOTO_S * PHOTO_FPS)):
        t_s = k / PHOTO_FPS
        across = np.sin(7 * x / width + 1.3 * t_s + phases[0] + np.sin(0.7 * t_s))
        waves = 110 + 45 * across * np.cos(5 * y / height + 0.9 * t_s + phases[1])
        shown = mask * image + (1 - mask) * waves[..., None]
        yield VideoFrame(round(k * 1e6 / PHOTO_FPS), shown.astype(np.uint8))


PHOTOS: Final = {"sway30": (swaying, EYES_PER_FACE), "backdrop": (before_a_backdrop, 1.0)}


def seen(frames: Iterator[VideoFrame]) -> list[Observation]:
    observer = Observer(POOL.lend(), [Camera(), Replay()])
    try:
        return [observer.observe(frame) for frame in frames]
    finally:
        observer.close()


def shown_as(form: str, file: Path, face_px: float, number: int) -> list[Observation]:
    """What the tracker saw of the clip, or of a photo made of it, in this form."""
    rng, footage = np.random.default_rng(zlib.crc32(f"{form}/{file.name}".encode())), Footage(file)
    first = next(footage.pictures()).image
    frames, effects = footage.pictures(), forms(first.shape[0], face_px).get(form, ())
    if form in PHOTOS:
        photo, share = PHOTOS[form]
        frames, effects = photo(first, share * face_px, rng), (coded("vp8", 300),) if number % 2 else ()
    for effect in effects:
        frames = effect(frames, rng)
    return seen(frames)


class Clips:
    """The clips of a manifest as the tracker sees them; `keep`: a folder for that."""

    def __init__(self, manifest: Path, keep: Path | None) -> None:
        with manifest.open(newline="") as file:
            self.rows: list[Clip] = list(csv.DictReader(file))
        self._folder, self._keep = manifest.parent, keep

    def each(self, form: str, every: int = 1) -> Iterator[tuple[Clip, list[Observation]]]:
        for number, row in enumerate(track(self.rows, form)):
            if number % every == 0:
                kept = self._keep and self._keep / form / f"{number:03d}.pkl"
                if kept is None or not kept.exists():
                    made = shown_as(form, self._folder / row["path"], float(row["face_px_orig"] or SMALL_PX), number)
                    if kept is not None:
                        kept.parent.mkdir(parents=True, exist_ok=True)
                        kept.write_bytes(pickle.dumps(made))
                yield row, made if kept is None else pickle.loads(kept.read_bytes())


def said(check: Detector, observations: Sequence[Observation]) -> tuple[list[float], list[Reading]]:
    """When `check` raises alerts, in s, and all that it says."""
    engine, raised_s, readings = Engine(FEED, [check]), list[float](), list[Reading]()
    for observation in observations:
        for event in engine.push(observation):
            if isinstance(event, Reading):
                readings.append(event)
            elif isinstance(event, Alert) and event.state == "raised":
                raised_s.append(event.t_us / 1e6)
    return raised_s, readings


def to_and_fro(observations: Sequence[Observation], seconds: float = MINUTE_S) -> list[Observation]:
    """Forwards, backwards and so on, so that a short clip lasts without a jump."""
    step_us = step_of([one.frame for one in observations])
    order = cycle(chain(range(len(observations)), range(len(observations) - 2, 0, -1)))
    times = takewhile(lambda t_us: t_us < seconds * 1e6, (k * step_us for k in range(10**6)))
    return [at(observations[k], t_us) for t_us, k in zip(times, order, strict=False)]


def at(one: Observation, t_us: int) -> Observation:
    faces = tuple(replace(face, t_us=t_us) for face in one.faces)
    return replace(one, frame=replace(one.frame, t_us=t_us), faces=faces)


def step_of(frames: Sequence[FrameSample]) -> int:
    return int(np.median(np.diff([frame.t_us for frame in frames])))


def shown(
    observations: Sequence[Observation], which: Callable[[int], int], step_us: int, seconds: float = SECONDS
) -> list[Observation]:
    return [at(observations[which(k)], k * step_us) for k in range(int(seconds * 1e6 / step_us))]


def unevenly(observations: Sequence[Observation], step_us: int) -> list[Observation]:
    """A loop of the clip as it comes over a busy machine: coarse in time, with pictures missing, out of step."""
    rng = np.random.default_rng(len(observations))
    kept: list[Observation] = []
    for k in range(int(SECONDS * 1e6 / step_us)):
        once = k < len(observations)
        which = k if once else (k % len(observations)) // 2 * 2
        jitter_us = int(rng.integers(-step_us // 3, step_us // 3 + 1))
        if rng.random() > LOST:
            t_us = max(k * step_us + jitter_us, kept[-1].t_us + 1 if kept else 0)
            kept.append(at(observations[which] if once else _brighter(observations[which]), t_us))
    return kept


def _brighter(one: Observation) -> Observation:
    face_cells = {square: cells * GAIN + LEVEL_GREY for square, cells in one.frame.face_cells.items()}
    return replace(
        one, frame=replace(one.frame, signature=one.frame.signature * GAIN + LEVEL_GREY, face_cells=face_cells)
    )


def measure_genuine(clips: Clips) -> None:
    """Who is accused in any reading, who in an alert, and in how many readings a face is credited with life."""
    for form in forms(1080, 200):
        for name, check, lasts in (("camera", Camera(), list), ("replay", Replay(), to_and_fro)):
            accused, alerts, told, n = set(), set(), [], 0
            for row, observations in clips.each(form):
                if len(observations) > 2:
                    raised_s, readings = said(check, lasts(observations))
                    n += 1
                    told += [reading.llr for reading in readings]
                    accused |= {row["path"] for reading in readings if (reading.llr or 0) > 0}
                    alerts |= {row["path"]} if raised_s else set()
            people = len({row["subject"] for row in clips.rows if row["path"] in accused})
            credited = np.mean([llr is not None and llr < 0 for llr in told])
            words = f"accused {len(accused)} of {n} clips ({people} people) {sorted(accused)}, alerts {sorted(alerts)}"
            print(f"{form}, {name}: {words}; credited in {credited:.0%} of {len(told)} readings", flush=True)


def measure_attacks(clips: Clips) -> None:
    frozen, looped, uneven = [], [], []
    for _, observations in clips.each("asis"):
        if len(observations) < 2:
            continue
        step_us = step_of([one.frame for one in observations])
        hold, length_s = round(FREEZE_S * 1e6 / step_us), len(observations) * step_us / 1e6
        if hold < len(observations):
            raised_s, _ = said(Camera(), shown(observations, lambda k, hold=hold: min(k, hold), step_us))
            frozen.append((raised_s, FREEZE_S))
        if length_s >= LOOP_FROM_S:
            again = shown(observations, lambda k, seen=observations: k % len(seen), step_us)
            looped.append((said(Camera(), again)[0], length_s))
            uneven.append((said(Camera(), unevenly(observations, step_us))[0], length_s))
    for what, found in (("frozen", frozen), ("looped", looped), ("looped unevenly", uneven)):
        print(summed_up(what, found), flush=True)
    for form in PHOTOS:
        camera, replay, told = [], [], []
        for _, observations in clips.each(form, every=3):
            raised_s, readings = said(Camera(), observations)
            camera.append((raised_s, 0.0))
            told += [reading.llr is not None and reading.llr < 0 for reading in readings]
            replay.append((said(Replay(), to_and_fro(observations, 2 * MINUTE_S))[0], 0.0))
        print(f"{summed_up(f'{form}, camera', camera)}; credited in {sum(told)} of {len(told)} readings")
        print(summed_up(f"{form}, replay", replay), flush=True)


def summed_up(what: str, feeds: Sequence[tuple[Sequence[float], float]]) -> str:
    """`feeds`: when alerts were raised, and since when the feed was false. One that came before is about the genuine part:
    it catches nothing."""
    delays_s = [min(after) for raised_s, since_s in feeds if (after := [t - since_s for t in raised_s if t >= since_s])]
    early = sum(any(t < since_s for t in raised_s) for raised_s, since_s in feeds)
    low, middle, high = np.percentile(delays_s, [5, 50, 95]) if delays_s else (np.nan,) * 3
    after = f"after {middle:.1f} s ({low:.1f} to {high:.1f}, 5-95 %)"
    return f"{what}: caught {len(delays_s)} of {len(feeds)}, {after}; {early} raised an alert before it began"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    clips = Clips(args.manifest, args.keep)
    measure_genuine(clips)
    measure_attacks(clips)


if __name__ == "__main__":
    main()
