"""`liveguard bench FILE`: what guarding costs, as ratios within one run, because machines differ and are noisy."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from liveguard.commands.options import add_guard_options, config_of
from liveguard.errors import InputError
from liveguard.guard import Guard
from liveguard.taps.recording import SCAN_FPS, require_av
from liveguard.types import VideoFrame


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU seconds of one round over the clip, on one core."""

    clip_s: float
    frames: int
    decode_s: float
    face_mesh_s: float
    guard_s: float
    guard_wall_s: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="a recording with one face; 720p30 to compare with our figures"
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds; medians are given (default: 3)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    add_guard_options(parser)


def run(arguments: argparse.Namespace) -> int:
    if not 1 <= arguments.rounds <= 100:
        raise InputError("--rounds: allowed are 1 to 100")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with Guard(config_of(arguments)) as guard:
        _one_round(guard, arguments.file)  # loads libraries and warms caches
        errors = Console(stderr=True)
        numbers = track(
            range(arguments.rounds), "measuring", console=errors, transient=True, disable=not errors.is_terminal
        )
        rounds = [_one_round(guard, arguments.file) for _ in numbers]
    if arguments.json:
        sys.stdout.write(json.dumps({"rounds": [asdict(one) for one in rounds]} | summary(rounds)) + "\n")
    else:
        _show(rounds)
    return 0


def summary(rounds: list[Costs]) -> dict[str, float]:
    """Medians over the rounds."""

    def median(of: Callable[[Costs], float]) -> float:
        return round(statistics.median(of(one) for one in rounds), 3)

    return {
        "guard_over_face_mesh": median(lambda one: one.guard_s / one.face_mesh_s),
        "decode_over_face_mesh": median(lambda one: one.decode_s / one.face_mesh_s),
        "clip_over_guard_wall": median(lambda one: one.clip_s / one.guard_wall_s),
        "face_mesh_ms_per_frame": median(lambda one: 1e3 * one.face_mesh_s / one.frames),
        "guard_ms_per_frame": median(lambda one: 1e3 * one.guard_s / one.frames),
        "core_share_percent": median(lambda one: 100 * one.guard_s / one.clip_s),
    }


def _one_round(guard: Guard, file: Path) -> Costs:
    """The bare face mesh on every decoded picture, then the whole guard, from file to report."""
    frames, decode_s, face_mesh_s = _bare(file)
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    report = guard.scan(file)
    return Costs(
        clip_s=report.seconds,
        frames=frames,
        decode_s=decode_s,
        face_mesh_s=face_mesh_s,
        guard_s=time.process_time() - cpu_s,
        guard_wall_s=time.perf_counter() - wall_s,
    )


def _bare(file: Path) -> tuple[int, float, float]:
    """Pictures, CPU seconds of decoding them to RGB, and CPU seconds of FaceMesh with default options on them."""
    require_av()
    from liveguard.face.quiet import quiet_stderr
    from liveguard.face.solutions import require_solutions
    from liveguard.taps.file import FileTap

    tap = FileTap(file, max_fps=SCAN_FPS)
    with quiet_stderr():
        mesh = require_solutions().solutions.face_mesh.FaceMesh(max_num_faces=1, refine_landmarks=True)
        mesh.process(np.zeros((64, 64, 3), np.uint8))  # its models are loaded, and chatter, on threads of its own
    frames, mesh_s, started_s, has_seen_face = 0, 0.0, time.process_time(), False
    try:
        for sample in tap.samples():
            if isinstance(sample, VideoFrame):
                with nullcontext() if has_seen_face else quiet_stderr():  # the first face has its own chatter
                    before_s = time.process_time()
                    found = mesh.process(sample.image)
                    mesh_s += time.process_time() - before_s
                has_seen_face = has_seen_face or found.multi_face_landmarks is not None
                frames += 1
    finally:
        tap.close()
        mesh.close()
    if not frames:
        raise InputError(f"{file}: no pictures to measure with")
    return frames, time.process_time() - started_s - mesh_s, mesh_s


def _show(rounds: list[Costs]) -> None:
    out, figures = Console(highlight=False), summary(rounds)
    ratios = [one.guard_s / one.face_mesh_s for one in rounds]
    out.print(f"{rounds[0].clip_s:.1f} s, {rounds[0].frames} pictures, {len(rounds)} rounds on one core, medians:")
    out.print(f"  bare FaceMesh        {figures['face_mesh_ms_per_frame']:.2f} ms CPU a picture")
    out.print(f"  whole guard          {figures['guard_ms_per_frame']:.2f} ms CPU a picture, decoding included")
    ratio = f"  guard / FaceMesh     {figures['guard_over_face_mesh']:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    out.print(f"{ratio}, of which decoding {figures['decode_over_face_mesh']:.2f}")
    out.print(f"  faster than the clip {figures['clip_over_guard_wall']:.1f} times")
    out.print(f"  share of one core    {figures['core_share_percent']:.0f} % at the clip's own speed")
