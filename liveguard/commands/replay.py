"""`liveguard replay JOURNAL`: the same samples through the same core."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from liveguard.commands.options import add_guard_options, config_of
from liveguard.commands.streams import UnreadError
from liveguard.plugins import load_detectors
from liveguard.replaying import Replayed, replay
from liveguard.sinks.terminal import TerminalSink
from liveguard.words import plain

DIFFERENCE_LIMIT = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("journal", type=Path, metavar="JOURNAL")
    add_guard_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """0: the same events to the bit, as far as the journal goes; 1: they differ."""
    config = config_of(arguments)
    result = replay(arguments.journal, load_detectors(config.only, config.without, config.options))
    try:
        _show(result)
    except UnreadError:
        if not result.differences:
            raise
    return int(bool(result.differences))


def _show(result: Replayed) -> None:
    out = Console(highlight=False)
    sink = TerminalSink(sys.stdout)
    for event in result.events:
        sink.send(event)
    if result.cut is not None:
        out.print(f"the journal is cut off after {result.cut.after_records} records: {result.cut.why}")
    if not result.differences:
        equal = "equal to those written down" if result.cut is None else "what is there is equal"
        out.print(f"{len(result.events)} events, {equal}")
        return
    out.print(f"{len(result.events)} events, which differ from those written down:")
    for difference in result.differences[:10]:
        out.print(Text(f"  {plain(difference, DIFFERENCE_LIMIT)}"), soft_wrap=True)
