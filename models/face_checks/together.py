"""What the face checks tell together, and what is lost without each, on sources that none of them has seen.

    liveguard evaluate MANIFEST.csv --out OUT --variants "VP8 300k" --held-out LEFT_OUT,LEFT_OUT --jobs 2
    python models/face_checks/together.py MANIFEST.csv OUT/readings.csv

The files LEFT_OUT hold the weights and the models that have not seen a source (`models/face_checks/left_out.json` and
`out/crops/small/left_out.json`). What a check says of a clip, the mean over its windows, is measured in the spreads of genuine
clips of all other sources, and all of them are added up; a check that could not judge adds nothing.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from liveguard.evaluate.manifest import read_manifest
from liveguard.evaluate.metrics import auc, bootstrap, fpr_at_tpr

CHECKS = ("swap", "animation", "texture", "mesh", "blink")
KINDS = ("faceswap", "reenact", "talkinghead", "lipsync")
VARIANTS = {"as is": "as they are", "VP8 300k": "VP8 300 kbit/s"}

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Clips:
    """All clips in one variant; the columns go together. `nats`: by check, NaN where it could not judge."""

    attack: npt.NDArray[np.bool_]
    kind: npt.NDArray[np.str_]
    source: npt.NDArray[np.str_]
    person: npt.NDArray[np.str_]
    nats: dict[str, Array]

    def off(self, check: str) -> Array:
        """How many spreads above genuine clips of other sources, 0 where unknown."""
        said, off = self.nats[check], np.zeros(len(self.attack))
        for name in set(self.source):
            genuine, here = said[(self.source != name) & ~self.attack], self.source == name
            off[here] = (said[here] - np.nanmean(genuine)) / np.nanstd(genuine)
        return np.nan_to_num(off)


def read_clips(manifest: Path, readings: Path, variant: str) -> Clips:
    items = read_manifest(manifest)
    said: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with readings.open(encoding="utf-8", newline="") as file:
        for reading in csv.DictReader(file):
            if reading["variant"] == variant and reading["llr"]:
                said[reading["check"], reading["path"]][reading["track"]].append(float(reading["llr"]))

    def of(check: str, path: str) -> float:
        by_face = said.get((check, path), {})
        return float(np.mean(max(by_face.values(), key=len))) if by_face else float("nan")

    return Clips(
        np.array([item.attack for item in items]), *(np.array([getattr(item, name) for item in items])
        for name in ("kind", "source", "person")), {c: np.array([of(c, item.name) for item in items]) for c in CHECKS},
    )  # fmt: skip


def row(what: str, score: Array, clips: Clips) -> str:
    cells = []
    for which in (*KINDS, "all"):
        use = ~clips.attack | (clips.kind == which) | (which == "all")
        told, attack = score[use], clips.attack[use]
        within = bootstrap(
            lambda weight, told=told, attack=attack: auc(told, attack, weight), clips.person[use].tolist()
        )  # type: ignore[misc]
        interval = f" [{within[0]:.2f}, {within[1]:.2f}]" if within else ""
        cells.append(f"{auc(told, attack):.2f}{interval} / {100 * fpr_at_tpr(told, attack, 0.8):.0f} %")
    return f"| {what} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("readings", type=Path)
    given = parser.parse_args()
    for variant, about in VARIANTS.items():
        clips = read_clips(given.manifest, given.readings, variant)
        off = {check: clips.off(check) for check in CHECKS}
        every = np.sum(list(off.values()), axis=0)
        print(f"\n{about}: AUC / genuine flagged where 80 % are caught\n| what | {' | '.join(KINDS)} | all |")
        print("|---" * (len(KINDS) + 2) + "|")
        print(row("all five", every, clips))
        for check in CHECKS:
            print(row(f"without {check}", every - off[check], clips))
        print(row("swap, animation and texture", off["swap"] + off["animation"] + off["texture"], clips))
        for check in CHECKS:
            print(row(f"{check} alone", off[check], clips))


if __name__ == "__main__":
    main()
