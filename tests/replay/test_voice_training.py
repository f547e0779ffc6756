"""The whole training of the voice model, tiny: made-up voices, a few steps, cards, and an ONNX model that equals PyTorch's."""

from __future__ import annotations

import csv
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from liveguard.detectors.voice import Voice
from liveguard.detectors.voice_model import FiguresModel, find_voice_model
from liveguard.onnx import OnnxModel, read_card
from liveguard.types import FloatArray
from tests.synthetic import talker

torch = pytest.importorskip("torch", reason="training needs liveguard[training]")
soundfile = pytest.importorskip("soundfile", reason="training needs liveguard[training]")

pytestmark = pytest.mark.replay

TRAINING = Path(__file__).parents[2] / "models" / "voice"
OWNERS = ("e1tts", "styletts2", "jaywalnut310", "jik876", "sh-lee-prml", "bshall", "OlaWod")  # one of each fold


def buzz(seconds: float, rng: np.random.Generator) -> FloatArray:
    """What the tiny training takes for a synthetic voice: a talker through a coarse clipper."""
    return np.asarray(np.round(talker(seconds, pitch_hz=float(rng.uniform(100, 220))) * 12) / 12, np.float32)


def write_corpus(folder: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for number, owner in enumerate(OWNERS):
        for k in range(3):
            for label in ("bonafide", "attack"):
                pcm = buzz(2.5, rng) if label == "attack" else talker(2.5, pitch_hz=float(rng.uniform(100, 220)))
                path = f"{owner}/{label}{k}.wav"
                (folder / owner).mkdir(parents=True, exist_ok=True)
                soundfile.write(folder / path, pcm, 16_000)
                attack = label == "attack"
                kind, generator = (("tts", "vc", "vocoder")[k], f"buzz{number}{k}") if attack else ("real", "")
                rows.append((path, label, kind, generator, f"{owner}/x", f"anyone:{owner}{k}{label}", "yes"))
    with (folder / "manifest.csv").open("w", newline="") as file:
        columns = ("path", "label", "kind", "generator", "source", "subject", "fmt_matched")
        csv.writer(file).writerows([columns, *rows])


def call(script: str, *arguments: object) -> str:
    command = [sys.executable, str(TRAINING / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voice")
    write_corpus(folder / "data")
    few = ("--steps", 3, "--batch", 8, "--model", folder / "model" / "model.onnx")
    (folder / "model").mkdir()
    call("train.py", folder / "data", folder / "out", *few, "--folds", 0, 1)
    call("train.py", folder / "data", folder / "out", *few)
    said = call("measure.py", folder / "data", folder / "out", "--model", folder / "model" / "model.onnx")
    assert "n_genuine 6, n_synthetic 2" in said
    return folder


def test_the_onnx_model_equals_pytorch(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(TRAINING))
    net = importlib.import_module("network").VoiceNet()
    net.load_state_dict(torch.load(trained / "out" / "model.pt"))
    model = OnnxModel(read_card(trained / "model"))
    rng = np.random.default_rng(1)
    for samples in (24_000, 37_123, 64_000):
        pcm = (talker(5.0)[:samples] + 0.01 * rng.standard_normal(samples)).astype(np.float32)
        with torch.no_grad():
            ours = float(net.eval()(torch.from_numpy(pcm)[None]))
        assert model.score(pcm[None]) == pytest.approx(ours, abs=1e-4)


def test_band_powers_are_the_same_with_and_without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(TRAINING))
    network = importlib.import_module("network")
    pcm = talker(2.0)
    ours, theirs = network.band_powers(pcm).T, network.BandPowers()(torch.from_numpy(pcm)[None])[0].numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5 * ours.max())


def test_each_fold_has_a_card_and_leaves_its_sources_out(trained: Path) -> None:
    left_out = json.loads((trained / "out" / "networks_left_out.json").read_text())["models"]["voice"]
    assert left_out == {f"fold{k}": [f"{owner}/x"] for k, owner in enumerate(OWNERS[:2])}
    for folder in left_out:
        assert Voice(trained / "out" / folder).has_model
    results = json.loads((trained / "out" / "results.json").read_text())
    assert results["clean"]["all"]["n_synthetic"] == 6
    assert set(results["measured"]["by_source"]) == {f"{owner}/x" for owner in OWNERS[:2]}


def test_the_figures_are_fitted_on_the_same_folds_and_twice_alike(trained: Path) -> None:
    once, again = trained / "once", trained / "again"
    said = call("fit.py", trained / "data", trained / "out", "--model", once)
    assert "figures alone, measured" in said
    assert "n_genuine 21, n_synthetic 7" in said
    call("fit.py", trained / "data", trained / "out", "--model", again)
    for name in ("card.toml", "weights.toml"):
        assert (once / name).read_bytes() == (again / name).read_bytes()
    assert isinstance(find_voice_model(once), FiguresModel)
    left_out = json.loads((trained / "out" / "left_out.json").read_text())["models"]["voice"]
    assert left_out == {f"figures-fold{k}": [f"{owner}/x"] for k, owner in enumerate(OWNERS)}
    for folder in left_out:
        assert Voice(trained / "out" / folder).has_model
