"""`liveguard serve`: the live page, WHIP ingest and the API."""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import socket
import ssl
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from liveguard.commands.options import add_guard_options, config_of
from liveguard.errors import BackendError, ConfigError
from liveguard.guard import Guard
from liveguard.hosts import is_loopback
from liveguard.plugins import open_sinks
from liveguard.server.defaults import HOST, KEEP_DAYS, MAX_SESSIONS, PORT

if TYPE_CHECKING:
    from liveguard.server.settings import ServerSettings

NEEDED = ("aiortc", "fastapi", "uvicorn", "websockets", "sqlalchemy", "prometheus_client")
SHUTDOWN_S = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default=HOST, help=f"address to listen on (default: {HOST}, this machine only)")
    parser.add_argument("--port", type=int, default=PORT, help=f"default: {PORT}; 0 takes any that is free")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    parser.add_argument(
        "--token", default="", help="who may use it; or LIVEGUARD_TOKEN; made up where needed and none is given"
    )
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain (PEM), for https")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its key (PEM)")
    parser.add_argument(
        "--allow-origin", action="append", default=[], metavar="URL", help="pages of this origin may use the API, too"
    )
    parser.add_argument(
        "--ice-address",
        action="append",
        default=[],
        metavar="IP",
        help="receive media on these addresses of this machine only (default: all of them, and loopback)",
    )
    parser.add_argument(
        "--ice-server",
        action="append",
        default=[],
        metavar="URL",
        help="stun:HOST:PORT or turn:USER:SECRET@HOST:PORT (default: none, nothing outside is asked)",
    )
    parser.add_argument(
        "--max-sessions",
        type=int,
        default=MAX_SESSIONS,
        help=f"participants guarded at once (default: {MAX_SESSIONS})",
    )
    parser.add_argument(
        "--database",
        default="",
        metavar="FILE|URL",
        help="sessions, alerts and feedback: an SQLite file (default: in the state folder), a URL, or sqlite:// for none",
    )
    parser.add_argument(
        "--keep-days", type=float, default=KEEP_DAYS, help=f"forget them after so long (default: {KEEP_DAYS:g})"
    )
    parser.add_argument(
        "--proof-key",
        type=Path,
        metavar="FILE",
        help="signs liveness reports; made on first use (default: beside the database's file; without one needed)",
    )
    parser.add_argument(
        "--proof-webhook",
        default="",
        metavar="URL",
        help="results of liveness sessions are sent here, signed with the secret in LIVEGUARD_PROOF_SECRET",
    )
    add_guard_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serves until Ctrl-C or SIGTERM: 0."""
    _require()
    import uvicorn

    from liveguard.server.app import create_app
    from liveguard.server.sinks import each_call_its_own
    from liveguard.server.store import Store

    settings = settings_of(arguments)
    for sink in open_sinks(each_call_its_own(settings.config.sinks)):  # one that is set wrongly stops the start
        sink.close()
    listening = listen(settings.host, settings.port)
    settings = replace(settings, port=listening.getsockname()[1])
    with ended_by_sigterm(), listening, closing(Store(settings.database)) as store, Guard(settings.config) as guard:
        app = create_app(settings, guard, store)
        config = uvicorn.Config(
            app,
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="websockets-sansio",
            ws_max_size=65_536,
            timeout_graceful_shutdown=SHUTDOWN_S,
            limit_concurrency=512,
        )
        _show(settings)
        if arguments.open:
            open_in_browser(_page(settings))
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
    return 0


def open_in_browser(page: str) -> None:
    """On a thread of its own: a browser for the terminal does not return until it is left. The socket listens already."""
    threading.Thread(target=webbrowser.open, args=(page,), name="liveguard-browser", daemon=True).start()


def listen(host: str, port: int) -> socket.socket:
    """The socket to serve on. Raises ConfigError where it cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ConfigError(f"cannot listen on {host} port {port}: {why}: choose another --host or --port") from error


