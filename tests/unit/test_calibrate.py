"""Calibration from judged recordings: honest ratios, what is new in a reading, tails, and nothing of a source in its own."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liveguard.calibration import Calibration, CheckCalibration, Condition, Tail, parse, read
from liveguard.cli import main
from liveguard.commands.evaluate import _policies
from liveguard.config import Config
from liveguard.detectors.voice import Voice
from liveguard.evaluate.calibrate import BySource, calibrate, cross_calibrate, tails
from liveguard.evaluate.calls import Call, call
from liveguard.evaluate.discount import ceiling_nats, evidence_us, likeness
from liveguard.evaluate.honest import fit_check, windows_of
from liveguard.evaluate.kinds import share_seen
from liveguard.evaluate.manifest import Item
from liveguard.evaluate.report.care import as_shipped
from liveguard.evaluate.run import Run
from liveguard.evaluate.scores import scores_of
from liveguard.evaluate.toml import toml_of
from liveguard.types import HYPOTHESES, Need, Reading
from tests.synthetic import Says

CHECK = Says("mesh", Need(step_us=1_000_000, video_us=3_000_000))
SOURCES = ("a", "b", "c", "d")


def run(person: int, attack: bool, llrs: np.ndarray, face_px: float = 150.0, variant: str = "as is") -> Run:
    item = Item(
        f"{person}_{attack}", Path("none.mp4"), "attack" if attack else "bonafide",
        kind="faceswap" if attack else "real", subject=f"p{person}", source=SOURCES[person % len(SOURCES)],
    )  # fmt: skip
    readings = tuple(
        Reading("mesh", 1, k * 1_000_000, (k + 1) * 1_000_000, float(llr), 1.0, "", {"face_px": face_px})
        for k, llr in enumerate(llrs)
    )
    return Run(item, variant, item.label, seconds=float(len(llrs)), readings=readings)


def people(count: int, overconfident: float = 1.0, shift: float = 0.0, seed: int = 0) -> list[Run]:
    """Genuine and attacked people whose true ratio is Gaussian with d' = 1.5, said too loudly and off by `shift`."""
    rng, d = np.random.default_rng(seed), 1.5
    found = []
    for person in range(count):
        for attack in (False, True):
            true = rng.normal(d**2 / 2 if attack else -(d**2) / 2, d)
            found.append(run(person, attack, np.full(3, overconfident * true + shift)))
    return found


@pytest.mark.parametrize(("overconfident", "shift"), [(1.0, 0.0), (3.0, 0.0), (0.5, 1.0)])
def test_a_ratio_that_is_off_is_put_right(overconfident: float, shift: float) -> None:
    fitted = fit_check(windows_of(CHECK, people(400, overconfident, shift)))
    assert fitted is not None
    assert fitted.slope * overconfident == pytest.approx(1.0, abs=0.15)
    assert fitted.slope * shift + fitted.offset == pytest.approx(0.0, abs=0.2)


class SwapsAlone(Says):
    kinds = frozenset({"faceswap"})


def other_kind(some: list[Run]) -> list[Run]:
    """Attacks of a kind that looks more genuine than genuine people do."""
    low = (np.full(3, -3.0) for _ in some)
    return [
        replace(run(500 + k, True, llrs), item=replace(each.item, name=f"other{k}", kind="reenact", subject=f"o{k}"))
        for k, (each, llrs) in enumerate(zip(some, low, strict=True))
        if each.attack
    ]


def test_a_check_is_calibrated_on_the_kinds_that_it_is_made_for_and_counts_for_their_share() -> None:
    runs = people(100)
    runs += other_kind(runs)
    check = SwapsAlone("mesh", CHECK.need)
    blind = calibrate(runs, [CHECK], Config()).checks["mesh"]
    seeing = calibrate(runs, [check], Config()).checks["mesh"]
    assert (blind.share, seeing.share) == (1.0, 0.5)
    assert blind.slope == pytest.approx(0.0, abs=0.05)
    assert seeing.slope > 0.5
    assert len(windows_of(check, runs).own) == len(windows_of(CHECK, runs).own) - 3 * 100
    text = toml_of(Calibration({"mesh": seeing}), "about")
    assert "share = 0.5" in text


class HearsVoices(Says):
    hypothesis = "voice_synthetic"
    kinds = Voice.kinds


def kind_of(some: Run, name: str, kind: str) -> Run:
    return replace(some, item=replace(some.item, name=name, kind=kind, subject=name))


