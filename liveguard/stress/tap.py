"""Footage, seen and heard through a variant, as a feed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from liveguard.errors import InputError
from liveguard.stress.footage import Footage
from liveguard.stress.variant import Variant
from liveguard.types import SAMPLE_RATE_HZ, AudioChunk, FeedInfo, FloatArray, TapSample, VideoFrame

CHUNK = SAMPLE_RATE_HZ // 50


class VariantTap:
    """Plays `file` as `variant` makes it. The same file, variant and `seed` give the same samples, whatever else is run.

    `foreign`: a recording of somebody else, for a variant that wants `foreign_sound`. Raises InputError where the file has
    not the tracks that the variant needs.
    """

    def __init__(self, file: Path, variant: Variant, seed: int = 0, foreign: Path | None = None) -> None:
        self._footage = Footage(file, variant.play_s)
        self._variant = variant
        self._foreign = foreign
        tracks = self._footage.tracks
        for track in variant.needs:
            if track not in tracks:
                raise InputError(f"{file}: has no {track}, which {variant.name} needs")
        if self._footage.lap_us < variant.least_s * 1e6:
            raise InputError(f"{file}: is shorter than {variant.least_s:g} s, which {variant.name} needs")
        if variant.foreign_sound and foreign is None:
            raise InputError(f"{variant.name} needs the recording of another voice")
        # Each variant draws anew, and what is drawn for the sound does not depend on how many pictures there are.
        entropy = np.random.SeedSequence([seed, zlib.crc32(variant.name.encode()), zlib.crc32(file.name.encode())])
        self._for_pictures, self._for_sound = (np.random.default_rng(part) for part in entropy.spawn(2))
        self.info = FeedInfo(file.name, tracks, False, self._footage.length_us / 1e6)

    def samples(self) -> Iterator[TapSample]:
        """Pictures and sound in order of time."""
        sound = _chunks(self._sound())
        waiting = next(sound, None)
        for frame in self._pictures():
            while waiting is not None and waiting.t_us <= frame.t_us:
                yield waiting
                waiting = next(sound, None)
            yield frame
        if waiting is not None:
            yield waiting
            yield from sound

    def close(self) -> None:
        """Nothing is held open between samples."""

    def _pictures(self) -> Iterator[VideoFrame]:
        if "video" not in self._footage.tracks:
            return iter(())
        frames = self._footage.pictures()
        for effect in self._variant.pictures:
            frames = effect(frames, self._for_pictures)
        return frames

    def _sound(self) -> FloatArray:
        pcm = self._footage.sound()
        if self._foreign is not None and self._variant.foreign_sound:
            pcm = np.resize(Footage(self._foreign).sound(), len(pcm))
        for effect in self._variant.sound:
            pcm = effect(pcm, self._for_sound)
        return pcm


def _chunks(pcm: FloatArray) -> Iterator[AudioChunk]:
    for at in range(0, len(pcm), CHUNK):
        yield AudioChunk(at * 1_000_000 // SAMPLE_RATE_HZ, pcm[at : at + CHUNK])
