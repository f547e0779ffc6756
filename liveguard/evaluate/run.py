"""One recording, judged as one variant: everything that was said, kept in one small file, so that a run can be resumed
and every figure be made again without judging anew.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from liveguard import wire
from liveguard.calibration import uncalibrated
from liveguard.errors import InputError
from liveguard.evaluate.facts import Facts, facts_of
from liveguard.evaluate.films import film_variant
from liveguard.evaluate.manifest import Item
from liveguard.guard import Guard
from liveguard.stress.catalogue import AS_IS, variant
from liveguard.stress.tap import VariantTap
from liveguard.taps.recording import open_recording
from liveguard.types import HYPOTHESES, Event, Fault, Hypothesis, Reading, Tap

_JUDGING = ("audio", "detectors", "face", "taps")  # what decides which readings come of a recording
_JUDGING_FILES = (
    "challenge/planar.py", "engine.py", "evaluate/facts.py", "guard.py", "onnx.py", "scheduler.py", "timeline.py", "types.py",
    "wire.py",
)  # fmt: skip
_NOT_JUDGING = "detectors/weights.toml"  # only weighs measures that are in the readings


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be judged. `foreign`: a recording of somebody else, for variants that want one."""

    item: Item
    variant: str = AS_IS
    seed: int = 0
    foreign: Item | None = None

    @property
    def key(self) -> str:
        """The same for the same task, whatever else is judged with it."""
        parts = (self.item.name, self.variant, str(self.seed), self.foreign.file.name if self.foreign else "")
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a task. `error`: why it could not be judged at all; then there is nothing else.

    `label`, `hypothesis`, `onset_s`, `play_s`, `judged`: as the variant makes them of the item, or the one that a film of
    `liveguard stress` shows; `hypothesis` is that of an attack of our own making. `readings` are in order, as
    the checks gave them: no calibration is in them, so that any can be tried. `still`: of a single picture. `foreign`: whose
    sound it has, where that is somebody else's.
    """

    item: Item
    variant: str
    label: str
    hypothesis: Hypothesis | None = None
    onset_s: float = 0.0
    play_s: float = 0.0
    judged: tuple[Hypothesis, ...] = ()
    seconds: float = 0.0
    cpu_s: float = 0.0
    facts: Facts | None = None
    readings: tuple[Reading, ...] = ()
    faults: tuple[str, ...] = ()
    error: str = ""
    still: bool = False
    foreign: Item | None = None

    @property
    def attack(self) -> bool:
        return self.label == "attack"

    @property
    def bench(self) -> bool:
        """Whether it is an attack of our own making."""
        return self.hypothesis is not None


def judge(guard: Guard, task: Task) -> dict[str, Any]:
    """Run the guard over a task; the record, ready for JSON. What cannot be used is an error in it, not an exception."""
    try:
        facts = facts_of(task.item.file)
        tap = _tap(task)
        said: list[Event] = []
        try:
            report = guard.judge(tap, task.item.name, on_event=said.append)
        finally:
            tap.close()
    except InputError as error:
        return {"error": str(error)}
    return {
        "seconds": report.seconds,
        "still": report.still,
        "cpu_s": round(report.compute_s, 3),
        "facts": facts,
        "readings": [wire.to_dict(uncalibrated(event)) for event in said if isinstance(event, Reading)],
        "faults": [f"{event.where}: {event.what}" for event in said if isinstance(event, Fault)],
    }


def _tap(task: Task) -> Tap:
    foreign = task.foreign.file if task.foreign else None
    if task.variant == AS_IS:
        return open_recording(task.item.file)
    return VariantTap(task.item.file, variant(task.variant), task.seed, foreign)


def run_of(task: Task, record: dict[str, Any]) -> Run:
    """The record as a Run; raises InputError where it is not one."""
    item, made = task.item, variant(task.variant)
    label = "attack" if item.attack or made.label == "attack" else "bonafide"
    if "error" in record:
        return Run(item, made.name, label, error=str(record["error"]), foreign=task.foreign)
    about = film_variant(item) or made
    try:
        events = [wire.from_dict(event) for event in record["readings"]]
        return Run(
            item=item,
            variant=made.name,
            label=label,
            hypothesis=about.hypothesis,
            onset_s=about.onset_s,
            play_s=about.play_s,
            judged=_judged(item, about.judged),
            seconds=float(record["seconds"]),
            cpu_s=float(record["cpu_s"]),
            facts=record["facts"],
            readings=tuple(event for event in events if isinstance(event, Reading)),
            faults=tuple(record["faults"]),
            still=bool(record["still"]),
            foreign=task.foreign,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"damaged record of {item.name}: {type(error).__name__}: {error}") from error


def _judged(item: Item, judged: tuple[Hypothesis, ...]) -> tuple[Hypothesis, ...]:
    """Genuine sound that may have been laid under the picture later says nothing about what belongs together."""
    if item.attack or item.more.get("audio_sync", "real") in ("real", "none"):
        return judged
    return tuple(name for name in judged or HYPOTHESES if name != "av_mismatch")


@cache
def fingerprint(with_variants: bool) -> str:
    """Changes when the code, the data or the models that readings depend on change: records of another one are made anew."""
    package = Path(str(files("liveguard")))
    folders = (*_JUDGING, "stress") if with_variants else _JUDGING
    found = (path for folder in (*folders, "models") for path in sorted((package / folder).rglob("*")))
    files_found = [path for path in found if path.is_file() and "__pycache__" not in path.parts]
    digest = hashlib.sha256()
    for path in (*files_found, *(package / name for name in _JUDGING_FILES)):
        if path == package / _NOT_JUDGING:
            continue
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def load(task: Task, folder: Path, checks: str) -> dict[str, Any] | None:
    """The record of a task that `folder` keeps, if it is whole and was made by this code with these `checks`."""
    try:
        record = json.loads(_file(task, folder, checks).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("made_by") != _made_by(task, checks):
        return None
    return record


def save(task: Task, record: dict[str, Any], folder: Path, checks: str) -> None:
    """Keep a record; a crash leaves the old one, or none, and never half of one."""
    file = _file(task, folder, checks)
    part = file.with_suffix(".part")
    part.write_text(json.dumps({**record, "made_by": _made_by(task, checks)}, separators=(",", ":")))
    part.replace(file)


def _file(task: Task, folder: Path, checks: str) -> Path:
    """Its own for other settings: who tries some does not lose what was judged by others."""
    return folder / f"{task.key}-{hashlib.sha256(checks.encode()).hexdigest()[:8]}.json"


def _made_by(task: Task, checks: str) -> list[str]:
    """What a record depends on: code, settings, and the recording itself, by size and time of its last change."""
    files = [item.file for item in (task.item, task.foreign) if item is not None]
    return [fingerprint(task.variant != AS_IS), checks, *map(_stamp, files)]


def _stamp(file: Path) -> str:
    try:
        status = file.stat()
    except OSError:
        return "missing"
    return f"{status.st_size} {status.st_mtime_ns}"
