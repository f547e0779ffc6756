"""The pictures and clips that the crop models learn from and are measured on, and which of them a fold may use.

The research recordings come as `faces/manifest.csv` (pictures) and `video/manifest.csv` (clips). A fold is a group of whole
sources; the swapped and genuine stills of DFDC, of which there are many, are split by the original video instead.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from liveguard.evaluate.apart import apart_from

Check = Literal["swap", "replay"]
CHECKS: tuple[Check, ...] = ("swap", "replay")

ANIMATED = ("reenact", "talkinghead")
SPLIT_BY_SUBJECT = "dfdc"
PRESENTATIONS = (
    "live",
    "print",
    "replay",
)  # kinds of the presentation sources, whose genuine pictures are called "live"

# Whole sources. Those that share a generator (SadTalker, AniTalker) or people (MEAD) are together.
SWAP_FOLDS = (
    ("deepcs233", "choijeongsoo", "jphdotam", "aaronchong888"),
    ("deepbrainai-research", "OpenTalker/SadTalker", "Kedreamix", "X-LANCE", "Hangz-nju-cuhk", "KwaiVGI"),
    ("antonibigata", "Fantasy-AMAP", "jixiaozhong", "OpenTalker/StyleHEAT", "celebv-text", "dina"),
    ("kkakkkka", "ali-vilab", "FuxiVirtualHuman", "filby89", "jixinya", "yermandy", "mesonet"),
)
REPLAY_FOLDS = (("ahforoughi", "apfol"), ("jtboing", "phoopyae"), ("pyimg", "trickyf0x"), ("shubham",))
COUNT = len(SWAP_FOLDS)


@dataclass(frozen=True)
class Item:
    """One picture or clip. `group`: what its fakes are to be compared with, the same person or original video."""

    path: Path
    name: str
    video: bool
    attack: bool
    kind: str
    generator: str
    source: str
    subject: str

    @property
    def presentation(self) -> bool:
        """Whether it is of a source of prints and screens, genuine ones included."""
        return self.kind in PRESENTATIONS


def read_items(data: Path) -> list[Item]:
    """All pictures, then all clips, in the order of their manifests; a missing manifest has none."""
    items = []
    for folder in ("faces", "video"):
        manifest = data / folder / "manifest.csv"
        if not manifest.is_file():
            continue
        with manifest.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                items.append(Item(
                    data / folder / row["path"], f"{folder}/{row['path']}", row["media"] == "video",
                    row["label"] == "attack", row["kind"], row["generator"], row["source"], row["subject"],
                ))  # fmt: skip
    return items


def fold_of(item: Item) -> int:
    """Number of the fold in which the item is tested, -1 where it only ever trains."""
    if item.source == SPLIT_BY_SUBJECT:
        return zlib.crc32(item.subject.encode()) % COUNT
    folds = REPLAY_FOLDS if item.presentation else SWAP_FOLDS
    return next((k for k, names in enumerate(folds) if any(_is_of(item.source, name) for name in names)), -1)


def _is_of(source: str, name: str) -> bool:
    return source == name or source.startswith(name + "/")


def concerns(item: Item, check: Check) -> bool:
    """Whether the check learns from it: faces that were swapped, generated or genuine; or prints, screens and genuine."""
    if check == "swap":
        return not item.presentation
    return item.presentation or (not item.attack and item.source != SPLIT_BY_SUBJECT)  # DFDC's show no surroundings


def may_train(items: Iterable[Item], check: Check, fold: int | None) -> list[bool]:
    """Which items a model may learn from that is to be tested on `fold`; all that concern the check for None.

    Left out are the fold's sources or original videos, everybody in them, and every generator of theirs elsewhere; but
    stills of other DFDC videos stay when DFDC is tested, whose methods nobody knows apart.
    """
    items = list(items)
    if fold is None:
        return [concerns(item, check) for item in items]
    test = [item for item in items if fold_of(item) == fold and concerns(item, check)]
    people = {item.subject for item in test}
    generators = {item.generator for item in test if item.attack and not _is_dfdc(item)} - {"-"}
    return [
        concerns(item, check)
        and fold_of(item) != fold
        and item.subject not in people
        and item.generator not in generators
        for item in items
    ]


def may_teach(items: Sequence[Item], source: str | None) -> list[bool]:
    """Which clips a model of `animation` may learn from that is tested on `source`: none of its people and generators either."""
    apart = apart_from(source, [item for item in items if item.video])
    return [item.video and (not item.attack or item.kind in ANIMATED) and apart(item) for item in items]


def _is_dfdc(item: Item) -> bool:
    return "dfdc" in item.generator.lower()
