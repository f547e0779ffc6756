"""One participant under guard: the session, the connection that feeds it at present, and what is known of both."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from liveguard.session import Session, Stats, Tick
from liveguard.taps.webrtc import WebRtcTap
from liveguard.types import Event, Origin, Track
from liveguard.utc import iso
from liveguard.wire import to_dict

if TYPE_CHECKING:
    import asyncio

    from liveguard.rtc.peer import Peer

Kind: TypeAlias = Literal["webcam", "meeting", "whip", "proof"]
Sections: TypeAlias = tuple[tuple[str, str], ...]
Ending: TypeAlias = Literal["asked", "left", "lost", "failed", "replaced", "shutdown"]
"""Why a session ended: somebody else asked for it; the participant left, or was lost and did not return; it could not go
on; a feed of other tracks took its place; the server ended."""
SIMULATED_FOR_S = 15.0
"""An alert that comes so soon after a simulation was switched off is still about it."""


@dataclass(slots=True)
class Connection:
    """`key` is in its address, known to nobody but who made it; `etag` names the present ICE session; `sections` are
    (kind, mid) as in the offer."""

    key: str
    peer: Peer
    etag: str
    sections: Sections


@dataclass(slots=True, eq=False)
class Guarded:
    """For the event loop's thread, but for `origin`, `tick`, `previewed_s` and `on_event`, which the session's threads call."""

    id: str
    participant: str
    kind: Kind
    tracks: frozenset[Track]
    started_at: datetime
    tap: WebRtcTap
    session: Session | None = None
    ended_at: datetime | None = None
    ended_because: Ending | None = None
    connection: Connection | None = None  # that feeds the tap
    coming: Connection | None = None  # that has been answered, and is not through yet
    lost_key: str = ""  # of the connection that was lost last
    waits: asyncio.TimerHandle | None = None
    tick: Tick | None = None
    on_event: Callable[[Event], None] | None = None
    ticked_s: float = 0.0
    previewed_s: float = 0.0
    shed_seen: tuple[int, int, int, int] = (0, 0, 0, 0)  # pictures, samples of sound, windows of checks, events
    _simulation: str | None = None
    _simulated_until_s: float = 0.0

    @property
    def simulation(self) -> str | None:
        """The bench attack that the page says it plays."""
        return self._simulation if self._simulated_until_s == float("inf") else None

    def simulate(self, attack: str | None) -> None:
        if attack is not None:
            self._simulation, self._simulated_until_s = attack, float("inf")
        elif self.simulation is not None:
            self._simulated_until_s = time.monotonic() + SIMULATED_FOR_S

    def origin(self) -> Origin:
        """What goes along with what is said of this participant now. Any thread."""
        simulated = self._simulation if time.monotonic() < self._simulated_until_s else None
        return Origin(self.id, self.participant, simulated)

    def find(self, key: str) -> Connection | None:
        return next((c for c in (self.connection, self.coming) if c is not None and c.key == key), None)

    def has_lost(self, key: str) -> bool:
        """Whether this was the last connection, and none has taken its place."""
        return self.connection is None and self.coming is None and key == self.lost_key != ""

    def describe(self) -> dict[str, Any]:
        """As the API shows it."""
        tick = self.tick
        return {
            "id": self.id,
            "participant": self.participant,
            "kind": self.kind,
            "started_at": iso(self.started_at),
            "ended_at": None if self.ended_at is None else iso(self.ended_at),
            "ended_because": self.ended_because,
            "connected": self.connection is not None,
            "simulation": self.simulation,
            "statuses": [] if tick is None else [to_dict(status) for status in tick.statuses],
            "stats": None if self.session is None else describe_stats(self.session.stats()),
        }


def describe_stats(stats: Stats) -> dict[str, Any]:
    """How the analysis copes; ages are of the last 300 pictures."""
    ages = stats.age_ms
    age = None if not ages else {"p50": round(ages[len(ages) // 2], 1), "p95": round(ages[int(0.95 * len(ages))], 1)}
    return {
        "rate_hz": stats.rate_hz,
        "frames_in": stats.shed.frames_in,
        "frames_shed": stats.shed.frames_shed,
        "age_ms": age,
    }
