"""Measures the lip-sync check on genuine talking heads: known shifts, own lag, exchanged sound; a row a corpus.

    python tests/bench/lipsync_lag.py [DATA] [--zeros] [--every N]

DATA holds `video/manifest.csv` with columns path, source, subject, has_audio and audio_sync ("real": the sound is
trusted to be in sync). The shipped coefficients were fitted on the same clips: `lipsync_fit.py` gives the figures with
whole corpora left out, which are the ones to quote.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from liveguard.detectors.lipsync import LipSync
from liveguard.timeline import Timeline
from liveguard.types import SAMPLE_RATE_HZ, AudioChunk, FeedInfo, Need, Observation, Reading, VideoFrame, Window

SHIFTS_MS = (-480, -240, -120, 120, 240, 480)
ALLOWED_MS = 40.0
WHOLE = Need(step_us=1_000_000, video_us=60_000_000, audio_us=60_000_000)
FEED = FeedInfo("clip")
CHUNK = 1600  # samples: sound and pictures come to the timeline side by side, as in a call


@dataclass(frozen=True)
class Clip:
    """One talking head: what the tracker saw, and its sound `pcm` from `pcm_us` on."""

    name: str
    corpus: str
    source: str
    subject: str
    sync: str
    seen: tuple[Observation, ...]
    pcm: npt.NDArray[np.float32]
    pcm_us: int
    end_us: int

    @property
    def seconds(self) -> float:
        return self.end_us / 1e6


@dataclass
class Row:
    """Figures of one corpus; `lags_ms`: own lags of the clips that were judged."""

    clips: int = 0
    long_clips: int = 0
    judged: int = 0
    long_judged: int = 0
    shifts: int = 0
    recovered: int = 0
    lags_ms: list[float] = field(default_factory=list)


def data_folder(given: str | None = None) -> Path:
    """Where the clips are: as given, else LIVEGUARD_DATA, else shared/data beside the checkout."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(given or os.environ.get("LIVEGUARD_DATA") or beside)


