"""The tables of proofs, beside those of the store, and how a row becomes a `Proof`.

An erased proof keeps its id and times; all other columns are empty then, which is why they may be.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, Row, String, Table

from liveguard.challenge.policy import ProofPolicy
from liveguard.utc import at_of

PROOFS_VERSION: Final = "2"
OLDER_VERSIONS: Final = frozenset({"1"})  # "1" had no `own_needs`
ID_LENGTH: Final = 64
WORD_LENGTH: Final = 32
HASH_LENGTH: Final = 64
POLICY_LENGTH: Final = 2000

ProofState: TypeAlias = Literal["waiting", "redeemed", "running", "done", "expired", "erased"]

METADATA = MetaData()
SETTINGS = Table(
    "liveguard_proof_settings",
    METADATA,
    Column("name", String(WORD_LENGTH), primary_key=True),
    Column("value", String(HASH_LENGTH), nullable=False),
)
PROOFS = Table(
    "liveguard_proofs",
    METADATA,
    Column("id", String(ID_LENGTH), primary_key=True),
    Column("state", String(WORD_LENGTH), nullable=False),
    Column("created_us", BigInteger, nullable=False, index=True),
    Column("expires_us", BigInteger, nullable=False),
    Column("consent_us", BigInteger),
    Column("ended_us", BigInteger),
    # When the rest is to be forgotten; known once the proof has ended.
    Column("erase_us", BigInteger, index=True),
    Column("subject_hash", String(HASH_LENGTH), index=True),
    Column("verdict", String(WORD_LENGTH)),
    Column("token_hash", String(HASH_LENGTH)),
    Column("key_hash", String(HASH_LENGTH)),
    Column("wrong_tokens", Integer, nullable=False),
    Column("policy", String(POLICY_LENGTH)),
    Column("locale", String(WORD_LENGTH)),
    # What the caller says that the person cannot do, and what only they themselves do.
    Column("needs", String(POLICY_LENGTH)),
    Column("own_needs", String(POLICY_LENGTH)),
    Column("nonce", LargeBinary),
    Column("report", LargeBinary),
    # Whether the server's webhook is to be told of the result, and when its message was stored for delivery.
    Column("notify", Boolean),
    Column("told_us", BigInteger),
)
KEPT_WHEN_ERASED: Final = frozenset({"id", "state", "created_us", "expires_us", "consent_us", "ended_us"})


@dataclass(frozen=True, slots=True)
class Proof:
    """One proof as it is stored. What an erased one does not have any more is None, or empty.

    `needs`: what the caller says that the person cannot do; `own_needs`: what only they themselves do.
    """

    id: str
    state: ProofState
    verdict: str | None
    policy: ProofPolicy | None
    locale: str
    needs: tuple[str, ...]
    own_needs: tuple[str, ...]
    nonce: bytes
    created_at: datetime
    expires_at: datetime
    consent_at: datetime | None
    ended_at: datetime | None
    report: bytes | None


def proof_of(row: Row[Any]) -> Proof:
    """The proof that a row of PROOFS holds."""
    return Proof(
        id=row.id,
        state=row.state,
        verdict=row.verdict,
        policy=None if row.policy is None else ProofPolicy.of(json.loads(row.policy)),
        locale=row.locale or "",
        needs=() if row.needs is None else tuple(json.loads(row.needs)),
        own_needs=() if row.own_needs is None else tuple(json.loads(row.own_needs)),
        nonce=bytes(row.nonce or b""),
        created_at=at_of(row.created_us),
        expires_at=at_of(row.expires_us),
        consent_at=None if row.consent_us is None else at_of(row.consent_us),
        ended_at=None if row.ended_us is None else at_of(row.ended_us),
        report=None if row.report is None else bytes(row.report),
    )


def packed(value: Mapping[str, Any] | list[str]) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
