"""Whatever is sent to the routes of liveness sessions, they answer with a status and words, and go on."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from liveguard.server.app import create_app
from liveguard.server.settings import ServerSettings
from liveguard.server.store import Store
from liveguard.types import Need
from tests.server_parts import LOOPBACK, FakeGuard
from tests.synthetic import Says

pytestmark = pytest.mark.fuzz
HERE, SOCKETS = "http://127.0.0.1:8765", "ws://127.0.0.1:8765"
ODD: list[Any] = [
    None, True, -1, 0.5, 2**70, {"keep_days": 10**400}, 1e308, "", "x", "x" * 5000, "\0", "\U0001f600", "../..", [], [[]] * 50,
    {}, {"a": {"b": []}}, "en.sound",
    ["light"], {"steps": 3}, {"steps": 1e9}, {"kinds": ["pose", "light"]}, "en", "no_hands", ["no_hands"] * 9, True,
]  # fmt: skip
KEYS = [
    "subject",
    "policy",
    "locale",
    "cannot",
    "id",
    "token",
    "agreed",
    "text",
    "sdp",
    "camera",
    "type",
    "n",
    "number",
    "__proto__",
]
TRIES = 250


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    store, guard = Store("sqlite://"), FakeGuard([Says("camera", Need(step_us=500_000, video_us=1_000_000))])
    app = create_app(ServerSettings(ice_addresses=LOOPBACK), guard, store)
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as made:
        yield made
    guard.close()
    store.close()


def message(dice: random.Random) -> Any:
    if dice.random() < 0.1:
        return dice.choice(ODD)
    if dice.random() < 0.1:
        return {"agreed": True, "text": "en.sound"}
    return {dice.choice(KEYS): dice.choice(ODD) for _ in range(dice.randint(0, 5))}


def test_any_json_gets_a_status_and_words(client: TestClient) -> None:
    dice = random.Random(1)
    made = client.post("/api/kyc/sessions", json={}).json()
    paths = ["/api/kyc/sessions", "/proof/api/redeem"]
    paths += [
        f"/proof/api/{proof}/{what}" for proof in (made["id"], "x", "%00", "a" * 500) for what in ("consent", "offer")
    ]
    seen = set()
    for _ in range(TRIES):
        headers = {"Authorization": dice.choice(["", "Bearer", "Bearer \x7f", f"Bearer {made['token']}", "x" * 200])}
        answer = client.post(dice.choice(paths), json=message(dice), headers=headers)
        assert answer.status_code < 500, (answer.request.url, answer.request.content[:300], answer.text)
        if answer.status_code >= 400:
            assert isinstance(answer.json()["error"], str)
        seen.add(answer.status_code)
    assert {201, 401, 422} <= seen
    assert client.get(f"/api/kyc/sessions/{made['id']}").json()["state"] == "waiting"


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 5000, b"\xff\xfe", b'{"id": NaN}', b"null"])
def test_what_is_no_json_is_refused(client: TestClient, body: bytes) -> None:
    for path in ("/api/kyc/sessions", "/proof/api/redeem"):
        answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500, answer.text


def _drain(page: WebSocketTestSession) -> None:
    for _ in range(100):
        page.receive_json()


def test_a_page_that_talks_nonsense_is_sent_away_and_its_session_ends(client: TestClient) -> None:
    dice = random.Random(2)
    for words in ["", "x", "[]", '{"type": "step"}', '{"type": "shown", "number": 1e99}', "x" * 3000]:
        made = client.post("/api/kyc/sessions", json={}).json()
        key = client.post("/proof/api/redeem", json={"id": made["id"], "token": made["token"]}).json()["key"]
        protocols = ["liveguard.v1", f"bearer.{key}"]
        with client.websocket_connect(f"{SOCKETS}/proof/live/{made['id']}", subprotocols=protocols) as page:
            page.send_text(words)
            with pytest.raises(WebSocketDisconnect):
                _drain(page)
        assert client.get(f"/api/kyc/sessions/{made['id']}").json()["state"] in ("redeemed", "done")
    flood = json.dumps({"type": "pong", "n": dice.randint(0, 9)})
    made = client.post("/api/kyc/sessions", json={}).json()
    key = client.post("/proof/api/redeem", json={"id": made["id"], "token": made["token"]}).json()["key"]
    with client.websocket_connect(f"{SOCKETS}/proof/live/{made['id']}", subprotocols=[f"bearer.{key}"]) as page:
        for _ in range(2000):
            page.send_text(flood)
        assert page.receive_json()["type"] == "ping"