def check_certificate(cert: Path, key: Path) -> None:
    """Raises ConfigError unless both can be read and belong together."""
    for file in (cert, key):
        if not file.is_file():
            raise ConfigError(f"{file}: there is no such file")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
    except ssl.SSLError as error:
        why = f" ({error.reason.lower().replace('_', ' ')})" if error.reason else ""
        raise ConfigError(f"{cert} and {key} are not a certificate chain and its key, both in PEM{why}") from error
    except OSError as error:
        raise ConfigError(f"{cert} or {key} cannot be read: {error.strerror}") from error


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Within, SIGTERM does what Ctrl-C does: all that is open is closed."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def settings_of(arguments: argparse.Namespace) -> ServerSettings:
    """The settings on the command line. Raises ConfigError that says what is allowed."""
    from liveguard.kyc.keys import KEY_NAME
    from liveguard.kyc.webhook import OUTBOX_NAME
    from liveguard.rtc.ice_options import check_addresses, parse_ice_servers
    from liveguard.server.engines import IN_MEMORY, name_of, place
    from liveguard.server.settings import ServerSettings

    token = arguments.token or os.environ.get("LIVEGUARD_TOKEN", "")
    if not token and not is_loopback(arguments.host):
        token = secrets.token_urlsafe(24)
    if arguments.tls_cert is not None and arguments.tls_key is not None:
        check_certificate(arguments.tls_cert, arguments.tls_key)
    servers = parse_ice_servers(arguments.ice_server)
    database = arguments.database or default_database()
    folder = folder_of(database)
    if folder is None and arguments.proof_key is None and name_of(place(database)) != IN_MEMORY:
        raise ConfigError(
            "database: no file, so nothing is beside it: give --proof-key FILE, which signs liveness reports"
        )
    return ServerSettings(
        config=config_of(arguments),
        host=arguments.host,
        port=arguments.port,
        token=token,
        tls_cert=arguments.tls_cert,
        tls_key=arguments.tls_key,
        origins=tuple(arguments.allow_origin),
        ice_addresses=tuple(check_addresses(arguments.ice_address)) if arguments.ice_address else None,
        ice_servers=servers.ours,
        browser_ice_servers=servers.browsers,
        database=database,
        max_sessions=arguments.max_sessions,
        keep_days=arguments.keep_days,
        proof_key=arguments.proof_key or (None if folder is None else folder / KEY_NAME),
        proof_webhook=arguments.proof_webhook,
        proof_secret=os.environ.get("LIVEGUARD_PROOF_SECRET", ""),
        proof_outbox=None if folder is None else folder / OUTBOX_NAME,
    )


def folder_of(database: str) -> Path | None:
    """Where a database's file lies, and with it what belongs to it; None where it is none. Raises ConfigError."""
    from liveguard.server.engines import IN_MEMORY, name_of, place

    url = place(database)
    return Path(url.database or "").parent if url.get_backend_name() == "sqlite" and name_of(url) != IN_MEMORY else None


def default_database() -> str:
    """Where programs of this user keep their state (XDG base directories); the folder is made, for its owner alone."""
    base = os.environ.get("XDG_STATE_HOME", "")
    folder = (Path(base) if base else Path.home() / ".local" / "state") / "liveguard"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made ({error.strerror}): give --database FILE") from error
    return str(folder / "liveguard.sqlite")


def _show(settings: ServerSettings) -> None:
    """Where to go, said before anything else."""
    out = Console(highlight=False)
    out.print(Text.assemble("liveguard is at ", (_page(settings), "bold")), soft_wrap=True)
    out.print(Text(f"WHIP: {settings.url}whip/NAME   Ctrl-C ends", "dim"), soft_wrap=True)
    if settings.tls_cert is None and not is_loopback(settings.host):
        out.print(
            Text("Without --tls-cert browsers give their camera to no page but this machine's own, and the token "
                 "travels in the clear.", "yellow"), soft_wrap=True,
        )  # fmt: skip


def _page(settings: ServerSettings) -> str:
    """The page's address; a token goes behind the #, which browsers do not send on."""
    return settings.url + (f"#token={settings.token}" if settings.token else "")


def _require() -> None:
    """Raises BackendError that names what to install."""
    from importlib.util import find_spec

    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise BackendError(f"{', '.join(missing)} missing: pip install 'liveguard[server]'")
