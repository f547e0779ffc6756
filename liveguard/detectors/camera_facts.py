"""What a camera calls itself and how it answers, where that is odd for a real one.

All of it is weak: whoever makes a virtual camera may call it what he likes, and benign tools are virtual cameras too. A
browser says it in cues `camera`; a local camera has its label in the feed's description.
"""

from __future__ import annotations

import math
import re
from typing import Final

from liveguard.types import Cue, Window

CUE: Final = "camera"
MOST_LABEL = 300
VIRTUAL: Final = re.compile(
    # Words where the letters are part of other names: OBSBOT makes real cameras.
    r"\bobs\b|\bcamo\b|virtual|manycam|xsplit|snap camera|v4l2loopback|dummy video device|droidcam|epoccam|mmhmm"
    r"|nvidia broadcast|\bvcam\b|splitcam|camtwist|fake[ _]device",
    re.IGNORECASE,
)
SETTLED_US = 2_000_000  # pictures of before are still under way when the browser speaks of a new size
ODD_SHARE = 0.02  # of a size or aspect: less is rounding to whole blocks
FPS_ODD_SHARE = 0.2
FAST_MS = 3.0  # a sensor that changes its mode takes tens of milliseconds


def label_oddities(window: Window) -> list[str]:
    """Whether the camera's label is one of a virtual camera, in words for people; the label itself is foreign text."""
    cue = _newest(window)
    label = cue.params.get("label") if cue else None
    label = label if isinstance(label, str) and label else window.feed.device_label
    virtual = VIRTUAL.search(label[:MOST_LABEL]) is not None
    return ["its label names a virtual camera (background-blur tools use them too)"] if virtual else []


def probe_oddities(window: Window) -> tuple[list[str], dict[str, float]]:
    """What is odd in how the camera answers its browser, in words for people; and the figures.

    Of the newest cue's params, each of which may be missing: `asked_...` and `got_...` `width`, `height` and `fps` of the
    last probe, `response_ms` that it took, and `settings_...`, what the browser says of the camera in use.
    """
    cue = _newest(window)
    if cue is None:
        return [], {}
    asked, got, settings = (_size(cue, which) for which in ("asked", "got", "settings"))
    response_ms = _positive(cue, "response_ms", or_zero=True)
    odd = []
    if settings and _other_shape(window, cue, settings):
        odd.append("its pictures have another shape than the camera is said to deliver")
    asked_fps, got_fps = _positive(cue, "asked_fps"), _positive(cue, "got_fps")
    # Fewer pictures than asked for are ordinary: a camera in the dark exposes for longer.
    too_many = asked_fps is not None and got_fps is not None and got_fps > asked_fps * (1 + FPS_ODD_SHARE)
    if (asked and got and _differ(asked, got)) or too_many:
        odd.append("it did not follow when it was asked for another size or rate")
    if response_ms is None:
        return odd, {}
    changed = asked and got and settings and not _differ(asked, got) and _differ(asked, settings)
    if changed and response_ms < FAST_MS:
        odd.append(f"it changed its size within {response_ms:.1f} ms, which no sensor does")
    return odd, {"probe_response_ms": round(response_ms, 1)}


def _newest(window: Window) -> Cue | None:
    return next((cue for cue in reversed(window.cues) if cue.name == CUE), None)


def _other_shape(window: Window, cue: Cue, settings: tuple[float, float]) -> bool:
    """Whether none of the pictures since the cue has the aspect of the settings; browsers may scale, and phones turn."""
    since = [frame for frame in window.frames if frame.t_us >= cue.t_us + SETTLED_US]
    shapes = {_aspect(frame.width, frame.height) for frame in since if frame.width > 0 and frame.height > 0}
    wanted = _aspect(*settings)
    return bool(shapes) and all(abs(shape / wanted - 1) > ODD_SHARE for shape in shapes)


def _aspect(width: float, height: float) -> float:
    return max(width, height) / min(width, height)


def _differ(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return any(abs(a / b - 1) > ODD_SHARE for a, b in zip(one, other, strict=True))


def _size(cue: Cue, which: str) -> tuple[float, float] | None:
    width, height = _positive(cue, f"{which}_width"), _positive(cue, f"{which}_height")
    return None if width is None or height is None else (width, height)


def _positive(cue: Cue, name: str, or_zero: bool = False) -> float | None:
    """A figure of a cue; None where it is missing or makes no sense: it comes from the other end of a call."""
    value = cue.params.get(name)
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value) if 0 < value < 1e6 or (or_zero and value == 0) else None
