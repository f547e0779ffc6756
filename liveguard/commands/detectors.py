"""`liveguard detectors`: what the checks need."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from liveguard.commands.options import add_guard_options, config_of
from liveguard.plugins import load_detectors
from liveguard.timeline import STALL_US
from liveguard.types import Detector
from liveguard.words import plain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    add_guard_options(parser)


def run(arguments: argparse.Namespace) -> int:
    config = config_of(arguments)
    rows = [describe(detector) for detector in load_detectors(config.only, config.without, config.options)]
    if arguments.json:
        for row in rows:
            sys.stdout.write(json.dumps(row) + "\n")
        return 0
    table = Table(box=None, pad_edge=False)
    for heading in ("check", "looks for", "speaks about", "video", "audio", "every", "answers within"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(
            Text(plain(row["name"])),
            Text(plain(row["about"])),
            row["hypothesis"].replace("_", " "),
            f"{row['video_s']:g} s" if row["video_s"] else "-",
            f"{row['audio_s']:g} s" if row["audio_s"] else "-",
            f"{row['step_s']:g} s",
            f"{row['latency_bound_s']:g} s",
        )
    Console().print(table)
    return 0


def describe(detector: Detector) -> dict[str, Any]:
    """What a check needs. `latency_bound_s`: from a moment in the feed to the reading about it, at the most."""
    need = detector.need
    return {
        "name": detector.name,
        "about": detector.about,
        "hypothesis": detector.hypothesis,
        "scope": need.scope,
        "video_s": need.video_us / 1e6,
        "audio_s": need.audio_us / 1e6,
        "step_s": need.step_us / 1e6,
        "cost": need.cost,
        "crops": list(need.crops),
        "latency_bound_s": (need.step_us + STALL_US) / 1e6,
    }
