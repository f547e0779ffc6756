"""Damaged files give samples or a `LiveguardError`, in bounded time, and never anything else."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from liveguard.errors import LiveguardError
from liveguard.taps.file import FileTap
from liveguard.types import AudioChunk, Gap, VideoFrame

pytestmark = pytest.mark.fuzz

KINDS = {
    "mp4": ("libx264", "aac"),
    "webm": ("libvpx", "libopus"),
    "avi": ("mpeg4", "pcm_s16le"),
    "mpegts": ("libx264", "mp2"),
    "wav": (None, "pcm_s16le"),
    "mp3": (None, "libmp3lame"),
    "ogg": (None, "libopus"),
    "flac": (None, "flac"),
}


def small_clip(kind: str) -> bytes:
    """0.4 s of noise in picture and sound."""
    video, audio = KINDS[kind]
    data, rng = io.BytesIO(), np.random.default_rng(0)
    with av.open(data, "w", format=kind) as out:
        streams: list[tuple[Any, list[Any]]] = []
        if video:
            picture = out.add_stream(video, rate=25, options={"g": "5"})
            picture.width, picture.height, picture.pix_fmt = 48, 32, "yuv420p"
            images = rng.integers(0, 255, (10, 32, 48, 3), dtype=np.uint8)
            streams.append((picture, [av.VideoFrame.from_ndarray(image, format="rgb24") for image in images]))
        sound = out.add_stream(audio, rate=48_000, layout="mono")
        noise = rng.integers(-9_000, 9_000, (1, 19_200), dtype=np.int16)
        frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
        frame.sample_rate = 48_000
        streams.append((sound, [frame]))
        for stream, frames in streams:
            for one in [*frames, None]:
                out.mux(stream.encode(one))
    return data.getvalue()


@pytest.fixture(scope="module")
def clips() -> dict[str, bytes]:
    return {kind: small_clip(kind) for kind in KINDS}


def check(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    began, ends = time.monotonic(), {"video": 0, "audio": 0}
    try:
        for sample in FileTap(path, timeout_s=5).samples():
            if isinstance(sample, VideoFrame):
                kind, start_us, end_us = "video", sample.t_us, sample.t_us + 1
                assert sample.image.ndim == 3
            elif isinstance(sample, AudioChunk):
                kind, start_us = "audio", sample.t_us
                end_us = start_us + sample.pcm.size * 1_000_000 // 16_000
                assert np.all(np.abs(sample.pcm) <= 1)
            else:
                assert isinstance(sample, Gap)
                kind, start_us, end_us = sample.kind, sample.start_us, sample.end_us
            assert start_us >= ends[kind] - 63  # a run of sound is rounded to whole samples
            assert end_us >= start_us
            ends[kind] = end_us
    except LiveguardError:
        pass
    assert time.monotonic() - began < 5


fuzzed = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@fuzzed
@given(
    kind=st.sampled_from(sorted(KINDS)),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=40),
)
def test_flipped_bytes(tmp_path: Path, clips: dict[str, bytes], kind: str, flips: list[tuple[float, int]]) -> None:
    data = bytearray(clips[kind])
    for at, mask in flips:
        data[min(len(data) - 1, int(at * len(data)))] ^= mask
    check(tmp_path / "clip", bytes(data))


@fuzzed
@given(
    kind=st.sampled_from(sorted(KINDS)),
    flips=st.lists(st.tuples(st.integers(0, 600), st.integers(1, 255)), min_size=1, max_size=6),
)
def test_flipped_bytes_in_the_header(
    tmp_path: Path, clips: dict[str, bytes], kind: str, flips: list[tuple[int, int]]
) -> None:
    data = bytearray(clips[kind])
    for at, mask in flips:
        data[at] ^= mask
    check(tmp_path / "clip", bytes(data))


@fuzzed
@given(kind=st.sampled_from(sorted(KINDS)), keep=st.floats(0, 1), cut=st.floats(0, 0.2), at=st.floats(0, 1))
def test_cut_files(tmp_path: Path, clips: dict[str, bytes], kind: str, keep: float, cut: float, at: float) -> None:
    data = clips[kind][: int(keep * len(clips[kind]))]
    hole = int(at * len(data))
    check(tmp_path / "clip", data[:hole] + data[hole + int(cut * len(data)) :])


@fuzzed
@given(kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=2, max_size=3), junk=st.binary(max_size=64))
def test_files_behind_each_other(tmp_path: Path, clips: dict[str, bytes], kinds: list[str], junk: bytes) -> None:
    check(tmp_path / "clip", junk.join(clips[kind] for kind in kinds))


@fuzzed
@given(head=st.sampled_from([b"", b"RIFF", b"\x1aE\xdf\xa3", b"OggS", b"ID3", b"fLaC", b"FLV\x01", b"\x47"]))
def test_noise(tmp_path: Path, head: bytes) -> None:
    rng = np.random.default_rng(len(head))
    check(tmp_path / "clip", head + rng.integers(0, 255, 4_000, dtype=np.uint8).tobytes())
