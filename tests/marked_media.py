"""Pictures and sound that carry the time at which they were made, and a guard that notes what arrives of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc.mediastreams import MediaStreamTrack

from liveguard.guard import Guard
from liveguard.session import Session
from liveguard.types import SAMPLE_RATE_HZ, AudioChunk, Cue, Event, FeedInfo, Gap, Sink, Tap, TapSample, VideoFrame
from tests import pixel_clock
from tests.live_parts import Collect
from tests.server_parts import FakeGuard

RATE_HZ, PACKET = 48_000, 960
BEEP_EVERY_MS, BEEP_MS = 500, 40


class MarkedFilm(MediaStreamTrack):
    """Pictures with the time in them. `size` (width, height), `fps`, `black` and `halted` may be changed."""

    kind = "video"

    def __init__(self, size: tuple[int, int] = (320, 240), fps: float = 15.0) -> None:
        super().__init__()
        self.size, self.fps, self.black, self.halted = size, fps, False, False
        self._began_s = self._next_s = time.monotonic()

    async def recv(self) -> av.VideoFrame:
        while self.halted or time.monotonic() < self._next_s:
            await asyncio.sleep(max(self._next_s - time.monotonic(), 0.02 if self.halted else 0.0))
        now_s = time.monotonic()
        self._next_s = max(self._next_s + 1 / self.fps, now_s - 1 / self.fps)
        width, height = self.size
        picture = np.zeros((height, width, 3), np.uint8)
        if not self.black:
            ramp = np.linspace(40, 200, width, dtype=np.float32) + 30 * np.sin(3 * now_s)
            picture[...] = ramp[None, :, None].astype(np.uint8)
            pixel_clock.draw(picture, int(now_s * 1000))
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = int((now_s - self._began_s) * 90_000), Fraction(1, 90_000)
        return frame


class Beeps(MediaStreamTrack):
    """A beep whenever the clock of the pictures shows a multiple of half a second; `silent` may be changed."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.silent = False
        self._began_s, self._count = 0.0, 0

    async def recv(self) -> av.AudioFrame:
        self._began_s = self._began_s or time.monotonic()
        start_s = self._began_s + self._count * PACKET / RATE_HZ
        # A packet is whole only when its last sample was heard.
        await asyncio.sleep(max(start_s + PACKET / RATE_HZ - time.monotonic(), 0.0))
        t_s = start_s + np.arange(PACKET) / RATE_HZ
        on = (t_s * 1000) % BEEP_EVERY_MS < BEEP_MS
        pcm = np.zeros(PACKET) if self.silent else 12_000 * np.sin(2 * np.pi * 1500 * t_s) * on
        frame = av.AudioFrame.from_ndarray(pcm.astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, self._count * PACKET, Fraction(1, RATE_HZ)
        self._count += 1
        return frame


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture as it left the tap: its place, when that was, and the time drawn in it (None: not legible)."""

    t_us: int
    at_ms: int
    drawn_ms: int | None
    size: tuple[int, int]

    @property
    def age_ms(self) -> int | None:
        return None if self.drawn_ms is None else self.at_ms - self.drawn_ms


@dataclass(slots=True)
class Witness:
    """What came of one participant, and what was said."""

    shown: list[Shown] = field(default_factory=list)
    sound: list[AudioChunk] = field(default_factory=list)
    cues: list[Cue] = field(default_factory=list)
    sink: Collect = field(default_factory=Collect)

    def events(self, kind: type[Event]) -> list[Any]:
        return [event for event in list(self.sink.events) if isinstance(event, kind)]

    def since(self, at_ms: int) -> list[Shown]:
        return [one for one in list(self.shown) if one.at_ms >= at_ms]

    def gaps(self, track: str, reason: str | None = None) -> list[Gap]:
        return [gap for gap in self.events(Gap) if gap.kind == track and reason in (None, gap.reason)]

    def missing_s(self, track: str, reason: str, from_us: int = 0) -> float:
        """How much of a track gaps say is missing; what is said twice counts once."""
        missing_us, end_us = 0, from_us
        for gap in sorted(self.gaps(track, reason), key=lambda gap: gap.start_us):
            missing_us += max(gap.end_us - max(gap.start_us, end_us), 0)
            end_us = max(end_us, gap.end_us)
        return missing_us / 1e6

    def lip_errors_ms(self, from_us: int = 0) -> list[tuple[int, float]]:
        """When each beep is on the timeline (us), and how much later than its picture; sound that lags is above 0."""
        origins_us = np.array([(s.t_us, s.t_us - s.drawn_ms * 1000) for s in list(self.shown) if s.drawn_ms]).T
        errors_ms: list[tuple[int, float]] = []
        for beep_us in self._beeps_us(from_us):
            near = np.abs(origins_us[0] - beep_us) < 400_000
            if near.any():
                late_ms = (beep_us - np.median(origins_us[1][near])) / 1000
                errors_ms.append(
                    (int(beep_us), float((late_ms + BEEP_EVERY_MS / 2) % BEEP_EVERY_MS - BEEP_EVERY_MS / 2))
                )
        return errors_ms

    def unsure_ms(self, t_us: int) -> float:
        """How far sound and picture may be apart at that time, by what the tap says."""
        said = [cue for cue in list(self.cues) if cue.name == "av_clock" and cue.t_us <= t_us]
        return float(said[-1].params["uncertainty_ms"]) if said else 500.0

    def _beeps_us(self, from_us: int) -> list[float]:
        found, quiet_until_us = [], 0.0
        for chunk in list(self.sound):
            for at in np.flatnonzero(np.abs(chunk.pcm) > 0.1):
                t_us = chunk.t_us + at * 1e6 / SAMPLE_RATE_HZ
                if t_us > quiet_until_us and t_us >= from_us:
                    found.append(t_us)
                quiet_until_us = t_us + 200_000
        return found


class WitnessTap:
    """A tap that lets everything through and notes it."""

    def __init__(self, tap: Tap, witness: Witness) -> None:
        self._tap, self._witness = tap, witness

    @property
    def info(self) -> FeedInfo:
        return self._tap.info

    def samples(self) -> Iterator[TapSample]:
        for sample in self._tap.samples():
            if isinstance(sample, VideoFrame):
                height, width = sample.image.shape[:2]
                now_ms, drawn_ms = pixel_clock.now_ms(), pixel_clock.read(sample.image)
                self._witness.shown.append(Shown(sample.t_us, now_ms, drawn_ms, (width, height)))
            elif isinstance(sample, AudioChunk):
                self._witness.sound.append(sample)
            elif isinstance(sample, Cue):
                self._witness.cues.append(sample)
            yield sample

    def close(self) -> None:
        self._tap.close()


class Witnessed(Guard):
    """Mixed into a guard: what it is fed with is kept in `witnesses`, by participant; one that comes anew starts anew."""

    witnesses: dict[str, Witness]

    def watch(self, tap: Tap, sinks: Sequence[Sink] = (), *others: Any, **named: Any) -> Session:
        witness = self.__dict__.setdefault("witnesses", {})[tap.info.name] = Witness()
        return super().watch(WitnessTap(tap, witness), [*sinks, witness.sink], *others, **named)


class WitnessedFake(Witnessed, FakeGuard):
    """Sees a made-up face in every picture."""
