"""How well two challenges tell heads from flat pictures: `python -m tests.bench.challenge_depth [--data FOLDER ...]`.

Heads (`tests.rendering.head`) and prints of the same photos, held by hand, flat or bent by up to 2 per m, answer drawn
scripts before a 640 x 480 webcam with sensor noise, through VP8 at 300 kbit/s and the tracker, 15 pictures a second. Heads
also do nothing, and are judged by another script than they did. FOLDERs: photos of other people to use, with hair and
shoulders; without them the public-domain portrait in several skin tones.
Heads are simulated.
"""

from __future__ import annotations

import argparse
import pickle
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from liveguard.challenge.distance import DistanceChallenge
from liveguard.challenge.follow import paths
from liveguard.challenge.pose import PoseChallenge
from liveguard.challenge.script import Draws, Step, _distance, _pose
from liveguard.errors import BackendError
from liveguard.evaluate.metrics import auc
from liveguard.face.backends import open_backend
from liveguard.face.observer import Observer
from liveguard.stress.video_codec import coded
from liveguard.types import ByteArray, Cue, FaceSample, Reading, VideoFrame
from tests.made_heads import read
from tests.rendering.head import Head, HeadPose, idle, shaken
from tests.rendering.sheet import Sheet
from tests.rendering.skin import Fitzpatrick

FPS, KBPS, NOISE_GREY = 15, 300, 2.5
CUE_US = 1_000_000
BENDS_PER_M = (0.0, 0.5, 1.0, 1.5, 2.0)
CHECKS = {"pose": PoseChallenge(), "distance": DistanceChallenge()}
DRAWN = ("head", "flat", "still")
OTHER = "other"  # a head that did another script
Course = Callable[[float], HeadPose]


@dataclass(frozen=True)
class Run:
    """One answer as the checks see it: the script, and the samples of the face."""

    step: Step
    faces: list[FaceSample]


def script(kind: str, seed: int) -> Step:
    draws = Draws(seed.to_bytes(4, "big"))
    return Step("pose", _pose(draws)) if kind == "pose" else Step("distance", _distance(draws))


def course(step: Step, rng: np.random.Generator) -> Course:
    """How somebody answers: after 0.3 to 0.9 s, by 0.75 to 1.25 of what is asked, sitting 380 to 620 mm away."""
    lag_s, gain, away_mm = rng.uniform(0.3, 0.9), rng.uniform(0.75, 1.25), rng.uniform(380, 620)
    yaw_deg, pitch_deg = rng.normal(0, 2, 2)
    move_s = rng.uniform(0.6, 1.1)
    if step.kind == "pose":
        each_s = float(step.params["each_us"]) / 1e6
        targets = gain * np.array([t.split(",") for t in str(step.params["targets"]).split()], np.float64).T

        def turn(t_s: float) -> HeadPose:
            yaw, pitch = paths(np.array([t_s]), [k * each_s for k in range(3)], targets, lag_s, 0.7 * move_s)[:, 0]
            return HeadPose(yaw_deg + float(yaw), pitch_deg + float(pitch), distance_mm=away_mm)

        return turn
    starts = [0.0, float(step.params["back_us"]) / 1e6 + rng.uniform(-0.3, 0.3)]
    grown = np.array([[rng.uniform(0.85, 1.15) * (float(step.params["nearer"]) - 1), 0.0]])

    def nearer(t_s: float) -> HeadPose:
        times = 1 + float(paths(np.array([t_s]), starts, grown, lag_s, move_s)[0, 0])
        return HeadPose(yaw_deg, pitch_deg, distance_mm=away_mm / times)

    return nearer


def run(kind: str, case: str, seed: int, photo: ByteArray | None, skin: Fitzpatrick | None) -> Run:
    """What the checks see of one answer. Raises ValueError where the photo shows no face."""
    rng = np.random.default_rng((seed, DRAWN.index(case)))
    step = script(kind, seed)
    done = course(step, rng)
    if case == "flat":
        bend = BENDS_PER_M[seed % len(BENDS_PER_M)] * rng.choice([-1, 1])
        material = "paper" if rng.random() < 0.5 else "tablet"
        sheet = Sheet(photo, material, bend, rng.uniform(0.75, 1.1), room_seed=seed)  # type: ignore[arg-type]
        drawn = [sheet.draw(shaken(done(t_s), t_s + 9, seed)) for t_s in times(step)]
    else:
        head = Head(photo, skin, room_seed=seed)
        still = HeadPose(distance_mm=rng.uniform(380, 620))
        drawn = [head.draw(swaying(still if case == "still" else done(t_s), t_s, seed)) for t_s in times(step)]
    return seen(step, drawn, rng)


def times(step: Step) -> list[float]:
    """From 1 s before the cue until it is over."""
    return [k / FPS - CUE_US / 1e6 for k in range(int((CUE_US + step.lasts_us) * FPS / 1e6))]


def swaying(pose: HeadPose, t_s: float, seed: int) -> HeadPose:
    sway = idle(t_s + 9, seed)
    return replace(
        pose,
        yaw_deg=pose.yaw_deg + sway.yaw_deg,
        pitch_deg=pose.pitch_deg + sway.pitch_deg,
        roll_deg=sway.roll_deg,
        shift_x_mm=sway.shift_x_mm,
        shift_y_mm=sway.shift_y_mm,
        lids=sway.lids,
    )


