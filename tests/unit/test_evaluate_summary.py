"""All figures of an evaluation, from runs as they are judged to `metrics.json`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liveguard.calibration import Calibration, CheckCalibration
from liveguard.evaluate.figures import Figures
from liveguard.evaluate.manifest import Item
from liveguard.evaluate.run import Run
from liveguard.evaluate.summary import summarise
from liveguard.policy import Policy
from liveguard.types import Need, Reading
from tests.synthetic import Says


class SwapsAlone(Says):
    kinds = frozenset({"faceswap"})


SWAP = SwapsAlone("swap", Need(1_000_000, 1_000_000))
KINDS = ("real", "faceswap", "reenact", "talkinghead", "lipsync")


def run(who: str, kind: str, llr: float, variant: str = "as is", error: str = "") -> Run:
    label = "bonafide" if kind == "real" else "attack"
    item = Item(f"{who}.mp4", Path(f"{who}.mp4"), label, kind=kind, subject=who)
    reading = Reading("swap", 1, 0, 1_000_000, llr, 1.0, "")
    return Run(item, variant, label, seconds=5.0, readings=() if error else (reading,), error=error)


def exact(people: int) -> list[Run]:
    """A check that is blind to all but face swaps, and whose ratio of a swap to genuine is exactly true."""
    rng, d = np.random.default_rng(0), 2.0
    return [
        run(f"{kind}{k}", kind, rng.normal(d**2 / 2 if kind == "faceswap" else -(d**2) / 2, d))
        for k in range(people)
        for kind in KINDS
    ]


def test_an_exact_check_of_one_kind_is_honest_about_the_mixture_that_its_ratio_is_about() -> None:
    policy = Policy(calibration=Calibration({"swap": CheckCalibration(share=0.25)}))
    found = summarise(exact(300), [SWAP], lambda _: policy, {})["checks"]["swap"]
    assert found["ece"] < 0.05
    own = summarise(exact(300), [SWAP], lambda _: Policy(calibration=Calibration()), {})["checks"]["swap"]
    assert own["ece"] < 0.05, "without a share the ratio is about its own kinds, and measured on them"


def test_faults_are_all_counted_and_the_commonest_are_named() -> None:
    faulty = replace(run("ann", "real", 0.0), faults=tuple(f"check {k}: broken" for k in range(12)))
    about = summarise([faulty], [SWAP], lambda _: Policy(calibration=Calibration()), {})["conditions"]
    assert (about["faults_in_all"], len(about["faults"])) == (12, 10)


def test_intervals_are_over_people_of_whom_some_have_several_recordings() -> None:
    def figures(runs: list[Run]) -> Figures:
        found: Figures = summarise(runs, [SWAP], lambda _: Policy(calibration=Calibration()), {})["checks"]["swap"]
        return found

    def again(one: Run, k: int) -> Run:
        return replace(one, item=replace(one.item, name=f"{one.item.name} {k}"))

    rng = np.random.default_rng(4)
    runs = [run(f"{kind}{k}", kind, rng.normal(kind == "faceswap", 1.0)) for k in range(12) for kind in KINDS[:2]]
    silent = [replace(one, readings=(replace(one.readings[0], llr=None),)) for one in runs[:6]]
    once = figures([*runs, *(again(one, 9) for one in silent)])
    often = figures([again(one, k) for one in (*runs, *silent) for k in range(4)])
    for name in ("auc", "eer", "cannot_judge"):
        assert once[f"{name}_ci"][0] < once[name] < once[f"{name}_ci"][1]
        assert often[f"{name}_ci"] == pytest.approx(once[f"{name}_ci"]), name
    assert often["by_kind"]["faceswap"]["auc_ci"] == pytest.approx(once["by_kind"]["faceswap"]["auc_ci"])
    assert once["auc_ci_sources"] is None, "where no source is named they may all be of one place"
    nobody = figures([replace(one, item=replace(one.item, subject="-")) for one in runs])
    assert nobody["auc_ci"] == pytest.approx(once["auc_ci"], abs=0.1), "who has no name is one of its own"
    few = figures([*runs[:8], *(again(one, 1) for one in runs[:8])])
    assert (few["auc_ci"], few["eer_ci"]) == (None, None), "sixteen recordings of four people of a label"


def test_recordings_as_they_are_are_no_stress() -> None:
    policy = Policy(calibration=Calibration())
    plain = run("ann", "real", 0.0)
    assert summarise([plain], [SWAP], lambda _: policy, {})["stress"]["hours"] == 0
    found = summarise([plain, run("bob", "real", 0.0, "low light")], [SWAP], lambda _: policy, {})["stress"]
    assert (found["people"], list(found["by_variant"])) == (1, ["low light"])


def test_in_a_mixture_every_kind_weighs_the_same_however_many_there_are() -> None:
    """A hundred talking heads that it takes for genuine do not drown the one swap that it sees."""
    policy = Policy(calibration=Calibration({"swap": CheckCalibration(share=0.5)}))
    runs = [run("ann", "real", -9.0), run("eve", "faceswap", 9.0)]
    runs += [run(f"head{k}", "talkinghead", -9.0) for k in range(100)]
    found = summarise(runs, [SWAP], lambda _: policy, {})["checks"]["swap"]
    # At log(1 - share) nats it says 1 in 3; there are all of the genuine (half of the weight) and the talking heads (a quarter).
    assert found["reliability"][0] == pytest.approx([1 / 3, 1 / 3, 0.75], abs=2e-3)
