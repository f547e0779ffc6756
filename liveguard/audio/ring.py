"""The last seconds of sound, addressed by sample index on the session's grid."""

from __future__ import annotations

import numpy as np

from liveguard.types import BoolArray, FloatArray


class AudioRing:
    """Keeps the samples [start, end) and which of them were there; what was never written reads as 0.

    Owned by one thread. Memory: 5 bytes for each of `keep` samples, twice over while it moves.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._pcm: FloatArray = np.zeros(2 * keep, np.float32)
        self._present: BoolArray = np.zeros(2 * keep, np.bool_)
        self._base = 0
        self.end = 0

    def write(self, index: int, pcm: FloatArray) -> None:
        """Put `pcm` (n,) at `index`; earlier samples than are kept are ignored."""
        skip = max(self._base - index, 0)
        index, pcm = index + skip, pcm[skip:]
        while len(pcm):
            self._make_room(index + min(len(pcm), self._keep))
            part = min(len(pcm), self._base + 2 * self._keep - index)
            at = slice(index - self._base, index - self._base + part)
            self._pcm[at] = pcm[:part]
            self._present[at] = True
            self.end = max(self.end, index + part)
            index, pcm = index + part, pcm[part:]

    def read(self, start: int, end: int) -> tuple[FloatArray, BoolArray]:
        """Copies of the samples [start, end) and their presence; outside of what is kept: 0 and False."""
        pcm = np.zeros(end - start, np.float32)
        present = np.zeros(end - start, np.bool_)
        low, high = max(start, self._base), min(end, self._base + 2 * self._keep)
        if low < high:
            pcm[low - start : high - start] = self._pcm[low - self._base : high - self._base]
            present[low - start : high - start] = self._present[low - self._base : high - self._base]
        return pcm, present

    def _make_room(self, end: int) -> None:
        """Move the kept samples to the front once the buffer is full up to `end`; a jump past all of it clears it."""
        over = end - self._base - 2 * self._keep
        if over <= 0:
            return
        shift = max(over, self._keep)
        rest = max(2 * self._keep - shift, 0)
        self._pcm[:rest] = self._pcm[2 * self._keep - rest :].copy()
        self._present[:rest] = self._present[2 * self._keep - rest :].copy()
        self._pcm[rest:] = 0
        self._present[rest:] = False
        self._base += shift
