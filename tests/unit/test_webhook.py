"""Signing, refusals, back-off and outages, in virtual time and without a network."""

from __future__ import annotations

import dataclasses
import email.utils
import json
import logging
import random
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from liveguard import wire
from liveguard.errors import ConfigError, SinkError
from liveguard.outbox import Outbox
from liveguard.sinks import signing
from liveguard.sinks.delivery import IDLE_S, Backoff, describe
from liveguard.sinks.post import Answer, HttpPost, check_headers, parse_url
from liveguard.sinks.webhook import WebhookSink, destination_name, idempotency_key
from liveguard.types import Alert, Fault, Reading

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
URL = "https://hooks.example/in/s3cr3t-path"
T0_S = 1_700_000_000.0
READING = Reading("mesh", 0, 0, 2_000_000, 1.5, 1.0, "jitter", {"jitter_px": 0.25})


def alert(number: int, state: str = "raised") -> Alert:
    return Alert(
        id=f"alert-{number}",
        participant="guest",
        state=state,  # type: ignore[arg-type]
        hypothesis="face_manipulated",
        t_us=number * 1_000_000,
        risk=0.97,
        evidence_nats=8.0,
        threshold_nats=6.5,
        readings=(READING,),
        lag_us=1,
        settle="head turn",
    )


class World:
    """A virtual clock and a receiver in one: `answer` decides what each request gets."""

    def __init__(self) -> None:
        self.now_s = T0_S
        self.answer: Callable[[], Answer] = lambda: Answer(204)
        self.tries: list[tuple[float, str]] = []
        self.arrived: list[dict[str, Any]] = []

    def clock(self) -> float:
        return self.now_s

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        key = signing.verify(headers, body, SECRET, now_s=self.now_s, tolerance_s=1.0)
        self.tries.append((self.now_s, key))
        answer = self.answer()
        if 200 <= answer.status < 300:
            self.arrived.append({"key": key, **json.loads(body)})
        return answer

    def run(self, sink: WebhookSink, seconds: float) -> None:
        """Let the delivery go on for so many virtual seconds."""
        end_s = self.now_s + seconds
        while True:
            wait_s = sink.delivery.step()
            if self.now_s + wait_s > end_s:
                self.now_s = end_s
                return
            self.now_s += wait_s

    @property
    def ids(self) -> list[str]:
        return [one["data"]["id"] for one in self.arrived]


@pytest.fixture
def world() -> World:
    return World()


Make = Callable[..., WebhookSink]


@pytest.fixture
def make(tmp_path: Path, world: World) -> Iterator[Make]:
    made: list[WebhookSink] = []

    def build(**settings: Any) -> WebhookSink:
        options: dict[str, Any] = {
            "secrets": SECRET,
            "outbox": tmp_path / "out.sqlite",
            "transport": world.post,
            "clock": world.clock,
            "rng": random.Random(1),
            "start": False,
        }
        sink = WebhookSink(URL, **{**options, **settings})
        made.append(sink)
        return sink

    yield build
    for sink in made:
        sink.close()


def down() -> Answer:
    raise ConnectionRefusedError(111, "Connection refused")


# --- signatures -----------------------------------------------------------------------------------------