def read_clips(data: Path, syncs: Iterable[str] = ("real",)) -> list[Clip]:
    """The clips with sound whose `audio_sync` is one of `syncs`, run through the face tracker."""
    with (data / "video" / "manifest.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["has_audio"] == "1" and row["audio_sync"] in tuple(syncs)]
    clips = [read_clip(data / "video" / row["path"], row) for row in rows]
    return [clip for clip in clips if clip.seen]


def read_clip(path: Path, row: dict[str, str]) -> Clip:
    import av

    from liveguard.face.observer import Observer
    from liveguard.face.solutions import SolutionsBackend

    observer = Observer(SolutionsBackend(), (), max_faces=1)
    seen, blocks, first_us, end_us = [], [], None, 0
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
    with av.open(str(path)) as container:
        for frame in container.decode(video=0, audio=0):
            t_us = round(frame.pts * frame.time_base * 1_000_000)
            if isinstance(frame, av.VideoFrame):
                seen.append(observer.observe(VideoFrame(t_us, frame.to_ndarray(format="rgb24"))))
                end_us = t_us + 40_000
            else:
                first_us = t_us if first_us is None else first_us
                blocks += [part.to_ndarray()[0] for part in resampler.resample(frame)]
    observer.close()
    faces = tuple(item for item in seen if item.faces)
    pcm = np.concatenate(blocks).astype(np.float32)
    return Clip(
        row["path"], corpus_of(row), row["source"], row["subject"], row["audio_sync"], faces, pcm, first_us or 0, end_us
    )


def corpus_of(row: dict[str, str]) -> str:
    """The recordings that a clip comes from: pages show clips of the same corpus, and a page may show several."""
    if row["audio_sync"] == "generated":
        return "made by " + row["source"].split("/")[1]
    known = {"mead": "MEAD", "lrs3": "LRS3", "vox": "VoxCeleb", "hdtf": "HDTF"}
    return known.get(row["subject"].split("_")[0], row["source"].split("/")[1])


def window_of(
    clip: Clip,
    shift_ms: int = 0,
    sound: Clip | None = None,
    zeros: bool = False,
    span_us: tuple[int, int] | None = None,
    every: int = 1,
) -> Window:
    """The clip as one window, its sound `shift_ms` late; what moves out is lost, what moves in is missing (or 0).

    `sound`: take that clip's sound instead. `every`: keep each so many pictures.
    """
    source = sound or clip
    timeline = Timeline(FEED, WHOLE.length_us, wants_audio=True)
    start = round((source.pcm_us + shift_ms * 1000) * SAMPLE_RATE_HZ / 1e6)
    pcm = source.pcm[max(-start, 0) : max(clip.end_us * SAMPLE_RATE_HZ // 1_000_000 - start, 0)]
    if zeros:
        after = clip.end_us * SAMPLE_RATE_HZ // 1_000_000 - max(start, 0) - len(pcm)
        pcm, start = np.pad(pcm, (max(start, 0), max(after, 0))), 0
    chunks = [
        AudioChunk(at * 1_000_000 // SAMPLE_RATE_HZ, pcm[at - max(start, 0) :][:CHUNK])
        for at in range(max(start, 0), max(start, 0) + len(pcm), CHUNK)
    ]
    for item in sorted([*clip.seen[::every], *chunks], key=lambda item: item.t_us):
        timeline.add(item)
    timeline.finish()
    start_us, end_us = span_us or (0, clip.end_us)
    need = Need(step_us=1_000_000, video_us=end_us - start_us, audio_us=end_us - start_us)
    return timeline.window(need, end_us, clip.seen[0].faces[0].track)


def lag_ms(reading: Reading) -> float | None:
    """The lag that the check names, or None where it is not willing to."""
    return reading.measures.get("lag_ms") if reading.llr is not None else None


def measure(
    clips: list[Clip], check_for: Callable[[Clip], LipSync], zeros: bool = False, every: int = 1
) -> dict[str, Row]:
    """Known shifts against the clip's own lag, by corpus and over all."""
    table: dict[str, Row] = {}
    for clip in clips:
        check = check_for(clip)
        own = lag_ms(check.evaluate(window_of(clip, zeros=zeros, every=every)))
        moved = [lag_ms(check.evaluate(window_of(clip, shift, zeros=zeros, every=every))) for shift in SHIFTS_MS]
        for key in (clip.corpus, "all"):
            row = table.setdefault(key, Row())
            row.clips += 1
            row.long_clips += clip.seconds >= 4.0
            if own is None:
                continue
            row.judged += 1
            row.long_judged += clip.seconds >= 4.0
            row.lags_ms.append(own)
            pairs = [(shift, lag) for shift, lag in zip(SHIFTS_MS, moved, strict=True) if lag is not None]
            row.shifts += len(pairs)
            row.recovered += sum(abs(lag - shift - own) <= ALLOWED_MS for shift, lag in pairs)
    return table


def exchange(clips: list[Clip], check_for: Callable[[Clip], LipSync]) -> dict[str, list[Reading]]:
    """Readings of genuine windows, and of the same pictures with other people's sound and with sound 240-480 ms off."""
    found: dict[str, list[Reading]] = {"genuine": [], "exchanged": [], "shifted": [], "genuine, cut to 3 s": []}
    for clip in (clip for clip in clips if clip.seconds >= 3.0):
        check = check_for(clip)
        found["genuine"].append(check.evaluate(window_of(clip)))
        starts_us = range(0, clip.end_us - 3_000_000 + 1, 1_000_000)
        parts = [window_of(clip, span_us=(start_us, start_us + 3_000_000)) for start_us in starts_us]
        found["genuine, cut to 3 s"] += [check.evaluate(part) for part in parts]
        found["shifted"] += [check.evaluate(window_of(clip, shift)) for shift in SHIFTS_MS if abs(shift) >= 240]
        others = [other for other in clips if other.subject != clip.subject and other.seconds >= 3.0]
        for other in others:
            end_us = min(clip.end_us, other.end_us)
            found["exchanged"].append(check.evaluate(window_of(clip, sound=other, span_us=(0, end_us))))
    return found


def wilson(hits: int, n: int) -> str:
    """Share with its 95 % interval: Wilson 1927, doi:10.1080/01621459.1927.10502953."""
    if n == 0:
        return "-"
    z, p = 1.96, hits / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = max((middle - half) / (1 + z * z / n), 0.0), min((middle + half) / (1 + z * z / n), 1.0)
    return f"{p:.0%} [{low:.0%}, {high:.0%}]"


def auc(attacks: list[float], genuine: list[float]) -> float:
    """Chance that an attack scores higher than a genuine one; ties count half."""
    a, g = np.array(attacks)[:, None], np.array(genuine)[None, :]
    return float((a > g).mean() + 0.5 * (a == g).mean())


def report(table: dict[str, Row]) -> None:
    print(f"{'corpus':<14}{'clips':>6}{'judged':>7}{'of >=4 s':>9}{'recovered':>11}   own lag ms: median [quartiles]")
    for name, row in sorted(table.items(), key=lambda item: item[0] == "all"):
        low, median, high = np.percentile(row.lags_ms, [25, 50, 75]) if row.lags_ms else (math.nan,) * 3
        long, shifts = f"{row.long_judged}/{row.long_clips}", f"{row.recovered}/{row.shifts}"
        print(f"{name:<14}{row.clips:>6}{row.judged:>7}{long:>9}{shifts:>11}   {median:.0f} [{low:.0f}, {high:.0f}]")
    every = table["all"]
    print(f"judged of the clips of 4 s and longer: {wilson(every.long_judged, every.long_clips)}")
    share = wilson(every.recovered, every.shifts)
    print(f"shifts recovered within {ALLOWED_MS:.0f} ms: {share} (six shifts a clip, which are not independent)")


def report_exchange(found: dict[str, list[Reading]]) -> None:
    key = "consistency_sigma"
    genuine = [-reading.measures[key] for reading in found["genuine"] if key in reading.measures]
    for kind in ("exchanged", "shifted"):
        attacks = [-reading.measures[key] for reading in found[kind] if key in reading.measures]
        print(
            f"AUC of consistency, genuine against {kind}: {auc(attacks, genuine):.3f} ({len(genuine)}, {len(attacks)})"
        )
    for kind, readings in found.items():
        llr = np.array([reading.llr for reading in readings if reading.llr is not None])
        spread = ", ".join(f"{value:.2f}" for value in np.percentile(llr, [5, 50, 95])) if len(llr) else "-"
        over = wilson(int((llr > 1).sum()), len(readings))
        print(f"{kind}: {len(llr)} of {len(readings)} judged, llr 5/50/95 %: {spread} nats; above 1 nat: {over}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", help="folder of the clips")
    parser.add_argument("--zeros", action="store_true", help="what a shift moves in is digital silence")
    parser.add_argument("--every", type=int, default=1, help="keep each so many pictures")
    given = parser.parse_args()
    clips, check = read_clips(data_folder(given.data)), LipSync()
    report(measure(clips, lambda _: check, given.zeros, given.every))
    report_exchange(exchange(clips, lambda _: check))


if __name__ == "__main__":
    main()
