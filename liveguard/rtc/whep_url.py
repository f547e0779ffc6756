"""Where a stream is subscribed to (WHEP), and what is shown of it. Nothing is contacted here; any thread may call."""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from liveguard.errors import InputError

MAX_CHARS = 4096
_NEAR = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
_FORMS = "write whep+https://host/path, or whep+http:// on this machine or a local network"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A stream's address without login, the value of its Authorization header, and a `name` that may be shown: without login
    and query, as both hold secrets."""

    url: SplitResult = field(repr=False)
    authorization: str | None = field(repr=False)
    name: str


def parse_endpoint(url: str, token: str | None = None) -> Endpoint:
    """The endpoint of `whep+https://[user:password@]host[:port]/path[?query]`. Raises InputError.

    A user and password are sent as Basic authentication, a token as Bearer; both at once are refused. Over plain http, where
    they and the whole negotiation can be read and changed on the way, only hosts that are near by name or address are allowed.
    """
    if len(url) > MAX_CHARS or not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        raise InputError(f"the WHEP URL: at most {MAX_CHARS} printable ASCII characters without spaces are allowed")
    prefix, _, plain = url.partition("+")
    try:
        parts = urlsplit(plain)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InputError(f"the WHEP URL is not valid: {_FORMS}") from None
    if prefix.lower() != "whep" or parts.scheme not in ("http", "https") or not host or port == 0:
        raise InputError(f"the WHEP URL is not valid: {_FORMS}")
    bare = parts._replace(netloc=_netloc(host, port), fragment="")
    name = f"whep+{bare.scheme}://{bare.netloc}{bare.path}"
    if parts.scheme == "http" and not is_near(host):
        raise InputError(f"{name}: over http the token and the stream's keys can be read on the way: use whep+https://")
    login = _basic(parts, name)
    if token and login:
        raise InputError(f"{name}: give either a token or user:password in the URL, not both")
    if token and not (token.isascii() and token.isprintable() and " " not in token and len(token) <= MAX_CHARS):
        raise InputError(
            f"{name}: the token: at most {MAX_CHARS} printable ASCII characters without spaces are allowed"
        )
    return Endpoint(bare, f"Bearer {token}" if token else login, name)


def is_near(host: str) -> bool:
    """Whether the host is this machine or on a local network, judged by its text; no name is looked up."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        pass
    # 134744072 and 0x8080808 are addresses, too, for who looks them up.
    return host == "localhost" or host.endswith(_NEAR) or ("." not in host and not host[:1].isdigit())


def follow(base: SplitResult, location: str | None) -> SplitResult | None:
    """The address that a server's answer points to; None where it names none that may be used: https anywhere, or http on
    the same host that we talk http with already."""
    if not location or len(location) > MAX_CHARS or not (location.isascii() and location.isprintable()):
        return None
    try:
        parts = urlsplit(urljoin(base.geturl(), location))
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    allowed = parts.scheme == "https" or (parts.scheme == base.scheme == "http" and host == base.hostname)
    if not allowed or not host or port == 0 or " " in location:
        return None
    return parts._replace(netloc=_netloc(host, port), fragment="")


def same_place(one: SplitResult, other: SplitResult) -> bool:
    """Whether a login for `one` may be sent to `other`: the same host and port, or its https instead of its http."""
    if one.hostname != other.hostname:
        return False
    return _port(one) == _port(other) or (one.scheme, other.scheme, _port(one), _port(other)) == (
        "http",
        "https",
        80,
        443,
    )


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _netloc(host: str, port: int | None) -> str:
    return (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")


def _basic(parts: SplitResult, name: str) -> str | None:
    if parts.username is None:
        return None
    user, password = unquote(parts.username), unquote(parts.password or "")
    if ":" in user or not (user + password).isprintable():
        raise InputError(f"{name}: user and password may hold no control characters, and the user no colon")
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