def test_the_signature_is_that_of_the_specifications_own_example() -> None:
    signature = signing.sign(
        signing.parse_secret(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_verify_takes_the_genuine_and_refuses_the_rest() -> None:
    key = signing.parse_secret(SECRET)
    good = signing.headers([key], "msg_1", int(T0_S), b"body")
    assert signing.verify({k.title(): v for k, v in good.items()}, b"body", SECRET, now_s=T0_S) == "msg_1"
    other = signing.new_secret()
    for bad in (
        {**good, "webhook-id": "msg_2"},
        {**good, "webhook-timestamp": str(int(T0_S) + 1)},
        {**good, "webhook-timestamp": "+" + good["webhook-timestamp"]},
        {**good, "webhook-timestamp": "²"},
        {**good, "webhook-timestamp": "9" * 400},
        {**good, "webhook-signature": "v1,"},
        {**good, "webhook-signature": "v1a" + good["webhook-signature"][2:]},
        {**good, "webhook-signature": "v1,ä\ud800"},
        *({k: v for k, v in good.items() if k != gone} for gone in good),
    ):
        with pytest.raises(signing.SignatureError):
            signing.verify(bad, b"body", SECRET, now_s=T0_S)
    for body, secret, now_s in (
        (b"Body", SECRET, T0_S),
        (b"body", other, T0_S),
        (b"body", SECRET, float("nan")),
    ):
        with pytest.raises(signing.SignatureError):
            signing.verify(good, body, secret, now_s=now_s)


@pytest.mark.parametrize("off_s", [-301.0, 301.0])
def test_old_and_future_time_stamps_are_refused(off_s: float) -> None:
    good = signing.headers([signing.parse_secret(SECRET)], "m", int(T0_S), b"")
    assert signing.verify(good, b"", SECRET, now_s=T0_S + 0.99 * off_s) == "m"
    with pytest.raises(signing.SignatureError, match="300 s are allowed"):
        signing.verify(good, b"", SECRET, now_s=T0_S + off_s)


def test_with_two_secrets_either_one_verifies() -> None:
    new, old = signing.new_secret(), b"an old raw key of enough bytes"
    both = signing.headers([signing.parse_secret(new), signing.parse_secret(old)], "m", int(T0_S), b"x")
    for secret in (new, old):
        assert signing.verify(both, b"x", secret, now_s=T0_S) == "m"


@pytest.mark.parametrize("bad", ["", "pass phrase without a prefix", "whsec_", "whsec_$$$", "whsec_c2hvcnQ=", b"short"])
def test_a_bad_secret_is_refused_and_not_quoted(bad: str | bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        signing.parse_secret(bad)
    assert len(bad) < 7 or str(bad) not in str(caught.value)


# --- settings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/s3cr3t",
        "ftp://hooks.example/s3cr3t",
        "https:///s3cr3t",
        "https://user:s3cr3t@hooks.example/",
        "https://hooks.example/s3cr3t\r\nX: y",
        "https://hooks.example:99999/s3cr3t",
        "https://[s3cr3t/",
        "//hooks.example/s3cr3t",
        "https://hooks.example/ä/s3cr3t",
    ],
)
def test_a_url_that_is_not_safe_is_refused_and_its_path_not_quoted(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_url(url)
    assert "s3cr3t" not in str(caught.value)


def test_http_is_for_this_machine_or_on_request() -> None:
    for url in ("http://localhost:1/x", "http://127.0.0.9/x", "http://[::1]:80/"):
        assert parse_url(url).scheme == "http"
    assert parse_url("http://hooks.example/", allow_insecure=True).hostname == "hooks.example"


@pytest.mark.parametrize("bad", [{"Webhook-Id": "x"}, {"Host": "x"}, {"X y": "x"}, {"A": "s3cr3t\r\nB: c"}, {"": "x"}])
def test_headers_that_break_a_request_or_are_ours_are_refused(bad: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        check_headers(bad)
    assert "s3cr3t" not in str(caught.value)


def test_tls_is_verified() -> None:
    post = HttpPost(parse_url(URL), headers={})
    assert post._tls is not None
    assert post._tls.check_hostname
    assert post._tls.verify_mode is ssl.CERT_REQUIRED


def test_a_proxy_gets_a_tunnel_and_only_its_own_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://me:pa%20ss@proxy.example:3128")
    connection: Any = HttpPost(parse_url(URL), headers={})._connection()
    assert (connection.host, connection.port) == ("proxy.example", 3128)
    assert (connection._tunnel_host, connection._tunnel_port) == ("hooks.example", 443)
    assert connection._tunnel_headers["Proxy-Authorization"] == "Basic bWU6cGEgc3M="
    monkeypatch.setenv("no_proxy", "hooks.example")
    assert HttpPost(parse_url(URL), headers={})._connection().host == "hooks.example"


@pytest.mark.parametrize("bad", [{"kinds": ()}, {"kinds": ("alarm",)}, {"secrets": ()}])
def test_other_settings_are_checked(make: Make, bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        make(**bad)


@pytest.mark.parametrize("bad", [{"base_s": 0}, {"cap_s": 0.5}, {"cap_s": 1e9}, {"floor_s": 2.0}])
def test_a_back_off_that_cannot_work_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        Backoff(**bad)


# --- delivery -------------------------------------------------------------------------------------------


def test_the_message_that_arrives(make: Make, world: World) -> None:
    sink = make()
    sink.send(alert(1))
    sink.send(READING)
    world.run(sink, 1.0)
    assert world.arrived == [
        {
            "key": idempotency_key("alert-1", "raised"),
            "type": "alert.raised",
            "timestamp": "2023-11-14T22:13:20Z",
            "data": wire.to_dict(alert(1)),
        }
    ]


def test_an_hour_without_the_receiver(make: Make, world: World) -> None:
    faults: list[Fault] = []
    sink = make(on_fault=faults.append)
    world.answer = down
    for number in range(60):
        sink.send(alert(number, "raised" if number % 2 == 0 else "cleared"))
        world.run(sink, 60.0)
    tries = len(world.tries)
    # Nine doublings to the cap, then 150 s on average.
    assert 15 <= tries <= 50
    assert {key for _, key in world.tries} == {idempotency_key("alert-0", "raised")}
    world.answer = lambda: Answer(200)
    world.run(sink, 301.0)
    assert world.ids == [f"alert-{number}" for number in range(60)]
    assert len(world.tries) == tries + 60
    assert [fault.what for fault in faults] == [
        f"{sink.name}: no delivery (Connection refused); alerts are kept and tried again"
    ]


def test_the_wait_doubles_up_to_the_cap_with_full_jitter() -> None:
    backoff, rng = Backoff(), random.Random(0)
    for tries, top_s in ((1, 2.0), (4, 16.0), (9, 300.0), (10_000, 300.0)):
        waits = [backoff.wait_s(tries, rng) for _ in range(500)]
        assert 0.1 <= min(waits) <= 0.1 * top_s
        assert 0.9 * top_s <= max(waits) <= top_s


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422])
def test_a_refusal_for_good_is_kept_as_dead_said_and_passed_by(make: Make, world: World, status: int) -> None:
    faults: list[Fault] = []
    sink = make(on_fault=faults.append)
    sink.send(alert(1))
    sink.send(alert(2))
    replies = iter([Answer(status), Answer(200)])
    world.answer = lambda: next(replies)
    world.run(sink, 1000.0)
    assert world.ids == ["alert-2"]
    key = idempotency_key("alert-1", "raised")
    what = f"{sink.name}: message {key} was given up, refused with HTTP {status}; it is kept as dead"
    assert faults == [Fault(2_000_000, f"webhook {sink.name}", what)]


@pytest.mark.parametrize("status", [301, 307, 408, 409, 425, 429, 500, 502, 503, 504])
def test_other_failures_are_tried_again(make: Make, world: World, status: int) -> None:
    sink = make()
    sink.send(alert(1))
    replies = iter([Answer(status)] * 3 + [Answer(202)])
    world.answer = lambda: next(replies)
    world.run(sink, 60.0)
    assert (world.ids, len(world.tries)) == (["alert-1"], 4)


@pytest.mark.parametrize(("header", "wait_s"), [("120", 120.0), ("date", 90.0), ("999999999999", 3600.0)])
def test_retry_after_is_honoured_within_an_hour(make: Make, world: World, header: str, wait_s: float) -> None:
    if header == "date":
        header = email.utils.formatdate(T0_S + wait_s, usegmt=True)
    sink = make()
    sink.send(alert(1))
    replies = iter([Answer(503, header), Answer(200)])
    world.answer = lambda: next(replies)
    world.run(sink, 2 * wait_s)
    assert [t_s - T0_S for t_s, _ in world.tries] == [0.0, pytest.approx(wait_s, abs=1.0)]


def test_a_message_that_gets_too_old_is_given_up_aloud(make: Make, world: World) -> None:
    faults: list[Fault] = []
    sink = make(on_fault=faults.append, max_age_s=1800.0)
    world.answer = down
    sink.send(alert(1))
    world.run(sink, 2400.0)
    assert "not delivered within 0.5 h, at last: Connection refused" in faults[-1].what
    assert sink.delivery.step() == IDLE_S


def test_a_message_stored_long_ago_is_still_tried_first(make: Make, world: World) -> None:
    make().send(alert(1))
    world.now_s += 365 * 86_400.0
    world.run(make(), 1.0)
    assert world.ids == ["alert-1"]


def test_repeated_alerts_go_out_once_but_a_reused_id_is_not_swallowed(make: Make, world: World) -> None:
    sink = make()
    for event in (alert(1), alert(1), alert(1, "cleared"), dataclasses.replace(alert(1), risk=0.5)):
        sink.send(event)
        world.now_s += 1.0
    sink.send(dataclasses.replace(alert(1), risk=0.5))
    world.run(sink, 1.0)
    assert [(one["type"], one["data"]["risk"]) for one in world.arrived] == [
        ("alert.raised", 0.97),
        ("alert.cleared", 0.97),
        ("alert.raised", 0.5),
    ]
    assert len({one["key"] for one in world.arrived}) == 3


def test_it_survives_a_restart(make: Make, world: World) -> None:
    world.answer = down
    first = make()
    for number in range(3):
        first.send(alert(number))
    world.run(first, 10.0)
    first.close()
    world.answer = lambda: Answer(200)
    world.run(make(), 400.0)
    assert world.ids == ["alert-0", "alert-1", "alert-2"]


def test_two_processes_share_the_work_without_sending_twice(make: Make, world: World) -> None:
    sinks = [make(), make()]
    for number in range(20):
        sinks[number % 2].send(alert(number))
    for _ in range(20):
        for sink in sinks:
            sink.delivery.step()
    assert world.ids == [f"alert-{number}" for number in range(20)]


def test_a_try_whose_mark_was_lost_is_repeated_with_the_same_key(
    make: Make, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = make()
    sink.send(alert(1))
    with monkeypatch.context() as patch:

        def fails(*_: object, **__: object) -> None:
            raise SinkError("disk full")

        patch.setattr(Outbox, "delivered", fails)
        with pytest.raises(SinkError):
            sink.delivery.step()
    world.run(sink, 1.0)
    assert [one["key"] for one in world.arrived] == [idempotency_key("alert-1", "raised")] * 2


@pytest.mark.parametrize("seed", range(3))
def test_whatever_the_receiver_does_nothing_is_lost_or_out_of_order(make: Make, world: World, seed: int) -> None:
    rng = random.Random(seed)
    replies = [Answer(0), Answer(503, "7"), Answer(429), Answer(302), Answer(200)]

    def reply() -> Answer:
        answer = rng.choice(replies)
        return answer if answer.status else down()

    world.answer = reply
    sink = make(rng=rng)
    for number in range(12):
        sink.send(alert(number))
        world.run(sink, rng.uniform(0.0, 20.0))
        if rng.random() < 0.2:
            sink.close()
            sink = make(rng=rng)
    while len(world.arrived) < 12 and world.now_s < T0_S + 86_400.0:
        world.run(sink, 60.0)
    assert world.ids == [f"alert-{number}" for number in range(12)]


def test_a_full_outbox_is_an_error_of_send(make: Make, world: World) -> None:
    world.answer = down
    sink = make(max_rows=2)
    sink.send(alert(1))
    sink.send(alert(2))
    with pytest.raises(SinkError, match="full, 2 messages are not delivered"):
        sink.send(alert(3))


def test_an_event_that_cannot_be_written_is_a_sink_error(make: Make) -> None:
    with pytest.raises(SinkError, match="alert: a field"):
        make().send(dataclasses.replace(alert(1), t_us=1.5))  # type: ignore[arg-type]


def test_faults_go_out_on_request_but_never_the_sinks_own(make: Make, world: World) -> None:
    sinks: list[WebhookSink] = []

    def resend(fault: Fault) -> None:
        sinks[0].send(fault)

    sink = make(kinds=("alert", "fault"), on_fault=resend)
    sinks.append(sink)
    world.answer = lambda: Answer(404)
    sink.send(Fault(1, "detector mesh", "broke"))
    sink.send(Fault(1, "detector mesh", "broke"))
    world.run(sink, 100.0)
    assert len(world.tries) == 2


def test_close_says_what_is_left(make: Make, world: World) -> None:
    faults: list[Fault] = []
    world.answer = down
    sink = make(on_fault=faults.append)
    sink.send(alert(1))
    sink.close()
    sink.close()
    assert [fault.what for fault in faults] == [
        f"{sink.name}: 1 messages are not delivered yet and wait for the next start"
    ]
    with pytest.raises(SinkError):
        sink.send(alert(2))


def test_nothing_secret_or_personal_is_logged(make: Make, world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    replies: list[Callable[[], Answer]] = [down, lambda: Answer(404)]
    world.answer = lambda: replies.pop(0)()
    sink = make()
    sink.send(alert(1))
    world.run(sink, 10.0)
    assert len(caplog.records) == 2
    for word in ("guest", "s3cr3t", SECRET, "MfKQ9r8", "alert-1"):
        assert word not in caplog.text + sink.name + repr(sink)


def test_the_name_of_a_destination_is_its_host_and_a_hash() -> None:
    assert destination_name(URL).startswith("hooks.example-")
    assert destination_name(URL) != destination_name(URL + "x")


def test_describe_uses_no_foreign_text() -> None:
    assert describe(ConnectionRefusedError(111, "Connection refused")) == "Connection refused"
    assert describe(TimeoutError("timed out")) == "no answer in time"
    assert describe(ValueError("Invalid header value b'token'")) == "ValueError"


# --- the thread -----------------------------------------------------------------------------------------


def test_the_thread_delivers_and_close_waits_for_what_is_due(make: Make, world: World) -> None:
    sink = make(start=True)
    for number in range(5):
        sink.send(alert(number))
    sink.close()
    assert world.ids == [f"alert-{number}" for number in range(5)]


def test_close_does_not_wait_for_a_receiver_that_is_down(make: Make, world: World) -> None:
    world.answer = down
    sink = make(start=True)
    sink.send(alert(1))
    sink.close()
    assert not sink._thread.is_alive()
    assert len(world.tries) <= 1


def test_the_thread_outlives_a_broken_transport_and_a_broken_callback(make: Make) -> None:
    said = threading.Event()

    def broken(*_: object) -> Answer:
        raise KeyError("s3cr3t")

    def callback(fault: Fault) -> None:
        assert "unforeseen KeyError" in fault.what or "not delivered" in fault.what
        said.set()
        raise RuntimeError("callback")

    sink = make(start=True, transport=broken, on_fault=callback)
    sink.send(alert(1))
    assert said.wait(5.0)
    assert sink._thread.is_alive()
