"""Small recordings for tests, made on the spot: each second begins with a flash and a beep."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from liveguard.types import SAMPLE_RATE_HZ, FloatArray

FPS = 25
MARK_S = 0.2
DIM, BRIGHT = 60, 200


def tiny_clip(
    path: Path, seconds: float = 2.0, tone_hz: float | None = 1000.0, picture: bool = True, fps: int = FPS
) -> Path:
    """A Matroska file of 64 x 48 px H.264 and PCM, exactly `seconds` long. `tone_hz` None: without sound."""
    with av.open(str(path), "w", format="matroska") as out:
        video = out.add_stream("libx264", rate=fps, options={"crf": "10", "preset": "ultrafast"}) if picture else None
        sound = out.add_stream("pcm_s16le", rate=SAMPLE_RATE_HZ, layout="mono") if tone_hz is not None else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            for k in range(round(seconds * fps)):
                grey = BRIGHT if k / fps % 1 < MARK_S else DIM
                image = av.VideoFrame.from_ndarray(np.full((48, 64, 3), grey, np.uint8), format="rgb24")
                image.pts, image.time_base = k, Fraction(1, fps)
                out.mux(video.encode(image))
            out.mux(video.encode(None))
        if sound is not None and tone_hz is not None:
            pcm = (beeps(seconds, tone_hz) * 32_767).astype(np.int16)
            for at in range(0, len(pcm), 1600):
                piece = av.AudioFrame.from_ndarray(pcm[None, at : at + 1600], format="s16", layout="mono")
                piece.sample_rate, piece.pts, piece.time_base = SAMPLE_RATE_HZ, at, Fraction(1, SAMPLE_RATE_HZ)
                out.mux(sound.encode(piece))
            out.mux(sound.encode(None))
    return path


def beeps(seconds: float, tone_hz: float) -> FloatArray:
    """What is heard in such a clip, (n,) float32."""
    t = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return np.asarray(0.3 * np.sin(2 * np.pi * tone_hz * t) * (t % 1 < MARK_S), np.float32)
