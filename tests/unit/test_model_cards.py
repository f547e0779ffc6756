"""Cards of models that give their score in ways of their own: a row, one of several outputs, low for an attack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveguard.config import tomllib
from liveguard.errors import ConfigError
from liveguard.onnx import filled, find_model
from tests.tiny_models import CALIBRATION, mean_model

LOUD = np.full((1, 100), 0.25, np.float32)


@pytest.mark.parametrize(
    ("columns", "outputs", "card", "score"),
    [
        (0, 1, "", 0.25),
        (1, 1, "", 0.25),
        (1, 1, '[output]\nattack = "low"\n', -0.25),
        (2, 1, "[output]\nindex = 0\n", 0.25),
        (2, 1, "[output]\nindex = 1\n", -0.25),
        (2, 1, '[output]\nindex = 1\nattack = "low"\n', 0.25),
        (2, 3, '[output]\nname = "y1"\nindex = 0\nattack = "high"\n', 0.25),
    ],
)
def test_the_card_says_where_the_score_is(columns: int, outputs: int, card: str, score: float, tmp_path: Path) -> None:
    folder = mean_model(tmp_path / "model", [1, None], columns=columns, outputs=outputs, card=CALIBRATION + card)
    model = find_model("voice", folder)
    assert model is not None
    assert model.score(LOUD) == pytest.approx(score)
    assert model.input_shape == (1, None)


@pytest.mark.parametrize(
    ("columns", "outputs", "card", "message"),
    [
        (2, 1, "", r"2 figures: say which one is the score, \[output\] index"),
        (2, 1, "[output]\nindex = 2\n", "none at .* index 2"),
        (2, 1, "[output]\nindex = -1\n", "whole number from 0 on, not -1"),
        (2, 1, "[output]\nindex = true\n", "whole number from 0 on, not True"),
        (2, 1, '[output]\nindex = "1"\n', "whole number"),
        (1, 2, "", r"outputs y0, y1: say which one, \[output\] name"),
        (1, 2, '[output]\nname = "logits"\n', "no output 'logits', only y0, y1"),
        (1, 1, "[output]\nname = 3\n", "a word in quotes"),
        (1, 1, '[output]\nattack = "up"\n', '"high" or "low", not \'up\''),
        (1, 1, "[output]\nindx = 1\n", "not indx"),
        (1, 1, "output = 3\n", "card.toml"),
    ],
)
def test_a_card_that_leaves_it_open_or_is_wrong_is_refused(
    columns: int, outputs: int, card: str, message: str, tmp_path: Path
) -> None:
    text = card + CALIBRATION if card.startswith("output") else CALIBRATION + card
    folder = mean_model(tmp_path / "model", [1, None], columns=columns, outputs=outputs, card=text)
    with pytest.raises(ConfigError, match=message):
        find_model("voice", folder)


def test_an_output_of_no_declared_shape_is_scored_only_where_the_card_says_which_figure(tmp_path: Path) -> None:
    row = mean_model(tmp_path / "row", [1, None], columns=2, declared=False)
    said = mean_model(
        tmp_path / "said", [1, None], columns=2, declared=False, card=CALIBRATION + "[output]\nindex = 1\n"
    )
    alone = mean_model(tmp_path / "alone", [1, None], declared=False, card=CALIBRATION + "[output]\nindex = 1\n")
    open_, known, single = (find_model("voice", folder) for folder in (row, said, alone))
    assert open_ is not None
    assert known is not None
    assert single is not None
    with pytest.raises(ValueError, match=r"2 figures: say which one is the score, \[output\] index"):
        open_.score(LOUD)
    assert known.score(LOUD) == pytest.approx(-0.25)
    with pytest.raises(ValueError, match=r"none at .* index 1"):
        single.score(LOUD)


def test_which_way_a_score_points_is_said_once(tmp_path: Path) -> None:
    folder = mean_model(tmp_path / "model", [1, None], card=CALIBRATION.replace("10.0", "-10.0"))
    with pytest.raises(ConfigError, match='attack = "low"'):
        find_model("voice", folder)


@given(n=st.integers(1, 500), samples=st.one_of(st.none(), st.integers(1, 2000)))
def test_sound_is_repeated_until_it_fills_a_model_or_cut(n: int, samples: int | None) -> None:
    pcm = np.arange(n, dtype=np.float32)
    out = filled(pcm, samples)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, np.arange(n if samples is None else samples) % n)


def test_the_example_card_of_the_docs_is_one(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
    example = text.split("```toml\n")[1].split("```")[0]
    sha256 = tomllib.loads(example)["sha256"]
    folder = mean_model(tmp_path / "model", [1, 64_600], columns=2, outputs=2, card="")
    made = tomllib.loads((folder / "card.toml").read_text())["sha256"]
    (folder / "card.toml").write_text(example.replace(sha256, made).replace('"logits"', '"y1"'))
    model = find_model("voice", folder)
    assert model is not None
    assert model.score(np.full((1, 64_600), 0.25, np.float32)) == pytest.approx(0.25)
