"""Puts the packets of one RTP stream together to frames, in order, and does not wait for ever for one that was lost.

It takes the place of aiortc's JitterBuffer, which holds a picture back until the next one begins, gives out one frame a packet,
so that a delay once caught is never made up for, and waits for 128 packets before a lost one is given up: seconds, at
the rate of a webcam, while sound goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiortc.jitterbuffer import JitterFrame

if TYPE_CHECKING:
    from aiortc.rtp import RtpPacket

MOST_PACKETS: Final = 1024
FAR: Final = 3000  # sequence numbers that jump by more, forwards or back, are those of a new beginning
SEQUENCE_WRAP, TIME_WRAP = 1 << 16, 1 << 32


class FrameBuffer:
    """`add` each packet; `rest` gives the frames that came free beside the one that `add` returned.

    `patience`: for so long, in ticks of the stream's clock, whatever comes later waits for a lost packet; the caller may change
    it. `broken` is set when something was left out, for the caller to take back. For one thread.
    """

    def __init__(self, patience: int, is_video: bool) -> None:
        self.patience, self.is_video = patience, is_video
        self._packets: dict[int, RtpPacket] = {}  # that wait, by unwrapped sequence number
        self._next: int | None = None
        self._last = self._last_time = 0  # number and time stamp of the latest packet
        self._rest: list[JitterFrame] = []
        self.broken = False

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Whether a key frame should be asked for, and a frame that is whole with this packet."""
        lost = self._take(packet)
        frames = self._whole()
        while self._packets and self._waited_too_long():
            self._skip()
            lost = True
            frames += self._whole()
        self.broken |= lost
        self._rest = frames[1:]
        return lost and self.is_video, frames[0] if frames else None

    def rest(self) -> list[JitterFrame]:
        frames, self._rest = self._rest, []
        return frames

    def _take(self, packet: RtpPacket) -> bool:
        """Keep a packet that is not too late; whether all that waited was given up for it."""
        if self._next is None:
            self._next = self._last = packet.sequence_number
        number = self._next + _signed(packet.sequence_number - self._next, SEQUENCE_WRAP)
        anew = abs(number - self._next) > FAR
        if anew:
            self._packets.clear()
            self._next = self._last = number = packet.sequence_number
        if number >= self._last:
            self._last, self._last_time = number, packet.timestamp
        # After a cut, all that was missed may be sent again at once: it is of no use any more.
        if number >= self._next and not self._is_old(packet):
            self._packets[number] = packet
        return anew

    def _whole(self) -> list[JitterFrame]:
        """The frames that are whole at the head of what waits, taken out."""
        frames: list[JitterFrame] = []
        while (end := self._end()) is not None:
            assert self._next is not None
            packets = [self._packets.pop(number) for number in range(self._next, end)]
            self._next = end
            data = b"".join(packet._data for packet in packets)  # type: ignore[attr-defined]
            if data:  # padding alone is nothing to decode
                frames.append(JitterFrame(data, packets[0].timestamp))
        return frames

    def _end(self) -> int | None:
        """The number after the last packet of the frame that is next; None while it is not whole."""
        if self._next is None or self._next not in self._packets:
            return None
        first, number = self._packets[self._next], self._next
        if not self.is_video or not first._data:  # type: ignore[attr-defined]
            return number + 1
        while (packet := self._packets.get(number)) is not None:
            if packet.timestamp != first.timestamp:
                return number
            number += 1
            if packet.marker:
                return number
        return None

    def _waited_too_long(self) -> bool:
        return len(self._packets) > MOST_PACKETS or self._is_old(self._packets[min(self._packets)])

    def _is_old(self, packet: RtpPacket) -> bool:
        """Whether it is further from the latest than patience goes; times may also jump back."""
        return abs(_signed(self._last_time - packet.timestamp, TIME_WRAP)) > self.patience

    def _skip(self) -> None:
        """Give up what is missing, and what it may have been part of: the picture before the hole, and the one after."""
        assert self._next is not None
        self._drop_run(self._next)
        if self._packets:
            self._next = min(self._packets)
            if self.is_video:
                self._drop_run(self._next)

    def _drop_run(self, number: int) -> None:
        """Drop the packets of one frame that follow each other from here."""
        first = self._packets.get(number)
        while first is not None and number in self._packets and self._packets[number].timestamp == first.timestamp:
            del self._packets[number]
            number += 1
        self._next = number


def _signed(difference: int, wrap: int) -> int:
    """The same difference of two numbers that wrap around, as near to 0 as can be."""
    return (difference + wrap // 2) % wrap - wrap // 2
