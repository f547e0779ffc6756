"""How well the rhythm challenge tells who followed the beats: `python -m tests.bench.challenge_rhythm WHAT [DATA]`.

`heads` films a simulated head (`tests.rendering.head`) that keeps the beats as people do, blinks at random, or is a still
photo, at 15 and 30 pictures a second through VP8 of 300 kbit/s, and looks at it with the face mesh. `clips` looks at the
genuine recordings of DATA: people who were asked for nothing. Both keep the lids and lips in out/challenge_rhythm and may
be broken off and resumed. `report` judges them: those who kept the beats against their own script, everything against
scripts of strangers. `timing` does so without pictures.
"""

from __future__ import annotations

import argparse
import csv
import pickle
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from liveguard.challenge.policy import ProofPolicy
from liveguard.challenge.rhythm import RhythmChallenge
from liveguard.challenge.rhythm_model import rhythm_nats
from liveguard.challenge.script import Step, draw
from liveguard.evaluate.metrics import auc
from liveguard.face.backends import open_backend
from liveguard.face.geometry import box_of
from liveguard.face.observer import Observer
from liveguard.stress.video_codec import coded
from liveguard.taps.file import FileTap
from liveguard.timeline import Timeline
from liveguard.types import Cue, FaceSample, FeedInfo, FrameSample, Observation, Reading, VideoFrame
from tests.rendering.head import Head, HeadPose, idle

OUT = Path("out/challenge_rhythm")
CUE_US = 2_700_000
SHORTEST_S, STRANGERS = 6.6, 20
SIZE, KBPS, FPS = (640, 480), 300.0, (15, 30)
LAG_S, LAG_SD_S, JITTER_S, MET, IDLE_HZ = 0.15, 0.1, 0.1, 0.95, 0.3


def step(seed: int, action: str) -> Step:
    """A rhythm as scripts have it, for `action`."""
    for k in range(10_000):
        nonce = (1000 * seed + k).to_bytes(16, "big")
        for found in draw(nonce, ProofPolicy(kinds=("rhythm", "digits"), steps=2)):
            if found.kind == "rhythm" and found.params["action"] == action:
                return found
    raise AssertionError("no nonce draws it")


def moments(kind: str, script: Step, rng: np.random.Generator) -> list[float]:
    """When the head acts, in seconds since its film's start, over 9 s."""
    if kind == "photo":
        return []
    idle = rng.uniform(0.5, 8.5, rng.poisson(8 * IDLE_HZ)).tolist()
    if kind == "idle":
        return idle
    beats_s = [CUE_US / 1e6 + int(beat) / 1e6 for beat in str(script.params["beats_us"]).split()]
    lag = rng.normal(LAG_S, LAG_SD_S)
    acted = [beat + lag + rng.normal(0, JITTER_S) for beat in beats_s if rng.random() < MET]
    # Who attends blinks less.
    return acted + [at for at in idle[::3] if all(abs(at - beat) > 0.4 for beat in acted)]


def film(
    head: Head, kind: str, action: str, at_s: list[float], fps: int, seed: int, seconds: float
) -> Iterator[VideoFrame]:
    rng = np.random.default_rng(seed)
    field = rng.normal(0, 1.5, (SIZE[1] + 64, SIZE[0] + 64, 1)).astype(np.int16).repeat(3, axis=2)
    for k in range(int(seconds * fps)):
        t_s = k / fps
        pose = HeadPose() if kind == "photo" else replace(idle(t_s, seed), lids=0.0)
        # Closing takes 0.1 s, opening 0.2 s (lids); a mouth takes 0.25 s each way.
        down, up = (0.1, 0.2) if action == "blink" else (0.25, 0.25)
        shut = max(
            [float(np.clip(1.3 - ((at - t_s) / down if t_s < at else (t_s - at) / up), 0, 1)) for at in at_s],
            default=0.0,
        )
        pose = replace(pose, lids=0.95 * shut) if action == "blink" else replace(pose, mouth=0.9 * shut)
        picture = head.draw(pose)
        y, x = rng.integers(0, 64, 2)
        grain = np.ascontiguousarray(field[y : y + SIZE[1], x : x + SIZE[0]])
        yield VideoFrame(round(k * 1e6 / fps), np.asarray(cv2.add(picture, grain, dtype=cv2.CV_8U), np.uint8))


def seen(frames: Iterable[VideoFrame]) -> list[FaceSample]:
    """The largest face of each picture."""
    observer = Observer(open_backend(), [])
    try:
        found = [observer.observe(frame).faces for frame in frames]
    finally:
        observer.close()
    return [max(faces, key=lambda face: face.box.width) for faces in found if faces]


def kept(path: Path, faces: list[FaceSample], **about: object) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(about | {"faces": [(face.t_us, face.landmarks, face.light) for face in faces]}))


def heads(each: int, limit_s: float) -> None:
    head, started_s = Head(), time.monotonic()
    for seed in range(each):
        for kind, action in (("kept", "blink"), ("kept", "mouth"), ("idle", "blink"), ("photo", "blink")):
            for fps in FPS:
                path = OUT / f"{kind}-{action}-{fps}-{seed}.pickle"
                if path.is_file() or (kind == "photo" and seed > 1):
                    continue
                if time.monotonic() - started_s > limit_s:
                    print("not done: run it again")
                    return
                script, rng = step(seed, action), np.random.default_rng([seed, fps, len(kind)])
                at_s = moments(kind, script, rng)
                frames = film(head, kind, action, at_s, fps, seed, (CUE_US + script.lasts_us) / 1e6 + 0.2)
                faces = seen(coded("vp8", KBPS)(frames, rng))
                kept(path, faces, kind=kind, action=action, fps=fps, script=script, at_s=at_s)
    print("done")


