"""Weights put anew on readings: those that ship give what the check gave, and left-out ones are used for their source only."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

import pytest

from liveguard.config import Config
from liveguard.detectors.calibration import Card, Part, Term
from liveguard.detectors.mesh import Mesh
from liveguard.errors import InputError
from liveguard.evaluate.apart import apart_from
from liveguard.evaluate.folds import WEIGHED, read_folds, with_shipped_weights
from liveguard.evaluate.manifest import Item
from liveguard.evaluate.run import Run
from liveguard.types import Reading
from liveguard.words import NOT_WEIGHED
from tests.moving_faces import Person, faces, window

LEFT_OUT = Path(__file__).parents[2] / "models" / "face_checks" / "left_out.json"


def run(reading: Reading, source: str = "here") -> Run:
    item = Item("a.mp4", Path("a.mp4"), "bonafide", source=source)
    return Run(item, "as is", "bonafide", readings=(reading, Reading("camera", None, 0, 1, 3.0, 1.0, "still")))


def steady(nats: float) -> Card:
    return Card((Part("any", nats, (Term("motion_eyes", 0.0, 1.0, 0.0),)),), 3.0)


def test_shipped_weights_give_what_the_check_gave() -> None:
    reading = Mesh().evaluate(window(faces(Person(), 3.0), Mesh.need))
    assert reading.llr is not None
    louder = replace(reading, llr=reading.llr + 1.0)
    again = with_shipped_weights(run(louder)).readings
    assert again[0] == reading
    assert again[1].llr == 3.0, "the camera has no weights"


def test_left_out_weights_are_those_of_the_source(tmp_path: Path) -> None:
    cards = {source: asdict(steady(nats)) for source, nats in (("here", 0.5), ("there", -0.25))}
    file = tmp_path / "left_out.json"
    file.write_text(json.dumps({"checks": {"texture": cards}}))
    folds = read_folds(file)
    reading = Reading("texture", 1, 0, 1_000_000, 2.0, 1.0, "", {"motion_eyes": 0.1})
    assert [folds.left_out(run(reading, source)).readings[0].llr for source in ("here", "there")] == [0.5, -0.25]
    unweighed = replace(reading, llr=None, why=NOT_WEIGHED)
    assert folds.left_out(run(unweighed)).readings[0].llr == 0.5, "it was measured"
    silent = replace(reading, llr=None)
    assert folds.left_out(run(silent)).readings[0] == silent, "what could not be judged is not judged now"
    with pytest.raises(InputError, match="never fitted without source 'nowhere'"):
        folds.left_out(run(reading, "nowhere"))


def test_a_recording_is_judged_by_the_model_that_has_not_seen_its_source(tmp_path: Path) -> None:
    file = tmp_path / "left_out.json"
    file.write_text(json.dumps({"models": {"voice": {"fold0": ["here"], "../fold1": ["there", "far"]}}}))
    folds = read_folds(file)
    config = Config(options={"voice": {"model": "shipped"}, "swap": {"model": "other"}})
    chosen = [folds.config(config, source).options for source in ("here", "there", "far")]
    assert [Path(options["voice"]["model"]) for options in chosen] == [
        tmp_path / "fold0", tmp_path / "../fold1", tmp_path / "../fold1",
    ]  # fmt: skip
    assert all(options["swap"] == {"model": "other"} for options in chosen)
    assert config.options["voice"] == {"model": "shipped"}, "the settings themselves stay"
    with pytest.raises(InputError, match="no model of voice was trained without source 'nowhere'"):
        folds.config(config, "nowhere")
    assert folds.left_out(run(Reading("voice", None, 0, 1, 1.0, 1.0, ""))).readings[0].llr == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"models": {"voice": {"fold0": 3}}}',
        '{"models": ["voice"]}',
        '{"checks": {"mesh": {"here": {}}}}',
        '{"checks": 3}',
    ],
)
def test_other_files_are_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"x\.json"):
        read_folds(file)


def test_what_may_teach_shares_neither_source_nor_person_nor_generator_with_what_is_tried() -> None:
    def item(name: str, label: Literal["bonafide", "attack"], source: str, subject: str, generator: str = "-") -> Item:
        return Item(name, Path(name), label, source=source, subject=subject, generator=generator)

    tried = [item("ann", "bonafide", "mead", "ann"), item("eve", "attack", "mead", "-", "SadTalker")]
    others = {
        "a stranger": item("bob", "bonafide", "web", "bob"),
        "of another generator": item("dan", "attack", "web", "dan", "AniTalker"),
        "of nobody and nothing known": item("who", "attack", "web", "-"),
        "the same person": item("ann again", "attack", "web", "ann", "AniTalker"),
        "the same generator": item("sad", "attack", "web", "sue", "SadTalker"),
    }
    may_teach = apart_from("mead", [*tried, *others.values()])
    assert [may_teach(each) for each in tried] == [False, False]
    assert [may_teach(each) for each in others.values()] == [True, True, True, False, False]
    assert all(map(apart_from(None, tried), tried)), "what ships learns from all"


def test_the_published_weights_leave_every_source_out_once() -> None:
    cards = read_folds(LEFT_OUT).cards
    assert set(cards) <= set(WEIGHED)
    assert len(cards["mesh"]) >= 20
    assert set(cards["mesh"]) == set(cards["texture"])
