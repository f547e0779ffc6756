"""Which recordings are judged as which variants."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from liveguard.errors import InputError
from liveguard.evaluate.films import film_variant
from liveguard.evaluate.manifest import Item
from liveguard.evaluate.run import Task
from liveguard.stress.catalogue import AS_IS, chosen, variant
from liveguard.stress.footage import Footage
from liveguard.stress.variant import Variant
from liveguard.taps.source import is_still
from liveguard.types import Track


@dataclass(frozen=True, slots=True)
class _Known:
    tracks: frozenset[Track]
    seconds: float


STILL = _Known(frozenset({"video"}), 1.0)


def plan(
    items: Sequence[Item], variants: Iterable[str] = (), seed: int = 0, minutes: float | None = None
) -> tuple[Task, ...]:
    """Every item as it is, and as each of `variants` that applies to it.

    `minutes`: no more than so much footage, by a draw that takes every variant and source in turn, so that a short run
    sees a little of all. Still pictures, each of which counts as a second, and films of `liveguard stress`, which are variants
    already, are judged as they are only.
    """
    wanted = [made for made in chosen(variants) if made.name != AS_IS]
    stills = {item.name for item in items if item.media == "image" or is_still(item.file)}
    moving = [item for item in items if item.name not in stills and film_variant(item) is None]
    known = {item.name: STILL if item.name in stills else _look(item.file) for item in items}
    talkers = [item for item in moving if item.sync_is_known and not item.attack and "audio" in _tracks(known, item)]
    tasks = [Task(item, AS_IS, seed) for item in items]
    for made in wanted:
        for item in moving:
            seen = known[item.name]
            if seen is not None and _applies(made, item, seen):
                foreign = _other(talkers, item, made) if made.foreign_sound else None
                if foreign is not None or not made.foreign_sound:
                    tasks.append(Task(item, made.name, seed, foreign))
    if minutes is not None:
        tasks = _sample(tasks, known, minutes, seed)
    return tuple(tasks)


def _look(file: Path) -> _Known | None:
    """None for what cannot be opened; as it is, it is still a task, whose result says why."""
    try:
        footage = Footage(file)
    except InputError:
        return None
    return _Known(footage.tracks, footage.lap_us / 1e6)


def _tracks(known: Mapping[str, _Known | None], item: Item) -> frozenset[Track]:
    seen = known.get(item.name)
    return seen.tracks if seen is not None else frozenset()


def _applies(made: Variant, item: Item, seen: _Known) -> bool:
    if item.attack and not made.for_attacks:
        return False
    if made.needs_sync and not item.sync_is_known:
        return False
    return seen.seconds >= made.least_s and all(track in seen.tracks for track in made.needs)


def _other(talkers: Sequence[Item], item: Item, made: Variant) -> Item | None:
    """The recording of another person, always the same one; of another source, as people of one corpus read the same text."""
    others = [talker for talker in talkers if talker.person != item.person]
    others = [talker for talker in others if talker.source != item.source] or others
    if not others:
        return None
    return others[zlib.crc32(f"{made.name}/{item.name}".encode()) % len(others)]


def _sample(tasks: Sequence[Task], known: Mapping[str, _Known | None], minutes: float, seed: int) -> list[Task]:
    """Tasks whose footage fits into `minutes`, drawn from each variant in turn, and there from each label and source.

    A task's place hangs on itself and `seed` alone: one more variant does not change who is drawn as the others.
    """
    drawn = sorted(tasks, key=lambda task: hashlib.sha256(f"{seed}\0{task.key}".encode()).digest())
    by_variant = _groups(drawn, lambda task: task.variant)
    order = _in_turn([_in_turn(_groups(own, lambda task: (task.item.label, task.item.source))) for own in by_variant])
    kept: set[str] = set()
    left_s = minutes * 60
    for task in order:
        seen = known[task.item.name]
        seconds = max(seen.seconds if seen is not None else 0.0, variant(task.variant).play_s)
        if seconds <= left_s:
            kept.add(task.key)
            left_s -= seconds
    return [task for task in tasks if task.key in kept]


def _groups(tasks: Iterable[Task], key: Callable[[Task], object]) -> list[list[Task]]:
    found: dict[object, list[Task]] = {}
    for task in tasks:
        found.setdefault(key(task), []).append(task)
    return list(found.values())


def _in_turn(groups: Iterable[Sequence[Task]]) -> list[Task]:
    """The first of each group, then the second of each, and so on."""
    return [task for row in zip_longest(*groups) for task in row if task is not None]
