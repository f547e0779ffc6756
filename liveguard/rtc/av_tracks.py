"""What is known of one track of a WebRTC connection: how early it arrives, what its sender reports say, where it lies."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

BUCKET_US, BUCKETS, SETTLED_BUCKETS = 250_000, 20, 8  # the last 5 s; 2 s of it before a rise is believed
RESTART_US = 2_000_000  # media times that move by more, against arrival, have broken off: networks delay by less
DRIFT_US = 125  # in one bucket, 500 ppm: what clocks may differ by, for as long as they like
CONTRADICTION_US = 100_000
REPORTS = 5
FEW_REPORTS_US = 10_000  # scatter that a single report may have; less the more there are


@dataclass(slots=True)
class _Bucket:
    """The least delay of the samples that arrived in one quarter of a second."""

    number: int
    lowest_us: int
    count: int = 0


class MediaTrack:
    """Owned by an `AvClock`; bounded. `t_us` of a sample is its media time plus `origin_us`.

    `lowest_us`: the least of arrival minus media time over the last 5 s, None before the first sample. `reports`: when
    heard, and wall clock minus media time.
    """

    def __init__(self) -> None:
        self.origin_us = 0
        self.lowest_us: int | None = None
        self.reports: deque[tuple[int, int]] = deque(maxlen=REPORTS)
        self._buckets: deque[_Bucket] = deque()
        self._last_media_us: int | None = None
        self._last_us = -1
        self._usual_us = 0
        # The delay of the first sample, which lies where it arrived; falls with a clock by DRIFT_US at most.
        self._first_us = 0

    @property
    def heard(self) -> int:
        """Number of samples that `lowest_us` is the least of."""
        return sum(bucket.count for bucket in self._buckets)

    def arrive(self, media_us: int, at_us: int) -> int:
        """Take a sample in; how far the media times have broken off against arrival with it, 0 if they have not.

        A fall is believed at once, as nothing arrives before it is sent. A rise may be a network that stood still, so it
        is believed only when it has lasted. It counts from the least delay that is usual, not from the last one: a sender
        whose clock has slowed down moves it little by little, but without end. A fall counts from the first delay too: what
        is below it leads the track ahead of the present. The end of a congestion hardly does, a clock that runs fast does.
        """
        delay_us, number, before_us = at_us - media_us, at_us // BUCKET_US, self.lowest_us
        passed = number - self._buckets[-1].number if self._buckets else 0
        if before_us is not None and delay_us < before_us - RESTART_US:
            self._buckets.clear()
        while self._buckets and self._buckets[0].number <= number - BUCKETS:
            self._buckets.popleft()
        if not self._buckets or self._buckets[-1].number != number:
            self._buckets.append(_Bucket(number, delay_us))
        bucket = self._buckets[-1]
        bucket.lowest_us, bucket.count = min(bucket.lowest_us, delay_us), bucket.count + 1
        lowest_us = min(bucket.lowest_us for bucket in self._buckets)
        settled = number - self._buckets[0].number >= SETTLED_BUCKETS
        if before_us is None:
            self.lowest_us = self._usual_us = self._first_us = lowest_us
            return 0
        if lowest_us > before_us and not settled:
            lowest_us = before_us
        self.lowest_us = lowest_us
        self._usual_us = min(self._usual_us + passed * DRIFT_US, before_us)
        self._first_us = min(self._first_us, max(self._first_us - passed * DRIFT_US, lowest_us))
        jump_us = lowest_us - self._usual_us
        if abs(jump_us) <= RESTART_US:
            jump_us = lowest_us - self._first_us
            if jump_us >= -RESTART_US:
                return 0
        self._usual_us = lowest_us
        self._first_us += jump_us
        return jump_us

    def begin_anew(self, jump_us: int) -> None:
        """The media times broke off by `jump_us`, against arrival: go on where the track arrives."""
        self.origin_us += jump_us
        self.reports.clear()
        self._last_media_us = None

    def place(self, media_us: int, start_us: int, at_us: int) -> int:
        """`t_us` of a sample, never before `start_us`, and later than that of the one before: where it would not be, time
        runs at half speed until it has caught up, but no farther ahead of `at_us` than a clock may lead."""
        past_us = 0 if self._last_media_us is None else media_us - self._last_media_us
        latest_us = at_us - self._first_us + self.origin_us + RESTART_US
        catching_up_us = max(min(self._last_us + past_us // 2, latest_us), self._last_us + 1)
        t_us = max(media_us + self.origin_us, start_us, catching_up_us)
        self._last_media_us, self._last_us = media_us, t_us
        return t_us

    def contradicts(self, wall_us: int) -> bool:
        """Whether a report's wall clock minus media time lies far from those before it."""
        return bool(self.reports) and abs(wall_us - self.wall_us()) > CONTRADICTION_US

    def wall_us(self) -> int:
        """Wall clock minus media time: the median of the last reports."""
        return _median(wall_us for _, wall_us in self.reports)

    def scatter_us(self) -> float:
        """Standard deviation of one report, robust, and more where there are few to tell it from."""
        middle_us = self.wall_us()
        mad_us = _median(abs(wall_us - middle_us) for _, wall_us in self.reports)
        return 1.4826 * mad_us + FEW_REPORTS_US / len(self.reports)

    def reported_at_us(self) -> int:
        """When the middle one of the last reports was heard."""
        return self.reports[len(self.reports) // 2][0]


def _median(values: Iterable[int]) -> int:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) // 2
