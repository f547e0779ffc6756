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
from liveguard.types import Event
from liveguard.words import plain

DIFFERENCE_LIMIT = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("journal", type=Path, metavar="JOURNAL")
    add_guard_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """0: the same events to the bit, as far as the journal goes; 1: they differ."""
    config = config_of(arguments)
    detectors = load_detectors(config.only, config.without, config.options)
    shown = _Shown()
    result = replay(arguments.journal, detectors, shown.event)
    shown.end(result)
    if shown.unread is not None and not result.differences:
        raise shown.unread
    return int(bool(result.differences))


class _Shown:
    """Prints what comes out, until nobody reads it any more: whether it differs is the exit status all the same."""

    def __init__(self) -> None:
        self.unread: UnreadError | None = None
        self._out = Console(highlight=False)
        self._sink = TerminalSink(sys.stdout)

    def event(self, event: Event) -> None:
        if self.unread is None:
            try:
                self._sink.send(event)
            except UnreadError as error:
                self.unread = error

    def end(self, result: Replayed) -> None:
        if self.unread is None:
            try:
                self._print(result)
            except UnreadError as error:
                self.unread = error

    def _print(self, result: Replayed) -> None:
        out = self._out
        if result.cut is not None:
            out.print(f"the journal is cut off after {result.cut.after_records} records: {result.cut.why}")
        if not result.differences:
            equal = "equal to those written down" if result.cut is None else "what is there is equal"
            out.print(f"{result.events} events, {equal}")
            return
        out.print(f"{result.events} events, which differ from those written down:")
        for difference in result.differences:
            out.print(Text(f"  {plain(difference, DIFFERENCE_LIMIT)}"), soft_wrap=True)
