"""Whether the lips of a short answer are told from others: `python -m tests.bench.challenge_lips DATA`.

Stretches of 2 s of the genuine talking clips whose sync is trusted, as if they were answers: with their own sound, with that of
another clip, and, if out/challenge_rhythm has them, photos with somebody's sound. The filter was fitted on the same clips.
"""

from __future__ import annotations

import csv
import pickle
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from liveguard.challenge.check import LONGEST_US
from liveguard.challenge.spoken_by import lips_nats
from liveguard.evaluate.metrics import auc, share_interval
from liveguard.face.backends import open_backend
from liveguard.face.geometry import box_of
from liveguard.face.observer import Observer
from liveguard.taps.file import FileTap
from liveguard.timeline import Timeline
from liveguard.types import AudioChunk, FaceSample, FeedInfo, Need, VideoFrame, Window

NEED = Need(step_us=LONGEST_US, video_us=LONGEST_US, audio_us=LONGEST_US)
ANSWER_US, FIRST_US = 2_000_000, 500_000
CACHE = Path("out/challenge_lips.pickle")


def seen(path: Path) -> Window:
    """The first seconds of a clip as one window."""
    tap, observer = FileTap(str(path)), Observer(open_backend(), [])
    timeline = Timeline(FeedInfo("bench"), LONGEST_US, wants_audio=True)
    for sample in tap.samples():
        if isinstance(sample, VideoFrame):
            timeline.add(observer.observe(sample))
        elif isinstance(sample, AudioChunk):
            timeline.add(sample)
    tap.close()
    observer.close()
    timeline.finish()
    end_us = min(timeline.end_us, LONGEST_US)
    tracks = timeline.tracks(0, end_us)
    return timeline.window(NEED, end_us, max(tracks, key=lambda track: len(timeline.window(NEED, end_us, track).faces)))


def answers(window: Window, heard: Window) -> list[tuple[float | None, str, float]]:
    """What is said of each stretch of `window` with the sound of `heard`: nats, words, motion of the mouth."""
    found = []
    window = replace(window, speech=heard.speech)
    last_us = min(window.end_us, heard.end_us) - ANSWER_US
    for start_us in range(FIRST_US, last_us + 1, ANSWER_US // 2):
        voiced = heard.speech.voiced[(heard.speech.t_us >= start_us) & (heard.speech.t_us < start_us + ANSWER_US)]
        if np.count_nonzero(voiced) >= 80:
            nats, why, figures = lips_nats(window, start_us, start_us + ANSWER_US)
            found.append((nats, why, figures.get("mouth_motion_eyes", float("nan"))))
    return found


def told(what: str, found: Sequence[tuple[float | None, str, float]]) -> np.ndarray:
    judged = np.array([nats for nats, _, _ in found if nats is not None])
    why = Counter(why.split(":")[-1].strip()[:40] for nats, why, _ in found if nats is None or nats == 2.0)
    motion = [motion for _, _, motion in found if motion == motion]
    print(f"{what:<12} {len(found):4} answers, {len(judged):4} judged, {dict(why)}")
    if len(judged):
        above, low = int(np.sum(judged > 1)), np.percentile(motion, (1, 5, 50))
        print(f"   median {np.median(judged):+.2f} nats, mean exp(nats) {np.mean(np.exp(judged)):.2f}, mean exp(-nats)"
              f" {np.mean(np.exp(-judged)):.2f}; above +1: {above}/{len(judged)} {share_interval(above, len(judged))};"
              f" motion 1, 5, 50 %: {np.round(low, 4)}")  # fmt: skip
    return judged


def photos() -> list[Window]:
    out = []
    for path in sorted(Path("out/challenge_rhythm").glob("photo-*.pickle")):
        faces = [
            FaceSample(t_us, 1, points, box_of(points), 80.0, light)
            for t_us, points, light in pickle.loads(path.read_bytes())["faces"]
        ]
        timeline = Timeline(FeedInfo("bench"), LONGEST_US, wants_audio=True)
        out.append(replace(timeline.window(NEED, faces[-1].t_us, 1), faces=tuple(faces)))
    return out


def main() -> None:
    data = Path(sys.argv[1])
    with (data / "video" / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == "bonafide" and row["audio_sync"] == "real"]
    windows = (
        pickle.loads(CACHE.read_bytes()) if CACHE.is_file() else [seen(data / "video" / row["path"]) for row in rows]
    )
    CACHE.write_bytes(pickle.dumps(windows))
    own = told("own sound", [one for window in windows for one in answers(window, window)])
    n = len(windows)
    strange = [one for k in range(n) for step in (5, 11) for one in answers(windows[k], windows[(k + step) % n])]
    other = told("other sound", strange)
    told("photo", [one for photo in photos() for k in range(0, n, 4) for one in answers(photo, windows[k])])
    print(f"AUC own against other sound {auc(np.r_[own, other], np.arange(len(own) + len(other)) >= len(own)):.3f}")


if __name__ == "__main__":
    main()
