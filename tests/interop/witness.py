"""What reached the guard: every sample that a tap delivered, and how well it fits the film that was sent."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator
from typing import Any

import numpy as np

from liveguard.session import Session
from liveguard.types import AudioChunk, Cue, FeedInfo, Gap, Need, Tap, TapSample, VideoFrame
from tests.interop.film import FLASH_EVERY_S
from tests.server_parts import FakeGuard
from tests.synthetic import Says

PCM_HZ = 16_000
BRIGHT, LOUD = 130.0, 0.1


class Heard:
    """A tap that another one speaks through, and that keeps notes."""

    def __init__(self, tap: Tap) -> None:
        self.info: FeedInfo = tap.info
        self._tap = tap
        self.pictures: list[tuple[int, tuple[int, int], float]] = []
        """(t_us, (width, height), mean brightness)"""
        self.sound: list[AudioChunk] = []
        self.gaps: list[Gap] = []
        self.clocks: list[Cue] = []

    def samples(self) -> Iterator[TapSample]:
        for sample in self._tap.samples():
            if isinstance(sample, VideoFrame):
                height, width = sample.image.shape[:2]
                self.pictures.append((sample.t_us, (width, height), float(sample.image[::4, ::4].mean())))
            elif isinstance(sample, AudioChunk):
                self.sound.append(sample)
            elif isinstance(sample, Gap):
                self.gaps.append(sample)
            elif sample.name == "av_clock":
                self.clocks.append(sample)
            yield sample

    def close(self) -> None:
        self._tap.close()

    # --- what the notes say -----------------------------------------------------------------------------------------

    @property
    def picture_rate_hz(self) -> float:
        times = [t_us for t_us, _, _ in self.pictures]
        return (len(times) - 1) * 1e6 / max(times[-1] - times[0], 1)

    @property
    def sound_s(self) -> float:
        return sum(len(chunk.pcm) for chunk in self.sound) / PCM_HZ

    @property
    def missing_sound_ms(self) -> list[float]:
        """Where one chunk does not begin where the one before it ended: by how much."""
        ends = ((a.t_us + len(a.pcm) * 1_000_000 // PCM_HZ, b.t_us) for a, b in itertools.pairwise(self.sound))
        return [(begin - end) / 1000 for end, begin in ends if abs(begin - end) > 100]

    def flashes_us(self) -> list[int]:
        """When the picture turned bright."""
        pairs = itertools.pairwise(self.pictures)
        return [after[0] for before, after in pairs if before[2] < BRIGHT <= after[2]]

    def tones_us(self) -> list[int]:
        """When it became loud after it had been quiet for a while."""
        pcm = np.concatenate([chunk.pcm for chunk in self.sound])
        t_us = np.concatenate([c.t_us + np.arange(len(c.pcm)) * 1_000_000 // PCM_HZ for c in self.sound])
        loud = np.flatnonzero(np.abs(pcm) > LOUD)
        begins = loud[np.diff(loud, prepend=-PCM_HZ) > PCM_HZ // 4]
        return [int(at) for at in t_us[begins]]

    def tones_late_ms(self) -> list[float]:
        """How much later than its flash each tone is, sound against picture."""
        flashes, tones = self.flashes_us(), self.tones_us()
        near = [min(tones, key=lambda t: abs(t - flash)) - flash for flash in flashes] if tones else []
        return [late / 1000 for late in near if abs(late) < FLASH_EVERY_S * 5e5]

    def summary(self) -> dict[str, Any]:
        """For whoever reads the report of a test that failed."""
        late = self.tones_late_ms()
        return {
            "pictures": len(self.pictures),
            "sizes": sorted({size for _, size, _ in self.pictures}),
            "rate_hz": round(self.picture_rate_hz, 1) if len(self.pictures) > 1 else None,
            "sound_s": round(self.sound_s, 2),
            "missing_sound_ms": self.missing_sound_ms,
            "gaps": [(gap.kind, gap.start_us // 1000, gap.end_us // 1000, gap.reason) for gap in self.gaps],
            "clock": [(cue.t_us // 1000, dict(cue.params)) for cue in self.clocks],
            "tones_late_ms": [round(ms, 1) for ms in late],
            "tones_late_median_ms": round(statistics.median(late), 1) if late else None,
        }


class WitnessGuard(FakeGuard):
    """Guards with a made-up face and check, and keeps what came in, by participant."""

    def __init__(self) -> None:
        super().__init__([Says("camera", Need(step_us=500_000, video_us=1_000_000), -1.0)])
        self.heard: dict[str, Heard] = {}

    def watch(self, tap: Tap, *arguments: Any, **options: Any) -> Session:
        heard = self.heard[tap.info.name] = Heard(tap)
        return super().watch(heard, *arguments, **options)
