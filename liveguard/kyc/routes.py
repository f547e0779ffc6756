"""The web half of proofs: for the caller behind the server's token, for the person's page behind a key of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response, WebSocket, WebSocketDisconnect

from liveguard.challenge.policy import Kind
from liveguard.errors import ConfigError, InputError, LiveguardError
from liveguard.kyc import html
from liveguard.kyc.errors import LockedOut, ProofClosed, UnknownProof, WrongToken
from liveguard.kyc.messages import Consent, OpenProof, ProofOffer, Redeem, parse
from liveguard.kyc.page import Page
from liveguard.kyc.report import verify
from liveguard.kyc.service import MOST_ATTEMPTS, RETURN_WITHIN_S, Proofs
from liveguard.kyc.tables import Proof
from liveguard.server.gate import BEARER, SUBPROTOCOL
from liveguard.server.hub import Refused
from liveguard.utc import iso

Json = dict[str, Any]
Key = Annotated[str, Header(alias="authorization", max_length=256)]
WRONG, OVER = 1008, 1000
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
"""A report has its style within, and loads nothing."""
STATUSES: Mapping[type[Exception], int] = {
    ConfigError: 400, UnknownProof: 404, WrongToken: 403, ProofClosed: 410, LockedOut: 429,
}  # fmt: skip
"""What is answered where these are raised."""


def caller_routes(proofs: Proofs, url: str) -> APIRouter:
    """`url`: of this server, as the person's browser reaches it."""
    routes = APIRouter(prefix="/api/kyc", tags=["KYC"])

    @routes.post("/sessions", status_code=201)
    async def open_proof(wanted: OpenProof) -> Json:
        """A liveness session: the link is for the person, who has an hour to open it, and works once."""
        new = await proofs.open(wanted)
        link = f"{url}proof/#id={new.id}&token={new.token}"
        return {"id": new.id, "token": new.token, "url": link, "expires_at": iso(new.expires_at)}

    @routes.get("/key")
    async def key() -> Json:
        """What this server's reports are signed with: for `liveguard verify --key`."""
        pem, fingerprint = proofs.key
        return {"public_key": pem, "fingerprint": fingerprint}

    @routes.get("/sessions/{proof}")
    async def result(proof: str) -> Json:
        """How it stands, and once it has ended what came of it."""
        return describe(await proofs.known(proof))

    @routes.get("/sessions/{proof}/report")
    async def report(proof: str) -> Response:
        """The signed report, as `liveguard verify` reads it."""
        return Response(await _report(proof), media_type="application/json")

    @routes.get("/sessions/{proof}/report.html")
    async def page(proof: str) -> Response:
        body = html.page(verify(await _report(proof)))
        return Response(body, media_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY})

    @routes.delete("/sessions/{proof}", status_code=204)
    async def erase(proof: str) -> Response:
        """Forget all but that there was one; one that goes on ends by it."""
        await proofs.erase(proof)
        return Response(status_code=204)

    async def _report(proof: str) -> bytes:
        stored = (await proofs.known(proof)).report
        if stored is None:
            raise Refused(404, "there is no report: the session has not ended, was never begun, or was erased")
        return stored

    return routes


def person_routes(proofs: Proofs) -> APIRouter:
    routes = APIRouter(prefix="/proof", include_in_schema=False)

    @routes.post("/api/redeem")
    async def redeem(given: Redeem) -> Json:
        proof, key = await proofs.redeem(given.id, given.token)
        assert proof.policy is not None  # just redeemed
        return {
            "key": key,
            "locale": proof.locale,
            "kinds_possible": list(proof.policy.kinds_for(proof.needs)),
            "steps": proof.policy.steps,
            "answer_s": proof.policy.answer_s,
            "attempts": MOST_ATTEMPTS,
            "return_s": RETURN_WITHIN_S,
            "ice_servers": list(proofs.hub.settings.browser_ice_servers),
        }

    @routes.post("/api/{proof}/consent", status_code=204)
    async def consent(proof: str, given: Consent, authorization: Key = "") -> Response:
        await proofs.check_key(proof, _bearer(authorization))
        await proofs.consent(proof, given.cannot)
        return Response(status_code=204)

    @routes.post("/api/{proof}/offer")
    async def offer(proof: str, given: ProofOffer, authorization: Key = "") -> Json:
        await proofs.check_key(proof, _bearer(authorization))
        facts = given.camera.facts() if given.camera is not None else None
        return {"sdp": await proofs.offer(proof, given.sdp, facts)}

    @routes.websocket("/live/{proof}")
    async def live(socket: WebSocket, proof: str) -> None:
        offered = socket.scope.get("subprotocols", [])
        keys = [one[len(BEARER) :] for one in offered if one.startswith(BEARER)]
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        try:
            await proofs.check_key(proof, keys[0] if keys else "")
            await _converse(proofs, proof, socket)
        except LiveguardError as error:
            with suppress(RuntimeError, WebSocketDisconnect):
                await socket.send_json({"type": "trouble", "what": str(error), "todo": ""})
        with suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(OVER)

    return routes


async def _converse(proofs: Proofs, proof: str, socket: WebSocket) -> None:
    """The proof's side speaks and is spoken to until it is over; a page that goes, or speaks nonsense, has stopped."""

    async def say(message: Json) -> None:
        with suppress(RuntimeError, WebSocketDisconnect):  # `hear` finds out that the page has gone
            await socket.send_json(message)

    async def hear() -> None:
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                page.take(parse(message.get("text")))
        except InputError as error:
            proofs.hub.metrics.refused("bad_message")
            with suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(WRONG, str(error))
        finally:
            page.take(None)

    page = Page(say)
    hearing = asyncio.create_task(hear())
    try:
        await proofs.run(proof, page)
    finally:
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)


def describe(proof: Proof) -> Json:
    """A proof as the API shows it; of one that has ended, the decision's reasons and how each challenge went.

    `left_out`: the challenges that could not be drawn, because the caller or the person themselves said so.
    """
    ended, consent = proof.ended_at, proof.consent_at
    entries = verify(proof.report).entries if proof.report is not None else ()
    steps = [entry["body"] for entry in entries if entry["kind"] == "step"]
    return {
        "id": proof.id,
        "state": proof.state,
        "verdict": proof.verdict,
        "created_at": iso(proof.created_at),
        "expires_at": iso(proof.expires_at),
        "consent_at": None if consent is None else iso(consent),
        "ended_at": None if ended is None else iso(ended),
        "left_out": {"by_caller": _left_out(proof, proof.needs), "by_person": _left_out(proof, proof.own_needs)},
        "reasons": list(entries[-1]["body"]["reasons"]) if entries else [],
        "challenges": [{"kind": step["kind"], "nats": step["nats"], "why": step["why"]} for step in steps],
    }


def _left_out(proof: Proof, needs: Sequence[str]) -> list[Kind]:
    return [] if proof.policy is None else list(proof.policy.spared(needs))


def _bearer(authorization: str) -> str:
    kind, _, key = authorization.partition(" ")
    return key.strip() if kind.lower() == "bearer" else ""
