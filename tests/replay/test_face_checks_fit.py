"""The fit of the face checks' weights, and what they tell together, to the end: on tiny made-up records of what was judged."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liveguard import wire
from liveguard.config import Config
from liveguard.detectors.calibration import parse_card, tomllib
from liveguard.evaluate.collect import _checks
from liveguard.evaluate.folds import read_folds
from liveguard.evaluate.manifest import Item, read_manifest
from liveguard.evaluate.output import write_readings
from liveguard.evaluate.run import Run, Task, save
from liveguard.types import Reading

pytestmark = pytest.mark.replay

ROOT = Path(__file__).parents[2]
SOURCES = ("alps", "bay", "cape")
MEASURES = {
    "mesh": ("fast_share_db", "shape_drift_db", "jitter_outline_db"),
    "texture": ("detail_inner_db", "detail_slope_db", "boil_over_ring_db"),
}
MOVEMENT = ("head_turn_db", "head_shift_db", "mouth_motion_db", "face_octaves", "detail_outside_db")
KINDS = ("faceswap", "talkinghead")
SHARED = "Puppeteer"  # a generator of two sources


def readings(item: Item) -> list[Reading]:
    """What the mesh and texture checks said: measures tell attacks apart, everywhere alike."""
    rng = np.random.default_rng(zlib.crc32(item.name.encode()))
    found = []
    for k in range(2):
        for check, names in MEASURES.items():
            off = -1.5 * item.attack
            measures = {name: rng.normal(-off if name == "fast_share_db" else off, 1.0) for name in names}
            measures |= {name: rng.normal() for name in MOVEMENT}
            llr = rng.normal(item.attack, 1.0)
            found.append(Reading(check, 1, k * 10**6, (k + 1) * 10**6, llr, 1.0, "", measures))
    return found


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder where the fit was run, and what it printed."""
    folder = tmp_path_factory.mktemp("fit")
    (folder / "liveguard" / "detectors").mkdir(parents=True)
    (folder / "models" / "face_checks").mkdir(parents=True)
    (folder / "out" / "runs").mkdir(parents=True)
    with (folder / "manifest.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "kind", "generator", "subject", "source"))
        for source in SOURCES:
            for k in range(12):
                rows.writerow((f"{source}{k}.mp4", "bonafide", "real", "-", f"{source}{k}", source))
                kind = KINDS[k % 2]
                generator = SHARED if source != "cape" and k == 1 else f"{kind} of {source}"
                rows.writerow((f"{source}{k}f.mp4", "attack", kind, generator, "-", source))
    for item in read_manifest(folder / "manifest.csv"):
        record = {"seconds": 2.0, "still": False, "cpu_s": 1.0, "facts": {}, "faults": []}
        record["readings"] = [wire.to_dict(reading) for reading in readings(item)]
        save(Task(item), record, folder / "out" / "runs", _checks(Config()))
    return folder, script("fit.py", folder, "manifest.csv", "out")


def script(name: str, folder: Path, *arguments: str) -> str:
    command = [sys.executable, str(ROOT / "models" / "face_checks" / name), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_weights_are_written_for_every_check_and_source(fitted: tuple[Path, str]) -> None:
    folder, said = fitted
    assert said.splitlines() == ["mesh: 144 windows of 72 clips", "texture: 144 windows of 72 clips"]
    tables = tomllib.loads((folder / "liveguard" / "detectors" / "weights.toml").read_text())
    assert set(tables) == {"mesh", "texture", "blink", "pulse"}
    assert "parts" not in tables["pulse"], "which judged nothing"
    cards = {check: parse_card(tables[check]) for check in MEASURES}
    assert {part.name for part in cards["mesh"].parts} == {"swap", "animated"}
    low, high = ({**dict.fromkeys(MOVEMENT, 0.0), **dict.fromkeys(MEASURES["texture"], value)} for value in (-2.0, 2.0))
    assert cards["texture"].llr(low) > 0.3 > -0.3 > cards["texture"].llr(high)
    left_out = read_folds(folder / "models" / "face_checks" / "left_out.json").cards
    assert {check: set(by_source) for check, by_source in left_out.items()} == {c: set(SOURCES) for c in MEASURES}
    assert len({str(card) for card in (*left_out["texture"].values(), cards["texture"])}) == 4


def test_weights_without_a_source_do_not_change_with_what_the_checks_said_there(
    fitted: tuple[Path, str], tmp_path: Path
) -> None:
    """Nor with its generators elsewhere."""
    before = read_folds(fitted[0] / "models" / "face_checks" / "left_out.json").cards["texture"]
    for name in ("liveguard/detectors", "models/face_checks", "out/runs"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "manifest.csv").write_bytes((fitted[0] / "manifest.csv").read_bytes())
    for item in read_manifest(tmp_path / "manifest.csv"):
        said = readings(item)
        if item.source == "alps" or item.generator == SHARED:
            said = [replace(r, measures={name: value + 0.3 for name, value in r.measures.items()}) for r in said]
        record = {"seconds": 2.0, "still": False, "cpu_s": 1.0, "facts": {}, "faults": []}
        record["readings"] = [wire.to_dict(reading) for reading in said]
        save(Task(item), record, tmp_path / "out" / "runs", _checks(Config()))
    script("fit.py", tmp_path, "manifest.csv", "out")
    now = read_folds(tmp_path / "models" / "face_checks" / "left_out.json").cards["texture"]
    assert now["alps"] == before["alps"]
    assert now["cape"] != before["cape"]


def test_what_the_checks_tell_together_is_a_table(fitted: tuple[Path, str], tmp_path: Path) -> None:
    items = read_manifest(fitted[0] / "manifest.csv")
    runs = []
    for item in items:
        said = tuple(
            Reading(check, 1, r.start_us, r.end_us, r.llr, 1.0, "")
            for r in readings(item)
            if r.detector == "mesh"
            for check in ("swap", "animation", "texture", "mesh", "blink")
        )
        runs += [Run(item, name, item.label, readings=said) for name in ("as is", "VP8 300k")]
    write_readings(tmp_path / "readings.csv", runs)
    said = script("together.py", fitted[0], "manifest.csv", str(tmp_path / "readings.csv"))
    assert "\nas they are: AUC" in said
    assert "\nVP8 300 kbit/s: AUC" in said
    rows = re.findall(r"^\| mesh alone \|(.*)\|$", said, re.MULTILINE)
    assert len(rows) == 2
    assert rows[0] == rows[1]
    everything = re.search(r"(\.?\d+\.\d+) \[", rows[0].split("|")[-1])
    assert everything is not None
    assert 0.6 < float(everything[1]) < 0.95
