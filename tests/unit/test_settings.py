"""Settings, plug-ins and models: the doors through which a user's own things come in."""

from __future__ import annotations

import argparse
import hashlib
import sys
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveguard import plugins
from liveguard.calibration import Calibration, CheckCalibration, shipped
from liveguard.cli import main
from liveguard.commands.serve import add_arguments, settings_of
from liveguard.config import Config, parse_config, read_config
from liveguard.errors import BackendError, ConfigError, PluginError
from liveguard.onnx import MODELS, find_model, read_card
from liveguard.policy import Policy
from liveguard.server.settings import ServerSettings
from liveguard.types import Need

BUILT_IN = {"animation", "blink", "camera", "lipsync", "mesh", "pulse", "replay", "swap", "texture", "voice"}


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
    assert config == read_config(str(path))
    assert config.policy.false_alerts_per_hour == 0.1
    assert config.policy.weights == {"pulse": 0.0}
    assert (config.without, config.max_faces, config.task_file) == (("blink",), 2, Path("face.task"))
    assert config.options == {"voice": {"model": "x"}}
    assert config.sinks == ({"kind": "jsonl", "target": "events.jsonl"},)


def test_a_model_of_the_users_is_not_measured_by_what_the_shipped_one_is_worth() -> None:
    assert {"mesh", "texture"} <= set(Config().policy.calibration.checks)
    config = parse_config({"checks": {"options": {"mesh": {"model": "x"}, "texture": {}}}})
    assert set(Config().policy.calibration.checks) - set(config.policy.calibration.checks) == {"mesh"}
    ours = Calibration({"mesh": CheckCalibration(slope=0.5)})
    kept = Config(policy=Policy(calibration=ours), options={"mesh": {"model": "x"}})
    assert kept.policy.calibration is ours


