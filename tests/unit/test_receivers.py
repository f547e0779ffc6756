"""The RTP clock and the bounded queue that replace aiortc's."""

from __future__ import annotations

import queue
import threading
from types import SimpleNamespace

import pytest
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from liveguard.rtc.frame_buffer import FrameBuffer
from liveguard.rtc.receivers import (
    AUDIO_PATIENCE_MS,
    AUDIO_RATE_HZ,
    MOST_WAITING,
    WRAP,
    DecoderQueue,
    RtpClock,
    is_key,
    too_large,
)

KEY = b"\x10\x02\x00\x9d\x01\x2a" + (1280).to_bytes(2, "little") + (720).to_bytes(2, "little") + b"\0" * 8
DELTA = b"\x11" + b"\0" * 20


def encoded(data: bytes, codec: str = "VP8") -> tuple[object, object]:
    return SimpleNamespace(name=codec, clockRate=90_000), SimpleNamespace(data=data, timestamp=0)


@given(st.integers(0, WRAP - 1), st.lists(st.integers(-20_000, 90_000), max_size=60))
def test_media_time_survives_the_wrap_and_packets_out_of_order(first: int, steps: list[int]) -> None:
    clock, true = RtpClock(), 0
    assert clock.ticks(first) is None
    assert clock.map(first) == 0
    for step in steps:
        true += step
        assert clock.ticks((first + true) % WRAP) == true, "a report about it does not move the clock"
        assert clock.map((first + true) % WRAP) == true


def test_key_frames_are_told_apart() -> None:
    assert is_key("VP8", KEY) is True
    assert is_key("VP8", DELTA) is False
    assert is_key("VP8", b"") is False
    assert is_key("H264", b"\0\0\0\1\x67abc\0\0\0\1\x68\0\0\0\1\x65x") is True
    assert is_key("H264", b"\0\0\0\1\x41abc") is False
    assert is_key("opus", b"abc") is None


@pytest.mark.parametrize(
    ("width", "height", "refused"), [(1280, 720, False), (2560, 1600, False), (16_383, 16_383, True)]
)
def test_a_picture_that_would_eat_the_memory_never_reaches_the_decoder(width: int, height: int, refused: bool) -> None:
    ask = threading.Event()
    waiting = DecoderQueue(ask)
    data = KEY[:6] + width.to_bytes(2, "little") + height.to_bytes(2, "little") + b"\0" * 8
    assert too_large("VP8", data) is refused
    waiting.put(encoded(data))
    assert (waiting.qsize(), ask.is_set()) == ((0, True) if refused else (1, False))


def test_a_decoder_that_is_behind_starts_anew_with_a_key_frame() -> None:
    ask = threading.Event()
    waiting = DecoderQueue(ask)
    waiting.put(encoded(KEY))
    for _ in range(MOST_WAITING - 1):
        waiting.put(encoded(DELTA))
    assert waiting.qsize() == MOST_WAITING
    waiting.put(encoded(DELTA))
    assert waiting.qsize() == 0
    assert ask.is_set()
    waiting.put(encoded(DELTA))
    assert waiting.qsize() == 0, "it could not be decoded"
    waiting.put(encoded(KEY))
    waiting.put(encoded(DELTA))
    assert waiting.qsize() == 2
    assert waiting.rate_hz == 90_000


def test_sound_that_piles_up_is_dropped_and_goes_on() -> None:
    waiting = DecoderQueue(threading.Event())
    for _ in range(MOST_WAITING + 1):
        waiting.put(encoded(b"x", "opus"))
    assert waiting.qsize() == 1
    waiting.put(None)
    assert waiting.get()[1].data == b"x"
    assert waiting.get() is None
    with pytest.raises(queue.Empty):
        waiting.get_nowait()


@pytest.mark.parametrize(("name", "rate_hz"), [("opus", 48_000), ("G722", 8_000), ("PCMU", 8_000), ("PCMA", 8_000)])
def test_a_lost_packet_holds_sound_up_for_the_same_time_whatever_its_clock(name: str, rate_hz: int) -> None:
    buffer, clock = FrameBuffer(AUDIO_PATIENCE_MS * AUDIO_RATE_HZ // 1000, is_video=False), RtpClock()
    waiting = DecoderQueue(threading.Event(), buffer, clock)
    codec = SimpleNamespace(name=name, clockRate=rate_hz)
    packet_ms, lost, held_ms = 20, 5, 0
    for number in range(60):
        if number == lost:
            continue
        packet = RtpPacket(sequence_number=number, timestamp=number * packet_ms * rate_hz // 1000)
        packet._data = b"x"
        _, frame = buffer.add(packet)  # as aiortc's receiver does
        if frame is not None:
            frame.timestamp = clock.map(frame.timestamp)
            waiting.put((codec, frame))
        while not waiting.empty():
            held_ms = max(held_ms, number * packet_ms - waiting.get()[1].timestamp * 1000 // rate_hz)
    assert AUDIO_PATIENCE_MS <= held_ms <= AUDIO_PATIENCE_MS + packet_ms
