"""The API of liveness sessions: who may do what, once, and what strangers and bad requests get."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from liveguard.challenge.policy import ProofPolicy
from liveguard.challenge.script import Step
from liveguard.kyc import service
from liveguard.kyc.decision import ASK_A_PERSON, StepResult
from liveguard.kyc.report import verify
from liveguard.server.app import create_app
from liveguard.server.settings import ServerSettings
from liveguard.server.store import Store
from liveguard.types import Need
from tests.server_parts import LOOPBACK, FakeGuard
from tests.synthetic import Says

HERE = "http://127.0.0.1:8765"
SOCKETS = "ws://127.0.0.1:8765"
NEED = Need(step_us=500_000, video_us=1_000_000)
TOKEN = "0123456789abcdef-token"


@pytest.fixture
def client() -> Iterator[TestClient]:
    yield from opened(ServerSettings(ice_addresses=LOOPBACK))


@pytest.fixture
def closed_client() -> Iterator[TestClient]:
    yield from opened(ServerSettings(ice_addresses=LOOPBACK, host="0.0.0.0", token=TOKEN))


def opened(settings: ServerSettings) -> Iterator[TestClient]:
    store, guard = Store("sqlite://"), FakeGuard([Says("camera", NEED)])
    with TestClient(create_app(settings, guard, store), base_url=HERE, raise_server_exceptions=False) as made:
        yield made
    guard.close()
    store.close()


def new(client: TestClient, **wanted: Any) -> dict[str, str]:
    answer = client.post("/api/kyc/sessions", json=wanted)
    assert answer.status_code == 201, answer.text
    found: dict[str, str] = answer.json()
    return found


def redeemed(client: TestClient, **wanted: Any) -> tuple[str, dict[str, str]]:
    """The id of a session whose link was opened, and what its page sends with each request."""
    made = new(client, **wanted)
    key = client.post("/proof/api/redeem", json={"id": made["id"], "token": made["token"]}).json()["key"]
    return made["id"], {"Authorization": f"Bearer {key}"}


def test_the_link_carries_the_token_where_browsers_do_not_send_it(client: TestClient) -> None:
    made = new(client, locale="de", subject="customer 17")
    assert made["url"].endswith(f"/proof/#id={made['id']}&token={made['token']}")
    known = client.get(f"/api/kyc/sessions/{made['id']}")
    assert (known.json()["state"], known.json()["verdict"]) == ("waiting", None)
    assert made["token"] not in known.text
    assert "customer 17" not in known.text


def test_a_token_opens_a_session_once_however_many_race_for_it(client: TestClient) -> None:
    made = new(client)
    body = {"id": made["id"], "token": made["token"]}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post("/proof/api/redeem", json=body), range(16)))
    assert sorted(answer.status_code for answer in answers) == [200] + 15 * [410]
    given = next(answer.json() for answer in answers if answer.status_code == 200)
    assert set(given) == {"key", "locale", "kinds_possible", "steps", "answer_s", "attempts", "return_s", "ice_servers"}


def test_guessing_closes_the_session(client: TestClient) -> None:
    made = new(client)
    guesses = [client.post("/proof/api/redeem", json={"id": made["id"], "token": f"guess-{n}"}) for n in range(5)]
    assert [answer.status_code for answer in guesses] == 5 * [403]
    right = client.post("/proof/api/redeem", json={"id": made["id"], "token": made["token"]})
    assert right.status_code == 410
    assert client.get(f"/api/kyc/sessions/{made['id']}").json()["state"] == "expired"


def test_nothing_is_done_without_the_key_or_before_consent(client: TestClient) -> None:
    proof, headers = redeemed(client)
    agreed = {"agreed": True}
    assert client.post(f"/proof/api/{proof}/consent", json=agreed).status_code == 401
    other, _ = redeemed(client)
    assert client.post(f"/proof/api/{other}/consent", json=agreed, headers=headers).status_code == 401
    assert client.post(f"/proof/api/{proof}/offer", json={"sdp": "v=0"}, headers=headers).status_code == 410
    assert client.post(f"/proof/api/{proof}/consent", json={"agreed": False}, headers=headers).status_code == 422
    assert client.post(f"/proof/api/{proof}/consent", json=agreed, headers=headers).status_code == 204
    without_sound = {**agreed, "cannot": ["no_speech"]}  # the microphone turned out to be missing
    assert client.post(f"/proof/api/{proof}/consent", json=without_sound, headers=headers).status_code == 204
    bad = client.post(f"/proof/api/{proof}/offer", json={"sdp": "v=0"}, headers=headers)
    assert bad.status_code == 406, bad.text


def test_needs_that_leave_too_little_are_said_before_anything_begins(client: TestClient) -> None:
    proof, headers = redeemed(client, cannot=["no_speech"])
    cannot = ["no_flashes", "no_head_turns", "no_hands", "no_blinks"]
    answer = client.post(f"/proof/api/{proof}/consent", json={"agreed": True, "cannot": cannot}, headers=headers)
    assert (answer.status_code, "proves too little" in answer.json()["error"]) == (400, True)
    answer = client.post(f"/proof/api/{proof}/consent", json={"agreed": True, "cannot": cannot[:2]}, headers=headers)
    assert answer.status_code == 204


def test_the_caller_learns_what_was_left_out_and_by_whom(client: TestClient) -> None:
    proof, headers = redeemed(client, cannot=["no_speech"])
    client.post(f"/proof/api/{proof}/consent", json={"agreed": True, "cannot": ["no_hands"]}, headers=headers)
    known = client.get(f"/api/kyc/sessions/{proof}").json()
    assert known["left_out"] == {"by_caller": ["digits"], "by_person": ["occlusion"]}
    assert client.get(f"/api/kyc/sessions/{new(client)['id']}").json()["left_out"] == {"by_caller": [], "by_person": []}


@pytest.mark.parametrize(
    ("wanted", "status", "why"),
    [
        ({"policy": {"steps": 1}}, 400, "proof.steps is 1"),
        ({"policy": {"kinds": ["dance"]}}, 400, "proof.kinds"),
        ({"policy": {"nothing": 1}}, 400, "proof.nothing"),
        ({"policy": {"lag_most_ms": 900}}, 400, "the server's own setting"),
        ({"cannot": ["no_legs"]}, 422, "cannot.0"),
        ({"locale": "../../etc"}, 422, "locale"),
        ({"subject": ""}, 422, "subject"),
        ({"webhook": "http://169.254.169.254/"}, 422, "webhook"),
    ],
)
def test_what_a_caller_may_not_ask_for_is_said(client: TestClient, wanted: Any, status: int, why: str) -> None:
    answer = client.post("/api/kyc/sessions", json=wanted)
    assert answer.status_code == status, answer.text
    assert why in answer.json()["error"]


def test_a_subject_that_failed_too_often_is_locked_out(client: TestClient) -> None:
    for _ in range(5):
        made = new(client, subject="customer 17")
        for n in range(5):
            client.post("/proof/api/redeem", json={"id": made["id"], "token": f"guess-{n}"})
    refused = client.post("/api/kyc/sessions", json={"subject": "customer 17"})
    assert (refused.status_code, "too many proofs have failed" in refused.json()["error"]) == (429, True)
    assert 0 < int(refused.headers["Retry-After"]) <= ProofPolicy().lock_out_s
    new(client, subject="customer 18")


def test_a_page_that_leaves_ends_with_a_signed_report(client: TestClient) -> None:
    proof, headers = redeemed(client)
    client.post(f"/proof/api/{proof}/consent", json={"agreed": True}, headers=headers)
    key = headers["Authorization"].removeprefix("Bearer ")
    with client.websocket_connect(
        f"{SOCKETS}/proof/live/{proof}", subprotocols=["liveguard.v1", f"bearer.{key}"]
    ) as page:
        assert page.accepted_subprotocol == "liveguard.v1"
        assert page.receive_json()["type"] == "ping"
        page.send_json({"type": "ready"})
        said = page.receive_json()  # there is no camera
        assert (said["type"], "camera is not connected" in said["what"]) == ("trouble", True)
    known = client.get(f"/api/kyc/sessions/{proof}").json()
    assert (known["state"], known["verdict"]) == ("done", "cannot_judge")
    report = client.get(f"/api/kyc/sessions/{proof}/report")
    found = verify(report.content, client.get("/api/kyc/key").json()["fingerprint"])
    assert (found.id, found.verdict, found.pinned) == (proof, "cannot_judge", True)
    page_of_it = client.get(f"/api/kyc/sessions/{proof}/report.html")
    assert proof in page_of_it.text
    assert "script-src" not in page_of_it.headers["content-security-policy"]
    assert "default-src 'none'" in page_of_it.headers["content-security-policy"]


class Passes:
    """An attempt whose every step went well."""

    def __init__(self, guarded: Any, steps: Sequence[Step], page: Any) -> None:
        self.steps = steps
        self.asked = [SimpleNamespace(cue_us=0) for _ in steps]

    def heard(self, event: Any) -> None: ...

    async def run(self) -> tuple[StepResult, ...]:
        return tuple(StepResult(step.kind, -3.0, "done") for step in self.steps)


@pytest.mark.parametrize("by", ["caller", "person"])
def test_who_leaves_out_all_that_shows_a_head_is_not_live_by_their_own_word(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    feed = SimpleNamespace(on_event=None, tick=None, tap=SimpleNamespace(facts={}))
    monkeypatch.setattr(service, "Attempt", Passes)
    monkeypatch.setattr(service.Proofs, "_feed", lambda *_: feed)
    cannot = ["no_flashes", "no_head_turns", "no_hands", "no_moving"]
    proof, headers = redeemed(client, cannot=cannot if by == "caller" else [])
    agreed = {"agreed": True, "cannot": cannot if by == "person" else []}
    client.post(f"/proof/api/{proof}/consent", json=agreed, headers=headers)
    key = headers["Authorization"].removeprefix("Bearer ")
    with client.websocket_connect(
        f"{SOCKETS}/proof/live/{proof}", subprotocols=["liveguard.v1", f"bearer.{key}"]
    ) as page:
        page.send_json({"type": "ready"})
        said = next(message for message in iter(page.receive_json, None) if message["type"] == "done")
    known = client.get(f"/api/kyc/sessions/{proof}").json()
    assert {challenge["kind"] for challenge in known["challenges"]} == {"rhythm", "digits"}
    left_out = (
        "left out by the " + by + ": the coloured light, turning the head, the hand before the face, coming nearer"
    )
    assert known["reasons"][-1] == left_out
    if by == "caller":
        assert (known["verdict"], said["verdict"]) == ("live", "live")
    else:  # and no further try could be
        assert (known["verdict"], said["retry"], said["hints"]) == ("cannot_judge", False, ["left_out"])
        assert ASK_A_PERSON in known["reasons"]


def test_sockets_without_the_key_learn_nothing(client: TestClient) -> None:
    proof, _ = redeemed(client)
    with client.websocket_connect(
        f"{SOCKETS}/proof/live/{proof}", subprotocols=["liveguard.v1", "bearer.wrong"]
    ) as page:
        assert page.receive_json()["type"] == "trouble"
        with pytest.raises(WebSocketDisconnect):
            page.receive_json()


def test_an_erased_session_is_gone(client: TestClient) -> None:
    proof, headers = redeemed(client, subject="customer 17")
    assert client.delete(f"/api/kyc/sessions/{proof}").status_code == 204
    assert client.get(f"/api/kyc/sessions/{proof}").json()["state"] == "erased"
    assert client.post(f"/proof/api/{proof}/consent", json={"agreed": True}, headers=headers).status_code == 401
    assert client.get(f"/api/kyc/sessions/{proof}/report").status_code == 404
    assert client.delete("/api/kyc/sessions/unknown").status_code == 404


def test_the_person_needs_no_token_of_the_server_and_the_caller_does(closed_client: TestClient) -> None:
    assert closed_client.post("/api/kyc/sessions", json={}).status_code == 401
    closed_client.headers["Authorization"] = f"Bearer {TOKEN}"
    made = new(closed_client)
    del closed_client.headers["Authorization"]
    assert closed_client.get(f"/api/kyc/sessions/{made['id']}").status_code == 401
    body = {"id": made["id"], "token": made["token"]}
    foreign = closed_client.post("/proof/api/redeem", json=body, headers={"Origin": "https://elsewhere.example"})
    assert foreign.status_code == 403
    assert closed_client.post("/proof/api/redeem", json=body).status_code == 200


def test_reports_and_sessions_that_are_not_known(client: TestClient) -> None:
    for path in ("unknown", "unknown/report", "unknown/report.html"):
        assert client.get(f"/api/kyc/sessions/{path}").status_code == 404
    made = new(client)
    assert client.get(f"/api/kyc/sessions/{made['id']}/report").status_code == 404
    assert json.loads(client.get("/api/kyc/sessions/x").text) == {"error": "there is no proof with this id"}
