"""The command line; `STATUSES` says how it ends."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from liveguard import __version__
from liveguard.commands import INTERRUPTED
from liveguard.commands.streams import UnreadError, standard_streams
from liveguard.errors import LiveguardError
from liveguard.words import plain

COMMANDS = {
    "scan": "judge recordings",
    "serve": "the live page: your webcam, a shared meeting, or feeds that come in by WHIP",
    "watch": "guard a camera and a microphone, or a stream, live in the terminal",
    "evaluate": "measure the guard on labelled recordings: false alerts an hour, detections, delays, a report",
    "calibrate": "make the checks' evidence honest for recordings like yours",
    "stress": "make recordings harder, or fake them: the benign stress set and bench attacks",
    "detectors": "list the checks: what each needs and how soon it can speak",
    "doctor": "look for cameras, microphones, libraries and models, and say what to do about each problem",
    "bench": "measure what guarding costs on this machine",
    "verify": "check the signed report of a liveness session",
    "erase": "forget a liveness session, or all of one subject's",
    "replay": "go through a journal again and compare to the bit",
}

STATUSES = """exit status: 0 done and nothing raised; 1 an alert was raised (replay, evaluate, verify: what is compared differs;
doctor: recordings cannot be judged); 2 wrong use, an input that cannot be used, or an output that cannot be written; 70 a
defect of liveguard (with a traceback); 130 interrupted; 141 the reader of the output has gone before its end, and nothing
was raised until then."""
INTERNAL_DEFECT, UNREAD = 70, 141  # EX_SOFTWARE; and as shells say it for SIGPIPE
ERROR_LIMIT = 2000


def one_thread_each() -> None:
    """Keep numpy's matrix library from using all cores for matrices of a few rows, where it mostly waits for itself.

    Must be called before numpy is loaded; whoever embeds the library decides for themselves.
    """
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; every expected problem is one line on stderr."""
    one_thread_each()
    with standard_streams():
        status = 0
        try:
            status = _run(sys.argv[1:] if argv is None else list(argv))
            sys.stdout.flush()
        except UnreadError:
            status = status or UNREAD
        except LiveguardError as error:
            print(f"liveguard: {plain(str(error), ERROR_LIMIT)}", file=sys.stderr)  # noqa: T201
            status = 2
        except KeyboardInterrupt:
            status = INTERRUPTED
        except Exception:  # noqa: BLE001 (Python's own end would be 1, which is an alert)
            for line in traceback.format_exc().splitlines():
                print(plain(line, ERROR_LIMIT), file=sys.stderr)  # noqa: T201
            status = INTERNAL_DEFECT
        return status


def _run(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="liveguard",
        description="Guards video calls against face swaps, cloned voices and injected feeds.",
        epilog=STATUSES,
    )
    parser.add_argument("--version", action="version", version=f"liveguard {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in COMMANDS.items():
        sub = subparsers.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
        # Only the command that is meant is imported: `liveguard --help` stays quick.
        if name in arguments:
            import_module(f"liveguard.commands.{name}").add_arguments(sub)
    try:
        chosen = parser.parse_args(arguments)
    finally:
        sys.stdout.flush()  # what --help says
    return int(import_module(f"liveguard.commands.{chosen.command}").run(chosen))


if __name__ == "__main__":
    sys.exit(main())
