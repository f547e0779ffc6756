"""All participants under guard, from the first offer to the end. Everything here belongs to the event loop's thread."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from liveguard import utc
from liveguard.errors import LiveguardError
from liveguard.guard import Guard, new_id
from liveguard.rtc.peer import Peer
from liveguard.rtc.sdp import Fragment, Offer, check_offer, parse_fragment, write_fragment
from liveguard.rtc.sdp_lines import SdpError
from liveguard.server.broadcast import Broadcast
from liveguard.server.guarded import Connection, Ending, Guarded, Kind, Sections
from liveguard.server.herald import Herald
from liveguard.server.metrics import Metrics
from liveguard.server.publisher import PublisherSink
from liveguard.server.settings import ServerSettings
from liveguard.server.sinks import ServerSinks
from liveguard.server.store import Store
from liveguard.taps.webrtc import Line, WebRtcTap
from liveguard.types import Sink, Track

log = logging.getLogger(__name__)
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
LOOK_EVERY_S = 2.0
PRUNE_EVERY_S = 3600.0
CLOSE_S = 10.0


class Refused(LiveguardError):  # noqa: N818 (nothing is broken)
    """A request that cannot be served as things stand; `status` is of HTTP."""

    def __init__(self, status: int, what: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(what)
        self.status, self.headers = status, headers


@dataclass(frozen=True, slots=True)
class Opened:
    """An answered offer."""

    guarded: Guarded
    connection: Connection
    sdp: str

    @property
    def location(self) -> str:
        return f"/whip/{self.guarded.participant}/{self.connection.key}"


class Hub:
    """`start` within a running loop, `close` at the end. Raises ConfigError or SinkError where a webhook cannot be opened."""

    def __init__(self, settings: ServerSettings, guard: Guard, store: Store, metrics: Metrics) -> None:
        self.settings, self.guard, self.store, self.metrics = settings, guard, store, metrics
        self.broadcast = Broadcast()
        self._all: dict[str, Guarded] = {}  # by participant
        self._opening: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._housekeeping: asyncio.Task[None]
        self._herald = Herald(self.broadcast, metrics)
        self._sinks = ServerSinks(settings.config.sinks)
        self._pruned_s = float("-inf")

    # --- for the routes ---------------------------------------------------------------------------------------------

    async def open(self, participant: str, kind: Kind, sdp: str, camera: Mapping[str, Any] | None = None) -> Opened:
        """Answer an offer: a new participant, or one that comes again. Raises Refused or SdpError."""
        if not NAME.fullmatch(participant):
            raise Refused(400, "participant: allowed are 1 to 64 letters, digits, '.', '_' and '-'")
        offer = self._checked(sdp)
        # Two offers for one participant take turns; the lock goes when nobody holds or wants it.
        lock = self._opening.setdefault(participant, asyncio.Lock())
        try:
            async with lock:
                guarded = await self._admit(participant, kind, offer.tracks)
                if camera:
                    guarded.tap.camera(camera)
                try:
                    return await self._answer(guarded, sdp, offer.sections)
                except BaseException:
                    if guarded.connection is None and guarded.coming is None and guarded.waits is None:
                        await self.end(guarded, "failed")
                    raise
        finally:
            if not lock.locked() and self._opening.get(participant) is lock:
                del self._opening[participant]

    def _checked(self, sdp: str) -> Offer:
        try:
            return check_offer(sdp)
        except SdpError as error:
            self.metrics.refused("no_codec" if error.status == 406 else "bad_offer")
            raise

    async def patch(self, participant: str, key: str, match: str, body: str) -> tuple[str, str] | None:
        """Trickled candidates (None), or an ICE restart: the answering fragment and its entity tag."""
        _, connection = self._connection(participant, key)
        if not match:
            raise Refused(428, 'If-Match is needed: the ETag of the ICE session, or "*" for an ICE restart')
        fragment = parse_fragment(body)
        ice = connection.peer.ice
        if match.strip() == "*":
            if fragment.ufrag != ice.credentials.remote_ufrag:  # a repeated request does not restart again
                return await self._restart(connection, fragment)
        elif connection.etag not in (tag.strip() for tag in match.split(",")):
            raise Refused(412, "If-Match names another ICE session: it was restarted meanwhile")
        for candidate in fragment.candidates:
            await ice.add_candidate(candidate, fragment.ufrag)
        if fragment.end_of_candidates:
            await ice.add_candidate(None)
        return None

    async def hang_up(self, participant: str, key: str) -> None:
        """The participant leaves on purpose: the session ends. A connection that is only on its way ends alone."""
        known = self._all.get(participant)
        if known is not None and known.has_lost(key):  # many clients close the connection first, then say so
            await self.end(known, "left")
            return
        guarded, connection = self._connection(participant, key)
        if connection is guarded.coming and guarded.connection is not None:
            guarded.coming = None
            await _closed(connection)
        else:
            await self.end(guarded, "left")

    def live(self) -> list[Guarded]:
        return list(self._all.values())

    def by_id(self, session_id: str) -> Guarded:
        for guarded in self._all.values():
            if guarded.id == session_id:
                return guarded
        raise Refused(404, "no such session is going on")

    async def end(self, guarded: Guarded, because: Ending = "asked") -> None:
        """Take a participant out; what has come in is still judged and stored."""
        if guarded.ended_at is not None:
            return
        guarded.ended_at, guarded.ended_because = utc.now(), because
        if self._all.get(guarded.participant) is guarded:
            del self._all[guarded.participant]
        if guarded.waits is not None:
            guarded.waits.cancel()
        connections = [c for c in (guarded.connection, guarded.coming) if c is not None]
        guarded.connection = guarded.coming = None
        self.say_session(guarded)  # first, so that who loses the connection by this knows why, and does not come again
        for connection in connections:
            await _closed(connection)
        session = guarded.session
        if session is not None and not await asyncio.to_thread(session.close, CLOSE_S):
            log.warning("session %s: %s", guarded.id, session.error)
        self._count_shed(guarded)
        await self._stored(partial(self.store.end_session, guarded.id, guarded.ended_at))
        self.say_session(guarded)
        self._count()

    def say_session(self, guarded: Guarded) -> None:
        self.broadcast.say({"type": "session", "session": guarded.describe()})

    # --- start and end ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        self._herald.start(asyncio.get_running_loop())
        await asyncio.to_thread(self.store.end_open_sessions, utc.now())
        self._housekeeping = asyncio.create_task(self._look_after())

    async def close(self) -> None:
        """All sessions are ended and all connections closed when this returns; each has a bounded time for it."""
        self._housekeeping.cancel()
        await asyncio.gather(self._housekeeping, return_exceptions=True)
        await asyncio.gather(*(self.end(guarded, "shutdown") for guarded in self.live()))
        await asyncio.gather(*self._tasks, return_exceptions=True)  # what was being closed: not left half done
        await asyncio.to_thread(self._sinks.close)

    # --- one participant --------------------------------------------------------------------------------------------

    async def _admit(self, participant: str, kind: Kind, tracks: frozenset[Track]) -> Guarded:
        known = self._all.get(participant)
        if known is not None and (known.tracks, known.kind) == (tracks, kind):
            return known
        if known is not None:  # another kind of feed: what was learned of the old one does not hold for it
            await self.end(known, "replaced")
        if len(self._all) >= self.settings.max_sessions:
            self.metrics.refused("too_many")
            raise Refused(503, f"{self.settings.max_sessions} participants are guarded already", {"Retry-After": "10"})
        guarded = Guarded(new_id(), participant, kind, tracks, utc.now(), WebRtcTap(participant, tracks))
        self._all[participant] = guarded
        try:
            await asyncio.to_thread(self._begin, guarded)
        except BaseException:
            self._all.pop(participant, None)
            raise
        if guarded.ended_at is not None:  # taken out while it began, when there was no session to close yet
            guarded.ended_at = None
            await self.end(guarded, guarded.ended_because or "failed")
            raise _ended_meanwhile()
        self.metrics.session_started(kind)
        self._count()
        return guarded

    def _begin(self, guarded: Guarded) -> None:
        """Open the session; in a thread of its own, as the face library takes its time to load."""
        self.store.open_session(guarded.id, guarded.participant, guarded.kind, guarded.started_at)
        publisher = PublisherSink(self.store, self.metrics, guarded, self._herald.said)
        tick = partial(self._herald.tick, guarded)
        sinks: list[Sink] = [publisher]
        try:
            sinks += self._sinks.open()
            guarded.session = self.guard.watch(
                guarded.tap, sinks, on_tick=tick, session_id=guarded.id, origin=guarded.origin
            )
        except BaseException:
            for sink in sinks:
                sink.close()
            self.store.end_session(guarded.id, utc.now())
            raise

    async def _answer(self, guarded: Guarded, sdp: str, sections: Sections) -> Opened:
        settings = self.settings
        connection: Connection
        peer = Peer(
            guarded.tracks,
            lambda: self._connected(guarded, connection),
            lambda why: self._lost(guarded, connection, why),
            settings.ice_addresses,
            settings.ice_servers,
        )
        connection = Connection(secrets.token_urlsafe(16), peer, _etag(), sections)
        try:
            answer = await peer.answer(sdp)
            if guarded.ended_at is not None:  # nobody would judge what this connection brings
                raise _ended_meanwhile()
        except BaseException:
            await peer.close()
            raise
        replaced, guarded.coming = guarded.coming, connection
        if replaced is not None:
            self._spawn(_closed(replaced))
        return Opened(guarded, connection, answer)

    def _connected(self, guarded: Guarded, connection: Connection) -> Line:
        """Media can flow: the new connection takes over from one that may still be there."""
        if guarded.coming is connection:
            before, guarded.connection, guarded.coming = guarded.connection, connection, None
            if before is not None:
                self._spawn(_closed(before))
        if guarded.waits is not None:
            guarded.waits.cancel()
            guarded.waits = None
        self.say_session(guarded)
        self._count()
        return guarded.tap.connect()

    def _lost(self, guarded: Guarded, connection: Connection, why: str) -> None:
        log.info("session %s: %s", guarded.id, why)
        if guarded.coming is connection:
            guarded.coming = None
        elif guarded.connection is connection:
            guarded.connection = None
        self._spawn(_closed(connection))
        guarded.lost_key = connection.key
        if guarded.connection is None and guarded.coming is None and guarded.ended_at is None:
            self._wait_for_return(guarded)
        self.say_session(guarded)
        self._count()

    def _wait_for_return(self, guarded: Guarded) -> None:
        def give_up() -> None:
            guarded.waits = None
            if guarded.participant in self._opening:  # who is on the way back is not given up
                self._wait_for_return(guarded)
            elif guarded.connection is None and guarded.coming is None:
                self._spawn(self.end(guarded, "lost"))

        if guarded.waits is not None:
            guarded.waits.cancel()
        guarded.waits = asyncio.get_running_loop().call_later(self.settings.linger_s, give_up)

    def _connection(self, participant: str, key: str) -> tuple[Guarded, Connection]:
        guarded = self._all.get(participant)
        connection = None if guarded is None else guarded.find(key)
        if guarded is None or connection is None:
            raise Refused(404, "no such connection")
        return guarded, connection

    async def _restart(self, connection: Connection, fragment: Fragment) -> tuple[str, str]:
        ufrag, pwd, candidates = await connection.peer.ice.restart(fragment.ufrag, fragment.pwd, fragment.candidates)
        connection.etag = _etag()
        return write_fragment(ufrag, pwd, candidates, connection.sections), connection.etag

    # --- housekeeping -----------------------------------------------------------------------------------------------

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self._tidy()
            except (
                Exception
            ):  # what ended this task would end pruning, and the notice of sessions that broke, without a word
                log.exception("housekeeping failed; it goes on")

    async def _tidy(self) -> None:
        for guarded in self.live():
            self._count_shed(guarded)
            if guarded.session is not None and guarded.session.ended(0.0):
                log.error("session %s has ended by itself: %s", guarded.id, guarded.session.error)
                await self.end(guarded, "failed")
        self._count()
        if time.monotonic() - self._pruned_s > PRUNE_EVERY_S:
            self._pruned_s = time.monotonic()
            await self._stored(partial(self.store.prune, utc.now() - timedelta(days=self.settings.keep_days)))

    def _count(self) -> None:
        connected = sum(guarded.connection is not None for guarded in self._all.values())
        self.metrics.sessions(connected, len(self._all) - connected)

    def _count_shed(self, guarded: Guarded) -> None:
        if guarded.session is None:
            return
        stats = guarded.session.stats()
        now = (stats.shed.frames_shed, stats.shed.audio_samples_shed, stats.jobs_skipped, stats.events_dropped)
        self.metrics.shed(*(count - seen for count, seen in zip(now, guarded.shed_seen, strict=True)))
        guarded.shed_seen = now

    async def _stored(self, what: Any) -> None:
        """Keep records on the side: a database that is full or gone does not end a call."""
        try:
            await asyncio.to_thread(what)
        except LiveguardError as error:
            log.error("%s", error)

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("background work failed", exc_info=task.exception())


async def _closed(connection: Connection) -> None:
    """Close a connection; one whose library hangs is left behind rather than waited for."""
    try:
        await asyncio.wait_for(connection.peer.close(), CLOSE_S)
    except asyncio.TimeoutError:
        log.error("a connection did not close within %g s", CLOSE_S)


def _ended_meanwhile() -> Refused:
    return Refused(503, "the session has ended meanwhile", {"Retry-After": "1"})


def _etag() -> str:
    return f'"{secrets.token_urlsafe(8)}"'
