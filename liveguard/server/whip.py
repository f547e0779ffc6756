"""WHIP, RFC 9725: who can send an offer by HTTP can be guarded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from liveguard.server.hub import Hub, Refused

SDP, FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"
_BODY = {"requestBody": {"required": True, "content": {SDP: {"schema": {"type": "string"}}}}}
_PATCH_BODY = {"requestBody": {"required": True, "content": {FRAGMENT: {"schema": {"type": "string"}}}}}


def whip_routes(hub: Hub) -> APIRouter:
    routes = APIRouter(prefix="/whip", tags=["WHIP"])

    @routes.options("/{participant}", include_in_schema=False)
    async def options() -> Response:
        return Response(status_code=200, headers={"Accept-Post": SDP, "Allow": "POST, OPTIONS"})

    @routes.post("/{participant}", status_code=201, openapi_extra=_BODY)
    async def publish(participant: str, request: Request) -> Response:
        """Publish a participant's feed: an SDP offer that sends video, audio or both. One that is guarded already goes on
        with the new connection."""
        text = await _text(request, SDP, "Accept-Post")
        opened = await hub.open(participant, "whip", text)
        headers = {"Location": opened.location, "ETag": opened.connection.etag, "Accept-Patch": FRAGMENT}
        response = Response(opened.sdp, 201, headers, SDP)
        for server in _ice_links(hub.settings.browser_ice_servers):
            response.headers.append("Link", server)
        return response

    @routes.options("/{participant}/{connection}", include_in_schema=False)
    async def connection_options() -> Response:
        return Response(status_code=200, headers={"Accept-Patch": FRAGMENT, "Allow": "PATCH, DELETE, OPTIONS"})

    @routes.patch("/{participant}/{connection}", status_code=204, openapi_extra=_PATCH_BODY)
    async def patch(participant: str, connection: str, request: Request) -> Response:
        """Trickle ICE candidates (If-Match: the ETag), or restart ICE (If-Match: *)."""
        text = await _text(request, FRAGMENT, "Accept-Patch")
        answer = await hub.patch(participant, connection, request.headers.get("if-match", ""), text)
        if answer is None:
            return Response(status_code=204)
        fragment, etag = answer
        return Response(fragment, 200, {"ETag": etag}, FRAGMENT)

    @routes.delete("/{participant}/{connection}", status_code=200)
    async def leave(participant: str, connection: str) -> Response:
        """End the connection and the session."""
        await hub.hang_up(participant, connection)
        return Response(status_code=200)

    # What is left over must not fall through to the pages.
    @routes.api_route("/{participant}", methods=["GET", "HEAD", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    async def only_post() -> Response:
        raise Refused(405, "an offer is sent by POST", {"Allow": "POST, OPTIONS"})

    @routes.api_route("/{participant}/{connection}", methods=["GET", "HEAD", "PUT", "POST"], include_in_schema=False)
    async def only_patch() -> Response:
        raise Refused(405, "a connection takes PATCH and DELETE", {"Allow": "PATCH, DELETE, OPTIONS"})

    return routes


def _ice_links(servers: Iterable[Mapping[str, Any]]) -> list[str]:
    """Link headers that tell a client which STUN and TURN servers to use."""
    links = []
    for server in servers:
        who = "".join(f'; {name}="{server[name]}"' for name in ("username", "credential") if name in server)
        kind = '; credential-type="password"' if who else ""
        links += [f'<{url}>; rel="ice-server"{who}{kind}' for url in server["urls"]]
    return links


async def _text(request: Request, wanted: str, header: str) -> str:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != wanted:
        raise Refused(415, f"the body must be {wanted}", {header: wanted})
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise Refused(400, "the body is not UTF-8") from error
