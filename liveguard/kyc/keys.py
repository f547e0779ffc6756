"""The Ed25519 key that signs reports: made on first use, in a file that only its owner can read."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from liveguard.errors import ConfigError

KEY_NAME: Final = "proof-key.pem"
"""Beside the database of the server, in the state folder."""
MOST_BYTES: Final = 10_000
_DIGITS: Final = 64


def load_or_create(path: Path) -> Ed25519PrivateKey:
    """The key in the file, which is made where there is none. Raises ConfigError that says what is wrong with it."""
    try:
        if not path.exists():
            _create(path)
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            pem = file.read(MOST_BYTES)
    except OSError as error:
        raise ConfigError(f"proof key {path}: {error.strerror}") from error
    if mode & 0o077:
        raise ConfigError(
            f"proof key {path}: others on this machine can read it: chmod 600, or remove it for a new one"
        )
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:  # what cryptography raises for a password that is not given
        raise ConfigError(f"proof key {path}: it wants a password; a key without one is expected") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(f"proof key {path}: a private key in PEM is expected") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"proof key {path}: an Ed25519 key is expected")
    return key


def _create(path: Path) -> None:
    """Make the file whole or not at all; of two processes that do so at once, one wins for both."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(made, path)  # unlike a rename it leaves a key that is there already
    finally:
        made.unlink(missing_ok=True)


def public_pem(key: Ed25519PrivateKey) -> bytes:
    """What to give to those who check reports."""
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def raw_public(key: Ed25519PublicKey) -> bytes:
    """Its 32 bytes."""
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of the key's 32 bytes, in hex: what to compare a key by."""
    return hashlib.sha256(raw_public(key)).hexdigest()


def grouped(hexadecimal: str) -> str:
    """In groups of four, for people."""
    return " ".join(hexadecimal[at : at + 4] for at in range(0, len(hexadecimal), 4))


def read_pin(text: str) -> str:
    """The fingerprint that is meant: it itself, in any grouping, or the name of a PEM file of a public or private key.

    Raises ConfigError.
    """
    digits = "".join(char for char in text if char not in " :-").lower()
    if len(digits) == _DIGITS and all(char in "0123456789abcdef" for char in digits):
        return digits
    try:
        with Path(text).open("rb") as file:
            pem = file.read(MOST_BYTES)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a file name"
        raise ConfigError(
            f"key {text}: neither a fingerprint (64 hex digits) nor a file that can be read: {why}"
        ) from error
    try:
        if b"PRIVATE KEY" in pem:
            key = serialization.load_pem_private_key(pem, password=None)
            public = key.public_key() if isinstance(key, Ed25519PrivateKey) else None
        else:
            public = serialization.load_pem_public_key(pem)  # type: ignore[assignment]
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(f"key {text}: a key in PEM is expected") from None
    if not isinstance(public, Ed25519PublicKey):
        raise ConfigError(f"key {text}: an Ed25519 key is expected")
    return fingerprint(public)
