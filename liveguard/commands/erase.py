"""`liveguard erase ID`: forget what a liveness session found, or all that is kept about one subject."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.text import Text

from liveguard.commands.serve import default_database
from liveguard.errors import BackendError, InputError
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
    from liveguard.server.database import Database

    out = Console(highlight=False)
    now = datetime.now(timezone.utc)
    with closing(Database(_existing(arguments.database or default_database()))) as database:
        archive = ProofArchive(database)
        if arguments.id is not None:
            was_kept = archive.erase(arguments.id, now)
            said = "erased" if was_kept else "was erased before"
            out.print(Text(f"proof {plain(arguments.id, 80)}: {said}"), soft_wrap=True)
        else:
            subject = sys.stdin.readline().rstrip("\r\n") if arguments.subject == "-" else arguments.subject
            count = archive.erase_subject(subject, now)
            out.print(
                Text(f"{count} proofs of this subject erased" if count != 1 else "1 proof of this subject erased")
            )
    return 0


def _existing(where: str) -> str:
    """The database, unless it is a file that is not there: a new one would have nothing to erase."""
    from liveguard.server.engines import place

    url = place(where)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise InputError(f"{plain(url.database or 'in memory')}: there is no such database: give --database")
    return where
