"""`liveguard evaluate`, `calibrate` and `stress` from the command line, on clips made here: what a user gets to see."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liveguard.cli import main
from liveguard.film_file import write_film
from liveguard.types import VideoFrame
from tests.replay.portrait_people import Actor, draw, still, swaying
from tests.tiny_models import mean_model

pytestmark = pytest.mark.replay
FPS, SECONDS = 15, 3.0
CHECKS = "camera,mesh,texture"
OPTIONS = ("--variants", "10 fps,bench photo", "--checks", CHECKS)


def filmed(name: str, living: bool) -> Iterator[VideoFrame]:
    """A person who sways before a noisy camera, or a photo of one."""
    path = swaying(240.0, 180.0, 12.0) if living else still(240.0, 180.0)
    noise = np.random.default_rng(len(name)) if living else None
    for k in range(int(FPS * SECONDS)):
        yield VideoFrame(k * 1_000_000 // FPS, draw([Actor(name, path, 150.0)], k / FPS, 480, 360, noise))


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    rows = [("path", "label", "kind", "subject", "source", "generator")]
    for name in ("ann", "ben", "cleo"):
        for living in (True, False):
            path = folder / f"{name}_{living}.mp4"
            write_film(path, filmed(name, living), sound=False)
            label, kind = ("bonafide", "real") if living else ("attack", "photo")
            rows.append((path.name, label, kind, name, f"studio {name}", "-"))
    rows.append(("missing.mp4", "bonafide", "real", "-", "-", "-"))
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder / "manifest.csv"


@pytest.fixture(scope="module")
def evaluated(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    assert main(["evaluate", str(manifest), "--out", str(out), "--jobs", "2", *OPTIONS]) == 0
    return out


def figures(out: Path) -> dict[str, Any]:
    found = json.loads((out / "metrics.json").read_text())
    assert isinstance(found, dict)
    return found


def test_checks_judged_by_left_out_models_are_not_said_to_have_none(manifest: Path, tmp_path: Path) -> None:
    sources = [f"studio {name}" for name in ("ann", "ben", "cleo")]
    for folder in ("fold0", "fold1"):
        mean_model(tmp_path / folder, [1, None])
    left_out = tmp_path / "left_out.json"
    left_out.write_text(json.dumps({"models": {"voice": {"fold0": sources[:1], "fold1": [*sources[1:], "-"]}}}))
    few = ("--checks", "camera,voice", "--held-out", str(left_out))
    assert main(["evaluate", str(manifest), "--out", str(tmp_path / "out"), *few]) == 0
    assert figures(tmp_path / "out")["conditions"]["without_model"] == []
    left_out.write_text(json.dumps({"models": {"voice": {"fold0": sources}}}))
    assert main(["evaluate", str(manifest), "--out", str(tmp_path / "out"), *few]) == 2, "a source without a model"


def test_the_shape_that_others_rely_on(evaluated: Path) -> None:
    found = figures(evaluated)
    assert set(found["checks"]) == {"camera", "mesh", "texture"}
    wanted = {"auc", "eer", "fpr", "fnr", "ece", "n_bonafide", "n_attack", "cannot_judge", "by_kind", "by_generator"}
    for check in found["checks"].values():
        assert set(check) >= wanted
    sessions = found["sessions"]
    assert set(sessions) >= {"false_alerts_per_hour", "false_alerts", "hours", "detected", "n_attack", "by_kind"}
    assert set(sessions) >= {"cannot_judge", "delay_s"}
    assert set(sessions["delay_s"]) >= {"p50", "p95"}
    assert found["compute"]["cpu_s_per_media_s"] > 0


def test_photos_are_caught_and_people_are_left_alone(evaluated: Path) -> None:
    found = figures(evaluated)
    assert found["checks"]["camera"]["auc"] == 1.0
    assert (found["sessions"]["detected"], found["sessions"]["n_attack"]) == (3, 3)
    assert found["sessions"]["false_alerts"] == 0
    assert found["sessions"]["hours"] == pytest.approx(3 * 300 / 3600, rel=0.02)
    assert found["stress"]["by_variant"]["10 fps"]["false_alerts"] == 0
    assert found["bench"]["bench photo"]["detected"] == 3
    assert found["bench"]["bench photo"]["delay_s"]["p95"] < 6.0


def test_what_could_not_be_judged_is_said(evaluated: Path) -> None:
    (refused,) = figures(evaluated)["conditions"]["refused"]
    assert refused["path"] == "missing.mp4"
    assert "missing.mp4" in refused["why"]


def test_every_reading_is_in_the_table(evaluated: Path) -> None:
    with (evaluated / "readings.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    photos = [
        row for row in rows if row["variant"] == "as is" and row["label"] == "attack" and row["check"] == "camera"
    ]
    assert {row["path"] for row in photos} == {"ann_False.mp4", "ben_False.mp4", "cleo_False.mp4"}
    assert max(float(row["llr"]) for row in photos if row["llr"]) > 1.0
    assert any("nothing moves" in row["why"] for row in photos)


def test_the_report_is_one_file_for_people(evaluated: Path) -> None:
    page = (evaluated / "index.html").read_text()
    assert "False alarms" in page
    assert "bench photo" in page
    assert "<svg" in page
    assert "src=" not in page


def test_the_same_recordings_give_the_same_file_from_scratch_and_resumed(
    evaluated: Path, manifest: Path, tmp_path: Path
) -> None:
    """All but what it cost, which depends on the machine."""
    assert main(["evaluate", str(manifest), "--out", str(tmp_path), *OPTIONS]) == 0
    first, second = figures(evaluated), figures(tmp_path)
    assert first.pop("compute")
    assert second.pop("compute")
    assert first == second
    before = (evaluated / "metrics.json").read_bytes()
    assert main(["evaluate", str(manifest), "--out", str(evaluated), *OPTIONS]) == 0
    assert (evaluated / "metrics.json").read_bytes() == before, "nothing was judged again, so the cost is the same too"


def test_what_is_certainly_worse_fails(evaluated: Path, manifest: Path, tmp_path: Path) -> None:
    earlier = figures(evaluated)
    better = tmp_path / "earlier.json"
    better.write_text(json.dumps(earlier))
    compared = ["evaluate", str(manifest), "--out", str(evaluated), *OPTIONS, "--compare", str(better)]
    assert main(compared) == 0
    earlier["checks"]["mesh"] |= {"cannot_judge": 0.0, "auc": 2.0, "auc_ci": [1.9, 2.1]}
    better.write_text(json.dumps(earlier))
    assert main(compared) == 1


def test_figures_of_another_draw_are_not_compared(
    evaluated: Path, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither better nor worse can be said, so it is no success either."""
    earlier = figures(evaluated)
    earlier["checks"]["mesh"] |= {"auc": 2.0, "auc_ci": [1.9, 2.1]}
    (tmp_path / "earlier.json").write_text(json.dumps(earlier))
    fewer = [*OPTIONS[:1], "10 fps", *OPTIONS[2:], "--compare", str(tmp_path / "earlier.json")]
    assert main(["evaluate", str(manifest), "--out", str(evaluated), *fewer]) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert said.endswith("earlier.json: other variants, another draw")
    assert "worse" not in said


