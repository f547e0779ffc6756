"""How well the occlusion challenge tells a hand before the asked region from what else may be shown, on rendered people.

    python -m tests.bench.challenge_occlusion [--data FOLDER] [--people N] [--cache FOLDER] [--half fit|report|all] [--figures]

People, camera and codec are those of `tests.bench.rendered_people`; hands are drawn by rule (`tests.rendering.hand`), so what is
measured holds for those. Attacks: nothing is covered, another region is, the person's own face is drawn over the hand in
part (`ghost`), in full (`over`) or now and then (`flicker`), a hand that ends where the face ends (`cut`), and a photo of
the person. Constants were chosen looking at the half `fit`.
"""

from __future__ import annotations

import argparse
import pickle
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from liveguard.challenge.check import LONGEST_US
from liveguard.challenge.occlusion import OcclusionChallenge
from liveguard.challenge.script import REGIONS, cue_name
from liveguard.evaluate.metrics import auc, bootstrap
from liveguard.face.geometry import OVAL
from liveguard.timeline import Timeline
from liveguard.types import LASTS, ByteArray, Cue, FeedInfo, FloatArray, Observation, Reading, VideoFrame
from tests.bench.rendered_people import Webcam, observed, people, rounded
from tests.rendering.head import Cover, Fitzpatrick, Head, HeadPose, Light, idle, shaken

ATTACKS = ("nothing", "elsewhere", "ghost", "over", "flicker", "cut", "photo")
BEFORE_S = 1.1
COVERED_US = 1_300_000
MOVES_S = 0.5
_FACE = np.array(OVAL)


def into_of(t_s: float, start_s: float, end_s: float) -> float:
    """How far the hand has come at a time, smooth within `MOVES_S`."""
    return float(np.clip(min((t_s - start_s) / MOVES_S, (end_s + MOVES_S - t_s) / MOVES_S), 0, 1))


