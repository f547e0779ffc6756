"""An offer in which each section says how it is carried, as aiortc 1.16 wants it.

A bundle has the transport of its first section (RFC 9143): the others need not repeat it, and must not if they are
"bundle-only". Works on lines that have been checked. Nothing here keeps state; any thread may call.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

_GROUP = "a=group:BUNDLE"
_TRANSPORT = ("a=ice-ufrag:", "a=ice-pwd:", "a=ice-options:", "a=fingerprint:", "a=setup:")
_MUX = "a=rtcp-mux"


def complete(lines: Sequence[str]) -> list[str]:
    """The same offer: each bundled section has the transport of the first, and a bundle names only sections that are there,
    where FFmpeg always names two."""
    session, *sections = _split(lines)
    by_mid = {_mid(section): section for section in sections}
    session = [line for line in (_without_absent(line, by_mid) for line in session) if line != _GROUP]
    mids = next((line.split(" ")[1:] for line in session if line.startswith(_GROUP + " ")), [])
    bundled = [by_mid[mid] for mid in dict.fromkeys(mids)]
    shared = [line for section in bundled[:1] for line in section if line.startswith(_TRANSPORT)]
    # A bundle of media is always multiplexed; its first section need not be one of media.
    shared += [_MUX] if any(_MUX in section for section in bundled) else []
    for section in bundled:
        section[:] = [line for line in section if line != _MUX and not line.startswith(_TRANSPORT)] + shared
    return [line for part in (session, *sections) for line in part]


def _split(lines: Sequence[str]) -> list[list[str]]:
    """The lines of the session, and of each section."""
    parts: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("m="):
            parts.append([])
        parts[-1].append(line)
    return parts


def _mid(section: Sequence[str]) -> str:
    return next((line.removeprefix("a=mid:") for line in reversed(section) if line.startswith("a=mid:")), "")


def _without_absent(line: str, there: Container[str]) -> str:
    name, *mids = line.split(" ")
    return " ".join([name, *(mid for mid in mids if mid in there)]) if name == _GROUP else line
