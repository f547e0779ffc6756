"""How many pictures a second are let in: a ladder of even rates, so that what is kept is evenly spaced."""

from __future__ import annotations

from collections import deque

RATES_HZ = (30.0, 15.0, 10.0, 5.0, 3.0)
TOO_SLOW = 0.8  # of the interval: when pictures take longer on the average, a lower rate is called for
LOOK_BACK_US, LEAST = 500_000, 3  # pictures that count: a check that is due once a second makes one of them slow
BUSY_US = 300_000  # of work, before it is called too much
UP_AFTER_US, UP_LATEST_US = 1_000_000, 8_000_000  # of calm, before a higher rate is tried
TOO_EARLY_US = 5_000_000  # what becomes too much so soon after a step up was tried too early: twice the calm is wanted
EARLY = 0.3  # of the interval: pictures of a jittery camera come this much too early and still count
# Of the interval: nearer to each other two pictures are one, on whatever side of a point of the grid they lie.
APART = 0.45


class Ladder:
    """Decides on time stamps and service times that it is told; reads no clock. Guarded by its owner's lock."""

    def __init__(self) -> None:
        self._rung = 0
        self._next_us: int | None = None
        self._last_us: int | None = None
        self._calm_since_us: int | None = None
        self._up_us: int | None = None  # when it last went up
        self._up_after_us = UP_AFTER_US
        self._recent: deque[tuple[int, int]] = deque()

    @property
    def rate_hz(self) -> float:
        return RATES_HZ[self._rung]

    def admits(self, t_us: int) -> bool:
        """Whether the picture taken at `t_us` is on the present grid."""
        interval_us = 1e6 / self.rate_hz
        if self._next_us is not None and t_us + EARLY * interval_us < self._next_us:
            return False
        if self._last_us is not None and t_us - self._last_us < APART * interval_us:
            return False
        self._last_us = t_us
        # Stay on the grid as long as pictures come; start a new one after a hole.
        behind = self._next_us is None or t_us - self._next_us > interval_us
        self._next_us = int((t_us if behind or self._next_us is None else self._next_us) + interval_us)
        return True

    def worked(self, t_us: int, service_us: int) -> None:
        """A picture of time `t_us` took `service_us` to work through: the rate goes down when the mean of the last half
        second is too long for it, up after a second that would do for the next one, or longer where that was wrong of late:
        most bursts of work are short, and a low rate is dear to the checks.
        """
        self._recent.append((t_us, service_us))
        while len(self._recent) > LEAST and self._recent[0][0] < t_us - LOOK_BACK_US:
            self._recent.popleft()
        if len(self._recent) < LEAST:
            return
        busy_us = sum(service for _, service in self._recent)
        mean_us = busy_us / len(self._recent)
        if mean_us > TOO_SLOW * 1e6 / self.rate_hz:
            if busy_us < BUSY_US:
                return
            while self._rung + 1 < len(RATES_HZ) and mean_us > TOO_SLOW * 1e6 / self.rate_hz:
                self._rung += 1
            was_early = self._up_us is not None and t_us - self._up_us < TOO_EARLY_US
            self._up_after_us = min(2 * self._up_after_us, UP_LATEST_US) if was_early else UP_AFTER_US
            self._calm_since_us = None
            self._recent.clear()
        elif self._rung == 0 or mean_us > TOO_SLOW * 1e6 / RATES_HZ[self._rung - 1]:
            self._calm_since_us = None
        elif self._calm_since_us is None:
            self._calm_since_us = t_us
        elif t_us - self._calm_since_us >= self._up_after_us:
            self._rung -= 1
            self._up_us = t_us
            self._calm_since_us = None
            self._recent.clear()