def test_attacks_on_a_face_teach_nothing_about_voices_nor_cloned_voices_about_faces() -> None:
    """A talking head may speak in the genuine voice of the performance that drives it."""
    voice = HearsVoices("voice", CHECK.need)
    heard = [replace(r, readings=tuple(replace(x, detector="voice") for x in r.readings)) for r in people(50)]
    assert not windows_of(voice, heard).attack.any()
    assert fit_check(windows_of(voice, heard)) is None, "so the voice check stays as it was"
    assert not scores_of(voice, heard).attack.any(), "and no figures of synthetic voices are made of them"
    cloned = [kind_of(r, f"tts{k}", "tts") for k, r in enumerate(heard) if r.attack]
    assert windows_of(voice, [*heard, *cloned]).attack.sum() == 3 * len(cloned)
    assert scores_of(voice, [*heard, *cloned]).attack.sum() == len(cloned)
    seen = people(50)
    with_voices = [*seen, *(kind_of(r, f"tts{k}", "tts") for k, r in enumerate(seen) if r.attack)]
    assert len(windows_of(CHECK, with_voices).own) == len(windows_of(CHECK, seen).own)


def test_the_share_of_a_check_is_of_the_kinds_of_its_hypothesis() -> None:
    runs = people(50)
    runs += other_kind(runs)
    swap = SwapsAlone("mesh", CHECK.need)
    cloned = [kind_of(r, f"{kind}{k}", kind) for k, r in enumerate(runs) if r.attack for kind in Voice.kinds]
    assert share_seen(swap, runs) == share_seen(swap, [*runs, *cloned]) == 0.5


def test_evidence_that_says_nothing_is_silenced() -> None:
    rng = np.random.default_rng(1)
    runs = [run(p, a, rng.normal(0, 3, 3)) for p in range(200) for a in (False, True)]
    fitted = fit_check(windows_of(CHECK, runs))
    assert fitted is not None
    assert fitted.slope < 0.05
    backwards = [run(p, a, np.full(3, -2.0 if a else 2.0)) for p in range(50) for a in (False, True)]
    upside_down = fit_check(windows_of(CHECK, backwards))
    assert upside_down is not None
    assert upside_down.slope == 0.0, "a check that errs is silenced, never turned around"


def test_nobody_proves_more_than_the_number_of_people_allows() -> None:
    fitted = fit_check(
        windows_of(CHECK, [run(p, a, np.full(3, 9.0 if a else -9.0)) for p in range(20) for a in (False, True)])
    )
    assert fitted is not None
    assert fitted.most_nats == pytest.approx(math.log(21), abs=1e-3)
    assert fit_check(windows_of(CHECK, people(5))) is None


def test_conditions_are_taken_in_where_they_carry_over() -> None:
    """What the check says of small faces is noise, of large ones the truth, in all sources."""
    rng, runs = np.random.default_rng(2), []
    for person in range(300):
        for attack in (False, True):
            small = bool(rng.random() < 0.5)
            llr = rng.normal(0.0, 2.0) if small else rng.normal(2.0 if attack else -2.0, 1.0)
            runs.append(run(person, attack, np.full(3, llr), 60.0 if small else 240.0))
    fitted = fit_check(windows_of(CHECK, runs))
    assert fitted is not None
    small_llr, large_llr = (fitted.llr(2.0, {"face_px": px}) for px in (60.0, 240.0))
    assert large_llr > 3 * abs(small_llr)
    plain = fit_check(windows_of(CHECK, people(300)))
    assert plain is not None
    assert not plain.conditions, "a condition that never varies explains nothing"


def test_a_condition_that_tells_the_labels_apart_is_no_evidence() -> None:
    """All attacks were filmed large, and the check itself knows nothing."""
    rng = np.random.default_rng(6)
    runs = [run(p, a, rng.normal(0, 1, 3), 240.0 if a else 60.0) for p in range(100) for a in (False, True)]
    fitted = fit_check(windows_of(CHECK, runs))
    assert fitted is not None
    assert abs(fitted.llr(0.0, {"face_px": 240.0})) < 0.1


def test_stress_is_kept_for_the_test() -> None:
    teaching = people(50)
    stressed = [run(p, False, np.full(3, 8.0), variant="low light") for p in range(50)]
    assert fit_check(windows_of(CHECK, [*teaching, *stressed])) == fit_check(windows_of(CHECK, teaching))


