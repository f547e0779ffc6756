"""One HTTP request and its answer for who waits on an event loop: TLS verified, nothing followed, bounded in time and bytes.

The standard library's client works in a thread of its own; who no longer waits cuts its socket off, so that neither an
answer that trickles in byte by byte nor a server that says nothing holds anybody up. No proxy is used.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import SplitResult

ANSWER_LIMIT_BYTES = 256 * 1024


class TooLongError(OSError):
    """An answer of more than `ANSWER_LIMIT_BYTES`."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said."""

    status: int
    body: bytes
    location: str | None = None
    retry_after: str | None = None


async def exchange(
    method: str, url: SplitResult, headers: Mapping[str, str], body: bytes | None, timeout_s: float
) -> Reply:
    """The answer. Raises OSError (a TimeoutError after `timeout_s`), HTTPException or ValueError when there is none."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Reply] = loop.create_future()

    def settle(outcome: Reply | Exception) -> None:
        if done.done():
            return
        if isinstance(outcome, Reply):
            done.set_result(outcome)
        else:
            done.set_exception(outcome)

    def tell(outcome: Reply | Exception) -> None:
        with suppress(RuntimeError):  # the loop has ended, and nobody waits any more
            loop.call_soon_threadsafe(settle, outcome)

    work = _Work(method, url, {"User-Agent": "liveguard", **headers}, body, timeout_s, tell)
    threading.Thread(target=work.run, name="liveguard-http", daemon=True).start()
    try:
        return await asyncio.wait_for(done, timeout_s)
    except asyncio.TimeoutError:
        raise TimeoutError(f"no answer within {timeout_s:g} s") from None
    finally:
        work.cut()


class _Work:
    """`run` is for one thread, `cut` for any."""

    def __init__(
        self,
        method: str,
        url: SplitResult,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout_s: float,
        tell: Callable[[Reply | Exception], None],
    ) -> None:
        self._method, self._url, self._headers, self._body = method, url, headers, body
        self._timeout_s, self._tell = timeout_s, tell
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._cut = False

    def run(self) -> None:
        try:
            self._tell(self._exchange())
        except (OSError, HTTPException, ValueError) as error:
            self._tell(error)

    def cut(self) -> None:
        """End the exchange, if it is still going on."""
        with self._lock:  # the socket is not closed meanwhile: its number is soon another's
            self._cut = True
            if self._socket is not None:
                with suppress(OSError):
                    # The base class's method: SSLSocket.shutdown would drop TLS under the other thread's feet.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _exchange(self) -> Reply:
        connection, response = self._connection(), None
        try:
            connection.connect()
            with self._lock:
                if self._cut:
                    raise OSError("not wanted any more")
                self._socket = connection.sock
            target = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
            connection.request(self._method, target, self._body, dict(self._headers))
            response = connection.getresponse()
            body = _read(response)
            return Reply(response.status, body, response.getheader("Location"), response.getheader("Retry-After"))
        finally:
            with self._lock:
                self._socket = None
            if response is not None:
                response.close()
            connection.close()

    def _connection(self) -> HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "http":
            return HTTPConnection(host, port, timeout=self._timeout_s)
        return HTTPSConnection(host, port, timeout=self._timeout_s, context=ssl.create_default_context())


def _read(response: HTTPResponse) -> bytes:
    body = response.read(ANSWER_LIMIT_BYTES + 1)
    if len(body) > ANSWER_LIMIT_BYTES:
        raise TooLongError(f"the answer is longer than {ANSWER_LIMIT_BYTES // 1024} kB")
    if response.length:  # http.client says nothing when it asked for more than there was
        raise HTTPException("the answer breaks off")
    return body