def clips(data: Path, limit_s: float) -> None:
    started_s = time.monotonic()
    with (data / "video" / "manifest.csv").open(newline="") as file:
        rows = [
            row for row in csv.DictReader(file) if row["label"] == "bonafide" and float(row["seconds"]) >= SHORTEST_S
        ]
    for k, row in enumerate(rows):
        path = OUT / f"clip-{k}.pickle"
        if path.is_file():
            continue
        if time.monotonic() - started_s > limit_s:
            print("not done: run it again")
            return
        tap = FileTap(str(data / "video" / row["path"]))
        kept(path, seen(sample for sample in tap.samples() if isinstance(sample, VideoFrame)), kind="clip", seed=k)
        tap.close()
    print("done")


def judged(faces: list[FaceSample], script: Step, cue_us: int) -> Reading:
    check = RhythmChallenge()
    timeline = Timeline(FeedInfo("bench", frozenset({"video"})), check.need.video_us, wants_audio=False)
    timeline.add(Cue(cue_us, script.cue, script.params))
    for face in faces:
        timeline.add(Observation(FrameSample(face.t_us, *SIZE, face.t_us, np.zeros((9, 16), np.float32), 0.5), (face,)))
    return check.evaluate(timeline.window(check.need, cue_us + script.lasts_us, 1))


def readings(kept_at: Path) -> Iterator[tuple[str, Reading]]:
    """(what it is, reading): the film against its own script, and all against scripts that nobody showed."""
    about = pickle.loads(kept_at.read_bytes())
    faces = [FaceSample(t_us, 1, points, box_of(points), 80.0, light) for t_us, points, light in about["faces"]]
    kind, end_us = about["kind"], faces[-1].t_us
    if kind == "kept":
        # The script that was filmed, not one drawn anew: how scripts are drawn may have changed since.
        script = about["script"]
        yield f"kept {about['action']} {about['fps']}", judged(faces, script, CUE_US)
    for action in ("blink", "mouth") if kind in ("clip", "photo") else (about["action"],):
        for other in range(100, 100 + STRANGERS):
            script = step(other, action)
            cue_us = min(CUE_US, end_us - script.lasts_us)
            if cue_us >= 0:
                yield (
                    f"{'other script' if kind == 'kept' else kind} {action} {about.get('fps', '')}".strip(),
                    judged(faces, script, cue_us),
                )


def report() -> None:
    found: dict[str, list[Reading]] = defaultdict(list)
    for path in sorted(OUT.glob("*.pickle")):
        for what, reading in readings(path):
            found[what].append(reading)
    for what, read in sorted(found.items()):
        nats = np.array([reading.llr for reading in read if reading.llr is not None])
        why = Counter(reading.why.split(":")[0] for reading in read if reading.llr is None)
        line = f"{what:<24} {len(read):4} readings, {len(nats):4} judged"
        if len(nats):
            low, high = np.percentile(nats, (5, 95))
            line += f", median {np.median(nats):+.2f} nats (5 % {low:+.2f}, 95 % {high:+.2f})"
            line += f", mean exp(-nats) {np.mean(np.exp(-nats)):.2f}"
            line += f"; below 0: {np.mean(nats < 0):.1%}, below -1: {np.mean(nats < -1):.1%}, above +1: {np.mean(nats > 1):.1%}"
        print(line, dict(why.most_common(3)) or "")


def timing(runs: int = 2000) -> None:
    """The same without pictures: what the timing alone can tell, by how much a person scatters."""
    rng = np.random.default_rng(0)
    steps = [step(seed, "blink") for seed in range(40)]
    scripts = [[int(beat) / 1e6 for beat in str(one.params["beats_us"]).split()] for one in steps]
    for jitter_s in (0.06, 0.1, 0.15):
        nats: dict[str, list[float]] = defaultdict(list)
        for _ in range(runs):
            own, other = rng.integers(len(scripts), size=2)
            lasts_s = steps[own].lasts_us / 1e6
            idle = rng.uniform(0, lasts_s, rng.poisson(IDLE_HZ * lasts_s))
            for what, followed in (("kept", own), ("other", other), ("idle", None)):
                beats = np.array(scripts[followed] if followed is not None else [])
                acted = beats + rng.normal(LAG_S, LAG_SD_S) + rng.normal(0, jitter_s, len(beats))
                acted = np.concatenate([acted[rng.random(len(acted)) < MET], idle[:: 3 if len(beats) else 1]])
                nats[what].append(rhythm_nats(np.sort(acted[(acted > 0) & (acted < lasts_s)]), scripts[own], lasts_s))
        kept, *attacks = (np.array(nats[what]) for what in ("kept", "other", "idle"))
        for what, attack in zip(("other", "idle"), attacks, strict=True):
            both, label = np.concatenate([kept, attack]), np.arange(len(kept) + len(attack)) >= len(kept)
            print(
                f"timing alone, jitter {jitter_s * 1000:.0f} ms, kept against {what}: AUC {auc(both, label):.3f}",
                end="; ",
            )
            print(f"below -1: {np.mean(kept < -1):.1%} against {np.mean(attack < -1):.1%} of {runs} each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("heads", "clips", "report", "timing"))
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--each", type=int, default=6)
    parser.add_argument("--limit-s", type=float, default=100.0)
    arguments = parser.parse_args()
    if arguments.what == "heads":
        heads(arguments.each, arguments.limit_s)
    elif arguments.what == "clips":
        clips(arguments.data, arguments.limit_s)
    elif arguments.what == "report":
        report()
    else:
        timing()


if __name__ == "__main__":
    main()
