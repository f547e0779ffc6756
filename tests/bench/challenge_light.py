"""How well the light challenge tells a face before its own screen from attacks, on rendered people.

    python -m tests.bench.challenge_light [--data FOLDER] [--people N] [--cache FOLDER] [--half fit|report|all] [--natural]

People are the public-domain portrait in six skin tones and, with --data, so many photos of `faces/real`, in drawn tones.
Each is filmed for the four seconds of a drawn code, through a camera (fixed or automatic white balance, noise) and VP8 at
300 kbit/s, 640 x 480, 15 or 30 pictures a second, then tracked. Constants were chosen looking at the portrait and the
first two photos (`fit`); the other photos (`report`) were rendered after that. Six tones of one portrait are one person.
With --natural it looks at real talking heads instead (`video/`), which answer no code: the null of the fit.
Measured with simulated light: it shows what the check does where the model of light holds, not in the wild.
"""

from __future__ import annotations

import argparse
import csv
import pickle
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np

from liveguard.challenge.check import LONGEST_US
from liveguard.challenge.light import LightChallenge
from liveguard.challenge.script import COLOUR_US, COLOURS, LIGHT_STEPS, Draws, cue_name
from liveguard.evaluate.metrics import auc, bootstrap, share_interval
from liveguard.timeline import Timeline
from liveguard.types import LASTS, ByteArray, Cue, FeedInfo, Observation, Reading, VideoFrame
from tests.bench.rendered_people import TONES, Webcam, observed, people, rounded
from tests.rendering.head import Fitzpatrick, Head, HeadPose, Light, idle, shaken

AMBIENT = (0.3, 1.0, 3.0, 10.0, 30.0)
ATTACKS = ("none", "other", "late", "flat", "tint")
BEFORE_S, AFTER_S = 1.0, 0.2
SHOWN_BEFORE = "#a0a0a0"


