"""What the names of hosts and origins tell; nothing is looked up."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from liveguard.errors import ConfigError


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, judged by its text."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin_of(url: str) -> str:
    """The origin in the one spelling that browsers use. Raises ConfigError for what is no origin."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    more = host and (parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None)
    if not (host and parts.scheme and url.isascii() and url.isprintable()) or more:
        raise ConfigError(
            f"allow-origin {url}: scheme://host or scheme://host:port is expected, as https://example.org"
        )
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}" + ("" if port in (None, usual) else f":{port}")
