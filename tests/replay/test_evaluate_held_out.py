"""`liveguard evaluate --held-out` from the command line: nothing of a source is in what it is reported by.

What the checks have said is made up and put where `evaluate` keeps it, so that nothing has to be judged.
"""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liveguard import wire
from liveguard.cli import main
from liveguard.config import Config
from liveguard.detectors.calibration import Card, Part, Term, card
from liveguard.evaluate.collect import _checks
from liveguard.evaluate.folds import read_folds
from liveguard.evaluate.manifest import Item, read_manifest
from liveguard.evaluate.run import Task, save
from liveguard.types import Reading
from tests.tiny_models import mean_model

pytestmark = pytest.mark.replay

MEASURE = "boil_over_ring_db"
NATS = {"here": 2.0, "there": -3.0}  # what left-out weights make of it: right in one place, and wrong in the other
CONFIG = Config(only=("texture", "voice"))
OPTIONS = ("--checks", "texture,voice")
SAID_NATS = 0.125  # by the weights of then
PEOPLE = 12  # of each label and source; a calibration wants ten


def weights(nats: float) -> Card:
    return Card((Part("any", 0.0, (Term(MEASURE, 0.0, 1.0, nats),)),), 4.0)


def value(item: Item) -> float:
    """The measure of the recording, higher in attacks."""
    return (1 if item.attack else -1) + np.random.default_rng(len(item.name)).normal(0, 0.05)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a manifest, what held out weights and models there are, and records in `out`, by these models, and
    `plain`, by what ships."""
    folder = tmp_path_factory.mktemp("held_out")
    with (folder / "manifest.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "kind", "subject", "source"))
        for source in NATS:
            for k in range(PEOPLE):
                rows.writerow((f"{source}{k}.mp4", "bonafide", "real", f"{source}{k}", source))
                rows.writerow((f"{source}{k}f.mp4", "attack", "faceswap", f"{source}{k}f", source))
    for source in NATS:
        mean_model(folder / source, [1, None])
    left_out = {
        "checks": {"texture": {source: asdict(weights(nats)) for source, nats in NATS.items()}},
        "models": {"voice": {source: [source] for source in NATS}},
    }
    (folder / "left_out.json").write_text(json.dumps(left_out))
    folds = read_folds(folder / "left_out.json")
    for name in ("out", "plain"):
        (folder / name / "runs").mkdir(parents=True)
    for item in read_manifest(folder / "manifest.csv"):
        readings = [
            Reading("texture", 1, k * 10**6, (k + 1) * 10**6, SAID_NATS, 1.0, "", {MEASURE: value(item)})
            for k in range(3)
        ]
        record = {"seconds": 3.0, "still": False, "cpu_s": 1.0, "facts": {}, "faults": []}
        record["readings"] = [wire.to_dict(reading) for reading in readings]
        save(Task(item), record, folder / "out" / "runs", _checks(folds.config(CONFIG, item.source)))
        save(Task(item), record, folder / "plain" / "runs", _checks(CONFIG))
    return folder


def evaluated(made: Path, out: str, *options: str) -> tuple[dict[str, Any], dict[str, float]]:
    """The figures, and by recording what the texture check is taken to have said of it."""
    assert main(["evaluate", str(made / "manifest.csv"), "--out", str(made / out), *OPTIONS, *options]) == 0
    with (made / out / "readings.csv").open(newline="") as file:
        said = {row["path"]: float(row["llr"]) for row in csv.DictReader(file)}
    found = json.loads((made / out / "metrics.json").read_text())
    assert isinstance(found, dict)
    return found, said


def test_a_source_is_reported_by_a_calibration_and_weights_and_models_that_have_not_seen_it(made: Path) -> None:
    found, said = evaluated(made, "out", "--held-out", str(made / "left_out.json"))
    about = found["conditions"]
    assert about["refused"] == [], "each record was judged by the model that has not seen its source"
    assert about["calibrated_sources"] == {"texture": 2, "voice": 0}
    for item in read_manifest(made / "manifest.csv"):
        assert said[item.name] == pytest.approx(NATS[item.source] * value(item), abs=1e-3), "by the left-out weights"
    # Here the check is right, so that there it is believed, and wrong about everybody. A calibration that had seen there, alone
    # or among others, would believe it no more.
    there = found["checks"]["texture"]["by_source"]["there"]
    assert (there["n_bonafide"], there["n_attack"], there["fpr"], there["fnr"]) == (PEOPLE, PEOPLE, 1.0, 1.0)
    here = found["checks"]["texture"]["by_source"]["here"]
    assert here["fpr"] + here["fnr"] == 1.0, (
        "there it is wrong, so that here it is not believed: all are the same to it"
    )


def test_without_it_recordings_are_reported_by_the_weights_that_ship_now(made: Path) -> None:
    """Whatever weights they were judged with."""
    found, said = evaluated(made, "plain")
    assert found["conditions"]["refused"] == []
    for item in read_manifest(made / "manifest.csv"):
        assert said[item.name] == pytest.approx(card("texture").llr({MEASURE: value(item)}), abs=1e-3)
    assert SAID_NATS not in said.values()
