"""How long a recording is silent at its start, measured as its sound comes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from liveguard.evaluate import facts
from liveguard.types import SAMPLE_RATE_HZ, AudioChunk, FloatArray


def silence_s(monkeypatch: pytest.MonkeyPatch, chunks: Iterator[FloatArray]) -> float:
    class Tap:
        def __init__(self, *_: object, **__: object) -> None: ...
        def samples(self) -> Iterator[AudioChunk]:
            return (AudioChunk(0, pcm) for pcm in chunks)

    monkeypatch.setattr(facts, "FileTap", Tap)
    return facts._leading_silence_s(Path("any.mkv"))


@pytest.mark.parametrize("piece", [1, 7, 320, 500, 100_000])
def test_it_does_not_depend_on_how_the_sound_is_cut(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    tone = np.sin(np.arange(4000) / 3).astype(np.float32)
    quiet = np.full(8400, 1e-3, np.float32)
    pcm = np.concatenate([quiet, tone, quiet[:111]])
    cut = (pcm[at : at + piece] for at in range(0, len(pcm), piece))
    assert silence_s(monkeypatch, cut) == 0.52, "8,400 samples are 26 times 20 ms and a bit"


def test_of_no_sound_or_silence_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert silence_s(monkeypatch, iter([])) == 0.0
    assert silence_s(monkeypatch, iter([np.zeros(100, np.float32)])) == 0.0
    assert silence_s(monkeypatch, iter([np.zeros(500, np.float32)] * 40)) == 1.25


def test_long_sound_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    second = np.full(SAMPLE_RATE_HZ, 0.1, np.float32)
    tracemalloc.start()
    try:
        assert silence_s(monkeypatch, (second.copy() for _ in range(600))) == 0.0
        assert tracemalloc.get_traced_memory()[1] < 2_000_000, "ten minutes are 38 MB"
    finally:
        tracemalloc.stop()
