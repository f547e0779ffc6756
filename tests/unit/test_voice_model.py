"""The built-in voice model: its figures, its file, the sum that it is, and what it says of a voice."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from liveguard.audio.voice_figures import NAMES, figures
from liveguard.detectors.voice_model import (
    GROUPS,
    MOST_SPREADS,
    WORDS,
    FiguresModel,
    Heard,
    Row,
    find_voice_model,
    group_of,
)
from liveguard.errors import ConfigError
from liveguard.onnx import MODELS, OnnxModel, read_card
from tests.synthetic import talker
from tests.tiny_models import CALIBRATION, mean_model

SHIPPED = MODELS / "voice"
SPEECH = talker(4.0)


def folder_of(folder: Path, weights: str, card: str = CALIBRATION) -> Path:
    """A model folder whose card fits its weights."""
    folder.mkdir()
    (folder / "weights.toml").write_text(weights)
    sha256 = hashlib.sha256(weights.encode()).hexdigest()
    (folder / "card.toml").write_text(f'name = "mine"\nversion = "1"\nsha256 = "{sha256}"\n{card}')
    return folder


def weights(slopes: dict[str, float], offset: float = 0.0) -> str:
    """Rows that leave every figure as it is, but for the slopes."""
    rows = [
        f"{name} = {{ low = -9.0, high = 9.0, mean = 0.0, spread = 1.0, slope = {slopes.get(name, 0.0)} }}"
        for name in NAMES
    ]
    return f"offset = {offset}\n[figures]\n" + "\n".join(rows)


def test_the_figures_have_their_names_and_no_others() -> None:
    assert tuple(figures(SPEECH)) == NAMES
    assert len(NAMES) == len(set(NAMES)) == 59
    assert {group_of(name) for name in NAMES} == set(GROUPS) == set(WORDS)
    assert [group_of(name) for name in ("shimmer_4", "periodic_spread_2", "periodic_2")] == [
        "flicker", "evenness", "periodicity",
    ]  # fmt: skip


def test_the_figures_are_those_that_the_weights_were_fitted_on() -> None:
    """Whoever changes a figure has to fit anew (models/voice/fit.py), and then these numbers."""
    found = figures(SPEECH)
    kept = {
        "flicker_0": -2.836,
        "shimmer_3": 1.5357,
        "alike_quick_2_1": 0.5475,
        "alike_slow": -0.9757,
        "coupled_11": 0.7344,
        "periodic": 2.7096,
        "periodic_spread_2": 0.1989,
    }
    assert {name: found[name] for name in kept} == pytest.approx(kept, abs=2e-3)


@pytest.mark.parametrize("gain", [0.01, 0.1, 8.0])
def test_figures_do_not_depend_on_level(gain: float) -> None:
    loud, other = figures(SPEECH), figures(SPEECH * np.float32(gain))
    np.testing.assert_allclose(list(other.values()), list(loud.values()), rtol=2e-3, atol=2e-3)


def test_figures_hardly_depend_on_where_a_window_begins() -> None:
    """A few milliseconds move a figure by less than a third of what natural voices differ by; another voice moves some far."""
    model = find_voice_model()
    assert isinstance(model, FiguresModel)
    here, later, other = (model.heard(pcm).off for pcm in (SPEECH, np.roll(SPEECH, -83), talker(4.0, 210, 3)))
    moved = np.array([abs(later[name] - here[name]) for name in NAMES])
    assert np.median(moved) < 0.15
    assert np.median([abs(other[name] - here[name]) for name in NAMES]) > 2 * np.median(moved)


def test_figures_tell_what_they_are_named_for() -> None:
    noise = np.random.default_rng(0).standard_normal(64_000).astype(np.float32)
    t = np.arange(64_000) / 16_000
    tone = np.sum([np.sin(2 * np.pi * 125 * k * t) for k in range(1, 60)], axis=0).astype(np.float32)
    speech, hiss, buzz = figures(SPEECH), figures(noise), figures(tone + 1e-3 * noise)
    assert hiss["flicker_0"] > speech["flicker_0"] + 1
    assert buzz["periodic"] > hiss["periodic"] + 3
    assert buzz["coupled_00"] > 0.5 > 0.1 > abs(hiss["coupled_00"])
    same = np.sin(2 * np.pi * 3 * t).astype(np.float32) * noise  # all bands rise and fall together
    assert figures(same)["alike_slow_8_1"] > hiss["alike_slow_8_1"] + 0.3


@example(n=280, kind="noise")  # goes round and round, and no period is ever found
@settings(max_examples=40, deadline=None)
@given(n=st.integers(0, 70_000), kind=st.sampled_from(["zeros", "noise", "tone", "click"]))
def test_figures_stand_anything(n: int, kind: str) -> None:
    pcm = {
        "zeros": lambda: np.zeros(n),
        "noise": lambda: np.random.default_rng(0).standard_normal(n),
        "tone": lambda: np.sin(np.arange(n) * 0.1),
        "click": lambda: (np.arange(n) == n // 2).astype(float),
    }[kind]()
    assert np.isfinite(list(figures(pcm.astype(np.float32)).values())).all()


def test_the_shipped_weights_are_those_on_the_card() -> None:
    card = read_card(SHIPPED)
    assert hashlib.sha256((SHIPPED / "weights.toml").read_bytes()).hexdigest() == card.sha256
    model = find_voice_model()
    assert isinstance(model, FiguresModel)
    assert model.input_shape == (1, None)
    assert model.score(SPEECH[None]) == model.score(SPEECH[None]) == model.heard(SPEECH).score
    assert card.slope * card.most_nats > 0
    assert "research-only" in (SHIPPED / "card.toml").read_text()


def test_the_score_is_the_sum_of_what_the_figures_add(tmp_path: Path) -> None:
    slopes = {"flicker_1": 0.5, "coupled_00": -20.0}
    model = find_voice_model(folder_of(tmp_path / "model", weights(slopes, offset=-0.25)))
    assert isinstance(model, FiguresModel)
    found = figures(SPEECH)
    assert model.score(SPEECH[None]) == pytest.approx(-0.25 + 0.5 * found["flicker_1"] - 20 * found["coupled_00"])
    assert model.heard(SPEECH).by_group()["coupling"] == pytest.approx(-20 * found["coupled_00"])


@pytest.mark.parametrize(
    ("value", "off"), [(0.0, -2.0), (1.0, 0.0), (2.0, 2.0), (-9.0, -3.0), (99.0, MOST_SPREADS), (float("-inf"), -3.0)]
)
def test_what_is_far_off_counts_no_more(value: float, off: float) -> None:
    assert Row(low=-0.5, high=50.0, mean=1.0, spread=0.5, slope=1.0).off(value) == off


def _cut(text: str, pattern: str, by: str) -> str:
    changed, times = re.subn(pattern, by, text, count=1, flags=re.M)
    assert times == 1
    return changed


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: _cut(text, r"^shimmer_3 = .*\n", ""), r"weights\.toml: figures\.shimmer_3 is missing"),
        (lambda text: text + "\nsparkle = { slope = 1.0 }", r"there is no figure 'sparkle'"),
        (lambda text: _cut(text, r"spread = 1.0", "spread = 0.0"), r"figures\.flicker_0: spread must be above 0"),
        (lambda text: _cut(text, r"slope = 0.0", "slope = nan"), r"figures\.flicker_0: its numbers must be finite"),
        (lambda text: _cut(text, r"low = -9.0", "low = 10.0"), r"figures\.flicker_0: low must not be above high"),
        (lambda text: _cut(text, r"low = -9.0, ", ""), r"figures\.flicker_0: .*'low'"),
        (lambda text: _cut(text, r"mean = 0.0", "mean = 'x'"), r"figures\.flicker_0: "),
        (lambda text: _cut(text, r"mean = 0.0", "means = 0.0"), r"figures\.flicker_0: .*'means'"),
        (lambda text: _cut(text, r"^flicker_0 = .*", "flicker_0 = 3"), r"figures\.flicker_0: "),
        (lambda text: _cut(text, r"^offset = .*\n", ""), r"weights\.toml: KeyError: 'offset'"),
        (lambda text: _cut(text, r"^offset = .*", "offset = inf"), r"weights\.toml: offset must be finite"),
        (lambda text: _cut(text, r"^\[figures\]", "[figurs]"), r"weights\.toml: KeyError: 'figures'"),
        (lambda text: "figures = 3\n" + _cut(text, r"^\[figures\]", "[x]"), r"weights\.toml: TypeError"),
        (lambda text: text[:60], r"weights\.toml: TOMLDecodeError"),
    ],
)  # fmt: skip
def test_damaged_weights_are_refused_and_it_is_said_what_is_wrong(
    damage: Callable[[str], str], message: str, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "model", damage(weights({})))
    with pytest.raises(ConfigError, match=message):
        find_voice_model(folder)


def test_what_does_not_fit_its_card_or_is_not_there_is_refused(tmp_path: Path) -> None:
    changed = folder_of(tmp_path / "changed", weights({}))
    (changed / "weights.toml").write_text(weights({"flicker_0": 1e-9}))
    with pytest.raises(ConfigError, match=r"weights\.toml: its sha256 is not the one on its card"):
        find_voice_model(changed)
    (changed / "weights.toml").unlink()
    with pytest.raises(ConfigError, match=r"neither model\.onnx nor weights\.toml"):
        find_voice_model(changed)
    with pytest.raises(ConfigError, match=r"weights\.toml: No such file"):
        FiguresModel(read_card(changed))
    turned = folder_of(tmp_path / "turned", weights({}), CALIBRATION + '[output]\nattack = "low"\n')
    with pytest.raises(ConfigError, match=r"card\.toml: \[output\] is for model\.onnx"):
        find_voice_model(turned)
    with pytest.raises(ConfigError, match="no model card"):
        find_voice_model(tmp_path / "nowhere")


def test_a_network_of_the_users_goes_before_weights(tmp_path: Path) -> None:
    folder = mean_model(tmp_path / "model", [1, None])
    (folder / "weights.toml").write_text("these belong to something else")
    assert isinstance(find_voice_model(folder), OnnxModel)


@pytest.mark.parametrize(
    ("off", "nats", "said"),
    [
        ({"flicker_0": 2.0, "periodic": 1.0}, {"flicker_0": 1.5, "periodic": 0.4}, "its spectrum changes faster than"),
        ({"flicker_0": -2.0}, {"flicker_0": 1.5}, "its spectrum changes more slowly than in natural speech"),
        ({"shimmer_4": 2.0, "periodic": 1.0}, {"shimmer_4": 0.5, "periodic": 0.4}, "its spectrum flickers more than"),
        ({"coupled_00": -2.0}, {"coupled_00": 0.1}, "the phases of its bands fit each other less than"),
        ({"alike_slow": 3.0, "flicker_1": 3.0}, {"alike_slow": 1.0, "flicker_1": -2.0}, "rise and fall more together"),
        ({"periodic_2": 3.0, "periodic_spread_2": 3.0}, {"periodic_2": 0.3, "periodic_spread_2": 0.2}, "more exactly"),
        # Which way is only said where most of what speaks lies that way; what speaks against an attack has no say in it.
        ({"flicker_0": 2.0, "flicker_1": -2.0}, {"flicker_0": 0.5, "flicker_1": 0.5}, "changes differently than"),
        ({"flicker_0": 2.0, "flicker_1": -2.0}, {"flicker_0": 0.9, "flicker_1": -0.5}, "changes faster than"),
        ({"flicker_0": 2.0}, {"flicker_0": -1.0}, ""),
    ],
)
def test_it_names_what_speaks_most_and_which_way_it_lies(
    off: dict[str, float], nats: dict[str, float], said: str
) -> None:
    oddest = Heard(1.0, off, nats).oddest()
    assert said in oddest
    assert bool(oddest) == bool(said)