def srgb(name: str) -> tuple[float, float, float]:
    red, green, blue = (int(name[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def drawn_code(seed: int) -> list[str]:
    return Draws(b"bench" + seed.to_bytes(4, "big")).changing(COLOURS, LIGHT_STEPS)


def shown(code: list[str], t_s: float) -> tuple[float, float, float]:
    """What the screen shows so long after the cue."""
    step = int(np.floor(t_s * 1e6 / COLOUR_US))
    return srgb(code[min(step, LIGHT_STEPS - 1)] if step >= 0 else SHOWN_BEFORE)


def pictures(head: Head, kind: str, ambient: float, code: list[str], seed: int) -> tuple[Iterator[VideoFrame], float]:
    """The pictures from a second before the cue on, and the true lag in seconds."""
    rng = np.random.default_rng(seed)
    fps = float(rng.choice([15, 15, 30]))
    lag_s = float(rng.uniform(1.5, 3.0) if kind == "late" else rng.uniform(0.1, 0.7))
    balance_s = None if rng.random() < 0.5 else float(rng.uniform(0.7, 2.5))
    camera = Webcam(fps, balance_s, float(rng.uniform(0.01, 0.03)), rng)
    light = Light(ambient=ambient, ambient_kelvin=float(rng.uniform(3000, 7000)))
    distance_mm = float(rng.uniform(400, 650))
    tint, other = float(rng.uniform(0.08, 0.2)), drawn_code(seed + 500_000)
    answered = other if kind == "other" else code
    still = head.radiance(HeadPose(distance_mm=distance_mm), replace(light, screen=srgb(SHOWN_BEFORE)))

    def film() -> Iterator[VideoFrame]:
        for k in range(int((BEFORE_S + COLOUR_US * LIGHT_STEPS / 1e6 + AFTER_S) * fps)):
            t_s = k / fps
            now = srgb(SHOWN_BEFORE) if kind in ("none", "tint") else shown(answered, t_s - BEFORE_S - lag_s)
            pose = replace(idle(t_s + seed % 97, seed), distance_mm=distance_mm)
            if kind == "flat":
                sheet = still / light.from_room()
                sheet = sheet * replace(light, screen=now).everywhere(distance_mm, 0.95)
                hold = shaken(HeadPose(), t_s, seed)
                move = cv2.getRotationMatrix2D((320, 240), hold.roll_deg, 1 + hold.yaw_deg / 200)
                move[:, 2] += (hold.shift_x_mm, hold.shift_y_mm)
                radiance = cv2.warpAffine(sheet, move, (640, 480), borderMode=cv2.BORDER_REPLICATE)
            else:
                radiance = head.radiance(pose, replace(light, screen=now))
            image = camera.take(np.asarray(radiance, np.float32))
            if kind == "tint":
                over = 255 * np.array(shown(code, t_s - BEFORE_S - lag_s), np.float32)
                image = np.asarray((1 - tint) * image + tint * over, np.uint8)
            yield VideoFrame(round(k * 1e6 / fps), image)

    return film(), lag_s


def read(seen: list[Observation], code: list[str], cue_us: int = round(BEFORE_S * 1e6)) -> Reading:
    check = LightChallenge()
    lasts_us = COLOUR_US * LIGHT_STEPS
    timeline = Timeline(FeedInfo("bench", frozenset({"video"})), LONGEST_US, wants_audio=False)
    for observation in seen:
        timeline.add(observation)
    cue = Cue(cue_us, cue_name("light"), {"colours": " ".join(code), "each_us": COLOUR_US, LASTS: lasts_us})
    counts = {face.track: 0 for observation in seen for face in observation.faces}
    for observation in seen:
        for face in observation.faces:
            counts[face.track] += 1
    track = max(counts, key=lambda number: counts[number]) if counts else None
    return check.evaluate(replace(timeline.window(check.need, cue_us + lasts_us, track), cues=(cue,)))


def clips(name: str, photo: ByteArray | None, tone: Fitzpatrick, cache: Path) -> Iterator[dict[str, object]]:
    """Of one person, what was seen in each clip; made once."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    room_seed, head = int(rng.integers(1000)), None
    jobs = [("genuine", ambient) for ambient in AMBIENT]
    jobs += [(kind, float(np.exp(rng.uniform(np.log(0.3), np.log(3))))) for kind in ATTACKS]
    for number, (kind, ambient) in enumerate(jobs):
        seed = int(rng.integers(1 << 30))
        path = cache / f"light-{zlib.crc32(name.encode()):08x}-{number}.pkl"
        if not path.is_file():
            try:
                head = head or Head(photo, tone, room_seed=room_seed)
            except ValueError:
                return
            code = drawn_code(seed)
            frames, lag_s = pictures(head, kind, ambient, code, seed)
            seen = observed(frames, LightChallenge(), seed)
            made = {
                "kind": kind,
                "ambient": ambient,
                "tone": tone,
                "code": code,
                "lag_s": lag_s,
                "seen": seen,
                "who": name,
            }
            path.write_bytes(pickle.dumps(made))
        yield pickle.loads(path.read_bytes())


def report(rows: list[tuple[dict[str, object], Reading]]) -> None:
    usual = [(row, r) for row, r in rows if row["kind"] != "genuine" or float(str(row["ambient"])) <= 3]
    for kind in ATTACKS:
        pair = [(row, r) for row, r in usual if row["kind"] in ("genuine", kind)]
        judged = [(row, r) for row, r in pair if r.llr is not None]
        score = np.array([r.llr for _, r in judged], np.float64)
        attack = np.array([row["kind"] == kind for row, _ in judged])
        who = [str(row["who"]) for row, _ in judged]
        interval = bootstrap(lambda weight, s=score, a=attack: auc(s, a, weight), who)  # type: ignore[misc]
        caught, of = int((score[attack] > 0).sum()), int(attack.sum())
        print(
            f"{kind:6} AUC {auc(score, attack):.3f} {rounded(interval)}  n {int((~attack).sum())} + {of} judged of {len(pair)}; "
            f"above 0: {caught} of {of}; cannot judge {sum(r.llr is None for row, r in pair if row['kind'] == kind)}"
        )
    for name, values in (("ambient", AMBIENT), ("tone", TONES)):
        for value in values:
            some = [r for row, r in rows if row["kind"] == "genuine" and row[name] == value]
            if name == "tone":
                some = [r for row, r in usual if row["kind"] == "genuine" and row[name] == value]
            unclear, wrong = sum(r.llr is None for r in some), sum(r.llr is not None and r.llr > 0 for r in some)
            print(f"genuine, {name} {value}: cannot judge {unclear} of {len(some)} "
                  f"{rounded(share_interval(unclear, len(some)))}, taken for an attack {wrong}")  # fmt: skip
    off = [
        (r.measures["lag_ms"] - 1000 * float(str(row["lag_s"])), r.measures["lag_sd_ms"])
        for row, r in usual if row["kind"] == "genuine" and r.llr is not None and r.llr < 0
    ]  # fmt: skip
    if off:
        error, sd = np.array(off).T
        print(
            f"lag, {len(off)} genuine: error median {np.median(error):.0f} ms, 90 % within "
            f"{np.percentile(np.abs(error), 90):.0f} ms; stated sd median {np.median(sd):.0f} ms; "
            f"rms of error over sd {np.sqrt(np.mean((error / sd) ** 2)):.2f}"
        )


def natural(data: Path, cache: Path) -> None:
    """The fit of drawn codes to real people who answer none, and what their colours do by themselves."""
    with (data / "video" / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == "bonafide"]
    found: list[tuple[str, Reading]] = []
    for number, row in enumerate(rows):
        path = cache / f"natural-{zlib.crc32(row['path'].encode()):08x}.pkl"
        if not path.is_file():
            path.write_bytes(pickle.dumps(observed(from_file(data / "video" / row["path"]), LightChallenge(), number)))
        seen = pickle.loads(path.read_bytes())
        if seen and seen[-1].t_us - seen[0].t_us >= 3_900_000:
            found.append((row["subject"], read(seen, drawn_code(number), cue_us=seen[0].t_us)))
    # Of the rest the median and spread were read off all of these clips; nothing was chosen by their z.
    some = [r for _, r in found if "fit_over_other_codes_sd" in r.measures]
    if some:
        z = np.array([r.measures["fit_over_other_codes_sd"] for r in some])
        rest = np.log([r.measures["disturbance_log_chroma"] for r in some])
        llr = [r.llr for r in some if r.llr is not None]
        print(
            f"{len(some)} clips of real people, no code: z mean {z.mean():.2f} sd {z.std():.2f} most {z.max():.2f}; "
            f"rest median {np.exp(np.median(rest)):.4f}, log sd {rest.std():.2f}; "
            f"judged {len(llr)}, as an attack {sum(x > 0 for x in llr)}"
        )


def from_file(path: Path) -> Iterator[VideoFrame]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            t_us = round(float((frame.pts or 0) * (frame.time_base or 0)) * 1e6)
            if t_us > 4_100_000:
                break
            yield VideoFrame(t_us, np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--cache", type=Path, default=Path("/tmp/light"))
    parser.add_argument("--half", choices=("fit", "report", "all"), default="report")
    parser.add_argument("--natural", action="store_true")
    args = parser.parse_args()
    args.cache.mkdir(parents=True, exist_ok=True)
    if args.natural:
        natural(args.data, args.cache)
        return
    rows = []
    for name, photo, tone, half in people(args.data, args.people):
        if args.half not in ("all", half):
            continue
        for row in clips(name, photo, tone, args.cache):
            rows.append((row, read(row["seen"], row["code"])))  # type: ignore[arg-type]
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    report(rows)


if __name__ == "__main__":
    main()
