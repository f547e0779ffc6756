"""`make demo`: the live page where there is a camera; elsewhere clips that are made on the spot, and what the guard says."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from demo.clips import OTHER, SENTENCE, loop, photo, speech, talking, write
from demo.puppet import Puppet
from liveguard.commands import serve
from liveguard.commands.scan import show
from liveguard.errors import LiveguardError
from liveguard.guard import Guard
from liveguard.taps.devices import list_cameras
from liveguard.types import FloatArray, Hypothesis
from liveguard.words import plain

OUT = Path("out/demo")
PHOTO_S, PERIOD_S, LOOP_S = 8.0, 3.0, 12.0


@dataclass(frozen=True, slots=True)
class Scene:
    """A clip to make, and what the guard should raise on it (None: nothing about its sound)."""

    file: str
    story: str
    make: Callable[[Puppet, Path], Path]
    raises: Hypothesis | None


def make_photo(puppet: Puppet, path: Path) -> Path:
    return write(path, photo(puppet, PHOTO_S))


def make_loop(puppet: Puppet, path: Path) -> Path:
    return write(path, loop(puppet, PERIOD_S, LOOP_S))


def make_foreign(puppet: Puppet, path: Path) -> Path:
    return _talk(puppet, path, speech(OTHER, path.parent, "en-us", 110), speech(SENTENCE, path.parent))


def make_sync(puppet: Puppet, path: Path) -> Path:
    voice = speech(SENTENCE, path.parent)
    return _talk(puppet, path, voice, voice)


def make_bench_clip(path: Path, seconds: float = 60.0, fps: int = 30) -> Path:
    """A minute of the talking puppet, 720p30, for `liveguard bench`; kept for the next time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        voice = np.concatenate([speech(text, path.parent) for text in (SENTENCE, OTHER, SENTENCE)])
        voice = voice[: int(seconds * 16_000)]
        half_made = path.with_suffix(".part.mp4")
        write(half_made, talking(Puppet(), voice, seconds, fps), voice).rename(path)
    return path


def _talk(puppet: Puppet, path: Path, lips: FloatArray, voice: FloatArray) -> Path:
    count = min(len(lips), len(voice))
    return write(path, talking(puppet, lips, count / 16_000), voice[:count])


SCENES = (
    Scene("photo.mp4", "a still photo pushed as a camera", make_photo, "feed_injected"),
    Scene("loop.mp4", f"a living picture of {PERIOD_S:g} s, shown again and again", make_loop, "feed_injected"),
    Scene(
        "foreign_voice.mp4", "lips that speak one text slowly, a voice that speaks another", make_foreign, "av_mismatch"
    ),
    Scene(
        "matching_voice.mp4", "lips with the voice that moves them: nothing to report about the sound", make_sync, None
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--clips", action="store_true", help="the clips, even where there is a camera")
    parser.add_argument("--bench-clip", type=Path, metavar="FILE", help="only make the clip of `make bench`")
    arguments = parser.parse_args()
    if arguments.bench_clip:
        return 0 if make_bench_clip(arguments.bench_clip).exists() else 1
    if list_cameras() and not arguments.clips:
        try:
            return show_page()
        except LiveguardError as error:
            Console().print(Text(f"No live page: {plain(str(error))}"), soft_wrap=True)
    return guard_clips(OUT)


def show_page() -> int:
    """The live page, in the browser of whoever sits here. Raises ConfigError where its port is taken."""
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    return serve.run(parser.parse_args(["--open"]))


def guard_clips(folder: Path) -> int:
    """Makes the clips in `folder` (kept for the next time) and guards them: 0 when each attack was caught."""
    out = Console(highlight=False)
    out.print("Guarding clips that are made now, from one public-domain portrait. None of them is a real call.")
    out.print("The portrait is bent into a puppet, so a check of the face may well find it strange.\n")
    folder.mkdir(parents=True, exist_ok=True)
    missed = []
    with Guard() as guard:
        for scene in SCENES:
            path = folder / scene.file
            if not path.exists() and not _make(scene, path, out):
                continue
            report = guard.scan(path)
            out.rule(scene.story, style="dim")
            show(out, report)
            raised = {alert.hypothesis for alert in report.alerts}
            if scene.raises is not None and scene.raises not in raised:
                missed.append(scene.file)
    if missed:
        out.print(f"[bold red]not caught: {', '.join(missed)}[/]")
    return 1 if missed else 0


def _make(scene: Scene, path: Path, out: Console) -> bool:
    columns = (TextColumn("making {task.description}"), BarColumn())
    with Progress(*columns, console=out, transient=True) as progress:
        progress.add_task(scene.story, total=None)
        half_made = path.with_suffix(".part.mp4")
        try:
            scene.make(Puppet(), half_made).rename(path)
        except FileNotFoundError as error:
            out.print(f"left out: {scene.story} (needs {error}: apt-get install {error})")
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
