"""Stretches of time that come again at random: freezes, hands before the face, failures of a face swap."""

from __future__ import annotations

import numpy as np


class Spells:
    """Says whether a spell is on. Times must rise; begins `every_s` apart, give or take 30 %, each `hold_s` (least, most).

    The first begins somewhere in the first `every_s`, so that several clips are not all struck at the same time.
    """

    def __init__(self, every_s: float, hold_s: tuple[float, float], rng: np.random.Generator) -> None:
        if not 0 < hold_s[0] <= hold_s[1] or every_s <= 0:
            raise ValueError(f"spells of {hold_s} s every {every_s} s; allowed are times above 0, the least first")
        self._every_s, self._hold_s, self._rng = every_s, hold_s, rng
        self._start_s: float | None = None
        self._end_s = 0.0

    def progress(self, t_us: int) -> float | None:
        """How much of the spell has passed at `t_us`, 0..1; None outside of spells."""
        t_s = t_us / 1e6
        if self._start_s is None:
            self._plan(t_s + self._every_s * self._rng.uniform(0.3, 1.0))
        while t_s >= self._end_s:
            assert self._start_s is not None
            # A spell is over before the next one begins, however long it is.
            self._plan(max(self._start_s + self._every_s * self._rng.uniform(0.7, 1.3), self._end_s))
        assert self._start_s is not None
        done = (t_s - self._start_s) / (self._end_s - self._start_s)
        return done if done >= 0 else None

    def _plan(self, start_s: float) -> None:
        self._start_s = start_s
        self._end_s = start_s + self._rng.uniform(*self._hold_s)
