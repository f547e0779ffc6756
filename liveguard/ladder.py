"""How many pictures a second are let in: a ladder of even rates, so that what is kept is evenly spaced."""

from __future__ import annotations

RATES_HZ = (30.0, 15.0, 10.0, 5.0, 3.0)
TOO_SLOW = 0.8  # of the interval: a picture that takes longer to work through calls for a lower rate
UP_AFTER_US = 3_000_000
EARLY = 0.3  # of the interval: pictures of a jittery camera come this much too early and still count


class Ladder:
    """Decides on time stamps and service times that it is told; reads no clock. Guarded by its owner's lock."""

    def __init__(self) -> None:
        self._rung = 0
        self._next_us: int | None = None
        self._calm_since_us: int | None = None

    @property
    def rate_hz(self) -> float:
        return RATES_HZ[self._rung]

    def admits(self, t_us: int) -> bool:
        """Whether the picture taken at `t_us` is on the present grid."""
        interval_us = 1e6 / self.rate_hz
        if self._next_us is not None and t_us + EARLY * interval_us < self._next_us:
            return False
        # Stay on the grid as long as pictures come; start a new one after a hole.
        behind = self._next_us is None or t_us - self._next_us > interval_us
        self._next_us = int((t_us if behind or self._next_us is None else self._next_us) + interval_us)
        return True

    def worked(self, t_us: int, service_us: int) -> None:
        """A picture of time `t_us` took `service_us` to work through: step down at once, up after three calm seconds."""
        if service_us > TOO_SLOW * 1e6 / self.rate_hz:
            while self._rung + 1 < len(RATES_HZ) and service_us > TOO_SLOW * 1e6 / self.rate_hz:
                self._rung += 1
            self._calm_since_us = None
            return
        if self._rung == 0 or service_us > TOO_SLOW * 1e6 / RATES_HZ[self._rung - 1]:
            self._calm_since_us = None
        elif self._calm_since_us is None:
            self._calm_since_us = t_us
        elif t_us - self._calm_since_us >= UP_AFTER_US:
            self._rung -= 1
            self._calm_since_us = None
