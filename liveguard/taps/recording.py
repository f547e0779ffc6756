"""Whatever somebody has kept, as a feed: a film, a sound, or a still picture."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from liveguard.errors import BackendError
from liveguard.types import Tap

SCAN_FPS = 30.0


def open_recording(url_or_path: str | Path) -> Tap:
    """A tap on it, at most `SCAN_FPS` pictures a second. Raises InputError, or BackendError where PyAV is missing."""
    require_av()
    from liveguard.taps.file import FileTap
    from liveguard.taps.source import is_still
    from liveguard.taps.still import StillTap

    name = Path(url_or_path).name
    if is_still(url_or_path):
        return StillTap(url_or_path, name=name)
    return FileTap(url_or_path, max_fps=SCAN_FPS, name=name)


def require_av() -> None:
    """Raises BackendError, which says how to get it, where PyAV is missing: no feed comes in without it."""
    try:
        import_module("av")
    except ImportError as error:
        raise BackendError(f"recordings and live feeds need PyAV: pip install 'liveguard[file]' ({error})") from error
