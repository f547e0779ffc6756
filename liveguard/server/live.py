"""The WebSocket of events."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from liveguard.server.broadcast import EVERY, Listener, Wishes
from liveguard.server.gate import SUBPROTOCOL
from liveguard.server.hub import Hub

MOST_CHARS = 4096
TOO_FAR_BEHIND, WRONG, FULL = 1013, 1008, 1013


def live_routes(hub: Hub) -> APIRouter:
    routes = APIRouter()

    @routes.websocket("/api/events")
    async def events(socket: WebSocket) -> None:
        offered = socket.scope.get("subprotocols", [])
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        listener = hub.broadcast.join()
        if listener is None:
            await socket.close(FULL, "too many listeners")
            return
        hub.metrics.websocket_clients(len(hub.broadcast))
        sender = asyncio.create_task(_send(hub, socket, listener))
        hearer = asyncio.create_task(_hear(hub, socket, listener))
        try:
            await asyncio.wait((sender, hearer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sender, hearer):
                task.cancel()
            await asyncio.gather(sender, hearer, return_exceptions=True)
            hub.broadcast.leave(listener)
            hub.metrics.websocket_clients(len(hub.broadcast))

    return routes


async def _send(hub: Hub, socket: WebSocket, listener: Listener) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):  # whoever listened has gone
        await socket.send_json({"type": "hello", "sessions": [guarded.describe() for guarded in hub.live()]})
        while (message := await listener.next()) is not None:
            if isinstance(message, bytes):
                await socket.send_bytes(message)
            else:
                await socket.send_text(message)
        await socket.close(TOO_FAR_BEHIND, "too far behind: come back and ask for what was missed")


async def _hear(hub: Hub, socket: WebSocket, listener: Listener) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                session, wishes = parse(message.get("text"))
                listener.subscribe(session, wishes)
            except ValueError as error:
                hub.metrics.refused("bad_message")
                await socket.close(WRONG, str(error))
                return
            hub.broadcast.count_wishes()


def parse(text: str | None) -> tuple[str, Wishes]:
    """The wishes of a subscription. Raises ValueError for anything else."""
    if text is None or len(text) > MOST_CHARS:
        raise ValueError(f"only text of at most {MOST_CHARS} characters is understood")
    try:
        message: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(message, dict) or message.get("type") != "subscribe":
        raise ValueError('only {"type": "subscribe", ...} is understood')
    session = message.get("session", EVERY)
    if not isinstance(session, str) or len(session) > 64:
        raise ValueError("session: an id or *")
    flags = {name: message.get(name, False) for name in ("mesh", "preview", "readings")}
    if not all(isinstance(flag, bool) for flag in flags.values()):
        raise ValueError("mesh, preview and readings are true or false")
    return session, Wishes(**flags)
