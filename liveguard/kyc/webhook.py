"""Results to the server's webhook: stored before they are sent, at least once, signed, as alerts are.

The body is `{"type": "proof.finished", "timestamp": ..., "data": {"id", "verdict", "reasons", "report_hash"}}`, the headers are
those of Standard Webhooks, and `webhook-id` is the same however often one result is sent. The address is a setting of the
server's; nobody who opens a proof can name another.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from liveguard.errors import SinkError
from liveguard.kyc.archive import ProofArchive
from liveguard.kyc.errors import ReportError
from liveguard.kyc.report import read
from liveguard.kyc.tables import Proof
from liveguard.outbox import Outbox
from liveguard.sinks.signing import Secret
from liveguard.sinks.webhook import WebhookSink, destination_name, idempotency_key

log = logging.getLogger(__name__)

FINISHED: Final = "proof.finished"
OUTBOX_NAME: Final = "proof-outbox.sqlite"
"""Beside the database of the server."""


class ProofWebhook(WebhookSink):
    """Delivers results on a thread of its own. `notify` may be called from any thread, `close` from one, and `send` not at all.

    All of `WebhookSink`'s options are options here.
    """

    def __init__(
        self,
        url: str,
        *,
        secrets: Secret | Sequence[Secret],
        outbox: str | Path,
        allow_insecure: bool = False,
        **options: Any,
    ) -> None:
        """Raises ConfigError for a URL or secret that is not allowed, SinkError if the outbox cannot be opened."""
        # Alerts may go to the same receiver from the same file, with another secret: their messages are not ours to send.
        options.setdefault("name", f"proofs-{destination_name(url)}")
        super().__init__(url, secrets=secrets, outbox=outbox, allow_insecure=allow_insecure, **options)

    def notify(self, proof: str, verdict: str, reasons: Sequence[str], report_hash: str) -> None:
        """Store the result; once this has returned, it will be delivered whatever happens to the process.

        May be called again for the same proof: a receiver hears of it under the same `webhook-id`. SinkError if it could not
        be stored.
        """
        data = {"id": proof, "verdict": verdict, "reasons": list(reasons), "report_hash": report_hash}
        now_s = self._clock()
        at = datetime.fromtimestamp(now_s, timezone.utc).isoformat().replace("+00:00", "Z")
        body = json.dumps({"type": FINISHED, "timestamp": at, "data": data}, separators=(",", ":")).encode()
        same = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).digest()
        key = idempotency_key(proof, FINISHED)
        if self._outbox.put(self.name, key, body, fingerprint=same, now_us=int(now_s * 1e6)) == "clash":
            raise SinkError(f"{self.name}: another result of this proof was sent before")
        self._wake.set()

    def forget(self, proof: str) -> None:
        """Take the result back, unless it was sent already. Raises SinkError."""
        self._outbox.forget([idempotency_key(proof, FINISHED)])


def forget(outbox: Path | None, proofs: Sequence[str]) -> None:
    """Take results out of the file, wherever they were to go: those that wait, and those that were given up or sent.

    Raises SinkError.
    """
    if outbox is None or not proofs or not outbox.is_file():
        return
    with closing(Outbox(outbox)) as opened:
        opened.forget([idempotency_key(proof, FINISHED) for proof in proofs])


def tell(store: ProofArchive, webhook: ProofWebhook, now: datetime) -> int:
    """Hand all results that were not told yet to the webhook; returns how many there were.

    To be called when a proof is finished and when the server starts: a result that was stored just before a crash is told
    then. SinkError if one could not be handed over; it is told the next time.
    """
    count = 0
    for proof in store.untold():
        if proof.report is not None:
            _tell_one(webhook, proof, proof.report)
        if not store.told(proof.id, now):  # erased meanwhile
            webhook.forget(proof.id)
        count += 1
    return count


def _tell_one(webhook: ProofWebhook, proof: Proof, report: bytes) -> None:
    try:
        found = read(report)
    except ReportError as error:  # damaged on the disk; the verdict is still to be told
        log.warning("proof webhook: a stored report does not verify: %s", error)
        webhook.notify(proof.id, proof.verdict or "", (), hashlib.sha256(report).hexdigest())
    else:
        webhook.notify(proof.id, found.verdict, found.reasons, found.report_hash)
