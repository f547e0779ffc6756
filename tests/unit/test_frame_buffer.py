"""Packets become frames in order, and what is lost holds nothing up for long."""

from __future__ import annotations

import random

import pytest
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from liveguard.rtc.frame_buffer import FAR, MOST_PACKETS, FrameBuffer

STEP = 3000  # of the video clock from one picture to the next at 30 a second
PATIENCE = 9 * STEP


def packets(count: int, each: int = 2, first: int = 65_530, start: int = 2**32 - 5 * STEP) -> list[RtpPacket]:
    """Pictures of `each` packets; numbers and times wrap around on the way."""
    made = []
    for k in range(count * each):
        packet = RtpPacket(96, int(k % each == each - 1), (first + k) % 2**16, (start + k // each * STEP) % 2**32)
        packet.payload = packet._data = b"%d.%d " % (k // each, k % each)
        made.append(packet)
    return made


def through(buffer: FrameBuffer, came: list[RtpPacket]) -> tuple[list[bytes], int]:
    """All frames that come out, and how often a key frame was wanted."""
    frames, wanted = [], 0
    for packet in came:
        ask, frame = buffer.add(packet)
        wanted += ask
        frames += [one.data for one in ([frame] if frame else []) + buffer.rest()]
    return frames, wanted


def picture(k: int, each: int = 2) -> bytes:
    return b"".join(b"%d.%d " % (k, n) for n in range(each))


def test_a_picture_comes_out_with_its_last_packet() -> None:
    buffer = FrameBuffer(PATIENCE, is_video=True)
    first, last = packets(1)
    assert buffer.add(first) == (False, None)
    _, frame = buffer.add(last)
    assert frame is not None
    assert (frame.data, frame.timestamp) == (picture(0), first.timestamp)


@given(st.integers(0, 2**32))
def test_what_overtakes_is_put_in_order(seed: int) -> None:
    sent = packets(40)
    order = [at for _, at in sorted((k + random.Random(f"{seed} {k}").uniform(0, 6), k) for k in range(1, 80))]
    frames, wanted = through(FrameBuffer(PATIENCE, is_video=True), [sent[0], *(sent[k] for k in order)])
    assert frames == [picture(k) for k in range(40)]
    assert wanted == 0


def test_a_packet_sent_again_in_time_frees_all_that_waited_at_once() -> None:
    sent = packets(8, each=1)
    buffer = FrameBuffer(PATIENCE, is_video=True)
    assert through(buffer, [sent[0], *sent[2:7]]) == ([picture(0, 1)], 0)
    assert through(buffer, [sent[1]]) == ([picture(k, 1) for k in range(1, 7)], 0)
    assert through(buffer, [sent[7]]) == ([picture(7, 1)], 0), "there is no delay left over"
    assert not buffer.broken


def test_a_lost_packet_is_given_up_after_a_while_and_a_key_frame_is_wanted() -> None:
    sent = packets(30)
    frames, wanted = through(buffer := FrameBuffer(PATIENCE, is_video=True), sent[:3] + sent[4:])
    assert frames == [picture(0), *(picture(k) for k in range(3, 30))], (
        "what was lost may have been of the next one, too"
    )
    assert wanted == 1
    assert buffer.broken
    assert through(buffer, [sent[3]]) == ([], 0), "it comes too late"


def test_part_of_a_picture_never_comes_out() -> None:
    sent = packets(50, each=4)
    missing = {5, 6, 41, 80}
    frames, _ = through(FrameBuffer(PATIENCE, is_video=True), [p for k, p in enumerate(sent) if k not in missing])
    assert all(frame in {picture(k, 4) for k in range(50)} for frame in frames)
    assert len(frames) == 50 - 3


def test_sound_waits_and_goes_on() -> None:
    sent = packets(20, each=1)
    frames, wanted = through(buffer := FrameBuffer(3 * STEP, is_video=False), sent[:4] + sent[5:])
    assert frames == [picture(k, 1) for k in range(20) if k != 4]
    assert wanted == 0
    assert buffer.broken


def test_padding_is_no_frame() -> None:
    sent = packets(3)
    padding = RtpPacket(96, 0, sent[4].sequence_number, sent[3].timestamp)
    padding._data = b""
    after = packets(1, first=sent[5].sequence_number, start=sent[4].timestamp)
    frames, wanted = through(FrameBuffer(PATIENCE, is_video=True), [*sent[:4], padding, *after])
    assert (len(frames), wanted) == (3, 0)


def test_after_a_cut_only_what_is_new_comes_out_even_if_old_packets_are_sent_again() -> None:
    sent = packets(400, each=1)
    frames, wanted = through(buffer := FrameBuffer(PATIENCE, is_video=True), [*sent[:10], *sent[130:132]])
    assert (len(frames), wanted) == (10, 0)
    frames, wanted = through(buffer, [*sent[10:130], *sent[132:]])
    assert frames == [picture(k, 1) for k in range(123, 400)], "nothing that is old, and nothing is held back"
    assert wanted == 1


def test_numbers_that_begin_anew_do_not_stop_it() -> None:
    buffer = FrameBuffer(PATIENCE, is_video=True)
    through(buffer, packets(10, first=20_000))
    for first in (20_000 + 2 * FAR, 20_000 - FAR, 5):
        frames, wanted = through(buffer, packets(5, first=first))
        assert (len(frames), wanted) == (5, 1)


@pytest.mark.parametrize("jump", [-600 * STEP, 600 * STEP])
def test_time_stamps_that_jump_do_not_stop_it(jump: int) -> None:
    buffer = FrameBuffer(PATIENCE, is_video=True)
    before, after = packets(10, start=10**6), packets(30, first=65_530 + 20, start=10**6 + jump)
    frames, _ = through(buffer, before[:17] + before[18:] + after)
    assert len(frames) >= 8 + 30


def test_what_waits_is_bounded() -> None:
    buffer = FrameBuffer(PATIENCE, is_video=True)
    sent = packets(2, each=FAR)  # one picture that never ends
    through(buffer, sent[:1] + sent[2:FAR])
    assert len(buffer._packets) <= MOST_PACKETS
