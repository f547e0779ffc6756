"""Which frames to keep when a feed is faster than it needs to be."""

from __future__ import annotations

from liveguard.errors import InputError


class FrameGrid:
    """Keeps the frames that come nearest to a regular grid of `max_fps` points a second. For one thread at
    a time.

    The points are counted, not added up, so 29.97 stays 29.97. A frame is kept when it has reached the next
    point or is at most a quarter of a step before it: time stamps jitter by a millisecond, and a 30 fps
    feed on a 30 fps grid must keep every frame. None keeps all.
    """

    def __init__(self, max_fps: float | None) -> None:
        if max_fps is not None and not 0.1 <= max_fps <= 1000:
            raise InputError(f"max_fps is {max_fps}; allowed is 0.1 to 1000, or None for every frame")
        self._max_fps = max_fps
        self._next = 0

    def keeps(self, t_us: int) -> bool:
        """True when the frame at `t_us` belongs on the grid; call it once for each frame, in order of time."""
        if self._max_fps is None:
            return True
        point = int(t_us * self._max_fps / 1e6 + 0.25)  # the last one that this frame may stand for
        if point < self._next:
            return False
        self._next = point + 1
        return True
