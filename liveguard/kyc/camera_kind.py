"""What sort of camera a label names. The label itself may name its owner ("Anna's iPhone Camera"), and goes into no report."""

from __future__ import annotations

import re
from typing import Final

from liveguard.detectors.camera_facts import MOST_LABEL, VIRTUAL

BUILT_IN: Final = re.compile(
    r"integrated|built[- ]?in|internal|facetime|isight|facing (front|back)|\b(front|back|rear)\b.*camera|^hd webcam"
    r"|frontkamera|r(ü|ue)ckkamera|r(ü|ue)ckseitige",
    re.IGNORECASE,
)


def camera_kind(label: object) -> str:
    """ "virtual (obs)" by the known name that was found in it, "built-in", "other", or "none" where there is no label."""
    if not isinstance(label, str) or not label:
        return "none"
    known = VIRTUAL.search(label[:MOST_LABEL])
    if known is not None:
        return f"virtual ({known[0].lower()})"
    return "built-in" if BUILT_IN.search(label[:MOST_LABEL]) else "other"
