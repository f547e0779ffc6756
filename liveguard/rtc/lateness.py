"""How late a connection's pictures come, by their own stamps: a sender may hold them back and leave their times as they were.

The least delay is what the way itself takes, as nothing arrives before it is sent; what goes beyond it is a link that has
become slow, or somebody who keeps pictures until he knows what they should show.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

LATE_US: Final = 500_000
LATE_SHARE: Final = 0.1  # of the time: a stall of a moment is forgiven, and of no use to anybody
KEPT: Final = 6_000  # pictures: of more than a minute


class _Came(NamedTuple):
    t_us: int
    late: bool
    connection: int


class Lateness:
    """For one thread."""

    def __init__(self) -> None:
        self._least_us: int | None = None
        self._connection = 0
        self._came: deque[_Came] = deque(maxlen=KEPT)

    def connected(self) -> None:
        """From now on pictures come over another connection, whose delay is its own."""
        self._least_us, self._connection = None, self._connection + 1

    def came(self, t_us: int, now_us: int) -> None:
        """A picture that is stamped `t_us` has come."""
        late_us = now_us - t_us
        self._least_us = late_us if self._least_us is None else min(self._least_us, late_us)
        self._came.append(_Came(t_us, late_us - self._least_us > LATE_US, self._connection))

    @property
    def ahead_us(self) -> int:
        """How far ahead of the clock pictures are stamped at most; 0 where all come after their times."""
        return max(-(self._least_us or 0), 0)

    def late(self, start_us: int, end_us: int) -> bool:
        """Whether too many of the pictures stamped so came too late, or over a connection that was made meanwhile: how late
        those are is not known."""
        pictures = [picture for picture in self._came if start_us <= picture.t_us <= end_us]
        late_us, before_us = 0, start_us
        for picture in pictures:  # by time and not by number, which whoever sends them chooses
            late_us += picture.late * (picture.t_us - before_us)
            before_us = picture.t_us
        return late_us > LATE_SHARE * (end_us - start_us) or len({picture.connection for picture in pictures}) > 1
