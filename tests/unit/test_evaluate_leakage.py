"""Whether files give their labels away: in sources that are known, and in those that are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liveguard.evaluate.facts import Facts
from liveguard.evaluate.leakage import features, leakage
from liveguard.evaluate.manifest import Item
from liveguard.evaluate.run import Run

SOURCES, EACH = 8, 8  # recordings of each label and source


def runs(width: Callable[[int, bool], float]) -> list[Run]:
    """Recordings whose widths are about `width` of their source and label; all else about them is alike."""
    rng, found = np.random.default_rng(0), []
    for source in range(SOURCES):
        for attack in (False, True):
            for k in range(EACH):
                name, kind = f"{source}{attack}{k}", "swap" if attack else "real"
                item = Item(name, Path(name), "attack" if attack else "bonafide", kind=kind, source=f"{source}")
                facts: Facts = {"width": width(source, attack) + rng.normal(), "height": 360.0}
                found.append(Run(item, "as is", item.label, facts=facts))
    return found


def test_what_tells_the_labels_apart_everywhere_leaks() -> None:
    found = leakage(runs(lambda _, attack: 640 + 10 * attack))
    assert set(found) == {"all", "swap"}
    assert found["all"]["leaks"]
    assert found["all"]["confounded"]
    assert found["all"]["left_out"]["line"]["auc"] > 0.95
    assert found["all"]["facts"] == ["width"]


def test_what_tells_them_apart_in_known_sources_alone_is_confounded_and_does_not_leak() -> None:
    """Attacks are wider in every other source and narrower in the rest, and no two sources have a width in common."""
    found = leakage(runs(lambda source, attack: 100 * source + 20 * attack * (-1) ** source))["all"]
    assert found["shuffled"]["trees"]["auc"] > 0.95
    assert found["confounded"]
    assert max(found["left_out"][model]["auc"] for model in ("line", "trees")) < 0.6
    assert not found["leaks"]


def test_where_files_are_alike_nothing_is_told() -> None:
    found = leakage(runs(lambda *_: 640.0))["all"]
    assert not found["leaks"]
    assert not found["confounded"]


def test_of_few_recordings_or_one_source_nothing_is_said() -> None:
    some = runs(lambda _, attack: 640 + 10 * attack)
    assert leakage([run for run in some if not run.attack or run.item.name.endswith("0")]) == {}
    assert leakage([replace(run, error="gone") for run in some]) == {}
    found = leakage([replace(run, item=replace(run.item, source="here")) for run in some])["all"]
    assert found["left_out"]["line"] == {"auc": None, "auc_ci": None}
    assert found["confounded"]
    assert not found["leaks"]


def test_facts_that_are_missing_or_never_vary_are_columns_of_numbers() -> None:
    x, names = features([{"width": 640, "video_codec": "h264"}, {"video_codec": "vp8"}])
    assert names == ("width", "video_codec h264", "video_codec vp8")
    assert x == pytest.approx(np.array([[640.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]))