def test_nothing_is_said_to_be_held_out_that_is_not(
    manifest: Path, evaluated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three people are too few to calibrate on, which leaves everything as it ships."""
    assert main(["evaluate", str(manifest), "--out", str(evaluated), *OPTIONS, "--held-out"]) == 0
    about = figures(evaluated)["conditions"]
    assert about["calibration"] == "as shipped"
    assert about["sources"] == 3, "what names no place is no place"
    assert about["calibrated_sources"] == {"camera": 0, "mesh": 0, "texture": 0}
    said = "guarded by what ships: camera in 3 of 3 sources; mesh in 3 of 3 sources; texture in 3 of 3 sources"
    assert said in " ".join(capsys.readouterr().out.split())
    assert "texture in 3 of 3 sources" in (evaluated / "index.html").read_text()


def test_a_calibration_on_too_few_people_is_not_written(
    manifest: Path, evaluated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "ours.toml"
    assert main(["calibrate", str(manifest), "--out", str(out), "--records", str(evaluated), *OPTIONS]) == 2
    said = capsys.readouterr()
    assert "could not be judged: 1 of 13 runs, the first of them missing.mp4" in said.out
    assert "no check has judged people enough" in said.err
    assert not out.exists()


def test_stress_makes_films_that_can_be_evaluated(manifest: Path, tmp_path: Path) -> None:
    clip = manifest.parent / "ann_True.mp4"
    films = tmp_path / "films"
    assert main(["stress", str(clip), "--out", str(films), "--only", "90 lines,bench photo,bench late sound"]) == 0
    with (films / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["generator"], row["label"]) for row in rows] == [("90 lines", "bonafide"), ("bench photo", "attack")]
    out = tmp_path / "out"
    assert main(["evaluate", str(films / "manifest.csv"), "--out", str(out), "--checks", "camera"]) == 0
    assert figures(out)["sessions"]["detected"] == 1


def test_recordings_that_are_all_gone_are_counted_and_are_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = tmp_path / "moved.csv"
    moved.write_text("path,label\ngone.mp4,bonafide\nlost.mp4,attack\n")
    for command, out in (("evaluate", "out"), ("calibrate", "ours.toml")):
        assert main([command, str(moved), "--out", str(tmp_path / out), "--checks", "camera"]) == 2
        said = " ".join(capsys.readouterr().out.split())
        assert "could not be judged: 2 of 2 runs, the first of them gone.mp4" in said
    assert not (tmp_path / "ours.toml").exists()


def test_a_manifest_without_anything_to_judge_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stills = tmp_path / "stills.csv"
    stills.write_text("path,label,media\nface.png,bonafide,image\n")
    assert main(["evaluate", str(stills), "--out", str(tmp_path / "out"), "--minutes", "0.01"]) == 2
    assert "nothing to be judged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "nowhere.csv", "--out", "x"], "cannot read nowhere.csv"),
        (["evaluate", "{manifest}", "--out", "{tmp}", "--variants", "hail"], "no variant is called 'hail'"),
        (["evaluate", "{manifest}", "--out", "{tmp}", "--split", "dev"], "no row of split dev"),
        (["evaluate", "{manifest}", "--out", "{tmp}", "--jobs", "0"], "allowed is 1 and more"),
        (["evaluate", "{manifest}", "--out", "{tmp}", "--compare", "{manifest}"], "is no metrics.json"),
        (["evaluate", "{manifest}", "--out", "{tmp}", "--held-out", "{manifest}"], "does not say what was left out"),
        (["evaluate", "{manifest}", "--out", "{tmp}", "--minutes", "0"], "allowed is more than 0"),
        (["evaluate", "{manifest}", "--out", "{tmp}", "--minutes", "nan"], "allowed is more than 0"),
        (["evaluate", "{manifest}", "--out", "{manifest}"], "records cannot be kept there"),
        (
            ["calibrate", "{manifest}", "--out", "{tmp}/x.toml", "--records", "{manifest}"],
            "records cannot be kept there",
        ),
        (["stress"], "needs a FILE"),
        (["stress", "nowhere.mp4", "--out", "{tmp}"], "nowhere.mp4"),
    ],
)
def test_wrong_use_is_said_in_a_line(
    arguments: list[str], said: str, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [word.format(manifest=manifest, tmp=tmp_path) for word in arguments]
    assert main(filled) == 2
    captured = capsys.readouterr()
    assert said in captured.err + captured.out
    assert "Traceback" not in captured.err
