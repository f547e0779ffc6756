"""Packets of a file in order of time: writers lay the tracks side by side as loosely as they like, up to all of one first.

What waits is compressed, so seconds of it cost little; pictures would not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

MOST_US = 30_000_000
"""A track that is silent for longer than this has ended, or holds a subtitle's worth: the others go on."""
MOST_BYTES = 64 << 20


class _Lane(Generic[T]):
    """One track's waiting packets. Its clock never runs back, also where the stamps start again."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[int, int, T]] = deque()
        self._last_us = 0
        self._shift_us: int | None = None

    def put(self, t_us: int | None, size: int, packet: T) -> int:
        if t_us is None:
            at_us = self._last_us
        else:
            if self._shift_us is None:
                self._shift_us = 0
                self._last_us = t_us
            at_us = t_us + self._shift_us
            if abs(at_us - self._last_us) > MOST_US:
                self._shift_us += self._last_us - at_us
                at_us = self._last_us
        self._last_us = max(self._last_us, at_us)
        self.waiting.append((self._last_us, size, packet))
        return self._last_us


def by_time(
    packets: Iterable[T],
    tracks: int,
    track_of: Callable[[T], int],
    stamp_us: Callable[[T], int | None],
    size: Callable[[T], int],
) -> Iterator[T]:
    """`packets` of `tracks` tracks (numbered from 0 by `track_of`) so that none comes before an older one of another track.

    Holds back at most `MOST_US` and `MOST_BYTES`; beyond, the oldest goes on although an older one may still come.
    """
    lanes: list[_Lane[T]] = [_Lane() for _ in range(tracks)]
    held_bytes, newest_us = 0, 0
    for packet in packets:
        newest_us = max(newest_us, lanes[track_of(packet)].put(stamp_us(packet), size(packet), packet))
        held_bytes += size(packet)
        while True:
            waiting = [lane for lane in lanes if lane.waiting]
            oldest = min(waiting, key=lambda lane: lane.waiting[0][0], default=None)
            if oldest is None:
                break
            full = held_bytes > MOST_BYTES or newest_us - oldest.waiting[0][0] > MOST_US
            if len(waiting) < tracks and not full:
                break
            _, count, ready = oldest.waiting.popleft()
            held_bytes -= count
            yield ready
    left = [entry for lane in lanes for entry in lane.waiting]
    for _, _, ready in sorted(left, key=lambda entry: entry[0]):
        yield ready
