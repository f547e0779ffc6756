"""A manifest: labelled recordings in a CSV file, one a row.

Columns: `path` (relative to the manifest), `label` (bonafide or attack) and, where known, `media` (video, audio, image),
`kind`, `generator`, `subject`, `source`, `split`, `audio_sync` (real: the sound is known to be in step with the picture)
and any others, which are kept. `subject` and `source` keep people and places apart: what shares one is never split.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from liveguard.errors import InputError

MOST_ROWS = 1_000_000
LABELS = ("bonafide", "attack")
MEDIA = ("video", "audio", "image")
BENCH_SOURCE = "bench"
"""The source of films that `liveguard stress` has made."""


@dataclass(frozen=True, slots=True)
class Item:
    """One recording. `name` is its path as the manifest has it; empty columns are "-"."""

    name: str
    file: Path
    label: Literal["bonafide", "attack"]
    media: str = "video"
    kind: str = "-"
    generator: str = "-"
    subject: str = "-"
    source: str = "-"
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def attack(self) -> bool:
        return self.label == "attack"

    @property
    def person(self) -> str:
        """Who is in it; who has no name is somebody else in each recording."""
        return self.subject if self.subject != "-" else self.name

    @property
    def sync_is_known(self) -> bool:
        """Whether sound and picture were recorded together and are known to be in step."""
        return self.more.get("audio_sync") == "real"


def read_manifest(path: Path, splits: Sequence[str] = ()) -> list[Item]:
    """The rows of the manifest at `path`, of the given `splits` only where any are given.

    Raises InputError that names the line and what is allowed. That a recording exists is not looked at here: a missing one
    is said in the result, and the others are judged.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in ("path", "label") if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path}: has no column {missing[0]!r}; needed are path and label, in the first line")
            items = [(reader.line_num, _item(path, reader.line_num, row)) for row in reader]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no CSV file in UTF-8: {error}") from error
    if len(items) > MOST_ROWS:
        raise InputError(f"{path}: {len(items)} rows, at most {MOST_ROWS} are allowed")
    kept = [(line, item) for line, item in items if not splits or item.more.get("split", "") in splits]
    if not kept:
        what = f"no row of split {', '.join(splits)}" if items else "no rows"
        raise InputError(f"{path}: has {what}")
    _refuse_the_same(path, kept)
    return [item for _, item in kept]


def _refuse_the_same(manifest: Path, items: Sequence[tuple[int, Item]]) -> None:
    """Whatever its path is called, one recording is one: it would count twice, perhaps with both labels."""
    first: dict[Path, tuple[int, str]] = {}
    for line, item in items:
        other, name = first.setdefault(item.file.resolve(), (line, item.name))
        if other != line:
            raise InputError(f"{manifest}, lines {other} and {line}: {name!r} and {item.name!r} are the same recording")


def _item(manifest: Path, line: int, row: Mapping[str | None, str | list[str] | None]) -> Item:
    cells = {key: value.strip() for key, value in row.items() if key is not None and isinstance(value, str)}
    name, label, media = cells.get("path", ""), cells.get("label", ""), cells.get("media") or "video"
    if not name or "\0" in name:
        raise InputError(f"{manifest}, line {line}: path is empty or not a path")
    if label not in LABELS:
        raise InputError(f"{manifest}, line {line}: label is {label[:40]!r}; allowed are {' and '.join(LABELS)}")
    if media not in MEDIA:
        raise InputError(f"{manifest}, line {line}: media is {media[:40]!r}; allowed are {', '.join(MEDIA)}")
    known = {key: cells.get(key) or "-" for key in ("kind", "generator", "subject", "source")}
    more = {key: value for key, value in cells.items() if key not in {"path", "label", "media", *known}}
    literal: Literal["bonafide", "attack"] = "attack" if label == "attack" else "bonafide"
    return Item(name, manifest.parent / name, literal, media, more=more, **known)
