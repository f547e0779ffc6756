"""Clips to windows: re-encoded as calls are, seen by the real Observer, cut by the real Timeline."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from liveguard.detectors.blink import Blink
from liveguard.detectors.mesh import Mesh
from liveguard.detectors.pulse import Pulse
from liveguard.detectors.texture import Texture
from liveguard.face.observer import Observer
from liveguard.face.solutions import SolutionsBackend
from liveguard.timeline import Timeline
from liveguard.types import Box, FaceSample, FeedInfo, FrameSample, Need, Observation, VideoFrame, Window

VARIANTS: dict[str, tuple[int, float] | None] = {
    "as_is": None,
    "vp8_400k": (400, 0.0),
    "vp8_200k_15fps": (200, 15.0),
}
"""Bit rate in kbit/s and frame rate (0: as it is) of the ways in which every clip is seen."""
LIVE_VP8 = {
    "deadline": "realtime",
    "cpu-used": "8",
    "error-resilient": "1",
    "lag-in-frames": "0",
    "g": "3000",
    "qmax": "56",
}


def decode(path: Path) -> Iterator[tuple[int, av.VideoFrame]]:
    with av.open(str(path)) as container:
        first = None
        for frame in container.decode(video=0):
            first = frame.pts if first is None else first
            yield round((frame.pts - first) * frame.time_base * 1_000_000), frame


def as_call(source: Path, target: Path, kbps: int, fps: float) -> None:
    """Re-encode as a video call would: VP8, real time, constant rate."""
    with av.open(str(target), "w", format="webm") as container:
        stream, due_us = None, 0.0
        for t_us, frame in decode(source):
            if fps and t_us < due_us - 12_000:
                continue
            due_us = max(due_us + 1e6 / fps, t_us + 0.5e6 / fps) if fps else 0.0
            picture = av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"), format="rgb24")
            if stream is None:
                stream = container.add_stream("libvpx", rate=30)
                stream.width, stream.height, stream.pix_fmt = (
                    frame.width // 2 * 2,
                    frame.height // 2 * 2,
                    "yuv420p",
                )
                stream.bit_rate, stream.codec_context.time_base = kbps * 1000, Fraction(1, 1000)
                rate = str(kbps * 1000)
                stream.options = LIVE_VP8 | {"maxrate": rate, "minrate": rate, "bufsize": rate}
            picture = picture.reformat(stream.width, stream.height, "yuv420p")
            picture.pts, picture.time_base = round(t_us / 1000), Fraction(1, 1000)
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode(None))


def observe(clip: Path, variant: str, cache: Path) -> None:
    """Run the Observer over one clip in one variant and keep the samples of its most seen face."""
    cv2.setNumThreads(1)
    settings = VARIANTS[variant]
    path = clip
    if settings is not None:
        path = cache.with_suffix(".webm")
        as_call(clip, path, *settings)
    observer = Observer(SolutionsBackend(), [Mesh(), Texture(), Blink(), Pulse()])
    seen = [observer.observe(VideoFrame(t_us, frame.to_ndarray(format="rgb24"))) for t_us, frame in decode(path)]
    observer.close()
    samples = [sample for observation in seen for sample in observation.faces]
    tracks = [sample.track for sample in samples]
    best = max(set(tracks), key=tracks.count, default=0)
    samples = [sample for sample in samples if sample.track == best]
    kept = {
        "t_us": np.array([s.t_us for s in samples]),
        "landmarks": np.array([s.landmarks for s in samples]),
        "sharpness": np.array([s.sharpness for s in samples]),
        "light": np.array([s.light for s in samples]),
        "end_us": np.array(seen[-1].t_us + 1 if seen else 0),
    }
    probes = samples[0].probes if samples else {}
    np.savez(cache, **kept, **{f"probe_{name}": np.array([s.probes[name] for s in samples]) for name in probes})
    if path != clip:
        path.unlink()


def samples_of(cache: Path) -> tuple[list[FaceSample], int]:
    """The samples that `observe` kept, and where the clip ends."""
    data = dict(np.load(cache))
    names = [name for name in data if name.startswith("probe_")]
    samples = []
    for i, t_us in enumerate(data["t_us"].tolist()):
        mesh, sharpness, light = data["landmarks"][i], float(data["sharpness"][i]), float(data["light"][i])
        probes = {name[6:]: data[name][i] for name in names}
        samples.append(FaceSample(t_us, 1, mesh, Box(0, 0, 1, 1), sharpness, light, probes=probes))
    return samples, int(data["end_us"])


def windows(samples: list[FaceSample], end_us: int, need: Need) -> Iterator[Window]:
    """The windows of `need` every half second; one partial window where the clip is shorter."""
    timeline = Timeline(FeedInfo("clip", frozenset({"video"})), end_us, wants_audio=False)
    for sample in samples:
        frame = FrameSample(sample.t_us, 0, 0, 0, np.zeros((9, 16), np.float32), 0.0)
        timeline.add(Observation(frame, (sample,)))
    for stop in range(min(need.video_us, end_us), end_us + 1, 500_000):
        yield timeline.window(need, stop, 1)
