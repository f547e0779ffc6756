"""How often the voice check refuses to judge: one voice (too often?), two at once and music (often enough?), and why; and
how often its model is wrong by how noisy or muffled a voice is, below the limits as well as above.

    python -m tests.bench.voice_limits DATA [--music FOLDER ...] [--clips 150]
    python -m tests.bench.voice_limits DATA --held-out out/voice/left_out.json [--clips 500] [--chosen-on]

DATA holds voice/manifest.csv. Shares of windows in which there is enough speech; half of the sources, those that the limits
were not chosen on (`--chosen-on`: the others). `--music`: folders of music, of which half of the files are taken.
`--held-out`: models that have not seen the sources (`models/voice/fit.py`), each voice in random noise and random bands.
"""

from __future__ import annotations

import argparse
import csv
import math
import random
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np

from liveguard.audio.align import framed_sound
from liveguard.audio.dense import dense_speech, near_speech
from liveguard.audio.voice_quality import MOST_MUSIC_NATS, VoiceQuality, voice_quality
from liveguard.detectors.voice import (
    MIN_VOICED_S,
    MOST_SECOND_PITCH_SHARE,
    Voice,
    too_little,
    unfit,
)
from liveguard.detectors.voice_model import find_voice_model
from liveguard.engine import Engine
from liveguard.errors import LiveguardError
from liveguard.evaluate.folds import read_folds
from liveguard.evaluate.metrics import auc, bootstrap
from liveguard.stress.catalogue import variant
from liveguard.stress.pcm import active_power
from liveguard.stress.room import background_noise
from liveguard.stress.sound_codec import g711, opus
from liveguard.stress.variant import SoundEffect
from liveguard.stress.voice_processing import band_limit
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
Chain: TypeAlias = Callable[[np.random.Generator], list[SoundEffect]]
EDGES = {"snr_db": (3, 6, 9, 12, 18), "bandwidth_hz": (3_000, 4_000, 5_000, 6_000, 7_000)}
FEW = 15
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


def drawn(data: Path, label: str, clips: int, for_report: bool = True) -> list[dict[str, str]]:
    """Rows of at most so many clips, from as many sources as there are."""
    with (data / "voice" / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == label and row["source"] != BROADCASTS]
    rows = [row for row in rows if kept_for_report(row["source"]) == for_report]
    random.Random(1).shuffle(rows)
    place: Counter[str] = Counter()
    ranked = []
    for row in rows:
        ranked.append((place[row["source"]], row["path"], row))
        place[row["source"]] += 1
    return [row for _, _, row in sorted(ranked, key=lambda each: each[:2])[:clips]]


def voices(data: Path, label: str, clips: int) -> list[FloatArray]:
    return [sound_of(data / "voice" / row["path"]) for row in drawn(data, label, clips)]


def changed(sounds: Sequence[FloatArray], effects: Sequence[SoundEffect], seed: int = 0) -> Iterator[FloatArray]:
    for k, pcm in enumerate(sounds, seed):
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


def in_noise(rng: np.random.Generator) -> list[SoundEffect]:
    return [background_noise(rng.uniform(0, 25), ("pink", "babble", "hum")[int(rng.integers(3))]), opus(24, 0.05)]


def in_a_band(rng: np.random.Generator) -> list[SoundEffect]:
    return [g711()] if rng.random() < 0.3 else [band_limit(rng.uniform(0, 350), rng.uniform(2500, 7000))]


@dataclass(frozen=True)
class Heard:
    """One window: the recording's label and person, its quality, and what the model that does not know it says, in nats."""

    attack: bool
    person: str
    quality: VoiceQuality
    llr: float


def heard(data: Path, rows: Sequence[dict[str, str]], models: Mapping[str, Path], through: Chain) -> Iterator[Heard]:
    """Every window of one voice without music, however noisy or muffled it is."""
    loaded = {folder: find_voice_model(folder) for folder in set(models.values())}
    for k, row in enumerate(rows):
        model, rng = loaded[models[row["source"]]], np.random.default_rng(k)
        assert model is not None
        (pcm,) = changed([sound_of(data / "voice" / row["path"])], through(rng), seed=k)
        for window in windows(pcm):
            sound = framed_sound(window)
            quality = voice_quality(sound, window.speech)
            if quality.music_nats <= MOST_MUSIC_NATS and quality.second_pitch_share <= MOST_SECOND_PITCH_SHARE:
                speech = dense_speech(sound, near_speech(window.speech.voiced) & window.speech.present)
                llr = model.card.llr(model.score(speech[None]))
                yield Heard(row["label"] == "attack", row["subject"], quality, llr)


def report_errors(name: str, found: Sequence[Heard], value_of: Callable[[VoiceQuality], float | None]) -> None:
    """A line for each stretch between the `EDGES` of a quality."""
    for low, high in pairwise((-math.inf, *EDGES[name], math.inf)):
        part = [each for each in found if (value := value_of(each.quality)) is not None and low <= value < high]
        llr, attack = np.array([each.llr for each in part]), np.array([each.attack for each in part], bool)
        if attack.sum() < FEW or (~attack).sum() < FEW:
            continue
        within = bootstrap(lambda weight: auc(llr, attack, weight), [each.person for each in part])  # noqa: B023
        interval = f" [{within[0]:.2f}, {within[1]:.2f}]" if within else ""
        print(
            f"{name} {low:g} to {high:g}: {(~attack).sum()} genuine and {attack.sum()} made windows, "
            f"AUC {auc(llr, attack):.2f}{interval}, taken for made {100 * (llr[~attack] > 0).mean():.0f} %, "
            f"for natural {100 * (llr[attack] <= 0).mean():.0f} %",
            flush=True,
        )


def errors(data: Path, held_out: Path, clips: int, for_report: bool) -> None:
    models = read_folds(held_out).models["voice"]
    rows = [row for label in ("bonafide", "attack") for row in drawn(data, label, clips, for_report)]
    report_errors("snr_db", list(heard(data, rows, models, in_noise)), lambda quality: quality.snr_db)
    report_errors("bandwidth_hz", list(heard(data, rows, models, in_a_band)), lambda quality: quality.bandwidth_hz)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--music", type=Path, nargs="*", default=[])
    parser.add_argument("--clips", type=int, default=150)
    parser.add_argument("--held-out", type=Path)
    parser.add_argument("--chosen-on", action="store_true")
    args = parser.parse_args()
    if args.held_out:
        errors(args.data, args.held_out, args.clips, for_report=not args.chosen_on)
        return
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
