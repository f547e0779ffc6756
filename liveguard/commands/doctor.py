"""`liveguard doctor`: what is there, what is missing, and what to do about it."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from liveguard.commands.options import add_guard_options, config_of
from liveguard.config import Config
from liveguard.errors import LiveguardError
from liveguard.plugins import available, load
from liveguard.words import plain

# What is imported, the package that brings it, what it is for, and how to get it.
LIBRARIES = (
    ("av", "av", "recordings and streams", "pip install 'liveguard[file]'"),
    (
        "cv2",
        "opencv-contrib-python",
        "cameras and pictures",
        "pip install 'liveguard[face]'; apt install libgl1 libglib2.0-0",
    ),
    ("librosa", "librosa", "sound", "pip install 'liveguard[audio]'"),
    ("webrtcvad", "webrtcvad-wheels", "voice activity", "pip install 'liveguard[audio]'"),
    ("onnxruntime", "onnxruntime", "trained models", "pip install 'liveguard[models]'"),
    ("aiortc", "aiortc", "WebRTC", "pip install 'liveguard[server]'"),
    ("fastapi", "fastapi", "the live page", "pip install 'liveguard[server]'"),
)
OPTIONAL = frozenset({"onnxruntime", "aiortc", "fastapi"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. "missing": something optional is not there; "broken": the main job does not work."""

    what: str
    state: Literal["ok", "missing", "broken"]
    found: str
    todo: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    add_guard_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """0: recordings can be judged; 1: they cannot."""
    findings = list(examine(config_of(arguments)))
    if arguments.json:
        for finding in findings:
            sys.stdout.write(json.dumps(asdict(finding)) + "\n")
    else:
        _show(findings)
    return 1 if any(finding.state == "broken" for finding in findings) else 0


def examine(config: Config) -> Iterator[Finding]:
    """All findings, the cheap ones first. Never raises for what it finds."""
    yield _python()
    for module, package, purpose, todo in LIBRARIES:
        yield _library(module, package, purpose, todo)
    yield _face(config)
    yield from _devices()
    yield from _checks(config)


def _python() -> Finding:
    found = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info >= (3, 13):
        return Finding("python", "ok", found, "mediapipe's own models need 3.10-3.12; here give --face-model FILE.task")
    return Finding("python", "ok", found)


def _library(module: str, package: str, purpose: str, todo: str) -> Finding:
    try:
        import_module(module)
        return Finding(purpose, "ok", f"{package} {version(package)}")
    except PackageNotFoundError:
        return Finding(purpose, "ok", f"{module} (installed under another name than {package})")
    except Exception as error:  # noqa: BLE001 (a damaged library may raise anything when imported)
        state: Literal["missing", "broken"] = "missing" if module in OPTIONAL else "broken"
        return Finding(purpose, state, f"{package}: {error}", todo)


def _face(config: Config) -> Finding:
    from liveguard.face.backends import open_backend

    try:
        backend = open_backend(config.task_file)
    except LiveguardError as error:
        return Finding("faces", "broken", "no face tracking", str(error))
    name = backend.name
    backend.close()
    return Finding("faces", "ok", name)


def _devices() -> Iterator[Finding]:
    from liveguard.taps.devices import list_cameras, list_microphones

    cameras = list_cameras()
    for camera in cameras:
        yield Finding("camera", "ok", f"{camera.index}: {camera.name} ({camera.path})")
    if not cameras:
        yield Finding("camera", "missing", "none found", "plug one in, or use a recording, or liveguard watch URL")
    try:
        from liveguard.taps import portaudio

        portaudio.load()
    except LiveguardError as error:
        yield Finding("microphone", "missing", "PortAudio is not there", str(error))
        return
    microphones = list_microphones()
    for microphone in microphones:
        mark = ", the default" if microphone.default else ""
        yield Finding("microphone", "ok", f"{microphone.index}: {microphone.name} ({microphone.rate_hz} Hz{mark})")
    if not microphones:
        yield Finding(
            "microphone", "missing", "none found", "plug one in, start PulseAudio/PipeWire, or --microphone none"
        )


def _checks(config: Config) -> Iterator[Finding]:
    for name in available("detectors"):
        if name in config.without or (config.only is not None and name not in config.only):
            yield Finding(f"check {name}", "missing", "switched off in the settings")
            continue
        try:
            detector = load("detectors", name, config.options.get(name, {}))
        except LiveguardError as error:
            yield Finding(f"check {name}", "broken", "does not load", f"{error}; or leave it out: --without {name}")
            continue
        if getattr(detector, "has_model", True):
            yield Finding(f"check {name}", "ok", detector.about)
        else:
            todo = f"it says 'cannot judge' until a model is given: [checks.options.{name}] model = FOLDER"
            yield Finding(f"check {name}", "missing", "no model", todo)


def _show(findings: list[Finding]) -> None:
    marks = {"ok": "[green]ok[/]", "missing": "[yellow]--[/]", "broken": "[bold red]!![/]"}
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        todo = f"\n  → {plain(finding.todo)}" if finding.todo else ""
        table.add_row(marks[finding.state], Text(plain(finding.what)), Text(f"{plain(finding.found)}{todo}"))
    out = Console(highlight=False)
    out.print(table)
    broken = sum(finding.state == "broken" for finding in findings)
    out.print(f"{broken} thing(s) to mend before recordings can be judged" if broken else "recordings can be judged")
