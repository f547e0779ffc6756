"""How often the voice check refuses to judge: one voice (too often?), two at once and music (often enough?), and why.

    python -m tests.bench.voice_limits DATA [--music FOLDER ...] [--clips 150]

DATA holds voice/manifest.csv. Shares of windows in which there is enough speech; half of the sources, those that the limits
were not chosen on. `--music`: folders of music, of which half of the files are taken.
"""

from __future__ import annotations

import argparse
import csv
import random
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from liveguard.audio.align import framed_sound
from liveguard.audio.voice_quality import voice_quality
from liveguard.detectors.voice import MIN_VOICED_S, Voice, too_little, unfit
from liveguard.engine import Engine
from liveguard.errors import LiveguardError
from liveguard.stress.catalogue import variant
from liveguard.stress.pcm import active_power
from liveguard.stress.variant import SoundEffect
from liveguard.taps.file import FileTap
from liveguard.types import AudioChunk, FloatArray, Window
from tests.synthetic import AUDIO, Spy, chunks

ONE_VOICE = (
    "as is",
    "Opus 24k loss",
    "telephone",
    "noise suppression",
    "automatic gain",
    "noise",
    "reverberation",
    "babble",
)
BELOW_DB = (0, 3, 6, 10, 15, 20)
EXCERPT = 7 * 16_000
BROADCASTS = "jim-schwoebel/sample_voice_data"  # with music and other people in them


def sound_of(path: Path) -> FloatArray:
    """The sound of a recording, (n,) float32 at 16 kHz; empty where there is none."""
    tap = FileTap(str(path))
    pieces = [sample.pcm for sample in tap.samples() if isinstance(sample, AudioChunk)]
    tap.close()
    return np.concatenate([*pieces, np.zeros(0, np.float32)])


def windows(pcm: FloatArray) -> Iterator[Window]:
    """Those with enough speech in them."""
    engine = Engine(AUDIO, [spy := Spy(need=Voice().need)])
    for chunk in chunks(pcm, [3200]):
        engine.push(chunk)
    return (window for window in spy.windows if not too_little(window))


def reasons(sounds: Iterable[FloatArray]) -> Counter[str]:
    """How many windows are refused for which reason; "" those that are judged."""
    found: Counter[str] = Counter()
    for pcm in sounds:
        for window in windows(pcm):
            found[unfit(voice_quality(framed_sound(window), window.speech)).split(":")[0]] += 1
    return found


def report(name: str, found: Counter[str]) -> None:
    total = sum(found.values())
    refused = ", ".join(f"{why} {100 * n / total:.1f} %" for why, n in found.most_common() if why)
    print(f"{name:32} {total:5} windows, refused {100 * (1 - found[''] / max(total, 1)):5.1f} %  {refused}", flush=True)


def kept_for_report(name: str) -> bool:
    return zlib.crc32(f"s{name}".encode()) % 2 == 1


def voices(data: Path, label: str, clips: int) -> list[FloatArray]:
    """At most so many clips, from as many sources as there are."""
    with (data / "voice" / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == label and row["source"] != BROADCASTS]
    rows = [row for row in rows if kept_for_report(row["source"])]
    random.Random(1).shuffle(rows)
    place: Counter[str] = Counter()
    ranked = []
    for row in rows:
        ranked.append((place[row["source"]], row["path"]))
        place[row["source"]] += 1
    return [sound_of(data / "voice" / path) for _, path in sorted(ranked)[:clips]]


def changed(sounds: Sequence[FloatArray], effects: Sequence[SoundEffect]) -> Iterator[FloatArray]:
    for k, pcm in enumerate(sounds):
        rng = np.random.default_rng(k)
        for effect in effects:
            pcm = effect(pcm, rng)
        yield np.asarray(pcm, np.float32)


def mixed(sounds: Sequence[FloatArray], below_db: float) -> Iterator[FloatArray]:
    """Each voice with the next one so far below it."""
    for one, other in zip(sounds, [*sounds[1:], sounds[0]], strict=True):
        n = min(len(one), len(other))
        gain = np.sqrt(active_power(one) / active_power(other) * 10 ** (-below_db / 10))
        yield np.asarray(0.5 * (one[:n] + gain * other[:n]), np.float32)


def excerpts(folder: Path) -> Iterator[FloatArray]:
    """Three stretches of 7 s of each file."""
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".ogg", ".oga", ".mp3", ".flac", ".wav")):
        if not kept_for_report(path.name):
            continue
        try:
            pcm = sound_of(path)
        except LiveguardError as error:
            print(f"{path.name}: {error}")
            continue
        for at in np.linspace(0, max(len(pcm) - EXCERPT, 0), 3).astype(int):
            part = pcm[at : at + EXCERPT]
            loud = 0.07 / max(float(np.sqrt(np.mean(part**2))), 1e-6) if len(part) else 0.0
            yield np.clip(part * np.float32(loud), -1, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--music", type=Path, nargs="*", default=[])
    parser.add_argument("--clips", type=int, default=150)
    args = parser.parse_args()
    print(f"windows of up to 4 s with at least {MIN_VOICED_S:g} s of voice")
    genuine = voices(args.data, "bonafide", args.clips)
    for label, sounds in (("genuine", genuine), ("made", voices(args.data, "attack", args.clips))):
        for name in ONE_VOICE:
            report(f"{label}, {name}", reasons(changed(sounds, variant(name).sound)))
    for below_db in BELOW_DB:
        report(f"another voice {below_db} dB below", reasons(mixed(genuine, below_db)))
    for folder in args.music:
        report(f"music of {folder.name}", reasons(excerpts(folder)))


if __name__ == "__main__":
    main()
