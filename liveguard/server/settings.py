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
from liveguard.server.public_url import PublicUrl

MOST_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """`token`: for all of it; `publish_token`: for publishing by WHIP and no more. `database`: a file, or a URL of SQLAlchemy.
    `ice_addresses` None: all of this machine's, and loopback.

    `public_url`: how browsers reach this server where that is not `url`. `origins`: web pages of other hosts that may use
    the API. `linger_s`: how long a participant who has lost the connection may stay away before the session ends.
    `proof_key`: the file of the key that signs the reports of liveness sessions; `proof_webhook`: where results are sent,
    signed with `proof_secret`, by way of the file `proof_outbox`.
    """

    config: Config = field(default_factory=Config)
    host: str = HOST
    port: int = PORT
    public_url: PublicUrl | None = None
    token: str = ""
    publish_token: str = ""
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
        for host in self.hosts:
            if not self.token and not is_loopback(host):
                raise ConfigError(f"host {host} can be reached from other machines, so a token is needed")
        for name, token in (("token", self.token), ("publish-token", self.publish_token)):
            if token and not (16 <= len(token) <= 256 and _plain(token)):
                raise ConfigError(f"{name}: allowed are 16 to 256 letters, digits, '-' and '_'")
        if self.publish_token and not self.token:
            raise ConfigError("publish-token: without a token anybody may publish: give --token, too")
        if self.publish_token and self.publish_token == self.token:
            raise ConfigError("publish-token: it opens less than the token, so it must be another one")
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
    def hosts(self) -> tuple[str, ...]:
        """Where it can be reached."""
        return (self.host,) if self.public_url is None else (self.host, self.public_url.host)

    @property
    def link_url(self) -> str:
        """What links for other people begin with."""
        return self.url if self.public_url is None else f"{self.public_url.origin}/"

    @property
    def url(self) -> str:
        """Where it listens."""
        everywhere = self.host in ("0.0.0.0", "::")
        host = socket.gethostname() if everywhere else f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_cert else 'http'}://{host}:{self.port}/"


def _plain(token: str) -> bool:
    """It must fit into a header and into a subprotocol of a WebSocket."""
    return all(char.isascii() and (char.isalnum() or char in "-_") for char in token)
