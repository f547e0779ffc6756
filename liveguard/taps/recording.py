"""Whatever somebody has kept, as a feed: a film, a sound, or a still picture."""

from __future__ import annotations

from pathlib import Path

from liveguard.taps.file import FileTap
from liveguard.taps.source import is_still
from liveguard.taps.still import StillTap
from liveguard.types import Tap

SCAN_FPS = 30.0


def open_recording(url_or_path: str | Path) -> Tap:
    """A tap on it, at most `SCAN_FPS` pictures a second. Raises InputError."""
    name = Path(url_or_path).name
    if is_still(url_or_path):
        return StillTap(url_or_path, name=name)
    return FileTap(url_or_path, max_fps=SCAN_FPS, name=name)
