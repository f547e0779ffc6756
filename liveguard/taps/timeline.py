"""From the time stamps of a container to one timeline that begins at 0 and survives stamps that start
again.
"""

from __future__ import annotations

from collections import deque

from liveguard.types import Track

BACK_US = 1_000_000
"""A jump back by more than this is a restart of the stamps; by less, it is an overlap or a frame out of
order.
"""
AHEAD_US = 600_000_000
"""A hole longer than this, which no other track has crossed, is a restart of the stamps too."""
WRAP_US = 2**33 * 1_000_000 // 90_000
"""MPEG time stamps have 33 bits at 90 kHz and start again after 26.5 hours."""


class Timeline:
    """Places stamps of all tracks of one container. For one thread at a time.

    `origin_us`: the stamp that becomes 0. When the stamps of one track restart, its next sample goes to
    where the furthest track ended, and the other track follows by the same amount, so the two stay aligned.
    """

    def __init__(self, origin_us: int) -> None:
        self._current: dict[Track, int] = {}
        self._ends: dict[Track, int] = {}
        self._origin = -origin_us
        self._offsets: deque[int] = deque([-origin_us], maxlen=8)
        self.restarts = 0

    def place(self, track: Track, stamp_us: int | None, length_us: int) -> int:
        """The time of a sample that is `length_us` long; with no stamp it follows on the one before.

        Never more than `BACK_US` before the end of what came before.
        """
        end_us = self._ends.get(track, 0)
        t_us = end_us if stamp_us is None else self._locate(track, stamp_us, end_us)
        self._ends[track] = max(end_us, t_us + length_us)
        return t_us

    def _locate(self, track: Track, stamp_us: int, end_us: int) -> int:
        furthest_us = max(self._ends.values(), default=0)
        current = self._current.get(track, self._origin)
        known = [current, *reversed(self._offsets), current + WRAP_US]
        for offset in known:
            if end_us - BACK_US <= stamp_us + offset <= furthest_us + AHEAD_US:
                break
        else:
            offset = furthest_us - stamp_us
            self.restarts += 1
        if offset not in self._offsets:
            self._offsets.append(offset)
        self._current[track] = offset
        return stamp_us + offset
