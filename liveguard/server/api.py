"""The REST half of the API: sessions, alerts, feedback."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from liveguard import __version__, utc
from liveguard.server.hub import Hub, Refused
from liveguard.server.messages import Camera, Feedback, Muted, OpenSession, Simulation
from liveguard.server.store import UnknownAlert
from liveguard.types import Track
from liveguard.words import HYPOTHESIS_WORDS, STATE_WORDS

Json = dict[str, Any]
Limit = Annotated[int, Query(ge=1, le=1000)]


def api_routes(hub: Hub) -> APIRouter:
    routes = APIRouter(prefix="/api", tags=["API"])

    @routes.get("/info")
    async def info() -> Json:
        """What this server is and can do."""
        return {
            "version": __version__,
            "max_sessions": hub.settings.max_sessions,
            "max_faces": hub.settings.config.max_faces,
            "ice_servers": list(hub.settings.browser_ice_servers),
            "checks": [
                {"name": d.name, "hypothesis": d.hypothesis, "about": d.about, "model": getattr(d, "has_model", None)}
                for d in hub.guard.detectors
            ],
            "hypotheses": HYPOTHESIS_WORDS,
            "states": STATE_WORDS,
        }

    @routes.post("/sessions", status_code=201)
    async def open_session(wanted: OpenSession) -> Json:
        """Publish from a browser: an SDP offer with what is known of the camera."""
        participant = wanted.participant or f"{wanted.kind}-{secrets.token_hex(4)}"
        facts = wanted.camera.facts() if wanted.camera is not None else None
        opened = await hub.open(participant, wanted.kind, wanted.sdp, facts)
        return {
            "id": opened.guarded.id,
            "participant": participant,
            "sdp": opened.sdp,
            "location": opened.location,
            "etag": opened.connection.etag,
        }

    @routes.get("/sessions")
    async def sessions(active: bool | None = None, limit: Limit = 200) -> Json:
        """Sessions that go on, and those of the past; newest first."""
        live = {guarded.id: guarded.describe() for guarded in hub.live()}
        if active:
            return {"sessions": list(live.values())}
        stored = await asyncio.to_thread(hub.store.sessions, limit)
        ended = [_ended(row) for row in stored if row["id"] not in live]
        return {"sessions": ended if active is False else [*live.values(), *ended][:limit]}

    @routes.get("/sessions/{session}")
    async def session(session: str) -> Json:
        alerts = await asyncio.to_thread(hub.store.alerts, session, 100)
        for guarded in hub.live():
            if guarded.id == session:
                return {**guarded.describe(), "alerts": alerts}
        row = await asyncio.to_thread(hub.store.session, session)
        if row is None:
            raise Refused(404, "no such session")
        return {**_ended(row), "alerts": alerts}

    @routes.delete("/sessions/{session}", status_code=204)
    async def end_session(session: str) -> Response:
        await hub.end(hub.by_id(session))
        return Response(status_code=204)

    @routes.put("/sessions/{session}/camera", status_code=204)
    async def camera(session: str, facts: Camera) -> Response:
        hub.by_id(session).tap.camera(facts.facts())
        return Response(status_code=204)

    @routes.put("/sessions/{session}/simulation", status_code=204)
    async def simulation(session: str, what: Simulation) -> Response:
        """Alerts raised meanwhile are marked as simulated."""
        guarded = hub.by_id(session)
        guarded.simulate(what.attack)
        hub.say_session(guarded)
        return Response(status_code=204)

    @routes.put("/sessions/{session}/muted", status_code=204)
    async def muted(session: str, which: Muted) -> Response:
        """What is switched off on purpose is a gap with that reason, and not listened to."""
        pairs: tuple[tuple[Track, bool], ...] = (("video", which.video), ("audio", which.audio))
        hub.by_id(session).tap.mute(frozenset(track for track, off in pairs if off))
        return Response(status_code=204)

    @routes.get("/alerts")
    async def alerts(session: Annotated[str | None, Query(max_length=64)] = None, limit: Limit = 100) -> Json:
        return {"alerts": await asyncio.to_thread(hub.store.alerts, session, limit)}

    @routes.post("/alerts/{alert}/feedback", status_code=201)
    async def feedback(alert: str, given: Feedback) -> Json:
        """Was it a false alarm? A later answer takes the place of an earlier one."""
        at = utc.now()
        try:
            kept = await asyncio.to_thread(hub.store.feedback, alert, given.verdict, given.note, at)
        except UnknownAlert as error:
            raise Refused(404, str(error)) from error
        hub.metrics.feedback(given.verdict)
        hub.broadcast.say({"type": "feedback", "alert": alert, "feedback": kept})
        return kept

    return routes


def _ended(row: Json) -> Json:
    """A session of the past; of one that the database has not heard the end of, nothing goes on either."""
    return {**row, "ended_because": None, "connected": False, "simulation": None, "statuses": [], "stats": None}
