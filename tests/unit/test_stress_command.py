"""`liveguard stress`: the films of several runs share a manifest, and labels of the user's are not written over."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from liveguard.cli import main
from liveguard.commands.stress import COLUMNS
from tests.tiny_clips import tiny_clip


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for name in ("anna", "ben"):
        tiny_clip(folder / f"{name}.mkv", 1.0)
    return folder


def stress(clip: Path, out: Path, only: str) -> int:
    return main(["stress", str(clip), "--out", str(out), "--only", only])


def listed(out: Path) -> list[str]:
    with (out / "manifest.csv").open(newline="") as file:
        return [row["path"] for row in csv.DictReader(file)]


def test_the_manifest_lists_the_films_of_all_runs_once(clips: Path, tmp_path: Path) -> None:
    assert stress(clips / "anna.mkv", tmp_path, "low light,15 fps") == 0
    assert stress(clips / "ben.mkv", tmp_path, "low light") == 0
    assert stress(clips / "anna.mkv", tmp_path, "low light") == 0
    assert sorted(listed(tmp_path)) == ["anna_15_fps.mp4", "anna_low_light.mp4", "ben_low_light.mp4"]
    assert {*listed(tmp_path), "manifest.csv"} == {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    "manifest",
    [
        "path,label\nmine.mp4,bonafide\n",
        f"{','.join(COLUMNS)}\nmine.mp4,video,bonafide,real,-,me,home\n",
        f"{','.join(COLUMNS)}\nanna_low_light.mp4,video,bonafide,real,low light,anna,bench,more\n",
        "",
        "\xff\xfe",
    ],
)
def test_labels_that_stress_has_not_written_stay(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], manifest: str
) -> None:
    (tmp_path / "manifest.csv").write_text(manifest, "latin-1")
    assert stress(clips / "anna.mkv", tmp_path, "low light") == 2
    assert "holds rows that stress has not written: choose another --out" in capsys.readouterr().err
    assert (tmp_path / "manifest.csv").read_text("latin-1") == manifest
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.csv"], "no film is made in vain"