def test_every_person_weighs_the_same_and_so_do_the_labels() -> None:
    windows = windows_of(CHECK, [run(0, False, np.zeros(9)), run(1, False, np.zeros(1)), run(2, True, np.zeros(3))])
    weight = {person: windows.weight[windows.person == person].sum() for person in ("p0", "p1", "p2")}
    assert weight == pytest.approx({"p0": 0.25, "p1": 0.25, "p2": 0.5})


def test_how_much_of_a_reading_is_new() -> None:
    rng = np.random.default_rng(3)
    white = [rng.normal(0, 1, 30) for _ in range(200)]
    assert evidence_us(white, 1_000_000, 8_000_000) == pytest.approx(1_000_000, abs=200_000)
    averaged = [np.convolve(rng.normal(0, 1, 34), np.ones(3) / 3, "valid") for _ in range(200)]
    # A running mean over three: correlations 2/3 and 1/3, so 1 + 2 (2/3 + 1/3) = 3 steps.
    assert evidence_us(averaged, 1_000_000, 8_000_000) == pytest.approx(3_000_000, abs=300_000)
    assert evidence_us(averaged, 1_000_000, 2_000_000) == 2_000_000
    assert evidence_us(white[:5], 1_000_000, 8_000_000) is None


def test_how_alike_the_readings_of_one_person_are() -> None:
    rng = np.random.default_rng(4)
    series = [rng.normal(0, 3) + rng.normal(0, 1, 8) for _ in range(2000)]
    assert likeness(series) == pytest.approx(9 / 10, abs=0.02)
    assert likeness([rng.normal(0, 1, 8) for _ in range(500)]) == pytest.approx(0.0, abs=0.03)
    assert likeness(series[:3]) is None
    assert ceiling_nats([np.full(5, 2.0)], alike=0.5) == 4.0, "two looks of 2 nats are all that such a person is worth"


def called(person: int, nats: float, seconds: float = 360.0) -> Call:
    heights = {**dict.fromkeys(HYPOTHESES, 0.0), "face_manipulated": nats}
    return Call(run(person, False, np.zeros(1)), seconds, (), seconds, heights, {})


def test_the_tail_of_genuine_evidence() -> None:
    rng = np.random.default_rng(5)
    found = tails([called(p, rng.exponential(2.0)) for p in range(3000)])
    assert set(found) == {"face_manipulated"}
    tail = found["face_manipulated"]
    assert tail.scale_nats == pytest.approx(2.0, rel=0.08)
    # Ten calls an hour, of which exp(-6 / 2) pass 6 nats.
    assert tail.threshold_nats(10 * math.exp(-3.0)) == pytest.approx(6.0, abs=0.4)
    assert tails([called(p, 9.0 if p < 4 else 0.0) for p in range(100)]) == {}, "four people are no tail"


def test_who_has_no_name_is_somebody_else_in_each_recording() -> None:
    rng = np.random.default_rng(5)
    named = [called(p, rng.exponential(3.0)) for p in range(100)]
    nobody = [replace(c, run=replace(c.run, item=replace(c.run.item, subject="-"))) for c in named]
    assert tails(nobody) == tails(named) != {}
    runs = people(20)
    unnamed = [replace(r, item=replace(r.item, subject="-")) for r in runs]
    assert fit_check(windows_of(CHECK, unnamed)) is not None


def test_still_pictures_teach_no_calibration() -> None:
    """Alone or beside films; in a call nothing is judged by one picture."""
    films = people(20)
    pictures = [
        replace(r, still=True, item=replace(r.item, name=f"{r.item.name}.png")) for r in people(20, 5.0, seed=1)
    ]
    assert calibrate([*films, *pictures], [CHECK], Config()) == calibrate(films, [CHECK], Config())
    assert dict(calibrate(pictures, [CHECK], Config()).checks) == {}


def test_nothing_of_a_source_is_in_its_own_calibration() -> None:
    runs = people(60)
    changed = [run(int(r.item.subject[1:]), r.attack, np.full(3, -20.0)) if r.item.source == "a" else r for r in runs]
    config = Config()
    before, after = (cross_calibrate(found, [CHECK], config) for found in (runs, changed))
    assert before["a"] == after["a"]
    assert before["b"] != after["b"]
    assert calibrate(runs, [CHECK], config) != calibrate(changed, [CHECK], config)


