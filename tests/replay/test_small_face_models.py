"""The whole training of the small face models, tiny: made-up figures, models, cards, and checks that take them."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from liveguard.detectors import animation
from liveguard.detectors.animation import Animation
from liveguard.detectors.face_figures import COUNT
from liveguard.detectors.swap import Swap
from liveguard.evaluate.folds import read_folds
from liveguard.onnx import OnnxModel, read_card
from tests.crop_training import call, modules
from tests.replay.test_crop_training import CLIPS, STILLS, write_manifest

pytest.importorskip("torch", reason="training needs liveguard[training]")
pytestmark = pytest.mark.replay

TELLING = 60  # figures are higher in attacks


def write_figures(folder: Path) -> None:
    rng = np.random.default_rng(0)
    write_manifest(folder / "data" / "faces" / "manifest.csv", STILLS, "image")
    write_manifest(folder / "data" / "video" / "manifest.csv", CLIPS, "video")
    for kind, rows, first, frames in (("stills", STILLS, 0, 1), ("clips", CLIPS, len(STILLS), 12)):
        item = np.repeat(np.arange(first, first + len(rows)), frames)
        attack = np.repeat([row[1] == "attack" for row in rows], frames)
        for view in ("clean", "vp8") if kind == "clips" else ("clean", "mirrored"):
            x = rng.normal(size=(len(item), COUNT)).astype(np.float32)
            x[:, :TELLING] += 1.5 * attack[:, None]
            x[rng.random(x.shape) < 0.02] = np.nan
            path = folder / "out" / f"figures-{kind}-{view}.npz"
            path.parent.mkdir(exist_ok=True)
            np.savez(path, x=x, item=item, face_px=np.full(len(item), 150.0, np.float32))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    write_figures(folder)
    call("small.py", folder / "data", folder / "out", "--shipped", folder / "shipped", "--left-out", folder / "kept")
    return folder


def test_the_models_tell_what_they_were_shown_and_fit_their_checks(trained: Path) -> None:
    results = json.loads((trained / "out" / "small" / "results.json").read_text())
    assert results["swap"]["as it is"]["clips"]["auc"] > 0.8
    assert results["swap"]["as it is"]["clips"]["n_attack"] == sum(row[1] == "attack" for row in CLIPS)
    assert results["animation"]["as it is"]["clips"]["auc"] > 0.8
    assert Swap(trained / "shipped" / "swap").has_model
    assert Animation(trained / "shipped" / "animation").has_model


def test_every_source_of_the_clips_has_a_model_that_has_not_seen_it(trained: Path) -> None:
    left_out = json.loads((trained / "out" / "small" / "left_out.json").read_text())["models"]
    sources = sorted({row[0] for row in CLIPS})
    for check in ("swap", "animation"):
        assert sorted(source for some in left_out[check].values() for source in some) == sources
        for folder in left_out[check]:
            OnnxModel(read_card(trained / "out" / "small" / folder))
    kept = read_folds(trained / "kept" / "left_out.json").models["animation"]
    assert sorted(kept) == sources
    assert all((folder / "model.onnx").is_file() for folder in kept.values())


def test_the_training_is_the_same_the_second_time(trained: Path, tmp_path: Path) -> None:
    call("small.py", trained / "data", trained / "out", "--shipped", tmp_path, "--left-out", tmp_path / "kept")
    for name in ("swap/model.onnx", "animation/model.onnx", "swap/card.toml", "animation/card.toml"):
        assert (tmp_path / name).read_bytes() == (trained / "shipped" / name).read_bytes()


def test_the_file_says_what_the_trained_model_says(trained: Path) -> None:
    model = OnnxModel(read_card(trained / "shipped" / "swap"))
    rng = np.random.default_rng(3)
    x = (3 * rng.normal(size=(40, COUNT))).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    with modules():
        dense, small, corpus = (importlib.import_module(name) for name in ("dense", "small", "corpus"))
        of = small.read_material(trained / "data", trained / "out")
        again = small.swap_model(of, None, dense.Recipe())
        assert corpus.fold_of(of.items[0]) == -1
        expected = again.score(x)
    said = [model.score(row[None]) for row in x]
    # `again` is a second training: with other threads its sums come out otherwise in the last places of float32.
    assert np.array(said) == pytest.approx(expected, abs=1e-3)
    assert np.std(expected) > 0.1


def test_the_shipped_models_take_as_many_figures_as_there_are() -> None:
    for check, width in (("swap", COUNT), ("animation", animation.COUNT)):
        model = OnnxModel(read_card(Path("liveguard/models") / check))
        assert model.input_shape == (None, width)
