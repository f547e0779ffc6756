"""Who gets in: hosts, origins, tokens and sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from liveguard.errors import ConfigError
from liveguard.server.gate import MOST_BODY, SUBPROTOCOL, Gate
from liveguard.server.public_url import PublicUrl
from liveguard.server.settings import ServerSettings

TOKEN = "0123456789abcdef-token"
PUBLISH_TOKEN = "0123456789abcdef-publish"
HERE = "http://127.0.0.1:8765"
EVENTS = "ws://127.0.0.1:8765/api/events"


REFUSED: list[str] = []


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{len(await request.body())} bytes")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept(SUBPROTOCOL)
    await websocket.send_text("in")
    await websocket.close()


def client(settings: ServerSettings) -> TestClient:
    methods = ["GET", "POST", "OPTIONS", "PATCH"]
    routes = [Route("/{path:path}", echo, methods=methods), WebSocketRoute("/api/events", socket)]
    app = Starlette(routes=[routes[1], routes[0]])
    return TestClient(Gate(app, settings, REFUSED.append), base_url=HERE)


@pytest.fixture(autouse=True)
def _nobody_refused_yet() -> None:
    REFUSED.clear()


@pytest.fixture
def open_server() -> Iterator[TestClient]:
    with client(ServerSettings()) as opened:
        yield opened


@pytest.fixture
def closed_server() -> Iterator[TestClient]:
    with client(ServerSettings(host="0.0.0.0", token=TOKEN, publish_token=PUBLISH_TOKEN)) as opened:
        yield opened


def test_on_loopback_our_own_page_needs_no_token(open_server: TestClient) -> None:
    assert open_server.get("/api/info").status_code == 200
    answer = open_server.post("/api/sessions", headers={"Origin": HERE}, content=b"x" * 100)
    assert answer.text == "100 bytes"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:9999", "null", "http://localhost:8765x"])
@pytest.mark.parametrize("path", ["/api/info", "/whip/me", "/metrics", "/openapi.json"])
def test_pages_of_other_origins_are_shut_out(open_server: TestClient, origin: str, path: str) -> None:
    answer = open_server.post(path, headers={"Origin": origin})
    assert answer.status_code == 403
    assert REFUSED == ["origin"]
    assert "bytes" not in answer.text
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "", "[", "127.0.0.1.evil.example"])
def test_a_foreign_name_that_points_here_is_not_ours(open_server: TestClient, host: str) -> None:
    assert open_server.get("/api/info", headers={"Host": host}).status_code in (400, 421)


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8765"])
def test_names_of_loopback_are_ours(open_server: TestClient, host: str) -> None:
    assert open_server.get("/api/info", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"]
)
def test_without_the_token_nothing_is_served(closed_server: TestClient, given: str) -> None:
    answer = closed_server.get("/api/info", headers={"Authorization": given} if given else {})
    assert answer.status_code == 401
    assert REFUSED == ["token"]
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "token" in answer.json()["error"]
    for page in ("/", "/main.js", "/api.js"):
        assert closed_server.get(page).status_code == 200, "the page, where a token can be given, is no secret"


def test_with_the_token_whip_is_open_to_other_pages_and_the_rest_is_not(closed_server: TestClient) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Origin": "https://studio.example"}
    answer = closed_server.post("/whip/me", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://studio.example"
    assert "Location" in answer.headers["access-control-expose-headers"]
    assert closed_server.get("/api/info", headers=headers).status_code == 403
    asked = {"Origin": "https://studio.example", "Access-Control-Request-Method": "POST"}
    preflight = closed_server.options("/whip/me", headers=asked)
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    assert closed_server.options("/api/info", headers=asked).status_code == 403
    wrong = closed_server.post("/whip/me", headers={"Origin": "https://studio.example"})
    assert wrong.status_code == 401
    assert wrong.headers["access-control-allow-origin"] == "https://studio.example", "so that the page can read why"


def test_the_publish_token_opens_whip_and_nothing_else(closed_server: TestClient) -> None:
    headers = {"Authorization": f"Bearer {PUBLISH_TOKEN}"}
    assert closed_server.post("/whip/me", headers={**headers, "Origin": "https://studio.example"}).status_code == 200
    assert closed_server.patch("/whip/me/key", headers=headers).status_code == 200
    for path in ("/api/info", "/api/sessions", "/metrics", "/openapi.json", "/api/kyc/sessions", "/api", "/metrics/x"):
        assert closed_server.get(path, headers=headers).status_code == 401, path
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        closed_server.websocket_connect(EVENTS, [SUBPROTOCOL, f"bearer.{PUBLISH_TOKEN}"]),
    ):
        pass
    assert refused.value.status_code == 401


def test_origins_that_were_named_are_let_in() -> None:
    with client(ServerSettings(origins=("https://studio.example",))) as opened:
        answer = opened.get("/api/info", headers={"Origin": "https://studio.example"})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://studio.example"
        assert opened.get("/api/info", headers={"Origin": "https://other.example"}).status_code == 403


PUBLIC = PublicUrl.of("https://kyc.example.org/")


@pytest.mark.parametrize("host", ["kyc.example.org", "127.0.0.1:8765"])  # as a proxy passes it on, or puts in its place
def test_behind_a_proxy_our_own_page_is_ours(host: str) -> None:
    headers = {"Host": host, "Origin": "https://kyc.example.org", "Authorization": f"Bearer {TOKEN}"}
    with client(ServerSettings(public_url=PUBLIC, token=TOKEN)) as opened:
        for path in ("/api/info", "/proof/api/redeem"):
            assert opened.post(path, headers=headers).status_code == 200
            assert opened.post(path, headers={**headers, "Origin": "https://evil.example"}).status_code == 403
        with opened.websocket_connect(EVENTS, [SUBPROTOCOL, f"bearer.{TOKEN}"], headers=headers) as socket_:
            assert socket_.receive_text() == "in"


def test_who_is_reached_through_a_proxy_needs_a_token() -> None:
    with pytest.raises(ConfigError, match="can be reached from other machines"):
        ServerSettings(public_url=PUBLIC)
    with client(ServerSettings(public_url=PublicUrl.of("https://localhost:9000"))) as opened:
        headers = {"Host": "localhost:9000", "Origin": "https://localhost:9000"}
        assert opened.post("/api/info", headers=headers).status_code == 200


def test_bodies_are_bounded_whatever_their_length_claims_to_be(open_server: TestClient) -> None:
    assert open_server.post("/whip/me", content=b"x" * MOST_BODY).status_code == 200
    assert open_server.post("/whip/me", content=b"x" * (MOST_BODY + 1)).status_code == 413
    assert open_server.post("/whip/me", headers={"Content-Length": "many"}).status_code == 413

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 10_000

    assert open_server.post("/whip/me", content=endless()).status_code == 413


def test_sockets_are_looked_at_like_requests(open_server: TestClient, closed_server: TestClient) -> None:
    with open_server.websocket_connect(EVENTS, [SUBPROTOCOL], headers={"Origin": HERE}) as opened:
        assert opened.receive_text() == "in"
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        open_server.websocket_connect(EVENTS, headers={"Origin": "https://evil.example"}),
    ):
        pass
    assert refused.value.status_code == 403
    with closed_server.websocket_connect(EVENTS, [SUBPROTOCOL, f"bearer.{TOKEN}"]) as opened:
        assert opened.receive_text() == "in"
        assert opened.accepted_subprotocol == SUBPROTOCOL
    for offers in ([SUBPROTOCOL], [SUBPROTOCOL, "bearer.wrong"]):
        with pytest.raises(WebSocketDenialResponse) as refused, closed_server.websocket_connect(EVENTS, offers):
            pass
        assert refused.value.status_code == 401


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"host": "0.0.0.0"}, "a token is needed"),
        ({"token": "short"}, "16 to 256"),
        ({"token": "with spaces and more of them"}, "letters"),
        ({"token": TOKEN, "publish_token": "short"}, "publish-token: allowed are 16 to 256"),
        ({"publish_token": PUBLISH_TOKEN}, "give --token, too"),
        ({"token": TOKEN, "publish_token": TOKEN}, "must be another one"),
        ({"port": 70_000}, "65535"),
        ({"max_sessions": 0}, "1 to 64"),
        ({"keep_days": -1.0}, "keep-days -1: allowed are more than 0, and at most 36500"),
        ({"keep_days": 1e6}, "at most 36500"),
        ({"keep_days": math.nan}, "at most 36500"),
    ],
)
def test_settings_that_are_not_allowed_say_what_is(wrong: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        ServerSettings(**wrong)  # type: ignore[arg-type]
