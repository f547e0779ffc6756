"""The recordings that the voice model learns from and is measured on, and which of them a fold may use.

A corpus is a folder with `manifest.csv` and sound files of 16 kHz. There is the one of real recordings, and those that
`made.py` and `vocoders.py` make from its genuine speech, which have the same columns and `origin`: the genuine clip's path.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import scipy.signal
import soundfile

from liveguard.audio.dense import near_speech
from liveguard.audio.features import BLOCK, BLOCK_NEEDS, HOP, SpeechFeatures
from liveguard.stress.pcm import fitted
from liveguard.types import SAMPLE_RATE_HZ, BoolArray, FloatArray

COLUMNS = ("path", "label", "kind", "generator", "source", "subject", "origin")  # of a corpus that is made
HIGHEST_HZ = 7_600
KBPS = 40

# Whole sources, in groups that have genuine and synthetic speech and share as few generators and speakers as may be.
FOLDS = (
    ("e1tts", "auspicious3000", "CorentinJ"),
    ("styletts2", "neonbjb", "maum-ai"),
    ("jaywalnut310", "jim-schwoebel"),
    ("jik876", "kan-bayashi", "seungwonpark", "fatchord", "r9y9"),
    ("sh-lee-prml", "ming024", "soobinseo", "keonlee9420"),
    ("bshall", "shivammehta25", "huawei-noah", "ivanvovk", "Picovoice"),
    ("OlaWod", "thuhcsi", "lifeiteng", "local", "resemble-ai"),
)

# Where the voices of demonstration pages without a speaker's name come from, as far as the pages tell.
CORPUS_OF = {"jaywalnut310": "LJSpeech", "fatchord": "LJSpeech", "huawei-noah": "LJSpeech", "lifeiteng": "LibriSpeech",
             "e1tts": "LibriSpeech", "styletts2": "LibriSpeech", "thuhcsi": "LibriSpeech", "neonbjb": "LibriSpeech",
             "e1robust": "LibriSpeech", "LibriVox": "LibriSpeech", "tortoise": "LibriSpeech"}  # fmt: skip


ONE_SPEAKER = ("LJSpeech",)  # corpora of one person, who goes by several names in the manifest


@dataclass(frozen=True)
class Clip:
    """One recording. `kind` is real, tts, vc or vocoder; `made` tells the made ones, whose `origin` is a genuine path."""

    path: Path
    name: str
    attack: bool
    kind: str
    generator: str
    source: str
    subject: str
    fold: int
    matched: bool
    made: bool
    origin: str

    @property
    def components(self) -> frozenset[str]:
        """What the generator is built of: "tacotron2+hifigan-v1" has a tacotron2 and a hifigan."""
        return components(self.generator) if self.attack else frozenset()

    @property
    def corpus(self) -> str:
        """Whose recordings, or whose speakers' voices, these are: it tells the microphone and the room."""
        name = self.subject.partition(":")[0].partition("__")[0]
        return CORPUS_OF.get(name, name)

    @property
    def person(self) -> str:
        """Whose voice it is, or was made after."""
        return self.corpus if self.corpus in ONE_SPEAKER else self.subject


def read_clips(folders: Iterable[Path]) -> list[Clip]:
    """All clips of the corpora; made ones of no origin (speech engines) belong to no fold (-1)."""
    clips = []
    for folder in folders:
        with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                made, source = "origin" in row, row["source"]
                clips.append(Clip(
                    folder / row["path"], row["path"], row["label"] == "attack", row["kind"], row["generator"], source,
                    row["subject"], fold_of(source), row.get("fmt_matched") == "yes", made, row.get("origin") or "",
                ))  # fmt: skip
    return clips


def fold_of(source: str) -> int:
    """Number of the fold that has `source`, -1 where none has."""
    owner = source.partition("/")[0]
    return next((k for k, owners in enumerate(FOLDS) if owner in owners), -1)


def components(generator: str) -> frozenset[str]:
    """Names of the parts of a generator, without versions and remarks: relatives count as the same."""
    parts = re.sub(r"\(.*?\)", "", generator.removeprefix("made:")).split("+")
    return frozenset(re.sub(r"-(v\d|c\d+|vc|ablation|universal|cfm|mol|repro)$", "", part) for part in parts)


def may_train(clips: Sequence[Clip], fold: int | None) -> list[bool]:
    """Which clips a model may learn from that is to be tested on `fold`; all of them for None.

    Left out are the fold's sources, all that is made from them, every generator that shares a component with one of the
    fold's, and every person who speaks in it.
    """
    if fold is None:
        return [True] * len(clips)
    test = [clip for clip in clips if clip.fold == fold and not clip.made]
    seen = frozenset[str]().union(*(clip.components for clip in test))
    people = {clip.person for clip in test}
    return [clip.fold != fold and not clip.components & seen and clip.person not in people for clip in clips]


def read_sound(path: Path) -> FloatArray:
    """(n,) float32 at 16 kHz. Raises ValueError for another rate or more than one channel."""
    pcm, rate_hz = soundfile.read(path, dtype="float32")
    if rate_hz != SAMPLE_RATE_HZ or pcm.ndim != 1:
        raise ValueError(f"{path}: {rate_hz} Hz, shape {pcm.shape}; 16 kHz mono is needed")
    return np.asarray(pcm, np.float32)


def speech_frames(pcm: FloatArray) -> BoolArray:
    """Frames of 10 ms (n // 160,) bool near speech, as the running check finds them."""
    features = SpeechFeatures(keep_us=600_000_000)
    padded = np.concatenate([pcm, np.zeros(BLOCK_NEEDS, np.float32)])
    here = np.ones(len(padded), np.bool_)
    while (at := features.next_block_at) < len(pcm):
        features.add_block(padded[at : at + BLOCK_NEEDS], here[at : at + BLOCK_NEEDS])
    end_us = (len(pcm) + BLOCK * HOP + BLOCK_NEEDS) * 1_000_000 // SAMPLE_RATE_HZ
    return near_speech(features.between(0, end_us).voiced[: len(pcm) // HOP])


def keep(pcm: FloatArray, path: Path, rng: np.random.Generator) -> None:
    """Write `pcm` as the research recordings are kept: up to 7.6 kHz, dithered, as Opus at 40 kbit/s."""
    low = scipy.signal.sosfiltfilt(scipy.signal.butter(8, HIGHEST_HZ, fs=SAMPLE_RATE_HZ, output="sos"), pcm, padlen=0)
    whole = np.round(fitted(low, len(pcm)) * 32766 + rng.uniform(-1, 1, len(pcm))).astype(np.int16)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w", format="ogg") as file:
        stream = file.add_stream("libopus", rate=SAMPLE_RATE_HZ, layout="mono", bit_rate=KBPS * 1000)
        frame = av.AudioFrame.from_ndarray(whole[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE_HZ, 0, Fraction(1, SAMPLE_RATE_HZ)
        for part in (frame, None):
            file.mux(stream.encode(part))
