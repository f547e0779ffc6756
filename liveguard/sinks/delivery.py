"""Takes messages out of an outbox and gets them to one receiver: one try at a time, in order, with patience.

After a failed try the message waits for a random share of a span that doubles from `base_s` to `cap_s`
(exponential back-off with full jitter), or for as long as the receiver asks. What cannot succeed by waiting
is buried and said.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException

from liveguard.errors import ConfigError
from liveguard.outbox import MAX_WAIT_US, Outbox, Parcel
from liveguard.retry_after import retry_after_s
from liveguard.sinks.post import Answer, Transport

RETRIED_4XX = frozenset((408, 409, 425, 429))
"""Refusals that waiting can heal; any other 4xx is final."""
IDLE_S = 30.0
"""How often an empty outbox is looked at, for what another process left behind."""

Sign = Callable[[str, int, bytes], Mapping[str, str]]
"""(message id, Unix time in s, body) -> headers of one try."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait after failed tries, in seconds.

    `floor_s` is the shortest wait: with jitter alone a dead receiver could be hit several times in a row.
    """

    base_s: float = 1.0
    cap_s: float = 300.0
    floor_s: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.floor_s <= self.base_s <= self.cap_s <= MAX_WAIT_US / 1e6:
            raise ConfigError("back-off: 0 < floor_s <= base_s <= cap_s <= 3600 is needed")

    def wait_s(self, tries: int, rng: random.Random) -> float:
        """The wait after that many tries."""
        # The exponent is bounded: 2.0**1024 would overflow after some weeks of trying.
        span_s = min(self.cap_s, self.base_s * 2.0 ** min(tries, 32))
        return max(self.floor_s, rng.uniform(0.0, span_s))


class Delivery:
    """The deliverer of one destination. No thread of its own: `step` is called again and again by one thread.

    A message that fails when it is older than `give_up_s` is buried. `clock` gives Unix time in seconds.
    `report(what)` is called on the same thread when a receiver stops answering and when a message is given
    up; what it says holds no URL, header or body.
    """

    def __init__(
        self,
        outbox: Outbox,
        destination: str,
        transport: Transport,
        sign: Sign,
        *,
        clock: Callable[[], float],
        rng: random.Random,
        report: Callable[[str], None],
        backoff: Backoff | None = None,
        lease_s: float = 30.0,
        give_up_s: float = 7 * 86_400.0,
    ) -> None:
        self._outbox = outbox
        self._destination = destination
        self._transport = transport
        self._sign = sign
        self._clock = clock
        self._rng = rng
        self._report = report
        self._backoff = backoff or Backoff()
        self._lease_us = int(lease_s * 1e6)
        self._give_up_s = give_up_s
        self._failing = False

    def step(self) -> float:
        """Try the oldest message once if it is due; return after how many seconds to call again (0: at once).

        Raises `SinkError` when the outbox itself cannot be read or written.
        """
        parcel = self._outbox.claim(self._destination, now_us=self._now_us(), lease_us=self._lease_us)
        if parcel is None:
            return IDLE_S
        if isinstance(parcel, int):
            return min(parcel / 1e6, IDLE_S)
        try:
            answer = self._post(parcel)
        except (OSError, HTTPException, ValueError) as exc:
            self._try_later(parcel, describe(exc), 0.0)
        else:
            self._settle(parcel, answer)
        return 0.0

    def _now_us(self) -> int:
        return int(self._clock() * 1e6)

    def _post(self, parcel: Parcel) -> Answer:
        # Signed anew for each try: receivers refuse old time stamps.
        headers = self._sign(parcel.key, int(self._clock()), parcel.body)
        return self._transport(parcel.body, {"Content-Type": "application/json", **headers})

    def _settle(self, parcel: Parcel, answer: Answer) -> None:
        status = answer.status
        if 200 <= status < 300:
            self._outbox.delivered(parcel, now_us=self._now_us())
            self._failing = False
        elif 400 <= status < 500 and status not in RETRIED_4XX:
            self._give_up(parcel, f"refused with HTTP {status}")
        else:
            # A 3xx is not followed; it is retried, because nothing says that the message was refused.
            asked_s = retry_after_s(answer.retry_after, self._clock()) or 0.0
            self._try_later(parcel, f"HTTP {status}", asked_s)

    def _try_later(self, parcel: Parcel, why: str, asked_s: float) -> None:
        now_us = self._now_us()
        if now_us - parcel.stored_us >= self._give_up_s * 1e6:
            hours = self._give_up_s / 3600
            self._give_up(parcel, f"not delivered within {hours:.3g} h, at last: {why}")
            return
        wait_s = max(self._backoff.wait_s(parcel.tries, self._rng), asked_s)
        self._outbox.retry(parcel, due_us=now_us + min(int(wait_s * 1e6), MAX_WAIT_US))
        if not self._failing:  # said once an outage, not once a try
            self._failing = True
            self._report(f"{self._destination}: no delivery ({why}); alerts are kept and tried again")

    def _give_up(self, parcel: Parcel, why: str) -> None:
        self._outbox.bury(parcel, why, now_us=self._now_us())
        self._report(f"{self._destination}: message {parcel.key} was given up, {why}; it is kept as dead")


def describe(exc: Exception) -> str:
    """Why there was no answer, in a word or two of our own: an exception may quote headers or the URL."""
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return type(exc).__name__
