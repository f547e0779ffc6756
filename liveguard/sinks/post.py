"""One HTTP POST over the standard library: TLS verified, no redirect followed, bounded in time and in bytes.

`http.client` instead of `urllib.request`: it follows nothing by itself and gives us the socket, which is what
bounds an answer that trickles in one byte at a time. HTTPS goes through the proxy in `https_proxy`, if there
is one.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from liveguard.errors import ConfigError
from liveguard.hosts import is_loopback

ANSWER_LIMIT_BYTES = 16 * 1024
DEFAULT_TIMEOUT_S = 10.0
_OURS = ("webhook-", "content-", "host", "transfer-encoding", "connection")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other end said; its body is not kept."""

    status: int
    retry_after: str | None = None


class Transport(Protocol):
    """Posts one body; raises `OSError`, `HTTPException` or `ValueError` when there is no answer."""

    def __call__(self, body: bytes, headers: Mapping[str, str]) -> Answer: ...


def parse_url(url: str, *, allow_insecure: bool = False) -> SplitResult:
    """The URL's parts; `ConfigError` unless it is https, or http to this machine, or `allow_insecure`.

    No message quotes more than scheme and host: the path and query of a webhook are often its password.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigError("webhook url: not a URL") from None
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ConfigError("webhook url: only printable ASCII without spaces is allowed")
    if parts.scheme not in ("https", "http") or not host:
        raise ConfigError("webhook url: https://host/... is expected")
    if parts.username is not None or parts.password is not None:
        raise ConfigError("webhook url: no user name or password in a URL; use the `headers` setting")
    if parts.scheme == "http" and not (allow_insecure or is_loopback(host)):
        raise ConfigError(f"webhook url: http to {host} is readable on the way; use https or allow_insecure")
    return parts


def check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """A copy of the extra headers; `ConfigError`, quoting names only, if one is malformed or ours to set."""
    for name, value in headers.items():
        token = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
        if not token or name.lower().startswith(_OURS):
            raise ConfigError(f"webhook headers: {name[:40]!r} is not allowed")
        if not (value.isascii() and value.isprintable()):
            raise ConfigError(f"webhook headers: the value of {name!r} is not printable ASCII")
    return dict(headers)


class HttpPost:
    """Posts to one URL, a new connection each time. Any thread may call it."""

    def __init__(self, url: SplitResult, *, headers: Mapping[str, str], timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self._url = url
        self._headers = {"User-Agent": "liveguard", **headers}
        self._timeout_s = timeout_s
        self._target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self._tls = ssl.create_default_context() if url.scheme == "https" else None

    def __call__(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The answer's status, after at most `timeout_s` to connect and `timeout_s` for the exchange."""
        connection = self._connection()
        with contextlib.closing(connection):
            connection.connect()
            with _Deadline(connection.sock, self._timeout_s):
                connection.request("POST", self._target, body, {**self._headers, **headers})
                with connection.getresponse() as response:
                    # The status says it all; the body is read, within bounds, only to let the other end
                    # finish.
                    with contextlib.suppress(OSError, HTTPException, ValueError):
                        response.read(ANSWER_LIMIT_BYTES)
                    return Answer(response.status, response.getheader("Retry-After"))

    def _connection(self) -> HTTPConnection:
        host = self._url.hostname or ""
        if self._tls is None:
            return HTTPConnection(host, self._url.port, timeout=self._timeout_s)
        port = self._url.port or 443
        proxy = _proxy_for(host)
        if proxy is None:
            return HTTPSConnection(host, port, timeout=self._timeout_s, context=self._tls)
        # The proxy sees a CONNECT and then only what TLS to the receiver lets it see.
        tunnel = HTTPSConnection(proxy.hostname or "", proxy.port or 8080, timeout=self._timeout_s, context=self._tls)
        tunnel.set_tunnel(host, port, headers=_proxy_login(proxy))
        return tunnel


class _Deadline:
    """Cuts a socket off after `seconds`, so that no number of small reads can outlast it."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._sock = sock
        self._seconds = seconds
        self._passed = False
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def _cut(self) -> None:
        self._passed = True
        with contextlib.suppress(OSError):
            # The base class's method: SSLSocket.shutdown() would drop TLS first, under the other thread's
            # feet.
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: object) -> None:
        self._timer.cancel()
        self._timer.join()  # a cut in progress must not outlive the socket, whose number is soon another's
        if self._passed and exc is not None:
            raise TimeoutError(f"no answer within {self._seconds:g} s") from exc


def _proxy_for(host: str) -> SplitResult | None:
    proxy = getproxies().get("https")
    if not proxy or is_loopback(host) or proxy_bypass(host):
        return None
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}")


def _proxy_login(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(login.encode()).decode("ascii")}
