"""The HTTP client against receivers that misbehave, over a real socket of this machine."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

import pytest

from liveguard.sinks.post import Answer, HttpPost, parse_url


def _read_request(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    # Headers and body may come in two pieces; what is not HTTP is left to the test.
    while data.startswith(b"POST") and not data.endswith(b"{}"):
        data += connection.recv(65_536)
    return data


@contextmanager
def receiver(*parts: bytes, pause_s: float = 0.0) -> Iterator[tuple[int, list[bytes]]]:
    """Answer each connection with these bytes, pausing after each; gives the port and the requests it got."""
    requests: list[bytes] = []
    stop = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                requests.append(_read_request(connection))
                try:
                    for part in parts:
                        connection.sendall(part)
                        if stop.wait(pause_s):
                            return
                except OSError:  # cut off by the client: that is what is tested
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1], requests
    finally:
        stop.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5.0)


def post(port: int, timeout_s: float = 5.0, scheme: str = "http") -> Answer:
    url = parse_url(f"{scheme}://127.0.0.1:{port}/hook?token=1")
    return HttpPost(url, headers={"X-Extra": "1"}, timeout_s=timeout_s)(b"{}", {"webhook-id": "msg_1"})


def test_one_request_with_its_headers_and_body() -> None:
    with receiver(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n") as (port, requests):
        assert post(port) == Answer(202)
    [request] = requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook?token=1 HTTP/1.1\r\n")
    assert body == b"{}"
    for line in (b"webhook-id: msg_1", b"X-Extra: 1", b"User-Agent: liveguard", b"Content-Length: 2"):
        assert line in head.split(b"\r\n")


def test_a_redirect_is_not_followed() -> None:
    with receiver(b"HTTP/1.1 200 OK\r\n\r\n") as (other, requests):
        moved = f"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:{other}/\r\nContent-Length: 0\r\n\r\n"
        with receiver(moved.encode()) as (port, _):
            assert post(port).status == 307
    assert requests == []


def test_the_wish_to_wait_is_passed_on() -> None:
    with receiver(b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n") as (port, _):
        assert post(port) == Answer(503, "7")


def test_an_endless_body_is_not_read_to_its_end() -> None:
    with receiver(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 65_536] * 2000) as (port, _):
        began = time.monotonic()
        assert post(port).status == 200
        assert time.monotonic() - began < 3.0


def test_an_answer_that_trickles_in_is_cut_off() -> None:
    # Each byte comes well within the time-out of one read.
    with receiver(*[b"H", b"T"] * 100, pause_s=0.05) as (port, _):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            post(port, timeout_s=0.4)
        assert time.monotonic() - began < 2.0


def test_silence_is_a_time_out() -> None:
    with receiver(b"", pause_s=5.0) as (port, _), pytest.raises(TimeoutError):
        post(port, timeout_s=0.2)


@pytest.mark.parametrize(
    "reply", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200]
)
def test_what_is_no_answer_is_an_error_that_is_retried(reply: bytes) -> None:
    with receiver(reply) as (port, _), pytest.raises((OSError, HTTPException, ValueError)):
        post(port)


def test_https_to_something_that_does_not_speak_tls() -> None:
    with receiver(b"HTTP/1.1 200 OK\r\n\r\n") as (port, requests), pytest.raises(ssl.SSLError):
        post(port, scheme="https")
    assert b"msg_1" not in b"".join(requests)