def pictures(head: Head, kind: str, asked: str, seed: int) -> tuple[Iterator[VideoFrame], int]:
    """The pictures, and when the region should be bare again, in microseconds after the cue."""
    rng = np.random.default_rng(seed)
    fps = 15.0
    light = Light(ambient=float(rng.uniform(0.5, 3)), ambient_kelvin=float(rng.uniform(3000, 7000)))
    camera = Webcam(
        fps, float(rng.uniform(0.7, 2.5)) if rng.random() < 0.5 else None, float(rng.uniform(0.01, 0.03)), rng
    )
    bare_us = COVERED_US + int(rng.integers(10, 17)) * 100_000
    start_s, end_s = float(rng.uniform(0.4, 0.9)), bare_us / 1e6 + float(rng.uniform(0.1, 0.4))
    place = str(rng.choice([name for name in REGIONS if name != asked])) if kind == "elsewhere" else asked
    hand = Cover(place, 1.0, "palm", float(rng.uniform(10, 35)), float(rng.uniform(0.75, 1.0)))  # type: ignore[arg-type]
    through = {"ghost": float(rng.uniform(0.4, 0.8)), "over": 1.0}.get(kind, 0.0)
    distance_mm = float(rng.uniform(400, 600))
    still = head.radiance(HeadPose(distance_mm=distance_mm), light)

    def film() -> Iterator[VideoFrame]:
        for k in range(int((BEFORE_S + bare_us / 1e6 + 1.2) * fps)):
            t_s = k / fps - BEFORE_S
            pose = replace(idle(t_s + seed % 97, seed), distance_mm=distance_mm, lids=0.0)
            into = 0.0 if kind in ("nothing", "photo") else into_of(t_s, start_s, end_s)
            if kind == "photo":
                hold = shaken(HeadPose(), t_s, seed)
                move = cv2.getRotationMatrix2D((320, 240), hold.roll_deg, 1 + hold.yaw_deg / 200)
                move[:, 2] += (hold.shift_x_mm, hold.shift_y_mm)
                radiance = cv2.warpAffine(still, move, (640, 480), borderMode=cv2.BORDER_REPLICATE)
            elif into == 0:
                radiance = head.radiance(pose, light)
            else:
                radiance = covered(head, pose, light, replace(hand, into=into))
                share = float(k // 3 % 2) if kind == "flicker" else through
                if share or kind == "cut":
                    radiance = mixed(radiance, head.radiance(pose, light), face_area(head, pose), share, kind)
            yield VideoFrame(round(k * 1e6 / fps), camera.take(np.asarray(radiance, np.float32)))

    return film(), bare_us


def covered(head: Head, pose: HeadPose, light: Light, hand: Cover) -> FloatArray:
    try:
        return head.radiance(pose, light, hand)
    except cv2.error:  # of a hand at the picture's edge too few pixels are seen to be shaded
        return head.radiance(pose, light)


def mixed(hand: FloatArray, bare: FloatArray, area: FloatArray, share: float, kind: str) -> FloatArray:
    """The bare face over the hand within the face's outline; or the hand within it only (`cut`)."""
    alpha = (1 - area if kind == "cut" else share * area)[..., None]
    return np.asarray(alpha * bare + (1 - alpha) * hand, np.float32)


def face_area(head: Head, pose: HeadPose) -> FloatArray:
    """1 within the outline of the face in the picture, soft at its edge, (h, w)."""
    from tests.rendering.head import _placed  # where the renderer puts the mesh

    turn, *_, middle = _placed(pose)
    outline = head.camera.project(np.asarray(head.person.points[_FACE] @ turn.T + middle, np.float32))
    area = np.zeros((head.camera.height, head.camera.width), np.float32)
    cv2.fillPoly(area, [np.round(outline).astype(np.int32)], (1.0,))
    return np.asarray(cv2.GaussianBlur(area, (0, 0), 3.0), np.float32)


def read(seen: list[Observation], asked: str, bare_us: int) -> Reading:
    check = OcclusionChallenge()
    cue_us, lasts_us = round(BEFORE_S * 1e6), bare_us + 1_000_000
    timeline = Timeline(FeedInfo("bench", frozenset({"video"})), LONGEST_US, wants_audio=False)
    for observation in seen:
        timeline.add(observation)
    params = {"region": asked, "covered_us": COVERED_US, "bare_us": bare_us, LASTS: lasts_us}
    numbers = [face.track for observation in seen for face in observation.faces]
    track = max(set(numbers), key=numbers.count) if numbers else None
    window = timeline.window(check.need, cue_us + lasts_us, track)
    return check.evaluate(replace(window, cues=(Cue(cue_us, cue_name("occlusion"), params),)))


def clips(name: str, photo: ByteArray | None, tone: Fitzpatrick, cache: Path) -> Iterator[dict[str, object]]:
    """Of one person, what was seen in each clip; made once."""
    rng = np.random.default_rng(zlib.crc32(name.encode()) + 1)
    room_seed, head = int(rng.integers(1000)), None
    jobs = [("genuine", region) for region in REGIONS] + [(kind, str(rng.choice(REGIONS))) for kind in ATTACKS]
    for number, (kind, asked) in enumerate(jobs):
        seed = int(rng.integers(1 << 30))
        path = cache / f"occlusion-{zlib.crc32(name.encode()):08x}-{number}.pkl"
        if not path.is_file():
            try:
                head = head or Head(photo, tone, room_seed=room_seed)
            except ValueError:
                return
            frames, bare_us = pictures(head, kind, asked, seed)
            made = {
                "kind": kind,
                "asked": asked,
                "seen": observed(frames, OcclusionChallenge(), seed),
                "bare_us": bare_us,
                "who": name,
            }
            path.write_bytes(pickle.dumps(made))
        yield pickle.loads(path.read_bytes())


def report(rows: list[tuple[dict[str, object], Reading]]) -> None:
    for kind in (*ATTACKS, "all"):
        pair = [(row, r) for row, r in rows if row["kind"] in ("genuine", kind) or kind == "all"]
        judged = [(row, r) for row, r in pair if r.llr is not None]
        score = np.array([r.llr for _, r in judged], np.float64)
        attack = np.array([row["kind"] != "genuine" for row, _ in judged])
        who = [str(row["who"]) for row, _ in judged]
        interval = bootstrap(lambda weight, s=score, a=attack: auc(s, a, weight), who)  # type: ignore[misc]
        caught, of = int((score[attack] > 0).sum()), int(attack.sum())
        unclear = sum(r.llr is None for row, r in pair if row["kind"] != "genuine")
        print(
            f"{kind:9} AUC {auc(score, attack):.3f} {rounded(interval)}  n {int((~attack).sum())} + {of} judged; "
            f"above 0: {caught} of {of}; cannot judge {unclear}"
        )
    for region in REGIONS:
        some = [r for row, r in rows if row["kind"] == "genuine" and row["asked"] == region]
        print(f"genuine, {region}: cannot judge {sum(r.llr is None for r in some)} of {len(some)}, "
              f"taken for an attack {sum(r.llr is not None and r.llr > 0 for r in some)}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--people", type=int, default=4)
    parser.add_argument("--cache", type=Path, default=Path("/tmp/light"))
    parser.add_argument("--half", choices=("fit", "report", "all"), default="report")
    parser.add_argument("--figures", action="store_true", help="the measures of each clip")
    args = parser.parse_args()
    args.cache.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, photo, tone, half in people(args.data, args.people):
        if args.half not in ("all", half):
            continue
        for row in clips(name, photo, tone, args.cache):
            result = read(row["seen"], str(row["asked"]), int(str(row["bare_us"])))  # type: ignore[arg-type]
            rows.append((row, result))
            if args.figures:
                print(row["kind"], row["asked"], result.llr, result.why, dict(result.measures))
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    report(rows)


if __name__ == "__main__":
    main()
