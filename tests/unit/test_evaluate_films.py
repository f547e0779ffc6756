"""Films that `liveguard stress` has made, evaluated: each is about what its variant is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from liveguard import wire
from liveguard.calibration import Calibration
from liveguard.evaluate import plan as planning
from liveguard.evaluate.honest import fits, windows_of
from liveguard.evaluate.kinds import share_seen
from liveguard.evaluate.manifest import BENCH_SOURCE, Item
from liveguard.evaluate.plan import plan
from liveguard.evaluate.run import Run, Task, run_of
from liveguard.evaluate.scores import scores_of
from liveguard.evaluate.summary import summarise
from liveguard.policy import Policy
from liveguard.stress.catalogue import BENCH, BENIGN
from liveguard.types import Detector, Hypothesis, Need, Reading
from tests.synthetic import Says


def check(name: str, hypothesis: Hypothesis, kinds: frozenset[str] = frozenset()) -> Says:
    made = Says(name, Need(1_000_000, 1_000_000, scope="feed"))
    made.hypothesis = hypothesis
    if kinds:
        made.kinds = kinds  # type: ignore[attr-defined]  # as checks have that are made for some
    return made


CAMERA, MESH, LIPSYNC = (
    check("camera", "feed_injected"), check("mesh", "face_manipulated"), check("lipsync", "av_mismatch"),
)  # fmt: skip
SWAP = check("swap", "face_manipulated", frozenset({"faceswap"}))
VOICE = check("voice", "voice_synthetic", frozenset({"tts", "vc", "vocoder"}))
CHECKS: list[Detector] = [CAMERA, MESH, SWAP, LIPSYNC, VOICE]
READINGS = [Reading(d.name, None, k * 10**6, (k + 1) * 10**6, 1.0, 1.0, "") for k in range(10) for d in CHECKS]
RECORD: dict[str, Any] = {
    "seconds": 10.0, "still": False, "cpu_s": 1.0, "facts": {}, "faults": [],
    "readings": [wire.to_dict(reading) for reading in READINGS],
}  # fmt: skip


def item(name: str, label: str, kind: str, generator: str = "-", source: str = "-") -> Item:
    return Item(name, Path(name), "attack" if label == "attack" else "bonafide", "video", kind, generator, name, source)


def film(variant: str) -> Run:
    made = (BENIGN | BENCH)[variant]
    kind = variant if made.label == "attack" else "real"
    return run_of(Task(item(f"{variant}.mp4", made.label, kind, variant, BENCH_SOURCE)), RECORD)


@pytest.mark.parametrize("variant", BENCH)
def test_a_bench_film_counts_for_the_checks_of_its_hypothesis_and_for_no_other(variant: str) -> None:
    run = film(variant)
    assert run.bench
    about = {d.name for d in CHECKS if d.hypothesis == BENCH[variant].hypothesis}
    assert {d.name for d in CHECKS if len(scores_of(d, [run]).run)} == about
    assert {d.name for d in CHECKS if fits(run, d)} == about
    assert (run.onset_s, run.play_s, run.judged) == (
        BENCH[variant].onset_s, BENCH[variant].play_s, BENCH[variant].judged,
    )  # fmt: skip


def test_recorded_attacks_are_about_what_they_were() -> None:
    swap, voice = (run_of(Task(item(f"{kind}.mp4", "attack", kind, "x")), RECORD) for kind in ("faceswap", "vocoder"))
    assert not swap.bench
    assert [d.name for d in CHECKS if len(scores_of(d, [swap]).run)] == ["camera", "mesh", "swap", "lipsync"]
    assert [d.name for d in CHECKS if len(scores_of(d, [voice]).run)] == ["camera", "lipsync", "voice"]
    named_so = run_of(Task(item("a.mp4", "attack", "bench photo", "bench photo", "the web")), RECORD)
    assert not named_so.bench, "only films of ours are known to be what they are called"


def test_bench_films_teach_only_where_variants_of_recordings_would() -> None:
    swap = run_of(Task(item("swap.mp4", "attack", "faceswap", "x")), RECORD)
    blend, photo = film("bench blend 64"), film("bench photo")
    assert windows_of(MESH, [swap, blend]).person.tolist() == ["swap.mp4"] * 10
    assert share_seen(SWAP, [swap, blend]) == 1.0, "nor are they a kind of recorded attack"
    assert set(windows_of(CAMERA, [swap, photo]).person.tolist()) == {"swap.mp4", "bench photo.mp4"}
    as_variant = run_of(Task(item("ann.mp4", "bonafide", "real"), "bench photo"), RECORD)
    assert fits(as_variant, CAMERA)
    assert not fits(as_variant, MESH)


def test_a_benign_film_is_judged_and_kept_for_the_test_as_its_variant_is() -> None:
    assert film("talk").judged == BENIGN["talk"].judged, "a clip that is played again and again is a loop"
    assert not fits(film("low light"), MESH)
    assert fits(film("VP8 300k"), MESH)


def test_films_are_judged_as_they_are_only(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = planning._Known(frozenset(("video", "audio")), 10.0)
    monkeypatch.setattr(planning, "_look", lambda _: looked)
    items = [film("low light").item, film("bench photo").item]
    assert [(task.item, task.variant) for task in plan(items, ["benign", "bench"])] == [(i, "as is") for i in items]


def test_a_film_is_raised_by_an_alert_of_its_own_sort_alone() -> None:
    found = summarise([film("bench photo")], [CAMERA, MESH], lambda _: Policy(calibration=Calibration()), {})
    assert set(found["sessions"]["by_kind"]) == {"bench photo"}
    assert found["bench"] == {}, "no variant was made of it"
    assert (found["checks"]["camera"]["n_attack"], found["checks"]["mesh"]["n_attack"]) == (1, 0)
