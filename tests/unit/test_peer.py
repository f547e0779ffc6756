"""A connection ends when it brings nothing any more, and is told so once."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiortc.mediastreams import MediaStreamError

from liveguard.back_off import STEADY_S
from liveguard.rtc.peer import HUNG_UP, Peer
from liveguard.rtc.whep_call import SILENT_S, missing_now

LATER_S = STEADY_S + 1.0


async def ends_of(close_first: bool) -> list[str]:
    """What is told of a connection whose picture ends by itself, before or after it is closed."""
    ended = asyncio.Event()

    async def recv() -> Any:
        await ended.wait()
        raise MediaStreamError

    ends: list[str] = []
    peer = Peer(frozenset(("video", "audio")), lambda: None, ends.append)  # type: ignore[arg-type, return-value]
    peer._begin(SimpleNamespace(kind="video", recv=recv))  # type: ignore[arg-type]
    peer._begin(SimpleNamespace(kind="audio", recv=recv))  # type: ignore[arg-type]
    if close_first:
        await peer.close()
    ended.set()
    await asyncio.gather(*peer._pumps, return_exceptions=True)
    await peer.close()
    return ends


def test_a_track_that_ends_is_the_end_of_the_connection() -> None:
    assert asyncio.run(ends_of(close_first=False)) == [HUNG_UP]
    assert asyncio.run(ends_of(close_first=True)) == []


@pytest.mark.parametrize(
    ("video_s", "audio_s", "missing"),
    [
        (LATER_S, LATER_S, ""),
        (LATER_S, LATER_S + SILENT_S + 1, "no picture"),
        (LATER_S + SILENT_S + 1, LATER_S, "no sound"),
        (1.0, LATER_S + SILENT_S + 1, ""),  # a single picture, of a camera that is off
        (None, LATER_S + SILENT_S + 1, ""),
    ],
)
def test_silence_is_counted_for_each_track_that_has_come(video_s: float | None, audio_s: float, missing: str) -> None:
    heard_s = {track: at_s for track, at_s in (("video", video_s), ("audio", audio_s)) if at_s is not None}
    newest_s = max(heard_s.values())
    assert missing_now(heard_s, 0.0, newest_s) == missing
    assert missing_now(heard_s, 0.0, newest_s + SILENT_S + 1) == "nothing"
    assert missing_now({}, 0.0, SILENT_S + 1) == "nothing"