def test_a_calibration_of_ones_own_leaves_the_others_bounded_as_shipped(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text("[checks.camera]\nslope = 0.5\noffset = 0.0\nmost_nats = 3.0\n")
    given: dict[str, object] = {"policy": {"calibration": str(tmp_path / "ours.toml")}}
    policy = parse_config(given).policy
    assert policy.calibration.checks["camera"].slope == 0.5
    assert policy.ceiling_nats("voice", "voice_synthetic") == shipped().checks["voice"].ceiling_nats
    own_voice = parse_config(given | {"checks": {"options": {"voice": {"model": "x"}}}}).policy
    assert "voice" not in own_voice.calibration.checks, "a model of the user's is left to its card"
    assert "swap" in own_voice.calibration.checks


def test_without_onnxruntime_the_built_in_models_are_not_there_and_ones_own_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert find_model("swap") is not None
    monkeypatch.setattr("liveguard.onnx.find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert find_model("swap") is None
    with pytest.raises(BackendError, match=r"install liveguard\[models\]"):
        find_model("swap", MODELS / "swap")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[polcy]", "unknown key 'polcy': allowed are"),
        ("[policy]\nprio = 1", "unknown key 'prio'"),
        ("[policy]\nprior = 'x'", "policy.prior must be a number"),
        ("[policy]\nprior = 3", r"policy.prior is 3: allowed are 1e-06 to 0.5"),
        ("[policy]\nweights = {mesh = true}", "policy.weights.mesh must be a number"),
        ("[policy]\nweights = 3", "policy.weights must be a table of numbers"),
        ("[policy]\nhalf_life_s = {a = 1}", "policy.half_life_s must be a number"),
        (f"[policy]\nprior = 1{400 * '0'}", "policy.prior is inf: allowed are 1e-06 to 0.5"),
        (f"[policy]\nweights = {{mesh = -1{400 * '0'}}}", "policy.weights.mesh is -inf: allowed are 0 to 10"),
        (f"[policy]\nprior = 1{5000 * '0'}", "not valid TOML"),
        (f"x = {3000 * '['}", "not valid TOML"),
        (f"[face]\nmax_faces = 0x{5000 * 'f'}", "face.max_faces: allowed are 1 to 16"),
        ("[checks]\nonly = []", "checks.only is empty"),
        ("[checks]\noptions.mesh = 3", "checks.options.mesh must be a table"),
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


KEYS = ("policy", "checks", "face", "sinks", "weights", "prior", "half_life_s", "thresholds_nats", "only", "without")
ANY_KEY = st.sampled_from((*KEYS, "options", "max_faces", "task_file", "kind", "mesh", "av_mismatch")) | st.text(
    max_size=3
)
HUGE = st.integers(4000, 6000).map(lambda digits: 16**digits)
LEAF = st.booleans() | st.integers() | HUGE | st.floats() | st.text(max_size=3) | st.just(0.1)
VALUE = st.recursive(LEAF, lambda of: st.lists(of, max_size=3) | st.dictionaries(ANY_KEY, of, max_size=3), max_leaves=8)
TABLES = st.fixed_dictionaries(
    {},
    optional={
        "policy": st.dictionaries(ANY_KEY, VALUE, max_size=3) | VALUE,
        "checks": st.dictionaries(st.sampled_from(("only", "without", "options")), VALUE) | VALUE,
        "face": st.dictionaries(st.sampled_from(("max_faces", "task_file")), VALUE) | VALUE,
        "sinks": st.lists(st.fixed_dictionaries({"kind": LEAF})) | VALUE,
    },
)


@settings(max_examples=300, deadline=None)
@given(TABLES | st.dictionaries(ANY_KEY, VALUE, max_size=3))
def test_any_settings_are_a_config_or_a_config_error(table: dict[str, object]) -> None:
    with suppress(ConfigError):
        assert isinstance(parse_config(table), Config)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[policy]\nweights = {mash = 0}", "policy.weights"),
        ("[policy]\nceilings_nats = {mash = 1}", "policy.ceilings_nats"),
        ("[checks.options.mash]\nmodel = 'x'", "checks.options"),
        ("[checks]\nonly = ['mash']", "checks.only"),
        ("[checks]\nwithout = ['mash']", "checks.without"),
    ],
)
def test_a_check_that_is_not_there_is_named_with_its_key_and_what_there_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, key: str
) -> None:
    path = tmp_path / "guard.toml"
    path.write_text(text)
    assert main(["detectors", "--config", str(path)]) == 2
    assert f"{key}: no detector is called 'mash': installed are animation, blink" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("group", "name", "options", "message"),
    [
        ("detectors", "voice", {"modle": "x"}, "detector 'voice' has no option 'modle': allowed are model"),
        ("detectors", "mesh", {"model": "x", "a": 1}, "detector 'mesh' has no option 'a': allowed are "),
        ("sinks", "jsonl", {"targt": "x"}, "sink 'jsonl' has no option 'targt': allowed are target, kinds"),
        ("sinks", "jsonl", {}, "sink 'jsonl' needs the option 'target': allowed are target, kinds"),
        ("sinks", "webhook", {"urll": "x"}, "sink 'webhook' has no option 'urll': allowed are url, secrets, outbox"),
    ],
)
def test_an_option_that_a_check_or_sink_does_not_know_is_named_with_those_that_it_does(
    group: plugins.Group, name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plugins.load(group, name, options)


def test_a_missing_settings_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        read_config(tmp_path / "none.toml")


def test_no_settings_are_the_defaults() -> None:
    assert parse_config({}) == Config()


def served(*arguments: str) -> ServerSettings:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return settings_of(parser.parse_args(arguments))


@pytest.mark.parametrize("how", ["{}", "sqlite:///{}"])
def test_the_key_of_liveness_reports_lies_beside_the_database_however_that_is_named(tmp_path: Path, how: str) -> None:
    found = served("--database", how.format(tmp_path / "calls.sqlite"))
    assert found.proof_key == tmp_path / "proof-key.pem"
    assert found.proof_outbox == tmp_path / "proof-outbox.sqlite"


def test_a_server_that_keeps_reports_does_not_make_up_another_key_at_each_start(tmp_path: Path) -> None:
    elsewhere = "postgresql://guard:secret@host/calls"
    with pytest.raises(ConfigError, match="give --proof-key FILE"):
        served("--database", elsewhere)
    assert served("--database", elsewhere, "--proof-key", str(tmp_path / "key.pem")).proof_key == tmp_path / "key.pem"
    assert served("--database", "sqlite://").proof_key is None  # nothing is kept


@pytest.mark.parametrize(
    ("given", "link"),
    [
        ("https://kyc.example.org", "https://kyc.example.org/"),
        ("https://KYC.example.org:443/", "https://kyc.example.org/"),
        ("http://guard.lan:8080", "http://guard.lan:8080/"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443/"),
    ],
)
def test_links_for_others_begin_with_the_public_url_which_takes_a_token(given: str, link: str) -> None:
    found = served("--database", "sqlite://", "--public-url", given)
    assert found.link_url == link
    assert found.url == "http://127.0.0.1:8765/"
    assert len(found.token) >= 16, "made up, as for a host that others can reach"
    assert served("--database", "sqlite://", "--public-url", "https://localhost:9000").token == ""


@pytest.mark.parametrize(
    "given",
    [
        "kyc.example.org",
        "ftp://kyc.example.org",
        "https://",
        "https://kyc.example.org/guard/",
        "https://kyc.example.org/?a=b",
        "https://kyc.example.org#a",
        "https://me:secret@kyc.example.org",
        "https://kyc.example.org:99999",
        "https://kyc.example.org\\@evil.example",
        "https://kyc .example.org",
        "https://[::1",
        "https://prüfung.example.org",
    ],
)
def test_a_public_url_is_a_host_and_nothing_more(given: str) -> None:
    with pytest.raises(ConfigError, match="expected is https://HOST"):
        served("--database", "sqlite://", "--public-url", given)


def test_an_origin_matches_what_browsers_call_it() -> None:
    assert served("--database", "sqlite://", "--allow-origin", "https://Example.org/").origins == (
        "https://example.org",
    )


def test_where_there_is_a_token_there_is_another_one_to_publish_with(monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_all = served("--database", "sqlite://")
    assert (open_to_all.token, open_to_all.publish_token) == ("", "")
    made_up = served("--database", "sqlite://", "--host", "0.0.0.0")
    assert len({made_up.token, made_up.publish_token, ""}) == 3
    monkeypatch.setenv("LIVEGUARD_TOKEN", "the-token-of-the-operator")
    monkeypatch.setenv("LIVEGUARD_PUBLISH_TOKEN", "the-token-of-participants")
    assert served("--database", "sqlite://").publish_token == "the-token-of-participants"


def test_the_built_in_checks_use_the_same_door_as_plug_ins() -> None:
    assert set(plugins.available("detectors")) >= BUILT_IN
    detectors = plugins.load_detectors()
    assert [d.name for d in detectors] == sorted(d.name for d in detectors)
    assert all(d.about and d.need.step_us > 0 for d in detectors)


def offer(folder: Path, monkeypatch: pytest.MonkeyPatch, package: str, name: str) -> None:
    """As if `package` were installed, with a check of this name."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[liveguard.detectors]\n{name} = tests.unit.test_settings:explodes\n")
    monkeypatch.syspath_prepend(folder)


def test_no_package_can_put_itself_in_the_place_of_a_built_in_check(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    offer(tmp_path, monkeypatch, "aaa-evil", "camera")
    assert plugins.available("detectors")["camera"].value == "liveguard.detectors.camera:Camera"
    with pytest.raises(PluginError, match=r"'camera' .* of liveguard is offered by aaa-evil .*--without camera"):
        plugins.load_detectors()
    assert {d.name for d in plugins.load_detectors(without=["camera"])} == BUILT_IN - {"camera"}
    assert [d.name for d in plugins.load_detectors(only=["mesh"])] == ["mesh"]


def test_two_packages_with_one_name_are_not_told_apart_by_chance(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    offer(tmp_path / "a", monkeypatch, "first", "mine")
    offer(tmp_path / "b", monkeypatch, "second", "mine")
    with pytest.raises(PluginError, match=r"of first is offered by second"):
        plugins.load("detectors", "mine")


def test_no_check_left_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no check is left"):
        plugins.load_detectors(only=["mesh"], without=["mesh"])


def test_unknown_names_list_what_there_is() -> None:
    with pytest.raises(ConfigError, match="no detector is called 'mash': installed are animation"):
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
