"""`liveguard watch`: guard a live feed until it ends or Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.live import Live

from liveguard.commands.live_view import LiveView
from liveguard.commands.options import add_guard_options, config_of, open_sinks
from liveguard.errors import InputError
from liveguard.guard import Guard
from liveguard.session import Session, Stats
from liveguard.sinks.jsonl import JsonlSink
from liveguard.sinks.terminal import TerminalSink
from liveguard.types import Alert, Event, Sink, Status, Tap

POLL_S = 0.2
END_S = 15.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", nargs="?", metavar="URL", help="a stream (rtsp, rtmp, http) or file instead of devices")
    parser.add_argument("--camera", default="0", help="number, path, part of the name, or none (default: 0)")
    parser.add_argument("--microphone", default="default", help="number, part of the name, or none (default: default)")
    parser.add_argument("--size", metavar="WxH", help="wanted picture size, such as 1280x720")
    parser.add_argument("--fps", type=float, help="wanted pictures a second")
    parser.add_argument("--seconds", type=float, help="stop by itself after so long")
    parser.add_argument("--json", action="store_true", help="all events as JSON lines on stdout instead of the view")
    parser.add_argument("--plain", action="store_true", help="one line a change instead of the view")
    parser.add_argument(
        "--journal", type=Path, metavar="FILE", help="write a journal: faces' shapes and voices, no pictures"
    )
    add_guard_options(parser)


class _AlertCounter:
    """A sink that only counts."""

    def __init__(self) -> None:
        self.raised = 0

    def send(self, event: Event) -> None:
        self.raised += isinstance(event, Alert) and event.state == "raised"

    def close(self) -> None:
        """Nothing is ours to close."""


def run(arguments: argparse.Namespace) -> int:
    """0: nothing raised; 1: at least one alert."""
    config = config_of(arguments)
    with Guard(config) as guard:
        sinks: list[Sink] = [counter := _AlertCounter(), *open_sinks(config.sinks)]
        tap = open_tap(arguments)
        try:
            session = _show(guard, tap, sinks, arguments)
        finally:
            tap.close()
        if session.error is not None:
            raise session.error
        return 1 if counter.raised else 0


def open_tap(arguments: argparse.Namespace) -> Tap:
    """The feed that the options name. Raises DeviceError or InputError."""
    if arguments.url:
        from liveguard.taps.file import FileTap

        return FileTap(arguments.url)
    from liveguard.taps.camera import CameraTap

    width, height = _size(arguments.size)
    camera, microphone = _device(arguments.camera), _device(arguments.microphone)
    return CameraTap(camera, microphone, width=width, height=height, fps=arguments.fps)


def _show(guard: Guard, tap: Tap, sinks: list[Sink], arguments: argparse.Namespace) -> Session:
    session_id = uuid.uuid4().hex[:12]
    running: list[Session] = []

    def stats() -> Stats | None:
        return running[0].stats() if running else None

    view: LiveView | None = None
    if arguments.json:
        sinks.append(JsonlSink(sys.stdout))
    elif arguments.plain or not sys.stdout.isatty():
        sinks.append(TerminalSink(sys.stdout))
    else:
        view = LiveView(tap.info.name, stats)
        sinks.append(view)
    on_tick: Callable[[list[Status]], None] | None = view.tick if view is not None else None
    session = guard.watch(tap, sinks, arguments.journal, on_tick, session_id)
    running.append(session)
    try:
        if view is None:
            _wait(session, arguments.seconds)
        else:
            with Live(get_renderable=view.render, console=Console(), refresh_per_second=5, screen=False):
                _wait(session, arguments.seconds)
    except KeyboardInterrupt:
        pass
    session.stop()
    session.join(END_S)
    return session


def _wait(session: Session, seconds: float | None) -> None:
    until_s = None if seconds is None else time.monotonic() + seconds
    while not session.join(POLL_S):
        if until_s is not None and time.monotonic() >= until_s:
            return


def _device(text: str) -> int | str | None:
    if text.lower() == "none":
        return None
    return int(text) if text.isdigit() else text


def _size(text: str | None) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise InputError(f"--size {text!r}: give width and height in pixels, such as 1280x720")
    return int(width), int(height)
