"""What the face checks tell together, and what is lost without each, on sources that none of them has seen.

    liveguard evaluate MANIFEST.csv --out OUT --variants "VP8 300k" --held-out LEFT_OUT,LEFT_OUT --jobs 2
    python models/face_checks/together.py MANIFEST.csv OUT LEFT_OUT,LEFT_OUT

The files LEFT_OUT hold the weights and the models that have not seen a source (`models/face_checks/left_out.json` and
`out/crops/small/left_out.json`). What a check says of a clip is measured in the spreads of genuine clips of all other
sources, and all of them are added up; a check that could not judge adds nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from liveguard.commands.evaluate import folds_of
from liveguard.config import Config
from liveguard.evaluate.collect import collect
from liveguard.evaluate.manifest import read_manifest
from liveguard.evaluate.metrics import auc, bootstrap
from liveguard.evaluate.plan import plan
from liveguard.evaluate.run import Run
from liveguard.evaluate.scores import main_readings

CHECKS = ("swap", "animation", "texture", "mesh", "blink")
KINDS = ("faceswap", "reenact", "talkinghead", "lipsync")
VARIANTS = {"as is": "as they are", "VP8 300k": "VP8 300 kbit/s"}

Array = npt.NDArray[np.float64]


def said(runs: Sequence[Run], check: str) -> Array:
    """(runs,) mean of what the check says itself; NaN where it could not judge."""
    found = [main_readings(run, check) for run in runs]
    return np.array([np.mean([r.llr for r in some]) if some else np.nan for some in found])


def in_spreads(values: Array, runs: Sequence[Run]) -> Array:
    """How far above genuine clips of other sources, 0 where unknown."""
    attack, source = np.array([run.attack for run in runs]), np.array([run.item.source for run in runs])
    off = np.zeros(len(runs))
    for name in set(source):
        genuine = values[(source != name) & ~attack]
        off[source == name] = (values[source == name] - np.nanmean(genuine)) / np.nanstd(genuine)
    return np.nan_to_num(off)


def row(what: str, score: Array, runs: Sequence[Run]) -> str:
    attack, kind = np.array([run.attack for run in runs]), np.array([run.item.kind for run in runs])
    people = np.array([run.item.subject for run in runs])
    cells = []
    for which in (*KINDS, "all"):
        use = ~attack | (kind == which) | (which == "all")
        found = auc(score[use], attack[use])
        within = bootstrap(lambda w, use=use: auc(score[use], attack[use], w), people[use].tolist())  # type: ignore[misc]
        cells.append(f"{found:.2f} [{within[0]:.2f}, {within[1]:.2f}]" if within else f"{found:.2f}")
    return f"| {what} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("held_out")
    given = parser.parse_args()
    folds = folds_of(given.held_out)
    tasks = plan(read_manifest(given.manifest), list(VARIANTS)[1:], 0, None)
    judged = collect(tasks, lambda task: folds.config(Config(), task.item.source), given.out / "runs")
    runs = [folds.left_out(run) for run in judged]
    for variant, about in VARIANTS.items():
        here = [run for run in runs if run.variant == variant]
        parts = {check: in_spreads(said(here, check), here) for check in CHECKS}
        print(f"\n{about}\n| what | {' | '.join(KINDS)} | all |\n|{'---|' * (len(KINDS) + 2)}")
        print(row("all five", sum(parts.values(), np.zeros(len(here))), here))
        for check in CHECKS:
            print(row(f"without {check}", sum(p for name, p in parts.items() if name != check), here))  # type: ignore[arg-type]
        for check in CHECKS:
            print(row(f"{check} alone", parts[check], here))


if __name__ == "__main__":
    main()
