"""The HTTP side of WHEP (draft-ietf-wish-whep): an offer goes to the endpoint, an answer comes back with the address at which
the subscription is ended. Messages never hold the login, the query or what the server wrote."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.parse import SplitResult

from liveguard.errors import InputError
from liveguard.retry_after import retry_after_s
from liveguard.rtc.http_exchange import Reply, TooLongError, exchange
from liveguard.rtc.whep_url import Endpoint, follow, same_place

log = logging.getLogger(__name__)
REQUEST_S = 10.0  # for all of it, with redirects
END_S = 3.0
MOST_REDIRECTS = 3
MOST_RETRY_AFTER_S = 300.0
_NO_STREAM = "there is no such stream, or nobody sends to it now"
_CODECS = "it should offer VP8 or H.264 pictures, and Opus, G.722 or G.711 sound"
_STATUSES = {
    400: f"the server does not take the offer: {_CODECS}",
    401: "the server wants a login: give --token or LIVEGUARD_WHEP_TOKEN, or user:password@ in the URL",
    403: "the login does not allow this stream",
    404: f"{_NO_STREAM}: check the path",
    405: "the path is not a WHEP endpoint",
    406: f"the server does not take the offer: {_CODECS}",
    409: _NO_STREAM,
    410: _NO_STREAM,
    415: "the path is not a WHEP endpoint",
    422: f"the server does not take the offer: {_CODECS}",
    429: "the server refuses more requests for now",
    503: "the server has no room, or is not ready",
}


class WhepError(InputError):
    """A subscription that did not come about; `retry_after_s` is how long the server asks to wait."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Subscription:
    """The answer, and where the subscription is ended (None: the server did not say)."""

    answer: str
    url: SplitResult | None = field(repr=False)
    with_login: bool


class WhepClient:
    """For the event loop. The login goes to the place that it was given for, and to the session that this one names; not to
    where a redirect leads outside."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.name, self._endpoint = endpoint.name, endpoint

    async def subscribe(self, offer: str) -> Subscription:
        """The answer to an offer. Raises WhepError."""
        url, with_login, until_s = self._endpoint.url, True, time.monotonic() + REQUEST_S
        for _ in range(MOST_REDIRECTS + 1):
            reply = await self._post(url, with_login, offer, max(until_s - time.monotonic(), 0.1))
            if reply.status not in (307, 308):
                break
            target = follow(url, reply.location)
            if target is None:
                raise WhepError(f"{self.name}: a redirect leads to an address that is not https, nor on the same host")
            with_login = with_login and same_place(self._endpoint.url, target)
            url = target
        else:
            raise WhepError(f"{self.name}: more than {MOST_REDIRECTS} redirects")
        if reply.status not in (200, 201):
            raise self._refused(reply)
        return Subscription(reply.body.decode("utf-8", "replace"), follow(url, reply.location), with_login)

    async def end(self, subscription: Subscription) -> None:
        """Tell the server that nobody watches any more; where that fails, it will notice by itself."""
        if subscription.url is None:
            return
        try:
            headers = self._headers(subscription.with_login)
            reply = await exchange("DELETE", subscription.url, headers, None, END_S)
        except (OSError, HTTPException, ValueError) as error:
            log.debug("%s: the subscription could not be ended (%s)", self.name, type(error).__name__)
        else:
            log.debug("%s: the subscription was ended (status %d)", self.name, reply.status)

    async def _post(self, url: SplitResult, with_login: bool, offer: str, timeout_s: float) -> Reply:
        headers = {**self._headers(with_login), "Content-Type": "application/sdp", "Accept": "application/sdp"}
        try:
            return await exchange("POST", url, headers, offer.encode(), timeout_s)
        except (OSError, HTTPException, ValueError) as error:
            raise WhepError(f"{self.name}: {_say(error)}") from error

    def _headers(self, with_login: bool) -> dict[str, str]:
        authorization = self._endpoint.authorization
        return {"Authorization": authorization} if with_login and authorization else {}

    def _refused(self, reply: Reply) -> WhepError:
        what = _STATUSES.get(reply.status)
        if what is None:
            failed = reply.status >= 500
            what = (
                "the server failed: try again later" if failed else "the server does not answer as a WHEP endpoint does"
            )
        wait_s = _asked_s(reply.retry_after)
        ask = "" if wait_s is None else f"; it asks to wait {wait_s:g} s"
        return WhepError(f"{self.name}: {what} (status {reply.status}){ask}", wait_s)


def _asked_s(header: str | None) -> float | None:
    """How long the server asks to wait, at most 300 s."""
    asked_s = retry_after_s(header, time.time())
    return None if asked_s is None else min(round(asked_s), MOST_RETRY_AFTER_S)


def _say(error: Exception) -> str:
    """The reason in a few words, without the address."""
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "the server did not answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return "no secure connection: is it https at all?"
    if isinstance(error, TooLongError):
        return f"the server's answer cannot be used: {error}"
    if isinstance(error, OSError):
        return f"the server cannot be reached ({(error.strerror or type(error).__name__).lower()})"
    return f"the server does not speak HTTP ({type(error).__name__})"
