"""The example plug-in is built, installed into a folder of its own, found through its entry points and run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[2] / "plugins" / "liveguard-example"
USE = """
import json, sys
from liveguard.engine import Engine
from liveguard.plugins import load, load_detectors
from tests.synthetic import VIDEO, pictures
detectors = load_detectors(only=["camera", "turned_away"], options={"turned_away": {"max_nats": 0.1}})
sink, engine = load("sinks", "tally"), Engine(VIDEO, detectors)
events = [event for one in pictures(12.0) for event in engine.push(one)] + engine.finish()
for event in events:
    sink.send(event)
mine = [event for event in events if getattr(event, "detector", "") == "turned_away"]
print(json.dumps({"llr": [event.llr for event in mine], "why": mine[-1].why, "counts": sink.counts}))
"""


@pytest.mark.replay
def test_it_installs_and_runs_beside_the_built_in_checks(tmp_path: Path) -> None:
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*install, "--disable-pip-version-check", "--target", str(tmp_path), str(PLUGIN)], check=True, timeout=120
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(PLUGIN.parents[1])])}
    done = subprocess.run(
        [sys.executable, "-c", USE], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["llr"][0] == pytest.approx(0.1)
    assert "nose moved" in said["why"]
    assert said["counts"]["Reading"] > 12
