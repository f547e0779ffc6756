"""Tokens that open a proof or steer it: random, shown once, and stored as a hash alone."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

TOKEN_BYTES: Final = 24
LONGEST: Final = 200  # characters; more is no token of ours, and need not be hashed


def new_token() -> str:
    """192 random bits, in characters that a URL takes as they are."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> str:
    """SHA-256 in hex. A plain hash is enough: nobody can try 2^192 tokens."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def matches(token: str, stored_hash: str | None) -> bool:
    """True if the hash is the token's; takes as long wherever the two differ."""
    return stored_hash is not None and len(token) <= LONGEST and hmac.compare_digest(token_hash(token), stored_hash)
