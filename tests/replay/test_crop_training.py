"""The whole training of the crop models, tiny: drawn faces, one step, scores, cards, and models that the checks take."""

from __future__ import annotations

import csv
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from liveguard.detectors.replay import Replay
from liveguard.detectors.swap import Swap
from liveguard.face.texture import canonical_face
from liveguard.types import ByteArray, FloatArray
from tests.crop_training import call, modules

torch = pytest.importorskip("torch", reason="training needs liveguard[training]")
pytestmark = pytest.mark.replay

CHECKS = {"swap": Swap, "replay": Replay}
STILLS = [
    *(("utkface", "bonafide", "real", "-", f"person{k}") for k in range(6)),
    *(("dfdc", label, kind, name, f"video{k}") for k in range(12)
      for label, kind, name in (("bonafide", "real", "-"), ("attack", "faceswap", "dfdc-mixed"))),
    *((source, label, kind, "-", source) for source in ("ahforoughi", "jtboing", "pyimg", "shubham") for _ in range(2)
      for label, kind in (("bonafide", "live"), ("attack", "print"))),
]  # fmt: skip
CLIPS = [
    (f"{source}/x", label, kind, name, f"{source}{k}")
    for source, fake, generator in (
        ("deepcs233", "faceswap", "SwapA"), ("deepbrainai-research", "talkinghead", "TalkB"),
        ("celebv-text", "lipsync", "LipC"), ("filby89", "reenact", "PlayD"),
    )
    for label, kind, name in (("bonafide", "real", "-"), ("attack", fake, generator))
    for k in range(2)
]  # fmt: skip
FEW = ("--steps", 1, "--pairs", 4, "--device", "cpu")


def drawn(attack: bool, rng: np.random.Generator) -> tuple[ByteArray, FloatArray]:
    """A crop of 256 pixels with a face of one colour, dotted where it is an attack, and the mesh in it."""
    mesh = canonical_face().mean * 75
    mesh = (mesh - mesh.mean(0) + 128).astype(np.float32)
    image = rng.integers(60, 90, (256, 256, 3)).astype(np.uint8)
    hull = cv2.convexHull(np.round(mesh[:, :2]).astype(np.int32))
    image = np.asarray(cv2.fillConvexPoly(image, hull, tuple(rng.integers(120, 220, 3).tolist())), np.uint8)
    if attack:
        image[100:160:4, 100:160:4] = 20
    return image, mesh


def write_manifest(path: Path, rows: list[tuple[str, str, str, str, str]], media: str) -> None:
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "media", "source", "label", "kind", "generator", "subject"))
        writer.writerows((f"{k}", media, *row) for k, row in enumerate(rows))


def write_store(folder: Path, store: ModuleType, kept_of: Callable[[FloatArray], FloatArray]) -> None:
    rng = np.random.default_rng(0)
    write_manifest(folder / "data" / "faces" / "manifest.csv", STILLS, "image")
    write_manifest(folder / "data" / "video" / "manifest.csv", CLIPS, "video")
    for kind, rows, first, frames in (("stills", STILLS, 0, 1), ("clips", CLIPS, len(STILLS), 2)):
        found = []
        for k, row in enumerate(rows):
            for _ in range(frames):
                image, mesh = drawn(row[1] == "attack", rng)
                found.append((first + k, cv2.imencode(".jpg", image)[1].tobytes(), kept_of(mesh), 150.0))
        for crop in ("face", "scene"):
            for view in ("clean", "vp8") if kind == "clips" else ("clean",):
                store.save(folder / "store" / f"{crop}-{kind}-{view}.npz", found)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crops")
    data, store, out = folder / "data", folder / "store", folder / "out"
    with modules():
        write_store(folder, importlib.import_module("store"), importlib.import_module("points").kept_of)
    call("train.py", "swap", data, store, out, "--base", *FEW)
    start = out / "swap" / "base" / "model.pt"
    for check in CHECKS:
        call("train.py", check, data, store, out, "--start", start, "--only", "fold0", "fold1", "model", *FEW)
        call("score.py", check, data, store, out)
        assert '"auc"' in call("measure.py", check, data, out)
    return folder


@pytest.mark.parametrize("check", CHECKS)
def test_the_onnx_model_equals_pytorch_and_the_check_takes_it(trained: Path, check: str) -> None:
    folder = trained / "out" / check / "model"
    with modules():
        net = importlib.import_module("learner").read_net(folder / "model.pt")
    model = CHECKS[check](folder)._model
    assert model is not None
    crops = np.random.default_rng(1).random((2, 3, 224, 224), np.float32)
    with torch.no_grad():
        ours = float(net(torch.from_numpy(crops)).mean())
    assert model.score(crops) == pytest.approx(ours, abs=2e-2)  # weights are kept with half precision
    assert (folder / "model.onnx").stat().st_size < 10_000_000


@pytest.mark.parametrize("check", CHECKS)
def test_folds_are_measured_by_models_that_have_not_seen_them(trained: Path, check: str) -> None:
    out = trained / "out" / check
    models = json.loads((out / "left_out.json").read_text())["models"][check]
    assert set(models) == {"fold0", "fold1"}
    assert models["fold0"] == ["deepcs233/x"]
    assert all(CHECKS[check](out / fold).has_model for fold in models)
    results = json.loads((out / "results.json").read_text())
    assert 0 <= results["expected calibration error"] <= 1
    if check == "swap":
        figures = results["VP8 300 kbit/s"]
        assert figures["clips, faceswap"]["n_attack"] == 2
        assert figures["clips"]["n_genuine"] == 4
        assert "clips: sharpness alone" in figures
    else:
        missed = results["as it is"]["presentation"]
        assert {"all", "ahforoughi", "jtboing", "genuine clips flagged"} == set(missed)
