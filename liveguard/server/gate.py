"""Who gets in: looked at before anything else, for requests and WebSockets alike.

A browser on this machine can be made to send requests to loopback by any web page. So, without a token, only pages that
this server has sent are served (Origin), and only under names of loopback (Host: a foreign name that points here is a DNS
rebinding attack). With a token, WHIP is open to pages of any origin that know it, as RFC 9725 wants. Those whose feed is
guarded get another token, which opens WHIP alone: whoever may be the attacker must not steer the guard.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from liveguard.hosts import is_loopback
from liveguard.server.settings import ServerSettings

SUBPROTOCOL = "liveguard.v1"
BEARER = "bearer."
MOST_BODY = 80_000
BODY_S = 15.0  # for all of a body to come in
WHIP = "/whip"
CLOSED = ("/api", WHIP, "/metrics", "/openapi.json")
OWN_KEYS = ("/proof/api", "/proof/live")
"""For people who were sent a link: they know no token of the server's, but one of their own, which these routes ask for."""
CORS_METHODS = "POST, PATCH, DELETE, OPTIONS"
EXPOSED = "Location, ETag, Link, Accept-Post, Accept-Patch, Retry-After"


class Gate:
    """ASGI middleware. Bodies are bounded while they come in: a length that is announced may be a lie."""

    def __init__(self, app: ASGIApp, settings: ServerSettings, on_refused: Callable[[str], None]) -> None:
        self._app, self._settings, self._on_refused = app, settings, on_refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")
        foreign = bool(origin) and not self._same_origin(origin, headers)
        refusal = self._refusal(scope, headers, foreign)
        if foreign and refusal is None and scope["type"] == "http":
            send = _with_cors(send, origin)
        if refusal is not None:
            if foreign and self._may_ask(scope, origin):
                send = _with_cors(send, origin)
            await self._refuse(refusal, scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await Response(status_code=204, headers=_preflight())(scope, receive, send)
            return
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MOST_BODY:
            await self._refuse(_error(413, f"the body is too large: at most {MOST_BODY} bytes"), scope, receive, send)
            return
        await self._app(scope, _bounded(receive), _hardened(send))

    def _refusal(self, scope: Scope, headers: Headers, foreign: bool) -> Response | None:
        """What is answered to who may not come in; None: welcome."""
        if not self._host_is_ours(headers):
            self._on_refused("origin")
            return _error(421, "this server does not go by that name (Host)")
        path = scope["path"]
        own_keys = _under(path, OWN_KEYS)
        if not own_keys and not _under(path, CLOSED):
            return None
        if foreign and not self._may_ask(scope, headers["origin"]):
            self._on_refused("origin")
            return _error(403, "pages of other origins may not use this server: see --allow-origin")
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            return None  # a browser asks without the token whether it may send it
        if self._settings.token and not own_keys and not self._knows_token(scope, headers):
            self._on_refused("token")
            return _error(401, "a token is needed: Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"})
        return None

    async def _refuse(self, refusal: Response, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            if "websocket.http.response" in scope.get("extensions", {}):
                await receive()
                await refusal(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})
            return
        await refusal(scope, receive, _hardened(send))

    def _host_is_ours(self, headers: Headers) -> bool:
        if self._settings.token:
            return True  # who knows it was not lured here
        try:
            name = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        except ValueError:
            return False
        return is_loopback(name) or name == self._settings.host

    def _same_origin(self, origin: str, headers: Headers) -> bool:
        public = self._settings.public_url
        if public is not None and origin.lower() == public.origin:  # a proxy may put another Host in its place
            return True
        return origin.lower() in (f"{scheme}://{headers.get('host', '').lower()}" for scheme in ("http", "https"))

    def _may_ask(self, scope: Scope, origin: str) -> bool:
        return origin in self._settings.origins or (bool(self._settings.token) and _under(scope["path"], (WHIP,)))

    def _knows_token(self, scope: Scope, headers: Headers) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            given = ""
        if scope["type"] == "websocket":
            offers = [offer for offer in scope.get("subprotocols", []) if offer.startswith(BEARER)]
            given = offers[0][len(BEARER) :] if offers else given
        tokens = [self._settings.token]
        if self._settings.publish_token and scope["type"] == "http" and _under(scope["path"], (WHIP,)):
            tokens.append(self._settings.publish_token)
        return any(hmac.compare_digest(given.strip().encode(), token.encode()) for token in tokens)


def _under(path: str, places: Sequence[str]) -> bool:
    """Whether a path is one of these places, or below one: the page's own api.js is not."""
    return any(path == place or path.startswith(f"{place}/") for place in places)


class BodyTooLarge(HTTPException):
    """More of a body came than is allowed."""

    def __init__(self) -> None:
        super().__init__(413, f"the body is too large: at most {MOST_BODY} bytes")


class BodyTooSlow(HTTPException):
    """The rest of a body did not come."""

    def __init__(self) -> None:
        super().__init__(408, f"the body did not come within {BODY_S:g} s", {"Connection": "close"})


def _bounded(receive: Receive) -> Receive:
    taken, more = 0, True
    until_s = time.monotonic() + BODY_S

    async def bounded() -> Message:
        nonlocal taken, more
        if not more:  # all has come: what is waited for now is the end of the connection
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), max(until_s - time.monotonic(), 0.0))
        except asyncio.TimeoutError:
            raise BodyTooSlow from None
        more = message["type"] == "http.request" and message.get("more_body", False)
        taken += len(message.get("body", b""))
        if taken > MOST_BODY:
            raise BodyTooLarge
        return message

    return bounded


def _hardened(send: Send) -> Send:
    """Nothing is loaded from elsewhere, framed, sniffed or sent on."""

    async def hardened(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "no-referrer"
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
            headers.setdefault(
                "Content-Security-Policy",
                "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; worker-src 'self' blob:; "
                "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
            )
            headers.setdefault("Cache-Control", "no-cache")
        await send(message)

    return hardened


def _with_cors(send: Send, origin: str) -> Send:
    async def with_cors(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = EXPOSED
            headers.add_vary_header("Origin")
        await send(message)

    return with_cors


def _preflight() -> dict[str, str]:
    return {
        "Access-Control-Allow-Methods": CORS_METHODS,
        "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
        "Access-Control-Max-Age": "600",
        "Accept-Post": "application/sdp",
    }


def _error(status: int, what: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": what}, status, headers)
