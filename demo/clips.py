"""The clips of the demo, made on the spot: H.264 and AAC files of the puppet."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from demo.puppet import Puppet, film, opening
from liveguard.film_file import write_film
from liveguard.taps.file import FileTap
from liveguard.types import AudioChunk, FloatArray, VideoFrame

FPS = 25
SENTENCE = (
    "Good morning. I am calling about the transfer that we spoke of yesterday. Please send the money today, before noon, "
    "to the new account number that I sent you by mail. Do not tell anybody about it until the deal is public. You know how "
    "much depends on it, and I am in meetings for the rest of the day, so there is no need to call me back. Thank you."
)
OTHER = (
    "The north wind and the sun were disputing which was the stronger, when a traveller came along wrapped in a warm "
    "cloak. They agreed that the one who first made him take it off should be considered stronger than the other. Then the "
    "north wind blew as hard as he could, but the more he blew, the more closely did the traveller fold his cloak around him."
)


def speech(text: str, folder: Path, voice: str = "en-gb", words_per_min: int = 150) -> FloatArray:
    """`text` spoken by espeak-ng, (n,) float32 at 16 kHz. Raises FileNotFoundError where it is not installed."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise FileNotFoundError("espeak-ng")
    wav = folder / "speech.wav"
    subprocess.run([program, "-v", voice, "-s", str(words_per_min), "-w", str(wav), text], check=True, timeout=60)
    tap = FileTap(wav)
    chunks = [sample.pcm for sample in tap.samples() if isinstance(sample, AudioChunk)]
    tap.close()
    return np.concatenate(chunks)


def write(path: Path, frames: Iterable[VideoFrame], pcm: FloatArray | None = None) -> Path:
    """A film as an MP4 file with H.264 and, where there is sound, AAC."""
    sound = [] if pcm is None else [AudioChunk(0, pcm)]
    write_film(path, chain(frames, sound), sound=pcm is not None, crf=23)
    return path


def photo(puppet: Puppet, seconds: float) -> Iterator[VideoFrame]:
    """One still photo pushed as a camera's picture."""
    for k in range(int(seconds * FPS)):
        yield VideoFrame(k * 1_000_000 // FPS, puppet.still)


def loop(puppet: Puppet, period_s: float, seconds: float) -> Iterator[VideoFrame]:
    """A living picture of `period_s`, shown again and again."""
    shown = list(film(puppet, period_s, FPS))
    for k in range(int(seconds * FPS)):
        yield VideoFrame(k * 1_000_000 // FPS, shown[k % len(shown)].image)


def talking(puppet: Puppet, mouth_pcm: FloatArray, seconds: float, fps: int = FPS) -> Iterator[VideoFrame]:
    """A picture whose lips speak `mouth_pcm`, whatever is heard with it."""
    return film(puppet, seconds, fps, opening(mouth_pcm, fps, seconds))