def test_nor_of_its_people_its_generators_and_its_voices() -> None:
    """Whoever and whatever a source has in common with another one is left out of that one's calibration, too."""
    runs = people(60)
    there = next(r for r in runs if r.item.source == "a" and r.attack)
    elsewhere = replace(there.item, name="elsewhere", source="b", subject="p999", generator="-")
    loud = tuple(replace(reading, llr=-20.0) for reading in there.readings)

    def with_one_more(item: Item, foreign: Item | None = None, first: Item = there.item) -> BySource:
        known = [replace(r, item=first) if r is there else r for r in runs]
        return cross_calibrate([*known, replace(there, item=item, readings=loud, foreign=foreign)], [CHECK], Config())

    alone = cross_calibrate(runs, [CHECK], Config())["a"]
    made = replace(there.item, generator="SadTalker")
    assert with_one_more(replace(elsewhere, subject=there.item.subject))["a"] == alone
    assert with_one_more(replace(elsewhere, generator="SadTalker"), first=made)["a"] == alone
    assert with_one_more(elsewhere, foreign=there.item)["a"] == alone
    assert with_one_more(elsewhere)["a"] != alone, "what has no name is not known to be shared"


def test_a_check_of_which_too_few_people_were_seen_is_measured_as_it_guards() -> None:
    """It keeps the shipped line, which bounds it, in the calls that thresholds are learned from, too."""
    genuine = [r for r in people(30, overconfident=4.0) if not r.attack]
    voice = HearsVoices("voice", CHECK.need)
    loud = [replace(r, readings=tuple(replace(x, detector="voice", llr=0.9) for x in r.readings)) for r in genuine]
    found = calibrate(loud, [voice], Config())
    assert (dict(found.checks), dict(found.tails)) == ({}, {})
    policy_of, _ = _policies(",", loud, [voice], Config())
    assert not any(call(each, [voice], policy_of(each)).raised for each in loud)


def test_how_many_sources_have_a_calibration_of_their_own_is_said() -> None:
    runs = people(44)
    few = [
        r for r in runs if r.item.source == "a" or (r.item.source == "b" and r.item.person < "p40")
    ]  # 11 and 9 people
    nowhere = [replace(r, item=replace(r.item, source="-")) for r in runs]

    def about(some: list[Run], held_out: str = ",") -> dict[str, object]:
        return _policies(held_out, some, [CHECK], Config())[1]

    held_out = "each source by a calibration fitted on all others"
    assert about(runs) == {"calibration": held_out, "sources": 4, "calibrated_sources": {"mesh": 4}}
    assert about(few)["calibrated_sources"] == {"mesh": 1}, "ten people have to be left"
    assert about(nowhere) == {"calibration": "as shipped", "sources": 0, "calibrated_sources": {"mesh": 0}}
    assert as_shipped({"conditions": about(nowhere)}) == ["everything, as no recording names its source"]
    assert as_shipped({"conditions": about(few)}) == ["mesh in 1 of 2 sources"]
    assert as_shipped({"conditions": about(runs)}) == as_shipped({"conditions": {"calibration": "as shipped"}}) == []
    assert about(runs, "left_out.json")["calibration"] == f"{held_out}; weights and models that have not seen it"


def test_the_file_says_what_was_fitted(tmp_path: Path) -> None:
    made = Calibration(
        {
            "mesh": CheckCalibration(0.5, -0.1, 3.0, {"face_px": Condition(0.2, 150.0, 60.0, 300.0)}, 2_000_000, 1.5),
            "my-check": CheckCalibration(),
        },
        {"av_mismatch": Tail(0.4, 1.2, 30.0)},
    )
    path = tmp_path / "ours.toml"
    path.write_text(toml_of(made, "12 recordings."))
    assert read(path) == made
    assert parse(made.to_dict()) == made


def test_a_calibration_is_written_for_the_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = replace(run(99, False, np.zeros(1)), readings=(), error="gone.mp4: no such file")
    some = [
        *people(20),
        *(run(person, False, np.zeros(3)) for person in (50, 51, 52)),
    ]  # on whom there is no recorded attack
    victims = [
        replace(r, label="attack", variant="bench photo", hypothesis="feed_injected") for r in some if not r.attack
    ]
    picture = replace(some[0], item=replace(some[0].item, name="a.png", subject="somebody else"), still=True)
    monkeypatch.setattr("liveguard.commands.calibrate.judged", lambda *_: [*some, *victims, picture, gone])
    out = tmp_path / "ours.toml"
    assert main(["calibrate", "any.csv", "--out", str(out), "--checks", "mesh"]) == 0
    assert set(read(out).checks) == {"mesh"}
    assert "# 43 recordings of 23 genuine and 20 attacked people from 4 sources" in out.read_text()
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("could not be judged: 1 of 68 runs")
    assert "calibrated: mesh; as they were: none" in said
