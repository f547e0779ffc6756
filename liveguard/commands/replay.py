"""`liveguard replay JOURNAL`: the same samples through the same core."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from liveguard.commands.options import add_guard_options, config_of
from liveguard.plugins import load_detectors
from liveguard.replaying import replay
from liveguard.sinks.terminal import TerminalSink


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("journal", type=Path, metavar="JOURNAL")
    add_guard_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """0: the same events to the bit; 1: they differ."""
    config = config_of(arguments)
    out = Console(highlight=False)
    result = replay(arguments.journal, load_detectors(config.only, config.without, config.options))
    sink = TerminalSink(sys.stdout)
    for event in result.events:
        sink.send(event)
    if not result.differences:
        out.print(f"{len(result.events)} events, equal to those written down")
        return 0
    out.print(f"{len(result.events)} events, which differ from those written down:")
    for difference in result.differences[:10]:
        out.print(f"  {difference}", markup=False, soft_wrap=True)
    return 1
