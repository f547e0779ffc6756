"""`liveguard stress FILE --out DIR`: a genuine recording made harder, or faked, in each way that is measured."""

from __future__ import annotations

import argparse
import csv
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

from liveguard.commands.progress import counting
from liveguard.errors import BackendError, InputError

COLUMNS = ("path", "media", "label", "kind", "generator", "subject", "source")


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
    from liveguard.film_file import write_film

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
    rows: list[tuple[str, ...]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from error
    with counting("making", len(wanted)) as done:
        for made in wanted:
            path = folder / f"{arguments.file.stem}_{re.sub(r'[^a-zA-Z0-9]+', '_', made.name)}.mp4"
            try:
                tap = VariantTap(arguments.file, made, arguments.seed, arguments.foreign)
            except InputError as error:
                console.print(Text(f"left out: {made.name}: {error}"), soft_wrap=True)
            else:
                write_film(path, tap.samples(), "audio" in tap.info.tracks)
                media = "video" if "video" in tap.info.tracks else "audio"
                kind = made.name if made.label == "attack" else "real"
                rows.append((path.name, media, made.label, kind, made.name, arguments.file.stem, "bench"))
            done(1)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    console.print(Text(f"{len(rows)} films and manifest.csv in {folder}"), soft_wrap=True)
    return 0 if rows else 2
