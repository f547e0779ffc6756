"""Where sound lies in time: by counting samples, and by its time stamps only where they jump."""

from __future__ import annotations

from dataclasses import dataclass

JUMP_US = 60_000
"""Time stamps that are further off than this from the count are believed: sound was lost, or comes a second
time. Stamps that are read from a clock jitter; where they are exact counts of samples, much less is enough.
"""


@dataclass(frozen=True, slots=True)
class Placement:
    """What to do with a block: leave out its first `skip` samples; `start_us` is not None when a new run
    begins there, and then `gap` is the hole before it, if there is one.
    """

    skip: int
    start_us: int | None = None
    gap: tuple[int, int] | None = None


class AudioClock:
    """Places blocks of samples on a timeline without ever adding up rounded times. For one thread at a
    time.

    Within a run, time is the start of the run plus counted samples. A jump of the stamps forward ends the
    run and leaves a gap; a jump back is an overlap, and what was there already is left out. A jump is more
    than `jump_us`.
    """

    def __init__(self, start_us: int = 0, jump_us: int = JUMP_US) -> None:
        self._start_us = start_us
        self._jump_us = jump_us
        self._rate_hz = 0
        self._count = 0
        self._overlaps = False

    @property
    def end_us(self) -> int:
        """Time just after the last sample that was placed."""
        return self._start_us + (self._count * 1_000_000 // self._rate_hz if self._rate_hz else 0)

    def place(self, pts_us: int | None, n: int, rate_hz: int) -> Placement:
        """Take in a block of `n` samples at `rate_hz` stamped `pts_us` (None: it follows on what came
        before).
        """
        first, expected_us = self._rate_hz == 0, self.end_us
        pts_us = expected_us if pts_us is None else pts_us
        late_us = pts_us - expected_us
        if late_us > self._jump_us:
            self._overlaps = False
            return self._begin(pts_us, n, 0, rate_hz, gap=(expected_us, pts_us))
        # The first block is the anchor of all that follow, so its stamp is taken as it is; and of an overlap
        # that is longer than a block the last part is no jump any more.
        early = late_us < (0 if first or self._overlaps else -self._jump_us)
        skip = min(n, -(late_us * rate_hz // 1_000_000)) if early else 0
        self._overlaps = early and skip == n
        if first:
            return self._begin(max(pts_us, expected_us), n, skip, rate_hz)
        if rate_hz != self._rate_hz:
            return self._begin(expected_us, n, skip, rate_hz)
        self._count += n - skip
        return Placement(skip)

    def _begin(self, start_us: int, n: int, skip: int, rate_hz: int, gap: tuple[int, int] | None = None) -> Placement:
        if skip == n:  # nothing of it counts, so it is no anchor either
            return Placement(skip)
        self._start_us, self._count, self._rate_hz = start_us, n - skip, rate_hz
        return Placement(skip, start_us, gap)
