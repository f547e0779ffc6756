"""What aiortc's receivers keep to themselves: the RTP clock behind `pts`, sender reports, and queues without bounds.

All reaching into aiortc's receivers happens in this file; `equip` refuses a version that looks different.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

import aiortc
from aiortc import RTCRtpReceiver
from aiortc.rtp import RtcpSrPacket

from liveguard.errors import BackendError
from liveguard.rtc.frame_buffer import FrameBuffer

WRAP = 1 << 32
MOST_WAITING = 60
"""Encoded pictures, 2 s: with more the decoder is behind for good, and only a new key frame helps."""
MOST_PIXELS = 2560 * 1600
AUDIO_PATIENCE_MS, VIDEO_PATIENCE_MS = 150, 300
"""For so long a lost packet holds up what comes after it. Pictures can be sent again; what comes more than 400 ms behind the
other track is too late for its window anyway."""
AUDIO_RATE_HZ, VIDEO_RATE_HZ = 48_000, 90_000  # of the RTP clock; sound may have another, which its codec tells
AUDIO_LATE_US = 0
"""How much later sound arrives than the picture that was taken with it: neither waits for what comes after it."""
ASK_AGAIN_S = 0.3
_PRIVATE = ("timestamp_mapper", "jitter_buffer", "decoder_queue", "decoder_error")


class RtpClock:
    """Media time of one track: RTP time stamps, unwrapped, counted from the first. Replaces aiortc's mapper."""

    def __init__(self) -> None:
        self._origin: int | None = None
        self._last = 0

    def map(self, timestamp: int) -> int:
        """The stamp of a picture or packet that goes to the decoder, in ticks since the first."""
        if self._origin is None:
            self._origin = self._last = timestamp
        self._last = self._unwrapped(timestamp)
        return self._last - self._origin

    def ticks(self, timestamp: int) -> int | None:
        """Any stamp near the latest, in ticks since the first; None before the first."""
        return None if self._origin is None else self._unwrapped(timestamp) - self._origin

    def _unwrapped(self, timestamp: int) -> int:
        """The nearest to the latest of all times that have this stamp: packets come out of order, and stamps wrap."""
        return self._last + (timestamp - self._last + WRAP // 2) % WRAP - WRAP // 2


class DecoderQueue(queue.Queue[Any]):
    """Encoded pictures on their way to the decoder's thread, bounded in number and size.

    What is dropped breaks the pictures after it, so the next that is let in is a key frame, which is asked for.
    """

    def __init__(
        self, ask_for_key: threading.Event, buffer: FrameBuffer | None = None, clock: RtpClock | None = None
    ) -> None:
        super().__init__()
        self._ask_for_key, self._buffer, self._clock = ask_for_key, buffer, clock
        self._broken = False
        self._asked_at: int | None = None
        self.rate_hz = 0
        """Of the RTP clock, once something has come."""

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002 (it never waits)
        if item is None:  # the end
            super().put(None)
            return
        codec, encoded = item
        self.rate_hz = codec.clockRate
        if self._buffer is not None and not self._buffer.is_video:
            self._buffer.patience = AUDIO_PATIENCE_MS * self.rate_hz // 1000
        if self._buffer is not None and self._buffer.broken:
            self._broken, self._buffer.broken, self._asked_at = True, False, encoded.timestamp
        self._let_in(codec, encoded)
        if self._buffer is not None and self._clock is not None:
            for more in self._buffer.rest():
                more.timestamp = self._clock.map(more.timestamp)
                self._let_in(codec, more)

    def _let_in(self, codec: Any, encoded: Any) -> None:
        key = is_key(codec.name, encoded.data)
        if self.qsize() >= MOST_WAITING:
            self._drop_all()
        if too_large(codec.name, encoded.data) or (self._broken and key is False):
            self._broken = True
            if self._asked_at is None or abs(encoded.timestamp - self._asked_at) >= ASK_AGAIN_S * self.rate_hz:
                self._asked_at = encoded.timestamp
                self._ask_for_key.set()
            return
        self._broken, self._asked_at = False, None
        super().put((codec, encoded))

    def _drop_all(self) -> None:
        self._broken = True
        while True:
            try:
                self.get_nowait()
            except queue.Empty:
                return


def is_key(codec: str, data: bytes) -> bool | None:
    """Whether a decoder can begin with this picture; None for sound."""
    if codec == "VP8":
        return bool(data) and not data[0] & 1
    if codec == "H264":
        return any(data[at + 4 : at + 5] and data[at + 4] & 0x1F in (5, 7) for at in _starts(data))
    return None


def too_large(codec: str, data: bytes) -> bool:
    """Whether a VP8 key frame (RFC 6386, section 9.1) announces a picture that would take too much memory to decode.

    H.264 is bounded by its level, and looked at when it is decoded.
    """
    if codec != "VP8" or len(data) < 10 or data[0] & 1:
        return False
    width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    return width * height > MOST_PIXELS


def _starts(data: bytes) -> list[int]:
    """Where the first parts of an H.264 picture begin (parameter sets come before all else)."""
    found: list[int] = []
    at = data.find(b"\0\0\0\1")
    while at >= 0 and len(found) < 4:
        found.append(at)
        at = data.find(b"\0\0\0\1", at + 4)
    return found


def equip(receiver: RTCRtpReceiver, kind: str, on_report: Callable[[int, int], None]) -> None:
    """Put our clock and queues into a receiver that has not begun, and hear its sender reports.

    `on_report(media_us, ntp_us)` is called on the event loop. Raises BackendError where aiortc is not as expected.
    """
    missing = [name for name in _PRIVATE if not hasattr(receiver, f"_RTCRtpReceiver__{name}")]
    if missing or not hasattr(receiver, "_handle_rtcp_packet"):
        raise BackendError(f"aiortc {aiortc.__version__} is not known here ({', '.join(missing)} is missing): use 1.16")
    clock = RtpClock()
    _set(receiver, "timestamp_mapper", clock)
    is_video = kind == "video"
    patience = VIDEO_PATIENCE_MS * VIDEO_RATE_HZ if is_video else AUDIO_PATIENCE_MS * AUDIO_RATE_HZ
    buffer = FrameBuffer(patience // 1000, is_video)
    _set(receiver, "jitter_buffer", buffer)
    waiting = DecoderQueue(_get(receiver, "decoder_error"), buffer, clock)
    _set(receiver, "decoder_queue", waiting)
    before = receiver._handle_rtcp_packet

    async def handle(packet: Any) -> None:
        if isinstance(packet, RtcpSrPacket):
            ticks = clock.ticks(packet.sender_info.rtp_timestamp)
            ntp = packet.sender_info.ntp_timestamp
            if ticks is not None and ntp and waiting.rate_hz:
                on_report(ticks * 1_000_000 // waiting.rate_hz, (ntp * 1_000_000) >> 32)
        await before(packet)

    setattr(receiver, "_handle_rtcp_packet", handle)  # noqa: B010 (a method, which mypy would not let us assign)


def _get(receiver: RTCRtpReceiver, name: str) -> Any:
    return getattr(receiver, f"_RTCRtpReceiver__{name}")


def _set(receiver: RTCRtpReceiver, name: str, value: object) -> None:
    setattr(receiver, f"_RTCRtpReceiver__{name}", value)
