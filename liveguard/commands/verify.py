"""`liveguard verify REPORT`: is this report of a liveness session what the server signed?"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from liveguard.errors import BackendError, InputError
from liveguard.kyc.canonical import LONGEST_BYTES
from liveguard.words import plain

if TYPE_CHECKING:
    from liveguard.kyc.report import Verified

STYLES = {"live": "bold green", "not_live": "bold red", "cannot_judge": "bold cyan"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("report", type=Path, metavar="REPORT", help="the JSON file, as it came from the server")
    parser.add_argument(
        "--key", metavar="FILE|FINGERPRINT", help="the server's public key (PEM) or its fingerprint: no other will do"
    )
    parser.add_argument("--html", type=Path, metavar="OUT", help="write the report as a page for people")


def run(arguments: argparse.Namespace) -> int:
    """0: it is as it was signed; 1: it is not, or somebody else signed it; 2: it or the key cannot be read."""
    if find_spec("cryptography") is None:
        raise BackendError("cryptography missing: pip install 'liveguard[kyc]'")
    from liveguard.kyc.errors import ReportError
    from liveguard.kyc.keys import read_pin
    from liveguard.kyc.report import verify

    pin = None if arguments.key is None else read_pin(arguments.key)
    data = _read(arguments.report)
    try:
        verified = verify(data, pin)
    except ReportError as error:
        Console(stderr=True, highlight=False).print(Text(f"NOT VERIFIED  {plain(str(error), 1000)}"), soft_wrap=True)
        return 1
    _show(verified)
    if arguments.html is not None:
        from liveguard.kyc.html import page

        _write(arguments.html, page(verified))
    return 0


def _show(verified: Verified) -> None:
    out = Console(file=sys.stdout, highlight=False)
    verdict = verified.verdict.replace("_", " ").upper()
    nats = f"  {verified.nats:+.1f} nats  proof {plain(verified.id, 80)}"
    out.print(Text.assemble((verdict, STYLES[verified.verdict]), nats), soft_wrap=True)
    for reason in verified.reasons:
        out.print(Text(f"  {plain(reason)}"), soft_wrap=True)
    standing = "VERIFIED" if verified.pinned else "UNCHANGED, BUT BY WHOM?"
    words = f"{standing}  {len(verified.entries)} entries, {verified.whose}"
    out.print(Text(words, "" if verified.pinned else "yellow"), soft_wrap=True)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(LONGEST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}") from error
