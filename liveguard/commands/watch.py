"""`liveguard watch`: guard a live feed until it ends, or Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from liveguard.commands import INTERRUPTED
from liveguard.commands.live_view import LiveView
from liveguard.commands.options import add_guard_options, config_of
from liveguard.errors import BackendError, InputError
from liveguard.guard import Guard
from liveguard.plugins import open_sinks
from liveguard.session import Session, Stats, Tick
from liveguard.sinks.jsonl import JsonlSink
from liveguard.sinks.terminal import TerminalSink
from liveguard.taps.recording import require_av
from liveguard.types import Sink, Tap

POLL_S = 0.2
END_S = 15.0  # to end in good order
ABORT_S = 2.0  # to close the sinks when there is no time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "url", nargs="?", metavar="URL", help="a stream (rtsp, rtmp, http, whep+https) or file instead of devices"
    )
    parser.add_argument(
        "--token", help="for a whep URL, if the server wants one; or LIVEGUARD_WHEP_TOKEN, which ps does not show"
    )
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


class Interrupts:
    """Counts Ctrl-C and SIGTERM, which so never break off what is being closed; after the second, one more ends the
    process where it stands."""

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._count) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _count(self, _number: int, _frame: object) -> None:
        self.count += 1
        if self.count > 2:
            os._exit(INTERRUPTED)


def run(arguments: argparse.Namespace) -> int:
    """0: nothing raised; 1: at least one alert; 130: told twice to end."""
    config = config_of(arguments)
    guard = Guard(config)  # first, as a wrong setting should not open a camera
    tap = open_tap(arguments)
    with Interrupts() as interrupts, closing(tap), guard:
        session = _show(guard, tap, open_sinks(config.sinks), arguments, interrupts)
        if not _ended(session, interrupts):
            _leave(session, interrupts)
    if interrupts.count > 1:
        return INTERRUPTED
    if session.error is not None:
        raise session.error
    return 1 if session.alerts_raised else 0


def open_tap(arguments: argparse.Namespace) -> Tap:
    """The feed that the options name. Raises DeviceError, InputError, or BackendError where a library is missing."""
    if arguments.url and arguments.url[:5].lower() in ("whep+", "whep:"):
        if find_spec("aiortc") is None:
            raise BackendError("aiortc is missing, which whep URLs need: pip install 'liveguard[server]'")
        from liveguard.taps.whep import WhepTap

        return WhepTap(arguments.url, token=arguments.token or os.environ.get("LIVEGUARD_WHEP_TOKEN") or None)
    if arguments.token:
        raise InputError("--token is for a whep+https URL only")
    require_av()
    if arguments.url:
        from liveguard.taps.file import FileTap

        return FileTap(arguments.url)
    from liveguard.taps.camera import CameraTap

    width, height = _size(arguments.size)
    camera, microphone = _device(arguments.camera), _device(arguments.microphone)
    return CameraTap(camera, microphone, width=width, height=height, fps=arguments.fps)


def _show(guard: Guard, tap: Tap, sinks: list[Sink], arguments: argparse.Namespace, interrupts: Interrupts) -> Session:
    """Start a session, and show it until it is to end."""
    running: list[Session] = []

    def stats() -> Stats | None:
        return running[0].stats() if running else None

    view: LiveView | None = None
    if arguments.json:
        sinks.append(JsonlSink(sys.stdout))
    elif arguments.plain or not has_screen():
        sinks.append(TerminalSink(sys.stdout))
    else:
        view = LiveView(tap.info.name, stats)
        sinks.append(view)
    on_tick: Callable[[Tick], None] | None = view.tick if view is not None else None
    try:
        session = guard.watch(tap, sinks, arguments.journal, on_tick)
    except BaseException:
        for sink in sinks:
            sink.close()
        raise
    running.append(session)
    if view is None:
        _wait(session.ended, arguments.seconds, lambda: interrupts.count > 0)
    else:
        with Live(get_renderable=view.render, console=Console(), refresh_per_second=5, screen=False):
            _wait(session.ended, arguments.seconds, lambda: interrupts.count > 0)
    return session


def has_screen() -> bool:
    """Whether standard output can show a view that is drawn again and again: a terminal, and not a dumb one."""
    return sys.stdout.isatty() and not Console(file=sys.stdout).is_dumb_terminal


def _ended(session: Session, interrupts: Interrupts) -> bool:
    """End in good order, or at once if told so a second time; False where something hangs."""
    session.stop()
    _wait(session.join, END_S, lambda: interrupts.count > 1)
    if interrupts.count > 1:
        session.abort()
        return session.close(ABORT_S)
    return session.close(0.0)


def _leave(session: Session, interrupts: Interrupts) -> None:
    """End the process although a thread hangs: at a usual exit Python would wait for it, or stop it within C++ code,
    which aborts the process."""
    if session.error is not None:
        sys.stderr.write(f"liveguard: {session.error}\n")
    sys.stderr.flush()
    os._exit(INTERRUPTED if interrupts.count > 1 else 2)


def _wait(done: Callable[[float], bool], seconds: float | None, told_to_end: Callable[[], bool]) -> None:
    until_s = None if seconds is None else time.monotonic() + seconds
    while not (told_to_end() or done(POLL_S)):
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
