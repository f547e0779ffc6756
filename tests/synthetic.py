"""Made-up feeds for tests: faces from the mean mesh, sound from oscillators, and checks that only look."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

import numpy as np

from liveguard.face.geometry import box_of
from liveguard.face.texture import canonical_face
from liveguard.types import (
    AudioChunk,
    FaceSample,
    FaceSquare,
    FeedInfo,
    FloatArray,
    FrameSample,
    Hypothesis,
    Need,
    Observation,
    Reading,
    Sample,
    Window,
)

AV = FeedInfo("test")
VIDEO = FeedInfo("test", frozenset({"video"}))
AUDIO = FeedInfo("test", frozenset({"audio"}))


def face(t_us: int, track: int = 1, motion: float = 1.0, eyes_px: float = 90.0, picture: bool = False) -> FaceSample:
    """A face that sways a little and speaks; `motion` 0 makes it a photo."""
    t_s = t_us / 1e6
    mesh = canonical_face().mean * eyes_px
    sway = motion * np.array([12 * np.sin(1.1 * t_s), 5 * np.sin(0.7 * t_s + 1), 0], np.float32)
    mesh = (mesh + sway + np.array([640, 360, 0], np.float32)).astype(np.float32)
    mesh[[14, 17, 152], 1] += motion * 6 * max(np.sin(9 * t_s), 0)
    return FaceSample(t_us, track, mesh, box_of(mesh), sharpness=80.0, light=120.0, picture=picture)


def frame(t_us: int, motion: float = 1.0, seed: int = 0, tracks: Iterable[int] = (1,)) -> FrameSample:
    """A picture's figures: cells that move with the face, and noise; those of the faces as its middle has them."""
    t_s = t_us / 1e6
    rng = np.random.default_rng(seed + t_us)
    place = np.arange(144).reshape(9, 16) / 9
    # Incommensurable rates: a living picture does not come back to where it was.
    cells = 100 + 12 * motion * sum(
        np.sin(rate * t_s + k * place) for k, rate in enumerate((0.29, 0.83, 1.31, 2.17, 3.7))
    )
    cells = (cells + motion * rng.normal(0, 0.1, (9, 16))).astype(np.float32)
    of_face = {FaceSquare(track, 560, 260, 160): np.ascontiguousarray(cells[:8, 4:12]) for track in tracks}
    return FrameSample(t_us, 1280, 720, zlib.crc32(cells.tobytes()), cells, 0.6, of_face)


def pictures(seconds: float, fps: float = 25.0, motion: float = 1.0, tracks: Iterable[int] = (1,)) -> list[Observation]:
    tracks = list(tracks)
    times = [round(k * 1e6 / fps) for k in range(int(seconds * fps))]
    return [
        Observation(frame(t, motion, tracks=tracks), tuple(face(t, track, motion) for track in tracks)) for t in times
    ]


def voice(seconds: float, seed: int = 0) -> FloatArray:
    """Something like speech (n,) float32: a buzz in syllables."""
    t = np.arange(int(seconds * 16_000)) / 16_000
    buzz = sum(np.sin(2 * np.pi * 130 * k * t) / k for k in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * t + seed), 0, 1) ** 0.5
    noise = np.random.default_rng(seed).normal(0, 0.002, t.size)
    return np.asarray(0.1 * buzz * syllables + noise, np.float32)


def talker(seconds: float, pitch_hz: float = 120.0, seed: int = 0) -> FloatArray:
    """More like speech than `voice` (n,) float32: the pitch glides, vowels change, and every other pause hisses up to 8 kHz.

    Two seeds are two people, also in when they take breath.
    """
    t = np.arange(int(seconds * 16_000)) / 16_000
    pitch = pitch_hz * (1 + 0.2 * np.sin(2 * np.pi * 0.8 * t + seed) + 0.05 * np.sin(2 * np.pi * 2.3 * t + 2 * seed))
    phase = 2 * np.pi * np.cumsum(pitch) / 16_000
    formants = (
        500 + 200 * np.sin(2 * np.pi * 1.7 * t + seed),
        1500 + 500 * np.sin(2 * np.pi * 1.1 * t + 1 + seed),
        3000,
    )
    level = [0.02 + sum(1 / (1 + ((k * pitch - formant) / 130) ** 2) for formant in formants) for k in range(1, 30)]
    syllables = np.maximum(0.4 + np.sin(2 * np.pi * 3 * t + seed), 0) ** 0.5
    vowels = sum(a * np.sin(k * phase) for k, a in enumerate(level, 1)) * syllables
    rng = np.random.default_rng(seed)
    hiss = (np.sin(2 * np.pi * 1.5 * t + seed / 2 + 2.4) > 0.7) * rng.normal(0, 0.1, t.size)
    return np.asarray(0.06 * (vowels + hiss) + rng.normal(0, 2e-4, t.size), np.float32)


def chunks(pcm: FloatArray, sizes: Iterable[int], start: int = 0) -> Iterator[AudioChunk]:
    """`pcm` cut into pieces of the given sizes, the last size again and again."""
    at, size = 0, 320
    rest = iter(sizes)
    while at < len(pcm):
        size = next(rest, size)
        yield AudioChunk((start + at) * 1_000_000 // 16_000, pcm[at : at + size])
        at += size


def by_time(*streams: Iterable[Sample]) -> list[Sample]:
    """The streams' samples merged by time."""
    return sorted((sample for stream in streams for sample in stream), key=lambda sample: sample.t_us)  # type: ignore[union-attr]


class Spy:
    """A check whose reading is a fingerprint of everything in the window."""

    hypothesis: Hypothesis = "face_manipulated"
    about = "looks at everything"

    def __init__(self, name: str = "spy", need: Need | None = None, llr: float | None = 0.1) -> None:
        self.name = name
        self.need = need or Need(step_us=500_000, video_us=2_000_000, audio_us=1_500_000)
        self.llr = llr
        self.windows: list[Window] = []

    def evaluate(self, window: Window) -> Reading:
        self.windows.append(window)
        parts = [window.pcm.tobytes(), window.speech.log_mel.tobytes(), window.speech.voiced.tobytes()]
        parts += [str(sample.t_us).encode() + sample.landmarks.tobytes() for sample in window.faces]
        parts += [repr((f.t_us, f.digest)).encode() for f in window.frames]
        parts += [repr((window.pcm_start_us, window.gaps, window.cues, window.peers, window.coverage)).encode()]
        print_ = float(zlib.crc32(b"".join(parts)))
        return Reading(
            self.name, window.track, window.start_us, window.end_us, self.llr, window.coverage, "spied", {"crc": print_}
        )


class Says(Spy):
    """A check that always says the same, with full coverage."""

    def evaluate(self, window: Window) -> Reading:
        return Reading(self.name, window.track, window.start_us, window.end_us, self.llr, 1.0, f"{self.name} says so")


class Breaks(Spy):
    """A check with a bug."""

    def evaluate(self, window: Window) -> Reading:
        raise ZeroDivisionError("oh")
