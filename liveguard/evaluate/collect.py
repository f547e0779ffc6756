"""All tasks of an evaluation, on several processes, resumed where it was broken off."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache, partial
from importlib.util import find_spec
from itertools import islice
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from liveguard.config import Config
from liveguard.errors import BackendError, InputError
from liveguard.evaluate.run import Run, Task, judge, load, run_of, save
from liveguard.guard import Guard
from liveguard.plugins import OURS, available

_guards: dict[str, Guard] = {}  # one a process and settings: models and face graphs are loaded once


def collect(
    tasks: Sequence[Task],
    config_of: Callable[[Task], Config],
    folder: Path,
    jobs: int = 1,
    on_done: Callable[[int], None] | None = None,
) -> Iterator[Run]:
    """The run of each task by its settings, in order. `folder` keeps their records; what was judged already is not judged
    again, what could not be is tried again.

    `on_done(count)` is called as runs are finished. Raises what the guard raises where it cannot start at all.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: records cannot be kept there: {error.strerror}") from error
    configs = [config_of(task) for task in tasks]
    records = (load(task, folder, _checks(config)) for task, config in zip(tasks, configs, strict=True))
    found = [record is not None and "error" not in record for record in records]
    missing = [pair for pair, there in zip(zip(tasks, configs, strict=True), found, strict=True) if not there]
    if on_done is not None:
        on_done(len(tasks) - len(missing))
    work = partial(_judge, folder=folder)
    if jobs > 1 and missing:
        # Spawned, not forked: a progress bar's thread may hold a lock, and each process needs a face library of its own.
        try:
            with ProcessPoolExecutor(jobs, get_context("spawn"), end_with_the_parent) as pool:
                _count(pool.map(work, missing), on_done)
        except BrokenProcessPool as error:
            # Tasks are begun in order: those at work are the first that have left no record.
            left = (task for task, config in missing if load(task, folder, _checks(config)) is None)
            at_work = ", ".join(f"{task.item.name} ({task.variant})" for task in islice(left, jobs))
            raise BackendError(
                f"a process that was judging died, perhaps for lack of memory: try fewer --jobs. At work were {at_work}"
            ) from error
    else:
        _count(map(work, missing), on_done)
    for task, config in zip(tasks, configs, strict=True):
        yield run_of(task, load(task, folder, _checks(config)) or {"error": "its record was lost"})


def end_with_the_parent() -> None:
    """Called in a process of a pool: when the one that made it is killed, it would wait for work for ever, models and all."""
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, name="liveguard-parent-watch", daemon=True).start()


def _count(done: Iterator[None], on_done: Callable[[int], None] | None) -> None:
    for _ in done:
        if on_done is not None:
            on_done(1)


def _judge(task_and_config: tuple[Task, Config], folder: Path) -> None:
    task, config = task_and_config
    checks = _checks(config)
    guard = _guards.get(checks)
    if guard is None:
        guard = _guards[checks] = Guard(config)
    record = judge(guard, task)
    try:
        save(task, record, folder, checks)
    except OSError as error:
        raise InputError(f"{folder}: a record cannot be written: {error.strerror}") from error


def _checks(config: Config) -> str:
    """What of the settings decides which readings come."""
    settings: dict[str, Any] = {
        "only": config.only,
        "without": config.without,
        "options": config.options,
        "faces": config.max_faces,
        "task_file": _digests([config.task_file]) if config.task_file else [],
        "foreign": _digests(_foreign(config.only, config.without)),
        "models": [_model(Path(str(options["model"]))) for options in config.options.values() if "model" in options],
    }
    return json.dumps(settings, sort_keys=True, default=str)


def _model(folder: Path) -> list[str]:
    """What a model says and is: one that was trained anew has judged nothing yet."""
    return _digests(folder / name for name in ("card.toml", "model.onnx"))


@cache
def _foreign(only: Sequence[str] | None, without: Sequence[str]) -> tuple[Path, ...]:
    """The code of the checks of other packages; ours is in the fingerprint."""
    points = [
        point
        for name, point in available("detectors").items()
        if (only is None or name in only) and name not in without
    ]
    specs = [find_spec(point.module) for point in points if point.module.partition(".")[0] != OURS]
    return tuple(Path(spec.origin) for spec in specs if spec is not None and spec.origin is not None)


def _digests(files: Iterable[Path]) -> list[str]:
    return [_digest(file, file.stat().st_mtime_ns) for file in files if file.is_file()]


@cache
def _digest(file: Path, changed_ns: int) -> str:  # noqa: ARG001
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
