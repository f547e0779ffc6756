"""`liveguard erase ID`: forget what a liveness session found, or all that is kept about one subject."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.text import Text

from liveguard import utc
from liveguard.commands.serve import default_database, folder_of
from liveguard.errors import BackendError, InputError, SinkError
from liveguard.words import plain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("id", nargs="?", metavar="ID", help="the proof's id")
    which.add_argument(
        "--subject",
        metavar="REF",
        help="all proofs of this subject, as it was called when they were opened; - reads stdin",
    )
    parser.add_argument(
        "--database", default="", metavar="FILE|URL", help="as given to `serve` (default: in the state folder)"
    )


def run(arguments: argparse.Namespace) -> int:
    """0: nothing of it is kept now but ids and times."""
    if find_spec("sqlalchemy") is None:
        raise BackendError("sqlalchemy missing: pip install 'liveguard[server]'")
    from liveguard.kyc.archive import ProofArchive
    from liveguard.kyc.webhook import OUTBOX_NAME, forget
    from liveguard.server.database import Database

    out = Console(highlight=False)
    now = utc.now()
    where = _existing(arguments.database or default_database())
    folder = folder_of(where)
    outbox = None if folder is None else folder / OUTBOX_NAME
    with closing(Database(where)) as database:
        archive = ProofArchive(database)
        if arguments.id is not None:
            was_kept = archive.erase(arguments.id, now)
            forget(outbox, [arguments.id])
            said = "erased" if was_kept else "was erased before"
            out.print(Text(f"proof {plain(arguments.id, 80)}: {said}"), soft_wrap=True)
        else:
            subject = sys.stdin.readline().rstrip("\r\n") if arguments.subject == "-" else arguments.subject
            erased = archive.erase_subject(subject, now)
            _forget_all(outbox, erased)
            said = (
                "1 proof of this subject erased" if len(erased) == 1 else f"{len(erased)} proofs of this subject erased"
            )
            out.print(Text(said))
    return 0


def _forget_all(outbox: Path | None, erased: Sequence[str]) -> None:
    """As `forget`; nobody can find what was erased by its subject a second time, so where it fails the ids are said."""
    from liveguard.kyc.webhook import forget

    try:
        forget(outbox, erased)
    except SinkError as error:
        raise SinkError(f"{error}; erased are {', '.join(erased)}: do it again with each of them") from error


def _existing(where: str) -> str:
    """The database, unless it is a file that is not there: a new one would have nothing to erase."""
    from liveguard.server.engines import place

    url = place(where)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise InputError(f"{plain(url.database or 'in memory')}: there is no such database: give --database")
    return where
