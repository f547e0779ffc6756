"""What the voice check lets its model hear of real recordings, where they are there: one voice nearly always, two seldom."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import pytest

from liveguard.detectors.voice import Voice
from liveguard.engine import Engine
from liveguard.stress.pcm import active_power
from liveguard.taps.file import FileTap
from liveguard.types import AudioChunk, FloatArray, Reading
from tests.synthetic import AUDIO, chunks
from tests.tiny_models import mean_model

pytestmark = pytest.mark.replay
BROADCASTS = "jim-schwoebel/sample_voice_data"  # with music and other people in them


@pytest.fixture(scope="module")
def sounds(data: Path) -> dict[str, list[FloatArray]]:
    """Thirty recordings each of genuine and of made voices, (n,) float32."""
    with (data / "voice" / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] != BROADCASTS and float(row["seconds"]) > 3.2]
    random.Random(2).shuffle(rows)
    found: dict[str, list[FloatArray]] = {"bonafide": [], "attack": []}
    for row in rows:
        if len(found[row["label"]]) < 30:
            found[row["label"]].append(sound_of(data / "voice" / row["path"]))
    return found


def sound_of(path: Path) -> FloatArray:
    tap = FileTap(str(path))
    pcm = np.concatenate([sample.pcm for sample in tap.samples() if isinstance(sample, AudioChunk)])
    tap.close()
    return pcm


def judged(check: Voice, pcm: FloatArray) -> list[bool]:
    """Of each window with enough speech in it: whether the model was asked."""
    engine = Engine(AUDIO, [check])
    events = [event for chunk in chunks(pcm, [320]) for event in engine.push(chunk)]
    return [e.llr is not None for e in events if isinstance(e, Reading) and "bandwidth_hz" in e.measures]


def test_single_voices_are_judged_and_two_at_once_often_not(
    sounds: dict[str, list[FloatArray]], tmp_path: Path
) -> None:
    check = Voice(mean_model(tmp_path / "model", [1, None]))
    for label, some in sounds.items():
        windows = [one for pcm in some for one in judged(check, pcm)]
        assert len(windows) > 50
        assert np.mean(windows) > 0.96, label
    mixed = []
    for one, other in zip(sounds["bonafide"][::2], sounds["bonafide"][1::2], strict=True):
        n = min(len(one), len(other))
        both = one[:n] + other[:n] * np.float32((active_power(one) / active_power(other)) ** 0.5)
        mixed += judged(check, np.asarray(0.5 * both, np.float32))
    assert np.mean(mixed) < 0.8
