"""What a recording looks like from outside: container, size, rate, length. These must not tell the labels apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

import av
import av.error
import numpy as np

from liveguard.errors import InputError
from liveguard.stress.footage import SOUND
from liveguard.taps.file import FileTap
from liveguard.taps.source import is_still, open_source, parse_source, say
from liveguard.taps.still import size_and_codec
from liveguard.types import SAMPLE_RATE_HZ, AudioChunk

Facts: TypeAlias = dict[str, float | str]
_Stream = TypeVar("_Stream", av.VideoStream, av.AudioStream)
QUIET_DB = -40.0  # below the loudest 20 ms: what comes before the first louder stretch is leading silence
STRETCH = SAMPLE_RATE_HZ // 50


def facts_of(file: Path) -> Facts:
    """Facts by name, units in the names; those that a recording does not have are left out. Raises InputError."""
    if is_still(file):
        width, height, codec = size_and_codec(file)
        return {"container": "still", "video_codec": codec, "width": width, "height": height}
    found: Facts = {}
    source = parse_source(file)
    try:
        with open_source(source, timeout_s=10.0) as container:
            found["container"] = container.format.name.split(",")[0]
            if container.duration:
                found["seconds"] = round(container.duration / 1e6, 3)
                found["bitrate_kbps"] = round(file.stat().st_size * 8e3 / container.duration, 1)
            for video in _known(container.streams.video):
                rate = video.average_rate or video.guessed_rate
                found |= {"video_codec": video.codec_context.name, "width": video.width, "height": video.height}
                found |= {"frame_rate_hz": round(float(rate), 2)} if rate else {}
            for audio in _known(container.streams.audio):
                found |= {"audio_codec": audio.codec_context.name, "audio_rate_hz": audio.rate or 0}
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{file}: {say(error)}") from error
    if "audio_codec" in found:
        found["leading_silence_s"] = _leading_silence_s(file)
    return found


def _known(streams: Sequence[_Stream]) -> Sequence[_Stream]:
    """The first stream, if any, whose codec FFmpeg knows at all; others are not played either."""
    return [stream for stream in streams if stream.codec_context][:1]


def _leading_silence_s(file: Path) -> float:
    """Of the sound no more is kept than the power of each 20 ms: it may be hours long."""
    tap = FileTap(file, tracks=SOUND)
    found, rest, samples = [], np.zeros(0, np.float32), 0
    for sample in tap.samples():
        if isinstance(sample, AudioChunk):
            samples += len(sample.pcm)
            rest = np.concatenate([rest, sample.pcm])
            whole = len(rest) // STRETCH * STRETCH
            found.append((rest[:whole].reshape(-1, STRETCH).astype(np.float64) ** 2).mean(axis=1))
            rest = rest[whole:]
    power = np.concatenate(found) if found else np.zeros(0)
    if not len(power):
        return 0.0
    if power.max() <= 0:
        return round(samples / SAMPLE_RATE_HZ, 2)
    first = int(np.argmax(power >= power.max() * 10 ** (QUIET_DB / 10)))
    return round(first * STRETCH / SAMPLE_RATE_HZ, 2)
