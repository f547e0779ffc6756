"""Scan a whole corpus and count what was said: `python -m tests.bench.scan_corpus MANIFEST.csv [--sample N] [--jobs N]`.

One JSON object a file goes to --out; the summary is by label and kind. A crash of any file is reported and fails the run.
The shipped coefficients of some checks were fitted on the same corpus, so its rates are in-sample: what this shows is that
every file is judged, how often "cannot judge" is said, and what the guard costs.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from liveguard.errors import LiveguardError
from liveguard.guard import Guard

_guard: list[Guard] = []


def scan(row: dict[str, str]) -> dict[str, Any]:
    """One file's report with its label; an error of any kind is kept as text."""
    if not _guard:
        _guard.append(Guard())
    about = {key: row[key] for key in ("label", "kind", "generator", "source")}
    started_s = time.perf_counter()
    try:
        report = _guard[0].scan(row["file"]).to_dict()
    except LiveguardError as error:
        return about | {"file": row["file"], "refused": str(error)}
    except Exception as error:  # noqa: BLE001 (the point of this run is to find these)
        return about | {"file": row["file"], "crash": f"{type(error).__name__}: {error}"}
    return about | report | {"wall_s": time.perf_counter() - started_s}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--sample", type=int, help="a seeded sample of so many files")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("out/corpus.jsonl"))
    arguments = parser.parse_args()
    with arguments.manifest.open(newline="") as file:
        rows = [row | {"file": str(arguments.manifest.parent / row["path"])} for row in csv.DictReader(file)]
    if arguments.sample:
        rows = random.Random(0).sample(rows, min(arguments.sample, len(rows)))
    with ProcessPoolExecutor(arguments.jobs) as pool:
        reports = list(track(pool.map(scan, rows), total=len(rows), description="scanning"))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text("".join(json.dumps(report) + "\n" for report in reports))
    return summarise(reports)


def summarise(reports: list[dict[str, Any]]) -> int:
    crashed = [report for report in reports if "crash" in report]
    refused = [report for report in reports if "refused" in report]
    judged = [report for report in reports if "verdict" in report]
    print(f"{len(reports)} files: {len(judged)} scanned, {len(refused)} refused, {len(crashed)} crashed")
    for report in crashed + refused:
        print(f"  {report['file']}: {report.get('crash') or report.get('refused')}")
    faults = Counter(fault for report in judged for fault in report["faults"])
    for fault, count in faults.most_common(10):
        print(f"  fault in {count} files: {fault}")
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for report in judged:
        kinds[f"{report['label']}/{report['kind']}"][report["verdict"]] += 1
        kinds[f"{report['label']}/{report['kind']}"]["files"] += 1
    for kind, counts in sorted(kinds.items()):
        print(
            f"  {kind:<24}"
            + "  ".join(
                f"{name} {counts[name]}" for name in ("files", "alert", "suspicious", "genuine", "cannot_judge")
            )
        )
    media_s, cpu_s = (sum(report[key] for report in judged) for key in ("seconds", "compute_s"))
    print(f"  {media_s / 60:.1f} min of media, {cpu_s / max(media_s, 1e-9):.3f} CPU s per s of media")
    for name in sorted({name for report in judged for name in report["checks"]}):
        by_label: dict[str, list[float]] = defaultdict(list)
        count = 0
        for report in judged:
            llr = report["checks"][name]["llr"]
            if llr is not None:
                by_label[report["label"]].append(llr)
                count += 1
        spread = "  ".join(
            f"{label} {np.percentile(values, [5, 50, 95]).round(2).tolist()} (n={len(values)})"
            for label, values in sorted(by_label.items())
        )
        print(f"  {name:<10} judged {count}/{len(judged)}  evidence 5/50/95 %: {spread}")
    return 1 if crashed or faults else 0


if __name__ == "__main__":
    sys.exit(main())
