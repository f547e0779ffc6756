"""Settings, plug-ins and models: the doors through which a user's own things come in."""

from __future__ import annotations

import hashlib
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from liveguard import plugins
from liveguard.config import Config, parse_config, read_config
from liveguard.errors import ConfigError, PluginError
from liveguard.onnx import find_model, read_card
from liveguard.types import Need

BUILT_IN = {"blink", "camera", "lipsync", "mesh", "pulse", "replay", "swap", "texture", "voice"}


def test_settings_are_read_in_full(tmp_path: Path) -> None:
    path = tmp_path / "guard.toml"
    path.write_text(
        """
        [policy]
        false_alerts_per_hour = 0.1
        weights = {pulse = 0.0}
        [checks]
        without = ["blink"]
        options.voice.model = "x"
        [face]
        max_faces = 2
        task_file = "face.task"
        [[sinks]]
        kind = "jsonl"
        target = "events.jsonl"
        """
    )
    config = read_config(path)
    assert config.policy.false_alerts_per_hour == 0.1
    assert config.policy.weights == {"pulse": 0.0}
    assert (config.without, config.max_faces, config.task_file) == (("blink",), 2, Path("face.task"))
    assert config.options == {"voice": {"model": "x"}}
    assert config.sinks == ({"kind": "jsonl", "target": "events.jsonl"},)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[polcy]", "unknown key 'polcy': allowed are"),
        ("[policy]\nprio = 1", "unknown key 'prio'"),
        ("[policy]\nprior = 'x'", "policy.prior must be a number"),
        ("[policy]\nprior = 3", r"policy.prior is 3: allowed are 1e-06 to 0.5"),
        ("[policy]\nweights = {mesh = true}", "policy.weights.mesh must be a number"),
        ("[checks]\nonly = 'mesh'", "checks.only must be a list"),
        ("[face]\nmax_faces = 0", "allowed are 1 to 16"),
        ("[face]\nmax_faces = 'two'", "whole number"),
        ("sinks = [1]", "sinks must be tables"),
        ("[[sinks]]\nurl = 'x'", "each with a kind"),
        ("= 1", "not valid TOML"),
    ],
)
def test_wrong_settings_say_what_is_allowed(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_config(path)


def test_a_missing_settings_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        read_config(tmp_path / "none.toml")


def test_no_settings_are_the_defaults() -> None:
    assert parse_config({}) == Config()


def test_the_built_in_checks_use_the_same_door_as_plug_ins() -> None:
    assert set(plugins.available("detectors")) >= BUILT_IN
    detectors = plugins.load_detectors()
    assert [d.name for d in detectors] == sorted(d.name for d in detectors)
    assert all(d.about and d.need.step_us > 0 for d in detectors)


def test_unknown_names_list_what_there_is() -> None:
    with pytest.raises(ConfigError, match="no detector is called 'mash': installed are blink"):
        plugins.load_detectors(only=["mash"])
    with pytest.raises(ConfigError, match="'mash'"):
        plugins.load_detectors(without=["mash"])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_module:Thing", "does not import: ModuleNotFoundError"),
        ("tests.unit.test_settings:explodes", "does not start: RuntimeError: boom"),
        ("tests.unit.test_settings:not_a_check", "is not a check"),
        ("tests.unit.test_settings:Misnamed", "calls itself 'other'"),
    ],
)
def test_a_plug_in_that_does_not_load_stops_the_start_with_its_name(
    monkeypatch: pytest.MonkeyPatch, value: str, message: str
) -> None:
    point = EntryPoint("mine", value, "liveguard.detectors")
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point] if group == point.group else [])
    with pytest.raises(PluginError, match=rf"(?s)mine.*{message}"):
        plugins.load_detectors()


def explodes() -> None:
    raise RuntimeError("boom")


def not_a_check() -> object:
    return object()


class Misnamed:
    name = "other"
    need = Need(step_us=1, video_us=1)

    def evaluate(self, window: object) -> None: ...


def write_model(folder: Path, **changes: object) -> Path:
    """A tiny waveform model: the mean of its input."""
    onnx = pytest.importorskip("onnx")
    node = onnx.helper.make_node("ReduceMean", ["x"], ["y"], keepdims=0)
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, None])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [])
    graph = onnx.helper.make_graph([node], "mean", [x], [y])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    data = model.SerializeToString()
    (folder / "model.onnx").write_bytes(data)
    card: dict[str, object] = {"sha256": hashlib.sha256(data).hexdigest(), "slope": 2.0, "most_nats": 3.0} | changes
    (folder / "card.toml").write_text(
        f'name = "mean"\nversion = "1"\nsha256 = "{card["sha256"]}"\n'
        f"[calibration]\nslope = {card['slope']}\noffset = 0.5\nmost_nats = {card['most_nats']}\n"
    )
    return folder


def test_a_model_of_the_user_is_loaded_scored_and_calibrated(tmp_path: Path) -> None:
    model = find_model("voice", write_model(tmp_path))
    assert model is not None
    score = model.score(np.full((1, 10), 0.25, np.float32))
    assert score == pytest.approx(0.25)
    assert model.card.llr(score) == pytest.approx(1.0)
    assert model.card.llr(1e9) == 3.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"sha256": "0" * 64}, "sha256"), ({"slope": "'x'"}, "card.toml"), ({"most_nats": "nan"}, "finite")],
)
def test_a_changed_model_or_damaged_card_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    folder = write_model(tmp_path, **changes)
    with pytest.raises(ConfigError, match=message):
        find_model("voice", folder)


def test_a_damaged_model_file_is_refused_even_with_the_right_hash(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    junk = b"this is no network"
    (folder / "model.onnx").write_bytes(junk)
    card = (folder / "card.toml").read_text().splitlines()
    card[2] = f'sha256 = "{hashlib.sha256(junk).hexdigest()}"'
    (folder / "card.toml").write_text("\n".join(card))
    with pytest.raises(ConfigError, match="cannot load it"):
        find_model("voice", folder)


def test_no_model_is_no_error_but_a_missing_folder_is(tmp_path: Path) -> None:
    assert find_model("nothing-of-this-name") is None
    with pytest.raises(ConfigError, match="no model card"):
        read_card(tmp_path / "missing")
