"""Figures of zones and of the network for everyday pictures together, and the two checks that live by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liveguard.detectors import animation, face_embedding, zone_figures
from liveguard.detectors.animation import LEAST_LOOKS, LEAST_PICTURES, Animation, course
from liveguard.detectors.face_embedding import FACE_EMBEDDING, FOLDER, embedded
from liveguard.detectors.face_figures import COUNT, PROBES, ZONE_COUNT, face_figures, fresh, fresh_rows
from liveguard.detectors.swap import Swap
from liveguard.detectors.zone_figures import ZONE_FIGURES
from liveguard.errors import ConfigError
from liveguard.face.crops import crop
from liveguard.face.observer import View
from liveguard.onnx import Network, read_sha256
from liveguard.types import FaceSample, FloatArray, Observation
from tests.synthetic import pictures
from tests.tiny_models import mean_model
from tests.unit.test_model_checks import readings
from tests.unit.test_zone_figures import mesh, rough

GREY = np.full((1, 224, 224, 3), 127, np.uint8)


def test_a_flat_crop_has_maps_without_spread_but_at_their_edges() -> None:
    rng = np.random.default_rng(0)
    noise = np.asarray(np.clip(rng.normal(127, 40, GREY.shape), 0, 255), np.uint8)
    flat, rich = embedded(np.concatenate([GREY, noise]))
    assert flat.shape == (face_embedding.COUNT,)
    spread = slice(40, 80)  # of the first stage, after its means
    assert flat[spread].mean() < rich[spread].mean()
    assert (flat[spread] >= 0).all()


def test_a_batch_is_seen_as_its_crops_one_by_one() -> None:
    rng = np.random.default_rng(1)
    crops = np.asarray(rng.integers(0, 256, (3, 224, 224, 3)), np.uint8)
    alone = np.concatenate([embedded(one[None]) for one in crops])
    assert embedded(crops) == pytest.approx(alone, abs=2e-3)
    assert np.std(alone, axis=0).mean() > 0.01


def test_the_probe_sees_the_crop_of_the_face() -> None:
    view = View(rough(), mesh())
    expected = embedded(crop(view.image, view.landmarks, "face")[None])[0]
    assert FACE_EMBEDDING.measure(view) == pytest.approx(expected, abs=1e-4)
    whole = face_figures(view)
    assert whole.shape == (COUNT,)
    assert whole[ZONE_COUNT:] == pytest.approx(expected, abs=1e-4)
    assert whole[:ZONE_COUNT] == pytest.approx(zone_figures.zone_figures(view), nan_ok=True)


def test_a_face_out_of_the_picture_and_a_black_one_have_finite_figures() -> None:
    away = mesh() + np.array([3000, 0, 0], np.float32)
    for view in (View(rough(), away), View(np.zeros((360, 640, 3), np.uint8), mesh())):
        assert np.isfinite(FACE_EMBEDDING.measure(view)).all()


def test_a_damaged_network_is_not_loaded(tmp_path: Path) -> None:
    data = bytearray((FOLDER / "model.onnx").read_bytes())
    data[1000] ^= 1
    (tmp_path / "model.onnx").write_bytes(bytes(data))
    with pytest.raises(ConfigError, match="sha256 is not the one on its card"):
        Network(tmp_path / "model.onnx", read_sha256(FOLDER))
    with pytest.raises(ConfigError, match="no model card"):
        read_sha256(tmp_path)
    (tmp_path / "card.toml").write_text("name = 3")
    with pytest.raises(ConfigError, match="sha256"):
        read_sha256(tmp_path)


@pytest.mark.parametrize("kind", [Swap, Animation])
def test_a_damaged_network_stops_the_start(
    kind: type[Swap] | type[Animation], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "card.toml").write_text(f'sha256 = "{"0" * 64}"')
    (tmp_path / "model.onnx").write_bytes(b"no network")
    monkeypatch.setattr(face_embedding, "FOLDER", tmp_path)
    face_embedding.network.cache_clear()
    with pytest.raises(ConfigError, match="changed or damaged"):
        kind()
    face_embedding.network.cache_clear()


def with_rows(
    faces: Sequence[FaceSample], zones: Sequence[FloatArray], looks: Sequence[FloatArray]
) -> list[FaceSample]:
    return [
        replace(face, probes={ZONE_FIGURES.name: zone, FACE_EMBEDDING.name: look})
        for face, zone, look in zip(faces, zones, looks, strict=True)
    ]


def test_what_stands_between_two_measurements_counts_once() -> None:
    faces = [one.faces[0] for one in pictures(1.0)]
    zones = [np.full(ZONE_COUNT, k // 5, np.float32) for k in range(len(faces))]
    zones = [
        np.where(np.arange(ZONE_COUNT) == 3, np.nan, row).astype(np.float32) for row in zones
    ]  # unknown is like unknown
    looks = [np.full(face_embedding.COUNT, k // 10, np.float32) for k in range(len(faces))]
    seen = with_rows(faces, zones, looks)
    assert [row[0] for row in fresh(seen, ZONE_FIGURES)] == [0, 1, 2, 3, 4]
    assert [row[0] for row in fresh(seen, FACE_EMBEDDING)] == [0, 1, 2]
    rows = fresh_rows(seen)
    assert rows.shape == (3, COUNT)
    assert rows[:, [0, ZONE_COUNT]].tolist() == [[0, 0], [2, 1], [4, 2]]
    assert (fresh_rows(faces).shape, fresh(faces, ZONE_FIGURES)) == ((0, COUNT), [])


def test_the_course_of_the_figures_is_their_middle_and_how_much_they_change() -> None:
    rows, looks = np.zeros((10, ZONE_COUNT), np.float32), np.zeros((4, face_embedding.COUNT), np.float32)
    rows[:, 0] = np.arange(10)
    rows[:, 1] = np.nan
    looks[:, 2] = (0, 1, 2, 3)
    found, n = course(rows, looks), zone_figures.OF_ZONES
    assert found.shape == (animation.COUNT,)
    assert found[0] == 4.5
    assert found[n] == pytest.approx(np.log(np.std(np.arange(10)) + 1e-3))
    assert np.isnan(found[[1, n + 1]]).all()
    assert found[n + 2] == pytest.approx(np.log(1e-3))
    assert found[2 * n + 2] == 1.5
    assert found[2 * n + face_embedding.COUNT + 2] == pytest.approx(np.log(np.std(np.arange(4)) + 1e-3))


def with_figures(seen: list[Observation], value: float, step: int = 5) -> list[Observation]:
    """Figures that are measured in every so many pictures and never the same twice."""
    found = []
    for k, one in enumerate(seen):
        level = value + 1e-4 * (k // step)
        probes = {ZONE_FIGURES.name: np.full(ZONE_COUNT, level, np.float32)}
        probes[FACE_EMBEDDING.name] = np.full(face_embedding.COUNT, level, np.float32)
        found.append(replace(one, faces=tuple(replace(face, probes=probes) for face in one.faces)))
    return found


def test_a_model_of_figures_is_asked_for_a_swap(tmp_path: Path) -> None:
    check = Swap(mean_model(tmp_path / "model", [None, COUNT]))
    assert (check.need.crops, check.need.probes, check.need.still) == ((), PROBES, True)
    assert {round(r.llr or 0, 1) for r in readings(check, with_figures(pictures(2.0), 0.8))} == {3.0}
    assert {(r.llr, r.why) for r in readings(check, pictures(2.0))} == {(None, "no face in view")}


def test_a_model_of_other_figures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"takes 40 figures, not {COUNT}"):
        Swap(mean_model(tmp_path / "model", [None, 40]))


def test_animation_wants_some_seconds_of_pictures_that_differ(tmp_path: Path) -> None:
    check = Animation(mean_model(tmp_path / "model", [1, animation.COUNT]))
    feed = with_figures(pictures(7.0), 14.0)
    said = readings(check, feed)
    heard = [one.faces[0] for one in feed if said[-1].start_us <= one.frame.t_us < said[-1].end_us]
    expected = course(np.stack(fresh(heard, ZONE_FIGURES)), np.stack(fresh(heard, FACE_EMBEDDING)))
    assert said[-1].llr == pytest.approx(np.clip(10 * float(expected.mean()) - 5, -4, 4), abs=1e-3)
    assert said[0].llr is None
    frozen = readings(check, with_figures(pictures(6.0), 14.0, step=1000))
    assert {r.llr for r in frozen} == {None}
    assert f"1 of {LEAST_PICTURES}" in frozen[-1].why
    assert LEAST_LOOKS < LEAST_PICTURES


@pytest.mark.parametrize("kind", [Swap, Animation])
def test_the_models_that_ship_take_what_the_checks_give(kind: type[Swap] | type[Animation]) -> None:
    check = kind()
    assert check.has_model
    assert check.need.probes == PROBES
    rng = np.random.default_rng(1)
    seen = [
        replace(one, faces=tuple(replace(f, probes=_measured(int(rng.integers(9)))) for f in one.faces))
        if k % 5 == 0 else replace(one, faces=())
        for k, one in enumerate(pictures(6.0, fps=25.0))
    ]  # fmt: skip
    said = [r.llr for r in readings(check, seen) if r.llr is not None]
    assert said
    assert all(abs(llr) <= 3.0 for llr in said)
    assert said == [r.llr for r in readings(kind(), seen) if r.llr is not None]


def _measured(seed: int) -> dict[str, FloatArray]:
    view = View(rough(seed), mesh())
    return {probe.name: probe.measure(view) for probe in PROBES}