def seen(step: Step, drawn: Sequence[ByteArray], rng: np.random.Generator) -> Run:
    """The pictures after sensor, codec and tracker."""

    def frames() -> Iterator[VideoFrame]:
        for k, image in enumerate(drawn):
            noisy = image + rng.normal(0, NOISE_GREY, image.shape)
            yield VideoFrame(round(k * 1e6 / FPS), np.clip(noisy, 0, 255).astype(np.uint8))

    observer = Observer(open_backend(), list(CHECKS.values()))
    try:
        faces = [face for frame in coded("vp8", KBPS)(frames(), rng) for face in observer.observe(frame).faces]
    finally:
        observer.close()
    tracks = [face.track for face in faces]
    longest = max(set(tracks), key=tracks.count, default=0)
    return Run(step, [replace(face, track=1) for face in faces if face.track == longest])


def judged(done: Run, step: Step) -> Reading:
    """What the check says of an answer if `step` was asked for."""
    return read(CHECKS[step.kind], Cue(CUE_US, step.cue, step.params), done.faces)


def photos(folders: Sequence[Path], count: int) -> Iterator[tuple[ByteArray | None, Fitzpatrick | None]]:
    """Photos, each with the skin to give it; the portrait where there are no others."""
    if not folders:
        for k in range(count):
            yield None, cast("Fitzpatrick | None", (None, "I", "III", "V", "VI")[k % 5])
        return
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".png"))
    for at in np.random.default_rng(1).permutation(len(paths))[:count]:
        yield np.ascontiguousarray(cv2.imread(str(paths[at]))[..., ::-1]), None


def report(kind: str, found: dict[str, list[Reading]]) -> None:
    """AUC of heads that answer against each of the others, by each half of the evidence and their sum; refusals."""
    print(f"\n{kind}")
    for case, readings in found.items():
        refused = [reading.why for reading in readings if reading.llr is None]
        unjudged = sum("artefact_nats" not in reading.measures for reading in readings if reading.llr is not None)
        print(
            f"  {case}: {len(readings)} answers, {len(refused)} refused {sorted(set(refused))}, depth not judged in {unjudged}"
        )
    for case in (*DRAWN[1:], OTHER):
        for name in ("llr", "compliance_nats", "artefact_nats"):
            pair = [np.array(values(found[side], name)) for side in ("head", case)]
            if min(map(len, pair)) >= 3:
                low, high = interval(*pair)
                print(
                    f"  head against {case}, {name}: AUC {area(*pair):.3f} [{low:.3f}, {high:.3f}], n {len(pair[0])} + "
                    f"{len(pair[1])}; medians {np.median(pair[0]):.1f} and {np.median(pair[1]):.1f}, "
                    f"over 0: {np.mean(pair[0] > 0):.0%} and {np.mean(pair[1] > 0):.0%}"
                )


def values(readings: Sequence[Reading], name: str) -> list[float]:
    known = [reading for reading in readings if reading.llr is not None]
    if name == "llr":
        return [cast("float", reading.llr) for reading in known]
    return [reading.measures[name] for reading in known if name in reading.measures]


def area(genuine: np.ndarray, attack: np.ndarray) -> float:
    return auc(np.concatenate([genuine, attack]), np.repeat([False, True], [len(genuine), len(attack)]))


def interval(genuine: np.ndarray, attack: np.ndarray) -> tuple[float, float]:
    """The middle 95 % over 1000 draws with replacement from both."""
    rng = np.random.default_rng(0)
    areas = [area(rng.choice(genuine, len(genuine)), rng.choice(attack, len(attack))) for _ in range(1000)]
    low, high = np.percentile(areas, [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="*", default=())
    parser.add_argument("--count", type=int, default=10, help="people")
    parser.add_argument("--first", type=int, default=0, help="the first seed and person")
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "challenge_depth")
    parser.add_argument(
        "--draw-s", type=float, default=1e9, help="stop drawing after so many seconds; call again to go on"
    )
    parser.add_argument("--kinds", nargs="+", default=list(CHECKS))
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    for kind in given.kinds:
        found: dict[str, list[Reading]] = {case: [] for case in (*DRAWN, OTHER)}
        for seed, (photo, skin) in enumerate(photos(given.data, given.first + given.count)):
            if seed < given.first or (seed - given.first) % given.step:
                continue
            for case in DRAWN if seed % 3 == 0 else DRAWN[:-1]:
                kept = given.cache / f"{kind}-{case}-{seed}-{'data' if given.data else 'own'}.pickle"
                if not kept.exists() and time.monotonic() - began < given.draw_s:
                    try:
                        kept.write_bytes(pickle.dumps(run(kind, case, seed, photo, skin)))
                    except (ValueError, BackendError) as error:
                        print(f"{kept.stem}: {error}")
                if kept.exists():
                    done: Run = pickle.loads(kept.read_bytes())
                    found[case].append(judged(done, done.step))
                    if case == "head":
                        found[OTHER].append(judged(done, script(kind, seed + 5000)))
        report(kind, found)


if __name__ == "__main__":
    main()
