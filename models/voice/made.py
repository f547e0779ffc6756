"""Synthetic speech made here: genuine clips through classic vocoders, and sentences said by speech engines.

    python models/voice/made.py DATA/voice OUT

A copy of a genuine clip has its words, its speaker and its room, so that nothing but the synthesis tells them apart. Like
all of the research recordings the copies are band-limited to 7.6 kHz, dithered and kept as Opus at 40 kbit/s. The speech
engines are Debian's packages espeak-ng, flite and festival (with festvox-us-slt-hts); what is not installed is left out.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import pyworld
import scipy.signal
import soundfile
from corpus import COLUMNS, keep, read_clips, read_sound

from liveguard.stress.pcm import fitted, resampled, unclipped
from liveguard.stress.sound_attacks import pitch_shifted
from liveguard.stress.vocoders import griffin_lim, linear_prediction
from liveguard.types import SAMPLE_RATE_HZ, FloatArray

SEED = 5
SENTENCES = Path(__file__).with_name("sentences.txt")

ESPEAK = (
    "en-us",
    "en-gb",
    "en-us+f3",
    "en-gb-x-rp+m3",
    "en-us+klatt",
    "en-029+f2",
    "de+m5",
    "fr-fr+f4",
    "es+m2",
    "it+f1",
)
FLITE = ("kal16", "awb", "rms", "slt", "kal")
FESTIVAL = ("kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts")


def world(pcm: FloatArray, rng: np.random.Generator, other_voice: bool = False) -> FloatArray:
    """Analysis and synthesis by WORLD (Morise et al. 2016, doi:10.1587/transinf.2015EDP7457).

    `other_voice` moves pitch and formants, each by a share of its own, and draws the pitch contour flatter or wilder.
    """
    doubles = pcm.astype(np.float64)
    f0, times = pyworld.dio(doubles, SAMPLE_RATE_HZ)
    f0 = pyworld.stonemask(doubles, f0, times, SAMPLE_RATE_HZ)
    envelope = pyworld.cheaptrick(doubles, f0, times, SAMPLE_RATE_HZ)
    aperiodicity = pyworld.d4c(doubles, f0, times, SAMPLE_RATE_HZ)
    if other_voice:
        voiced = f0 > 0
        middle = np.exp(np.mean(np.log(f0[voiced]))) if voiced.any() else 1.0
        f0[voiced] = middle * 2 ** rng.uniform(-0.5, 0.5) * (f0[voiced] / middle) ** rng.uniform(0.6, 1.3)
        bins = np.arange(envelope.shape[1]) * rng.uniform(0.84, 1.19)
        envelope = np.exp([np.interp(bins, np.arange(len(row)), np.log(row + 1e-16)) for row in envelope])
    if rng.random() < 0.5:  # parameters as a statistical model draws them: without their fine movement
        width = int(rng.integers(3, 8))
        envelope = np.exp(scipy.signal.convolve(np.log(envelope + 1e-16), np.ones((width, 1)) / width, mode="same"))
    return unclipped(pyworld.synthesize(f0, envelope, aperiodicity, SAMPLE_RATE_HZ)[: len(pcm)].astype(np.float32))


def moved(pcm: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Pitch and formants moved together, as a voice changer does."""
    return pitch_shifted(float(rng.choice((-1, 1)) * rng.uniform(2, 5)))(pcm, rng)


COPIES: dict[str, tuple[str, Callable[[FloatArray, np.random.Generator], FloatArray]]] = {
    "made:world": ("vocoder", world),
    "made:world-voice": ("vc", partial(world, other_voice=True)),
    "made:griffin-lim": ("vocoder", griffin_lim),
    "made:lpc": ("vocoder", linear_prediction),
    "made:moved": ("vc", moved),
}


def spoken(folder: Path) -> Iterator[tuple[str, str, FloatArray]]:
    """Engine, voice and sound of the sentences, each said by a few voices."""
    sentences = SENTENCES.read_text("utf-8").splitlines()
    heard = folder / "said.wav"
    for number, sentence in enumerate(sentences):
        text = folder / "said.txt"
        text.write_text(sentence, "utf-8")
        voices = [("espeak-ng", voice) for voice in (ESPEAK[number % 10], ESPEAK[(number + 3) % 10])]
        voices += [("flite", FLITE[number % 5]), ("festival", FESTIVAL[number % 3])]
        for engine, voice in voices:
            command = {
                "espeak-ng": ["espeak-ng", "-v", voice, "-s", str(130 + 11 * (number % 6)), "-w", heard, "-f", text],
                "flite": ["flite", "-voice", voice, "-f", text, "-o", heard],
                "festival": ["text2wave", "-eval", f"(voice_{voice})", text, "-o", heard],
            }[engine]
            if shutil.which(str(command[0])) is None:
                continue
            subprocess.run(command, check=True, capture_output=True)
            pcm, rate_hz = soundfile.read(heard, dtype="float32")
            yield engine, voice, fitted(resampled(pcm, rate_hz, SAMPLE_RATE_HZ), 6 * SAMPLE_RATE_HZ)


def copy(task: tuple[int, str, Path, Path]) -> None:
    number, generator, origin, path = task
    rng = np.random.default_rng((SEED, number))
    keep(COPIES[generator][1](read_sound(origin), rng), path, rng)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    genuine = [clip for clip in read_clips([given.data]) if not clip.attack]
    rows, tasks = [], []
    for number, clip in enumerate(genuine):
        generator = list(COPIES)[number % len(COPIES)]
        name = f"{generator.removeprefix('made:')}/{number:04}.opus"
        tasks.append((number, generator, clip.path, given.out / name))
        rows.append((name, "attack", COPIES[generator][0], generator, clip.source, clip.subject, clip.name))
    with Pool() as pool:
        for done, _ in enumerate(pool.imap_unordered(copy, tasks), 1):
            print(f"\r{done} of {len(tasks)} copies", end="", flush=True)
    print()
    rng = np.random.default_rng(SEED)
    with tempfile.TemporaryDirectory() as folder:
        for number, (engine, voice, pcm) in enumerate(spoken(Path(folder))):
            name = f"{engine}/{number:04}.opus"
            keep(unclipped(pcm), given.out / name, rng)
            rows.append((name, "attack", "tts", f"made:{engine}", f"engine/{engine}", f"{engine}:{voice}", ""))
    with (given.out / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    print(f"{len(rows)} clips in {given.out}")


if __name__ == "__main__":
    main()
