"""Signatures after Standard Webhooks 1.0.0 (symmetric scheme `v1`): sign, and verify at a receiver.

Signed is `<webhook-id>.<webhook-timestamp>.<body>` with HMAC-SHA256; the header `webhook-signature` holds one
or more `v1,<base64>`, one for each secret, so that a secret can be changed while both ends keep running.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import secrets as random_source
from collections.abc import Mapping, Sequence

from liveguard.errors import ConfigError, InputError

PREFIX = "whsec_"
MIN_KEY_BYTES = 24
TOLERANCE_S = 300

Secret = str | bytes
"""A `whsec_...` text, or the raw key as bytes."""


class SignatureError(InputError):
    """A delivery that is not signed with the expected secret, or too old or too new to be trusted."""


def new_secret() -> str:
    """A fresh random secret, `whsec_` and the base64 of 32 bytes."""
    return PREFIX + base64.b64encode(random_source.token_bytes(32)).decode("ascii")


def parse_secret(secret: Secret) -> bytes:
    """The key's bytes. `ConfigError`, which never quotes the secret, if it is malformed or under 24 bytes."""
    key = secret if isinstance(secret, bytes) else _decode(secret)
    if len(key) < MIN_KEY_BYTES:
        raise ConfigError(f"webhook secret: {len(key)} bytes, at least {MIN_KEY_BYTES} are needed")
    return key


def _decode(secret: str) -> bytes:
    # Text without the prefix is refused: the reference libraries take it for base64, a person for a pass
    # phrase.
    if not secret.startswith(PREFIX):
        raise ConfigError(f"webhook secret: text must begin with {PREFIX}; give a raw key as bytes")
    try:
        return base64.b64decode(secret[len(PREFIX) :], validate=True)
    except (binascii.Error, ValueError):
        # "from None": the chained message could show a part of the secret.
        raise ConfigError(f"webhook secret: what follows {PREFIX} is not base64") from None


def sign(key: bytes, message_id: str, timestamp_s: int, body: bytes) -> str:
    """One signature, `v1,<base64>`; `timestamp_s` is Unix time in whole seconds."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode("ascii")


def headers(keys: Sequence[bytes], message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The three headers of one attempt, signed with each key."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(sign(key, message_id, timestamp_s, body) for key in keys),
    }


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secret: Secret,
    *,
    now_s: float,
    tolerance_s: float = TOLERANCE_S,
) -> str:
    """The `webhook-id` of a delivery that is genuine and recent, else `SignatureError`. For receivers.

    `body` must be the bytes as received, not parsed and written again. `now_s` is Unix time in seconds. A
    genuine delivery may come more than once: keep the ids for a while and skip those that were seen.
    """
    key = parse_secret(secret)
    lower = {name.lower(): value for name, value in headers.items()}
    message_id = lower.get("webhook-id", "")
    given = lower.get("webhook-signature", "")
    timestamp_s = _timestamp_s(lower.get("webhook-timestamp", ""))
    if not message_id or not given:
        raise SignatureError("webhook: a signature header is missing")
    age_s = now_s - timestamp_s
    if not math.isfinite(age_s) or abs(age_s) > tolerance_s:
        raise SignatureError(f"webhook: sent {age_s:.0f} s ago, {tolerance_s:.0f} s are allowed")
    try:
        wanted = sign(key, message_id, timestamp_s, body).encode("ascii")
        candidates = [one.encode("utf-8") for one in given.split(" ")]
    except UnicodeEncodeError:
        raise SignatureError("webhook: a header is not text") from None
    # A list, not a generator: every candidate is compared, in constant time, whether or not one before it
    # fits.
    fits = [hmac.compare_digest(wanted, candidate) for candidate in candidates]
    if not any(fits):
        raise SignatureError("webhook: the signature does not fit")
    return message_id


def _timestamp_s(text: str) -> int:
    # int() would also take "+1", " 1", "1_0" and digits of other scripts, which sign() would write
    # differently.
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and str(int(text)) == text):
        raise SignatureError("webhook: the time stamp is missing or not whole seconds")
    return int(text)
