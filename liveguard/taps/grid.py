"""Which frames to keep when a feed is faster than it needs to be."""

from __future__ import annotations

from liveguard.errors import InputError

_EARLY_US = 8_000
_APART = 0.45  # of a step; two of 60 a second, which a grid of 30 keeps now and then, are further apart


class FrameGrid:
    """Keeps the frames that lie on a regular grid of `max_fps` points a second; None keeps all.

    A frame is kept when it has reached the next point, or comes at most 8 ms (a quarter of a step, if that is
    less) before it: stamps jitter, and a 30 fps feed must keep every frame on a 30 fps grid. It must also be at least
    0.45 steps after the one before: two stamps next to each other may lie on either side of where the next point begins.
    For one thread at a time.
    """

    def __init__(self, max_fps: float | None) -> None:
        if max_fps is not None and not 0.1 <= max_fps <= 1000:
            raise InputError(f"max_fps is {max_fps}; allowed is 0.1 to 1000, or None for every frame")
        self._max_fps = max_fps
        self._early_us = min(_EARLY_US, 250_000 / max_fps) if max_fps else 0.0
        self._apart_us = _APART * 1e6 / max_fps if max_fps else 0.0
        self._next = 0
        self._last_us: int | None = None

    def keeps(self, t_us: int) -> bool:
        """True when the frame at `t_us` belongs on the grid; call it once a frame, in order of time."""
        if self._max_fps is None:
            return True
        # The last point that this frame may stand for, counted from 0 so that 29.97 stays 29.97.
        point = int((t_us + self._early_us) * self._max_fps / 1e6)
        if point < self._next or (self._last_us is not None and t_us - self._last_us < self._apart_us):
            return False
        self._next, self._last_us = point + 1, t_us
        return True
