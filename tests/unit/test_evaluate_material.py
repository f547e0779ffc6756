"""Whether two evaluations were of the same, by their digests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from liveguard.evaluate.manifest import Item
from liveguard.evaluate.material import digests, unlike
from liveguard.evaluate.run import Run

ANN, BEN, CLEO = (Item(f"{who}.mp4", Path(f"{who}.mp4"), "bonafide", subject=who) for who in ("ann", "ben", "cleo"))
RUNS = [
    Run(ANN, "as is", "bonafide"),
    Run(BEN, "as is", "bonafide"),
    Run(BEN, "bench foreign sound", "attack", foreign=ANN),
]


def figures(runs: list[Run], seed: int = 0) -> dict[str, Any]:
    return {"conditions": {"material": digests(runs, seed)}}


def test_the_same_material_may_be_compared_wherever_it_lies_and_in_any_order() -> None:
    moved = [replace(run, item=replace(run.item, file=Path("/moved") / run.item.name)) for run in RUNS[::-1]]
    assert unlike(figures(RUNS), figures(moved)) == []
    refused = [replace(RUNS[0], error="gone"), *RUNS[1:]]
    assert unlike(figures(RUNS), figures(refused)) == [], "what could not be judged is still what was asked for"


@pytest.mark.parametrize(
    ("now", "seed", "said"),
    [
        ([replace(RUNS[0], item=CLEO), *RUNS[1:]], 0, ["other recordings", "another draw"]),
        ([replace(RUNS[0], item=replace(ANN, subject="eve")), *RUNS[1:]], 0, ["other recordings"]),
        ([replace(run, item=replace(run.item, more={"audio_sync": "real"})) for run in RUNS], 0, ["other recordings"]),
        ([*RUNS, Run(ANN, "5 fps", "bonafide")], 0, ["other variants", "another draw"]),
        ([*RUNS[:2], Run(ANN, "bench foreign sound", "attack", foreign=BEN)], 0, ["another draw"]),
        ([*RUNS[:2], replace(RUNS[2], foreign=CLEO)], 0, ["another draw"]),
        (RUNS, 1, ["another draw"]),
    ],
)
def test_what_differs_is_named(now: list[Run], seed: int, said: list[str]) -> None:
    assert unlike(figures(RUNS), figures(now, seed)) == said


def test_figures_that_do_not_say_of_what_they_are_are_not_compared() -> None:
    assert unlike({"conditions": {"manifest": "manifest.csv"}}, figures(RUNS)) == ["it does not say of what it is"]
    assert unlike({}, figures(RUNS)) != []
