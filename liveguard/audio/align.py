"""Sound and its features side by side: both are on the session's grids, but neither begins nor ends with a window."""

from __future__ import annotations

from liveguard.audio.features import FRAME, HOP
from liveguard.types import SAMPLE_RATE_HZ, FloatArray, Window

HALF_FRAME_US = FRAME * 1_000_000 // SAMPLE_RATE_HZ // 2


def framed_sound(window: Window) -> FloatArray:
    """The window's sound (160 T,) that its T speech frames stand for: frame k begins at sample 160 k.

    Speech frames lie on the session's grid of 10 ms and come in whole blocks, so the window's first samples may come before
    the first frame, and its last 0.1 s have none. Both are left out.
    """
    frames = len(window.speech.t_us)
    if not frames:
        return window.pcm[:0]
    first = (int(window.speech.t_us[0]) - HALF_FRAME_US) * SAMPLE_RATE_HZ // 1_000_000
    begins = round(window.pcm_start_us * SAMPLE_RATE_HZ / 1_000_000)
    return window.pcm[first - begins :][: HOP * frames]
