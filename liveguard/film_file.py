"""Samples of a feed as a film that can be kept and shown."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np

from liveguard.errors import InputError
from liveguard.taps.source import say
from liveguard.types import SAMPLE_RATE_HZ, AudioChunk, ByteArray, FloatArray, TapSample, VideoFrame

FAITHFUL_CRF = 12  # hardly any loss: what a variant did to the picture must not be covered up
SOUND_KBPS = 128
PIECE = 1024


def write_film(path: Path, samples: Iterable[TapSample], sound: bool, crf: int = FAITHFUL_CRF) -> None:
    """H.264 and AAC in an MP4 (or whatever `path` is called), at the pictures' own times; sound alone too.

    `sound`: whether there is any. `crf`: x264's quality, 0 (none is lost) to 51. All pictures get the size of the first.
    Raises InputError where it cannot be written.
    """
    pcm: list[FloatArray] = []
    try:
        with av.open(str(path), "w") as out:
            video: av.VideoStream | None = None
            track = (
                out.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="mono", bit_rate=SOUND_KBPS * 1000) if sound else None
            )
            for sample in samples:
                if isinstance(sample, AudioChunk):
                    pcm.append(sample.pcm)
                elif isinstance(sample, VideoFrame):
                    if video is None:
                        video = _video(out, sample.image, crf)
                    picture = av.VideoFrame.from_ndarray(sample.image, format="rgb24")
                    picture.pts, picture.time_base = sample.t_us, Fraction(1, 1_000_000)
                    out.mux(video.encode(picture.reformat(video.width, video.height, "yuv420p")))
            if video is not None:
                out.mux(video.encode(None))
            if track is not None:
                _write_sound(out, track, np.concatenate(pcm) if pcm else np.zeros(0, np.float32))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be written: {say(error)}") from error


def _video(out: av.container.OutputContainer, image: ByteArray, crf: int) -> av.VideoStream:
    stream = out.add_stream("libx264", rate=30, options={"crf": str(crf), "preset": "veryfast"})
    stream.height, stream.width = (side // 2 * 2 for side in image.shape[:2])
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = Fraction(1, 1_000_000)
    return stream


def _write_sound(out: av.container.OutputContainer, track: av.AudioStream, pcm: FloatArray) -> None:
    for at in range(0, len(pcm), PIECE):
        piece = av.AudioFrame.from_ndarray(pcm[None, at : at + PIECE], format="fltp", layout="mono")
        piece.sample_rate, piece.pts, piece.time_base = SAMPLE_RATE_HZ, at, Fraction(1, SAMPLE_RATE_HZ)
        out.mux(track.encode(piece))
    out.mux(track.encode(None))
