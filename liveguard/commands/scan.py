"""`liveguard scan FILE...`: judge recordings."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from liveguard.commands.options import add_guard_options, config_of
from liveguard.commands.streams import UnreadError
from liveguard.errors import InputError
from liveguard.guard import Guard
from liveguard.report import Report
from liveguard.words import NO_MODEL, STATE_STYLE, STATE_WORDS, percent, plain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="recordings, paths or URLs, and still pictures")
    parser.add_argument("--json", action="store_true", help="one JSON object a line on stdout, and nothing else there")
    parser.add_argument(
        "--journal", type=Path, metavar="FILE", help="write a journal (one FILE only): faces' shapes and voices"
    )
    add_guard_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """0: nothing raised; 1: at least one alert; 2: at least one file could not be used (the others are judged)."""
    if arguments.journal and len(arguments.files) > 1:
        raise InputError("--journal takes one FILE at a time")
    errors = Console(stderr=True, highlight=False)
    out = Console(highlight=False)
    status = 0
    config = config_of(arguments)
    if config.sinks:
        errors.print(
            "liveguard: scan sends nothing to [[sinks]], which are for live feeds", markup=False, soft_wrap=True
        )
    with Guard(config) as guard:
        for file in arguments.files:
            try:
                report = _scan(guard, file, errors, arguments.journal)
            except InputError as error:
                errors.print(Text(f"liveguard: {plain(str(error))}"), soft_wrap=True)
                status = 2
                continue
            if report.alerts and status == 0:
                status = 1
            try:
                if arguments.json:
                    sys.stdout.write(json.dumps(report.to_dict(), allow_nan=False) + "\n")
                    sys.stdout.flush()
                else:
                    show(out, report)
            except UnreadError:
                if status:  # what has been found stands; the rest nobody waits for
                    return status
                raise
    return status


def _scan(guard: Guard, file: str, errors: Console, journal: Path | None) -> Report:
    name, at = TextColumn("{task.description}", markup=False), TextColumn("{task.fields[at]}", markup=False)
    columns = (name, BarColumn(), at, TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task(plain(Path(file).name[-40:]), total=None, at="")

        def on_progress(done_s: float, total_s: float | None) -> None:
            progress.update(task, completed=done_s, total=total_s, at=f"{done_s:.0f} s")

        return guard.scan(file, on_progress, journal)


def show(out: Console, report: Report) -> None:
    """Print a report for a person."""
    for line in _lines(report):
        out.print(line, soft_wrap=True)
    out.print()


def _lines(report: Report) -> Iterator[Text]:
    """As `Text`, which takes nothing in a name for markup."""
    risk = "" if report.risk is None else f"  risk {percent(report.risk)}"
    length = "one picture" if report.still else f"{report.seconds:.1f} s"
    length = f"({length}, {report.faces} face{'s' * (report.faces != 1)})"
    verdict = STATE_WORDS[report.verdict].upper(), STATE_STYLE[report.verdict]
    yield Text.assemble(verdict, f"{risk}  {plain(report.file)}  {length}")
    genuine = report.verdict == "genuine"
    for why in report.why:
        yield Text(f"  {plain(why)}", "dim" if genuine else "")
    unheard = ", ".join(name for name, check in report.checks.items() if check.llr is None and check.why == NO_MODEL)
    if genuine and unheard:
        yield Text(f"  not judged: {plain(unheard)} (no model)")
    for alert in report.alerts:
        if alert.state == "raised":
            when = f"{alert.t_us / 1e6:6.1f} s", "bold red"
            yield Text.assemble("  ", when, f"  {plain(alert.participant)}: to settle it, {plain(alert.settle)}")
    for name, check in report.checks.items():
        nats = "   -  " if check.llr is None else f"{check.llr:+6.2f}"
        why = f"cannot judge: {check.why}" if check.llr is None else check.why
        yield Text(f"    {plain(name):<10} {nats} nats  {plain(why)}")
    for fault in report.faults:
        yield Text(f"  fault: {plain(fault)}", "yellow")
