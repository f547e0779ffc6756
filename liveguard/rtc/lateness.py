"""How late pictures come, by their own stamps: a sender may hold them back and leave their times as they were.

A connection's times begin where its first samples arrive, so what comes later than its stamp by more than links usually
waver is of a link that has become slow, or of somebody who keeps pictures until he knows what they should show.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

LATE_US: Final = 500_000  # after its stamp; after how far ahead of the clock others are stamped, where they are
LATE_SHARE: Final = 0.1  # of the time: a stall of a moment is forgiven, and of no use to anybody
BEFORE_US: Final = 1_000_000
KEPT: Final = 6_000  # pictures: of more than a minute, where nobody floods


class _Came(NamedTuple):
    t_us: int
    late_us: int
    connection: int


class Lateness:
    """For one thread."""

    def __init__(self) -> None:
        self._connection = 0
        self._came: deque[_Came] = deque()
        self._forgotten_us: int | None = None  # up to there it is not known any more

    def connected(self) -> None:
        """From now on pictures come over another connection, whose delay is its own."""
        self._connection += 1

    def came(self, t_us: int, now_us: int) -> None:
        """A picture that is stamped `t_us` has come."""
        self._came.append(_Came(t_us, now_us - t_us, self._connection))
        if len(self._came) > KEPT:
            gone_us = self._came.popleft().t_us
            self._forgotten_us = gone_us if self._forgotten_us is None else max(self._forgotten_us, gone_us)

    def ahead_us(self, start_us: int, end_us: int) -> int:
        """How far ahead of the clock pictures stamped so were at most; 0 where all came after their times."""
        return max([0, *(-picture.late_us for picture in self._between(start_us, end_us))])

    def late(self, start_us: int, end_us: int) -> bool:
        """Whether too many of the pictures stamped so came too late, or over a connection that was made meanwhile: how late
        those are is not known. Nor is it where some have been forgotten, as so many came since: a sender could see to that."""
        if self._forgotten_us is not None and start_us - BEFORE_US <= self._forgotten_us:
            return True
        ahead_us = self.ahead_us(start_us - BEFORE_US, end_us)
        pictures = self._between(start_us, end_us)
        late_us, before_us = 0, start_us
        for picture in pictures:  # by time and not by number, which whoever sends them chooses
            late_us += (picture.late_us + ahead_us > LATE_US) * (picture.t_us - before_us)
            before_us = picture.t_us
        return late_us > LATE_SHARE * (end_us - start_us) or len({picture.connection for picture in pictures}) > 1

    def _between(self, start_us: int, end_us: int) -> list[_Came]:
        return [picture for picture in self._came if start_us <= picture.t_us <= end_us]
