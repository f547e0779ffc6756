"""A recording as pictures and sound apart, played again and again where it is too short."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from liveguard.errors import InputError
from liveguard.taps.file import FileTap
from liveguard.types import SAMPLE_RATE_HZ, AudioChunk, FloatArray, Track, VideoFrame

MAX_FPS = 30.0
MOST_SOUND_S = 4 * 3600.0
PICTURES: tuple[Track, ...] = ("video",)
SOUND: tuple[Track, ...] = ("audio",)


class Footage:
    """Reads `file` anew for each call; a call reads one track only. Raises InputError where it cannot be used.

    `play_s`: where the recording is shorter it is played again and again, sound and picture in step, until so long.
    """

    def __init__(self, file: Path, play_s: float = 0.0) -> None:
        self._file = file
        tap = FileTap(file, name=file.name)
        tap.close()
        self.tracks: frozenset[Track] = tap.info.tracks
        if tap.info.seconds is None:
            raise InputError(f"{file}: its length is not known; variants are made of whole recordings")
        self.lap_us = round(tap.info.seconds * 1e6)
        self.length_us = max(self.lap_us, round(play_s * 1e6))

    def pictures(self) -> Iterator[VideoFrame]:
        """The pictures in order of time, at most 30 a second."""
        for start_us in range(0, self.length_us, self.lap_us):
            for frame in self._lap():
                if frame.t_us >= self.lap_us or start_us + frame.t_us >= self.length_us:
                    break
                yield replace(frame, t_us=start_us + frame.t_us)

    def sound(self) -> FloatArray:
        """All of the sound, (n,) float32 mono 16 kHz from time 0 on, silence where there is none; n is 0 without a track."""
        if "audio" not in self.tracks:
            return np.zeros(0, np.float32)
        if self.length_us > MOST_SOUND_S * 1e6:
            raise InputError(f"{self._file}: longer than {MOST_SOUND_S / 3600:g} h; cut it into pieces")
        lap = np.zeros(samples_of(self.lap_us), np.float32)
        tap = FileTap(self._file, tracks=SOUND)
        for chunk in tap.samples():
            if isinstance(chunk, AudioChunk):
                at = samples_of(chunk.t_us)
                part = chunk.pcm[: max(len(lap) - at, 0)]
                lap[at : at + len(part)] = part
        return np.resize(lap, samples_of(self.length_us))

    def _lap(self) -> Iterator[VideoFrame]:
        tap = FileTap(self._file, max_fps=MAX_FPS, tracks=PICTURES)
        return (sample for sample in tap.samples() if isinstance(sample, VideoFrame))


def samples_of(t_us: int) -> int:
    """How many samples of sound come before `t_us`."""
    return t_us * SAMPLE_RATE_HZ // 1_000_000
