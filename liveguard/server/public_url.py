"""How browsers reach the server where that is not how it listens: through a proxy, or by a name that it does not know itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from liveguard.errors import ConfigError

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class PublicUrl:
    """`origin`: as browsers write it, without a slash at its end. `host`: without the port."""

    origin: str
    host: str

    @classmethod
    def of(cls, text: str) -> PublicUrl:
        """Raises ConfigError. A path is refused: a server below one would have to know it, as what WHIP calls Location begins
        at the root."""
        wrong = ConfigError(f"public-url {text}: expected is https://HOST or https://HOST:PORT, with nothing after it")
        try:
            parts = urlsplit(text)
            scheme, host, port = parts.scheme, parts.hostname, parts.port
        except ValueError as error:
            raise wrong from error
        plain = text.isascii() and text.isprintable() and not any(sign in text for sign in " ?#@\\")
        if scheme not in DEFAULT_PORTS or not host or parts.path not in ("", "/") or not plain:
            raise wrong
        name = f"[{host}]" if ":" in host else host
        return cls(f"{scheme}://{name}" + ("" if port in (None, DEFAULT_PORTS[scheme]) else f":{port}"), host)
