"""Alerts to an HTTPS receiver: stored before they are sent, at least once, in order, signed.

The body is `{"type": "alert.raised", "timestamp": "2025-...Z", "data": {...}}` with the event as
`liveguard.wire` writes it, from a server with its `origin`; the headers are those of Standard Webhooks.
`webhook-id` is the idempotency key: a receiver that has seen it skips the message.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from liveguard import wire
from liveguard.errors import ConfigError, SinkError
from liveguard.outbox import Outbox
from liveguard.sinks import signing
from liveguard.sinks.delivery import Backoff, Delivery
from liveguard.sinks.post import DEFAULT_TIMEOUT_S, HttpPost, Transport, check_headers, parse_url
from liveguard.types import Alert, Event, Fault

log = logging.getLogger(__name__)

TROUBLE_WAIT_S = 5.0
"""Pause of the delivery thread when the outbox cannot be used, or something unforeseen happened."""


def idempotency_key(alert_id: str, state: str, salt: str = "") -> str:
    """The `webhook-id` of an alert: 128 bits of a hash, so no alert id can break a header or signature."""
    parts = json.dumps([alert_id, state, salt]).encode("ascii")
    return "msg_" + hashlib.sha256(parts).hexdigest()[:32]


def destination_name(url: str) -> str:
    """A name for logs and for the outbox's rows: the host and a hash, as a URL's path may be a password."""
    host = parse_url(url, allow_insecure=True).hostname or ""
    return f"{host}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"


class WebhookSink:
    """Stores events of `kinds` on the caller's thread and delivers them on one thread of its own.

    Any thread may call `send`, one `close`. `outbox` is a file, which other sinks and processes may share; two
    sinks with the same `name` and file share their messages. The default name changes with the URL, and what
    is pending under an old name stays there. `secrets`: `whsec_...` or raw bytes, the newest first.
    What is owed from before goes out first, also what was given up, unless it is older than `max_age_s`.
    `on_fault` is called, on either thread, when a receiver stops answering, when a message is put aside or given
    up and when `close` leaves some behind; its `t_us` is the time of the latest event that was sent.
    """

    def __init__(
        self,
        url: str,
        *,
        secrets: signing.Secret | Sequence[signing.Secret],
        outbox: str | Path,
        name: str | None = None,
        kinds: Collection[str] = ("alert",),
        headers: Mapping[str, str] | None = None,
        allow_insecure: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        backoff: Backoff | None = None,
        lease_s: float = 30.0,
        drain_s: float = 5.0,
        max_rows: int = 10_000,
        max_age_s: float = 7 * 86_400.0,
        on_fault: Callable[[Fault], None] | None = None,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
        start: bool = True,
    ) -> None:
        """Times in seconds. `max_age_s`: for how long to try, and then to remember what became of a message.

        `lease_s`: for how long a message that is being sent is closed to other processes, so it should
        outlast a try (`timeout_s` each to connect, for TLS and for the exchange). `start=False` leaves out
        the thread, for tests that call `delivery.step()` themselves. `ConfigError` if a setting is not
        allowed, `SinkError` if the outbox cannot be opened.
        """
        parts = parse_url(url, allow_insecure=allow_insecure)
        extra = check_headers(headers or {})
        keys = _keys(secrets)
        self._kinds = _check_kinds(kinds)
        self.name = name or destination_name(url)
        self._clock = clock
        self._on_fault = on_fault
        self._drain_s = drain_s
        self._timeout_s = timeout_s
        self._t_us = 0
        self._where = f"webhook {self.name}"
        self._trouble = ""
        self._outbox = Outbox(outbox, max_rows=max_rows, max_age_s=max_age_s)
        self._outbox.revive(self.name, now_us=int(clock() * 1e6))
        self.delivery = Delivery(
            self._outbox,
            self.name,
            transport or HttpPost(parts, headers=extra, timeout_s=timeout_s),
            lambda key, t_s, body: signing.headers(keys, key, t_s, body),
            clock=clock,
            rng=rng or random.Random(),
            report=self._fault,
            backoff=backoff,
            lease_s=lease_s,
            give_up_s=max_age_s,
        )
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"webhook {self.name}", daemon=True)
        if start:
            self._thread.start()

    def send(self, event: Event) -> None:
        """Store the event; once this has returned, it will be delivered whatever happens to the process.

        `SinkError` if it could not be stored: the outbox is full or broken, or the sink is closed.
        """
        try:
            kind = wire.kind(event)
            if kind not in self._kinds or self._is_own(event):
                return
            data = wire.to_dict(event)
        except wire.WireError as exc:
            raise SinkError(f"{self.name}: {exc}") from exc
        if isinstance(event, Alert | Fault):
            self._t_us = event.t_us
        self._store(event, kind, data)
        self._wake.set()

    def close(self) -> None:
        """Stop. What is due goes out first, for at most `drain_s` and one try; the rest waits in the file."""
        if self._closing:
            return
        self._closing = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(self._drain_s + 3 * self._timeout_s)
        try:
            pending = self._outbox.counts(self.name)["pending"]
        finally:
            self._outbox.close()
        if pending:
            self._fault(f"{self.name}: {pending} messages are not delivered yet and wait for the next start")

    def _is_own(self, event: Event) -> bool:
        # A fault about this sink must not go through it: given up, each would cause the next one.
        return isinstance(event, Fault) and event.where == self._where

    def _store(self, event: Event, kind: str, data: Mapping[str, object]) -> None:
        now_s = self._clock()
        topic = f"{kind}.{event.state}" if isinstance(event, Alert) else kind
        stamp = datetime.fromtimestamp(now_s, timezone.utc).isoformat().replace("+00:00", "Z")
        body = json.dumps({"type": topic, "timestamp": stamp, "data": data}, separators=(",", ":")).encode()
        fingerprint = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).digest()
        for key in _possible_keys(event, fingerprint):
            put = self._outbox.put(self.name, key, body, fingerprint=fingerprint, now_us=int(now_s * 1e6))
            if put != "clash":
                return
        raise SinkError(f"{self.name}: an alert's key is taken by another one")

    def _fault(self, what: str) -> None:
        log.warning("%s", what)
        if self._on_fault is not None:
            try:
                self._on_fault(Fault(self._t_us, self._where, what))
            except Exception:  # a sink of faults in the caller's hands: the delivery thread must outlive it
                log.exception("%s: on_fault failed", self.name)

    def _run(self) -> None:
        deadline_s: float | None = None
        while True:
            wait_s = self._step()
            if self._closing:
                deadline_s = deadline_s or time.monotonic() + self._drain_s
                if wait_s > 0 or time.monotonic() >= deadline_s:
                    return
            elif wait_s > 0:
                self._wake.wait(wait_s)
                self._wake.clear()

    def _step(self) -> float:
        try:
            wait_s = self.delivery.step()
            self._trouble = ""
            return wait_s
        except SinkError as exc:
            trouble = f"{self.name}: {exc}"
        except Exception as exc:  # noqa: BLE001  the thread must outlive a defect, here or in a transport
            trouble = f"{self.name}: unforeseen {type(exc).__name__}; alerts are kept and tried again"
        if trouble != self._trouble:  # said once, not every few seconds
            self._trouble = trouble
            self._fault(trouble)
        return TROUBLE_WAIT_S


def _keys(secrets: signing.Secret | Sequence[signing.Secret]) -> list[bytes]:
    several = [secrets] if isinstance(secrets, str | bytes) else list(secrets)
    if not several:
        raise ConfigError("webhook: a secret is needed")
    return [signing.parse_secret(secret) for secret in several]


def _check_kinds(kinds: Collection[str]) -> frozenset[str]:
    wanted = frozenset(kinds)
    if not wanted or not wanted <= wire.KINDS:
        raise ConfigError(f"webhook kinds: one or more of {', '.join(sorted(wire.KINDS))} are allowed")
    return wanted


def _possible_keys(event: Event, fingerprint: bytes) -> tuple[str, ...]:
    """Keys to try in turn: an alert whose id another one has used must not vanish as its repetition."""
    if isinstance(event, Alert):
        salted = idempotency_key(event.id, event.state, fingerprint.hex())
        return idempotency_key(event.id, event.state), salted
    return ("msg_" + uuid.uuid4().hex,)  # nothing else names the event for good
