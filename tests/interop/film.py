"""A film that shows how well sound and picture stay together, as a WebM file and as RTP packets in a file.

FFmpeg encodes and packetises, so that the clients under test have only to send. The packets are in records of
(at_ms: float64, track: uint8 (0 video, 1 audio), length: uint16), big-endian, each followed by the packet.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

FPS, RATE_HZ, SIZE = 30, 48_000, (320, 240)
FLASH_EVERY_S, FLASH_S = 2.0, 0.4
TONE_HZ = 1000
ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "VP8": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "b": "600k", "g": "15", "auto-alt-ref": "0"}),
    "H264": (
        "libx264",
        {"profile": "baseline", "level": "3.1", "preset": "veryfast", "tune": "zerolatency", "g": "15"},
    ),
    "opus": ("libopus", {}),
    "PCMU": ("pcm_mulaw", {}),
    "G722": ("g722", {}),
}
CLOCK_HZ = {"opus": 48_000, "PCMU": 8_000, "G722": 16_000}
Picture = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Film:
    """`pictures` gives (h, w, 3) uint8 RGB at 30 a second; `sound` is (n,) int16 at 48 kHz."""

    pictures: Callable[[], Iterator[Picture]]
    sound: np.ndarray[Any, Any]


def flashes(seconds: float) -> Film:
    """A moving pattern that is bright, and a soft hum that is a loud tone, in the first 0.4 s of every 2 s but the first."""

    def pictures() -> Iterator[Picture]:
        across, down = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
        for k in range(round(seconds * FPS)):
            wave = 20 * np.sin(across / 17 + k / 5) + 20 * np.sin(down / 13 - k / 7)
            grey = np.clip((200 if flashing(k / FPS) else 60) + wave, 0, 255).astype(np.uint8)
            yield np.repeat(grey[:, :, None], 3, axis=2)

    t_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    hum = 0.02 * np.sin(2 * np.pi * 300 * t_s)
    tone = 0.4 * np.sin(2 * np.pi * TONE_HZ * t_s) * flashing(t_s)
    return Film(pictures, np.round((hum + tone) * 32_767).astype(np.int16))


def flashing(t_s: Any) -> Any:
    """Whether it is bright and loud at these times."""
    return (np.asarray(t_s) >= FLASH_EVERY_S) & (np.asarray(t_s) % FLASH_EVERY_S < FLASH_S)


def write_webm(film: Film, path: Path) -> Path:
    """VP8 and Opus in a WebM file."""
    with av.open(str(path), "w", format="webm") as out:
        picture, sound = _video(out, film, "VP8"), _audio(out, "opus")
        packets = [*_pictures(picture, film), *_sound(sound, film)]
        for packet in sorted(packets, key=_at_ms):
            out.mux(packet)
    return path


def write_rtp(film: Film, path: Path, video: str, audio: str) -> Path:
    """RTP packets of the two codecs in the order in which they are to be sent."""
    records: list[tuple[float, int, bytes]] = []
    for track, codec in enumerate((video, audio)):
        sink = _Packets()
        # strict -2: FFmpeg calls Opus in RTP experimental. seq: aioice takes a packet of G.722 or PCMA for STUN, and throws it
        # away, if its sequence number is its length less 20.
        options = {"packetsize": "1200", "strict": "-2", "seq": "2000"}
        with av.open(sink, "w", format="rtp", options=options) as out:
            stream = _audio(out, codec) if track else _video(out, film, codec)
            for packet in _sound(stream, film, CLOCK_HZ[codec]) if track else _pictures(stream, film):
                sink.taken.clear()
                out.mux(packet)
                at_ms = _at_ms(packet)
                records += [(at_ms, track, data) for data in sink.taken if not 72 <= data[1] & 127 <= 76]  # no RTCP
            sink.taken.clear()
    records.sort(key=lambda record: record[0])
    path.write_bytes(b"".join(struct.pack(">dBH", at, track, len(data)) + data for at, track, data in records))
    return path


class _Packets:
    """FFmpeg writes one packet at a time."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def write(self, data: Any) -> int:
        self.taken.append(bytes(data))
        return len(data)


def _video(out: Any, film: Film, codec: str) -> Any:
    name, options = ENCODERS[codec]
    stream = out.add_stream(name, rate=FPS, options=options)
    stream.height, stream.width = next(film.pictures()).shape[:2]
    stream.pix_fmt = "yuv420p"
    return stream


def _audio(out: Any, codec: str) -> Any:
    return out.add_stream(ENCODERS[codec][0], rate=CLOCK_HZ[codec], layout="mono")


def _pictures(stream: Any, film: Film) -> Iterator[Any]:
    for k, picture in enumerate(film.pictures()):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = k, Fraction(1, FPS)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _sound(stream: Any, film: Film, rate_hz: int = RATE_HZ) -> Iterator[Any]:
    """Packets of 20 ms each."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate_hz, frame_size=rate_hz // 50)
    for start in range(0, len(film.sound), RATE_HZ // 50):
        frame = av.AudioFrame.from_ndarray(film.sound[None, start : start + RATE_HZ // 50], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
        for piece in resampler.resample(frame):
            yield from stream.encode(piece)


def _at_ms(packet: Any) -> float:
    return float(packet.pts * packet.time_base * 1000)
