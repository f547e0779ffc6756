"""What `liveguard serve` can be told."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiortc import RTCIceServer

from liveguard.config import Config
from liveguard.errors import ConfigError
from liveguard.hosts import is_loopback
from liveguard.kyc.webhook import ProofWebhook
from liveguard.server.defaults import HOST, KEEP_DAYS, MAX_SESSIONS, PORT

MOST_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """`database`: a file, or a URL of SQLAlchemy. `ice_addresses` None: all of this machine's, and loopback.

    `origins`: web pages of other hosts that may use the API. `linger_s`: how long a participant who has lost the
    connection may stay away before the session ends. `proof_key`: the file of the key that signs the reports of
    liveness sessions; `proof_webhook`: where results are sent, signed
    with `proof_secret`, by way of the file `proof_outbox`.
    """

    config: Config = field(default_factory=Config)
    host: str = HOST
    port: int = PORT
    token: str = ""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    origins: tuple[str, ...] = ()
    ice_addresses: tuple[str, ...] | None = None
    ice_servers: tuple[RTCIceServer, ...] = ()
    browser_ice_servers: tuple[Mapping[str, Any], ...] = ()
    database: str = ""
    max_sessions: int = MAX_SESSIONS
    linger_s: float = 30.0
    keep_days: float = KEEP_DAYS
    proof_key: Path | None = None
    proof_webhook: str = ""
    proof_secret: str = field(default="", repr=False)
    proof_outbox: Path | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise ConfigError(f"port {self.port}: allowed are 0 to 65535")
        if not 1 <= self.max_sessions <= 64:
            raise ConfigError(f"max-sessions {self.max_sessions}: allowed are 1 to 64")
        if not 0 < self.keep_days <= MOST_DAYS:
            raise ConfigError(f"keep-days {self.keep_days:g}: allowed are more than 0, and at most {MOST_DAYS}")
        if not self.token and not is_loopback(self.host):
            raise ConfigError(f"host {self.host} can be reached from other machines, so a token is needed")
        if self.token and not (16 <= len(self.token) <= 256 and _plain(self.token)):
            raise ConfigError("token: allowed are 16 to 256 letters, digits, '-' and '_'")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ConfigError("tls-cert and tls-key go together")

    def open_proof_webhook(self) -> ProofWebhook | None:
        """Where results of liveness sessions go; the caller closes it. Raises ConfigError, SinkError."""
        if not self.proof_webhook:
            return None
        if not self.proof_secret or self.proof_outbox is None:
            raise ConfigError("proof-webhook: it needs a secret (LIVEGUARD_PROOF_SECRET) and a database in a file")
        return ProofWebhook(self.proof_webhook, secrets=self.proof_secret, outbox=self.proof_outbox)

    @property
    def url(self) -> str:
        everywhere = self.host in ("0.0.0.0", "::")
        host = socket.gethostname() if everywhere else f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_cert else 'http'}://{host}:{self.port}/"


def _plain(token: str) -> bool:
    """It must fit into a header and into a subprotocol of a WebSocket."""
    return all(char.isascii() and (char.isalnum() or char in "-_") for char in token)
