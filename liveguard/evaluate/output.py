"""What an evaluation leaves behind: figures for programs, readings for whoever wants to look closer, a page for people."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from liveguard.errors import InputError
from liveguard.evaluate.figures import Figures
from liveguard.evaluate.run import Run

COLUMNS = (
    "path", "variant", "label", "kind", "generator", "source", "check", "track", "start_s", "end_s", "llr", "coverage", "why",
)  # fmt: skip


def write_figures(path: Path, figures: Figures) -> None:
    """As JSON, keys in the order that they were made in: the same figures give the same file."""
    path.write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n", "utf-8")


def read_figures(path: Path) -> Figures:
    """The figures in a file that `write_figures` wrote. Raises InputError."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no metrics.json: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("checks"), dict):
        raise InputError(f"{path} is no metrics.json: it has no checks")
    return found


def write_readings(path: Path, runs: Sequence[Run]) -> None:
    """Every reading of `runs`, one a row; `llr` is empty where it could not judge."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for run in runs:
            item = run.item
            about = (item.name, run.variant, run.label, item.kind, item.generator, item.source)
            for r in run.readings:
                times = (f"{r.start_us / 1e6:.3f}", f"{r.end_us / 1e6:.3f}")
                track = "" if r.track is None else r.track
                llr = "" if r.llr is None else f"{r.llr:.4f}"
                rows.writerow((*about, r.detector, track, *times, llr, f"{r.coverage:.3f}", r.why))
