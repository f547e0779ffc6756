"""One audio track from whatever a source delivers to `AudioChunk`s that follow on each other without a
seam.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from liveguard.audio.clock import JUMP_US, AudioClock
from liveguard.audio.resample import Resampler, check_rate, mix_down
from liveguard.types import SAMPLE_RATE_HZ, AudioChunk, FloatArray, Gap


class AudioStream:
    """Blocks of samples with time stamps in, chunks at 16 kHz and gaps out, in order of time. For one
    thread at a time.

    What comes out does not depend on how the input is cut into blocks, apart from where the chunks are cut.
    `bad_samples` counts NaN and infinite samples, which were replaced by 0; `dropped_samples` those that
    overlapped. `jump_us`: how far a stamp may be off the count of samples before it is believed.
    """

    def __init__(self, start_us: int = 0, jump_us: int = JUMP_US) -> None:
        self.bad_samples = 0
        self.dropped_samples = 0
        self._clock = AudioClock(start_us, jump_us)
        self._resampler: Resampler | None = None
        self._run_us = start_us
        self._run_count = 0

    @property
    def end_us(self) -> int:
        """Time just after the last sample that came in."""
        return self._clock.end_us

    def push(self, pcm: npt.NDArray[Any], rate_hz: int, pts_us: int | None = None) -> list[AudioChunk | Gap]:
        """Take `pcm` ((n,) or (n, channels), any number type) at `rate_hz`, stamped `pts_us` on the
        session's timeline.

        None as stamp: it follows on what came before. Raises `InputError` for an impossible rate.
        """
        check_rate(rate_hz)
        before_us = self._clock.end_us
        placed = self._clock.place(pts_us, len(pcm), rate_hz)
        self.dropped_samples += placed.skip
        if placed.skip == len(pcm):
            return []
        out: list[AudioChunk | Gap] = []
        if placed.start_us is not None or self._resampler is None:
            out += self.flush()
            start_us = before_us if placed.start_us is None else placed.start_us
            self._resampler, self._run_us, self._run_count = Resampler(rate_hz), start_us, 0
        if placed.gap:
            out.append(Gap("audio", *placed.gap, "lost"))
        mono, bad = mix_down(pcm[placed.skip :])
        self.bad_samples += bad
        return out + self._chunk(self._resampler.push(mono))

    def flush(self) -> list[AudioChunk | Gap]:
        """The tail that the filter holds back; the next block begins a new filter."""
        if self._resampler is None:
            return []
        tail, self._resampler = self._chunk(self._resampler.flush()), None
        return tail

    def _chunk(self, pcm: FloatArray) -> list[AudioChunk | Gap]:
        if pcm.size == 0:
            return []
        t_us = self._run_us + self._run_count * 1_000_000 // SAMPLE_RATE_HZ
        self._run_count += pcm.size
        return [AudioChunk(t_us, pcm)]
