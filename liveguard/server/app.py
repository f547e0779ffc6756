"""The ASGI application of `liveguard serve`."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from liveguard import __version__, utc
from liveguard.errors import InputError, LiveguardError
from liveguard.guard import Guard
from liveguard.kyc.errors import LockedOut
from liveguard.kyc.routes import STATUSES, caller_routes, person_routes
from liveguard.kyc.service import Proofs
from liveguard.rtc.sdp_lines import SdpError
from liveguard.server.api import api_routes
from liveguard.server.gate import Gate
from liveguard.server.hub import Hub, Refused
from liveguard.server.live import live_routes
from liveguard.server.metrics import Metrics
from liveguard.server.settings import ServerSettings
from liveguard.server.store import Store
from liveguard.server.whip import whip_routes

WEB = Path(__file__).parent / "web"


def create_app(settings: ServerSettings, guard: Guard, store: Store) -> FastAPI:
    """The application; it ends all sessions when it shuts down. Guard and store remain the caller's to close."""
    metrics = Metrics(guard.detectors)
    hub = Hub(settings, guard, store, metrics)
    proofs = Proofs(settings, guard, store.database)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await hub.start()
        await proofs.start()
        yield
        await proofs.close()
        await hub.close()

    app = FastAPI(title="liveguard", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.hub, app.state.proofs = hub, proofs
    app.include_router(api_routes(hub))
    app.include_router(whip_routes(hub))
    app.include_router(live_routes(hub))
    app.include_router(caller_routes(proofs, settings.url))
    app.include_router(person_routes(proofs))

    @app.get("/metrics", include_in_schema=False)
    async def numbers() -> Response:
        body, kind = metrics.render()
        return Response(body, media_type=kind)

    app.mount("/", StaticFiles(directory=WEB, html=True))
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(InputError, _bad_input)
    for kind, status in STATUSES.items():
        app.add_exception_handler(kind, _answered(status))
    app.add_exception_handler(LiveguardError, _unable)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(Gate, settings=settings, on_refused=metrics.refused)
    return app


def _error(status: int, what: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": what}, status, headers)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return _error(error.status, str(error), error.headers)


def _answered(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Says what an error says, under this status, and of a lock-out how long it lasts."""

    async def answer(_: Request, error: Exception) -> Response:
        if not isinstance(error, LockedOut):
            return _error(status, str(error))
        left_s = math.ceil((error.until - utc.now()).total_seconds())
        return _error(status, str(error), {"Retry-After": str(max(left_s, 1))})

    return answer


async def _bad_input(_: Request, error: Exception) -> Response:
    return _error(error.status if isinstance(error, SdpError) else 400, str(error))


async def _unable(_: Request, error: Exception) -> Response:
    """The store, a sink or the face library is not to be had now."""
    return _error(503, str(error))


async def _invalid(_: Request, error: Exception) -> Response:
    """The first thing that is wrong with a message; what was sent is not sent back."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    return _error(422, f"{where}: {first['msg']}"[:300])


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, str(error.detail), dict(error.headers or {}))
