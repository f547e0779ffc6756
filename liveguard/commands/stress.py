"""`liveguard stress FILE --out DIR`: a genuine recording made harder, or faked, in each way that is measured."""

from __future__ import annotations

import argparse
import csv
import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

from liveguard.commands.progress import counting
from liveguard.errors import BackendError, InputError
from liveguard.evaluate.manifest import BENCH_SOURCE

COLUMNS = ("path", "media", "label", "kind", "generator", "subject", "source", "origin")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, nargs="?", help="a genuine recording")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the films and their manifest.csv go")
    parser.add_argument(
        "--only", metavar="A,B", default="benign,bench", help="these variants; benign, bench: all of theirs"
    )
    parser.add_argument("--foreign", type=Path, metavar="FILE", help="somebody else's recording, for foreign sound")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", action="store_true", help="list the variants")


def run(arguments: argparse.Namespace) -> int:
    try:
        from liveguard.film_file import write_film
        from liveguard.stress.catalogue import BENCH, BENIGN, chosen
        from liveguard.stress.footage import Footage
        from liveguard.stress.tap import VariantTap
    except ImportError as error:
        raise BackendError(
            f"stress needs more libraries: pip install 'liveguard[audio,face,file]' ({error})"
        ) from error

    console = Console(highlight=False)
    if arguments.list:
        for made in (*BENIGN.values(), *BENCH.values()):
            console.print(Text(f"{made.name:<20} {'attack' if made.label == 'attack' else 'benign':<7} {made.about}"))
        return 0
    if arguments.file is None or arguments.out is None:
        raise InputError("stress needs a FILE and --out DIR (or --list)")
    wanted = chosen(name.strip() for name in arguments.only.split(",") if name.strip())
    Footage(arguments.file)  # what cannot be read is said once, not for each variant
    folder: Path = arguments.out
    manifest = folder / "manifest.csv"
    rows = rows_of(manifest)
    subject, origin = arguments.file.stem, _digest(arguments.file)
    if any(row["subject"] == subject and row["origin"] != origin for row in rows.values()):
        raise InputError(f"{folder} holds films of another recording that is called {subject}: choose another --out")
    made_now = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from error
    with counting("making", len(wanted)) as done:
        for made in wanted:
            path = folder / film_name(subject, made.name)
            try:
                tap = VariantTap(arguments.file, made, arguments.seed, arguments.foreign)
                with _whole(path) as part:
                    write_film(part, tap.samples(), "audio" in tap.info.tracks)
            except InputError as error:
                console.print(Text(f"left out: {made.name}: {error}"), soft_wrap=True)
            else:
                media = "video" if "video" in tap.info.tracks else "audio"
                kind = made.name if made.label == "attack" else "real"
                values = (path.name, media, made.label, kind, made.name, subject, BENCH_SOURCE, origin)
                rows[path.name] = dict(zip(COLUMNS, values, strict=True))
                _write(manifest, rows)  # each time: what is broken off has listed what it has made
                made_now += 1
            done(1)
    before = f", which lists {len(rows)} with those of earlier runs" if len(rows) > made_now else ""
    if not made_now:
        return 2
    console.print(Text(f"{made_now} films and manifest.csv in {folder}{before}"), soft_wrap=True)
    return 0


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Where to write what takes its place at `path` once it is whole: what is half made is deleted, and an earlier film stays."""
    part = path.with_suffix(f".part{path.suffix}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _digest(recording: Path) -> str:
    digest = hashlib.sha256()
    with recording.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()[:16]


def film_name(subject: str, variant: str) -> str:
    return f"{subject}_{re.sub(r'[^a-zA-Z0-9]+', '_', variant)}.mp4"


def rows_of(manifest: Path) -> dict[str, Mapping[str, str]]:
    """What earlier runs wrote there, by the films' names. Raises InputError where anything else stands there: labels of the
    user's are not written over."""
    try:
        with manifest.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns, found = tuple(reader.fieldnames or ()), list(reader)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"cannot read {manifest}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error):
        raise _not_ours(manifest) from None
    if columns != COLUMNS or not all(map(_ours, found)):
        raise _not_ours(manifest)
    return {row["path"]: row for row in found}


def _ours(row: Mapping[str, str | None]) -> bool:
    path, variant, subject, source = (row[column] or "" for column in ("path", "generator", "subject", "source"))
    return set(row) == set(COLUMNS) and source == BENCH_SOURCE and path == film_name(subject, variant)


def _not_ours(manifest: Path) -> InputError:
    return InputError(f"{manifest} holds rows that stress has not written: choose another --out")


def _write(manifest: Path, rows: Mapping[str, Mapping[str, str]]) -> None:
    try:
        with manifest.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows.values())
    except OSError as error:
        raise InputError(f"cannot write {manifest}: {error.strerror}") from error
