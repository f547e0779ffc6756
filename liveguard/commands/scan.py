"""`liveguard scan FILE...`: judge recordings."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from liveguard.commands.options import add_guard_options, config_of
from liveguard.errors import InputError
from liveguard.guard import Guard
from liveguard.report import Report
from liveguard.words import STATE_STYLE, STATE_WORDS, percent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="recordings, paths or URLs")
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
    with Guard(config_of(arguments)) as guard:
        for file in arguments.files:
            try:
                report = _scan(guard, file, errors, arguments.journal)
            except InputError as error:
                errors.print(f"liveguard: {error}", markup=False, soft_wrap=True)
                status = 2
                continue
            if report.alerts and status == 0:
                status = 1
            if arguments.json:
                sys.stdout.write(json.dumps(report.to_dict(), allow_nan=False) + "\n")
                sys.stdout.flush()
            else:
                show(out, report)
    return status


def _scan(guard: Guard, file: str, errors: Console, journal: Path | None) -> Report:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[at]}"), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task(Path(file).name[-40:], total=None, at="")

        def on_progress(done_s: float, total_s: float | None) -> None:
            progress.update(task, completed=done_s, total=total_s, at=f"{done_s:.0f} s")

        return guard.scan(file, on_progress, journal)


def show(out: Console, report: Report) -> None:
    """Print a report for a person."""
    risk = "" if report.risk is None else f"  risk {percent(report.risk)}"
    colour = STATE_STYLE[report.verdict]
    out.print(f"[{colour}]{STATE_WORDS[report.verdict].upper()}[/]{risk}  ", end="")
    length = f"({report.seconds:.1f} s, {report.faces} face{'s' * (report.faces != 1)})"
    out.print(f"{report.file}  {length}", markup=False, soft_wrap=True)
    for why in report.why:
        out.print(f"  {why}", markup=False, soft_wrap=True, style="dim" if report.verdict == "genuine" else None)
    for alert in report.alerts:
        if alert.state == "raised":
            what = f"{alert.participant}: to settle it, {alert.settle}"
            out.print(f"  [bold red]{alert.t_us / 1e6:6.1f} s[/]  {what}", soft_wrap=True)
    for name, check in report.checks.items():
        nats = "   -  " if check.llr is None else f"{check.llr:+6.2f}"
        why = f"cannot judge: {check.why}" if check.llr is None else check.why
        out.print(f"    {name:<10} {nats} nats  {why}", markup=False, soft_wrap=True)
    for fault in report.faults:
        out.print(f"  fault: {fault}", markup=False, soft_wrap=True, style="yellow")
    out.print()
