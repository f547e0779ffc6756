"""A sample of real recordings, where they are there: nothing crashes, and the shape of the answer holds.

The whole set: `python -m tests.bench.scan_corpus MANIFEST.csv`.
"""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest

from liveguard.guard import Guard

pytestmark = pytest.mark.replay
STATES = {"genuine", "suspicious", "alert", "cannot_judge"}


@pytest.mark.parametrize(("folder", "count"), [("video", 12), ("voice", 25)])
def test_a_sample_scans_without_a_fault(data: Path, folder: str, count: int) -> None:
    with (data / folder / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with Guard() as guard:
        for row in random.Random(1).sample(rows, count):
            report = guard.scan(data / folder / row["path"])
            record = json.loads(json.dumps(report.to_dict(), allow_nan=False))
            assert record["verdict"] in STATES
            assert not record["faults"], row["path"]
            assert (record["risk"] is None) == (record["verdict"] == "cannot_judge")
            if folder == "voice":
                assert record["verdict"] == "cannot_judge", "the voice model is too weak for anybody to know"
            if row["label"] == "bonafide":
                assert not record["alerts"], row["path"]
