"""`liveguard stress`: the films of several runs share a manifest, and labels of the user's are not written over."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from liveguard import film_file
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


def test_a_variant_that_cannot_be_made_is_left_out_and_the_others_are_listed(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That sound is too long for spectra comes out when it is first played."""
    monkeypatch.setattr("liveguard.stress.short_time.MOST_S", 0.5)
    assert stress(clips / "anna.mkv", tmp_path, "5 fps,noise suppression,bench pitch,bench late sound") == 0
    assert {*listed(tmp_path), "manifest.csv"} == {path.name for path in tmp_path.iterdir()}, (
        "nothing half made is left"
    )
    assert listed(tmp_path) == ["anna_5_fps.mp4", "anna_bench_late_sound.mp4"]
    said = " ".join(capsys.readouterr().out.split())
    assert "left out: noise suppression: longer than" in said
    assert "left out: bench pitch: longer than" in said
    whole = (tmp_path / "anna_5_fps.mp4").read_bytes()
    assert stress(clips / "anna.mkv", tmp_path, "bench pitch") == 2, "nothing could be made"
    assert len(listed(tmp_path)) == 2
    assert (tmp_path / "anna_5_fps.mp4").read_bytes() == whole


def test_what_is_broken_off_has_listed_what_it_made(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(path: Path, samples: object, sound: bool) -> None:
        if "15" in path.name:
            path.write_bytes(b"half")
            raise KeyboardInterrupt
        write_film(path, samples, sound)  # type: ignore[arg-type]  # stands in for it

    write_film = film_file.write_film
    assert stress(clips / "anna.mkv", tmp_path, "15 fps") == 0
    earlier = (tmp_path / "anna_15_fps.mp4").read_bytes()
    monkeypatch.setattr(film_file, "write_film", breaks)
    assert stress(clips / "anna.mkv", tmp_path, "5 fps,15 fps") == 130
    assert sorted(listed(tmp_path)) == ["anna_15_fps.mp4", "anna_5_fps.mp4"]
    assert {*listed(tmp_path), "manifest.csv"} == {path.name for path in tmp_path.iterdir()}
    assert (tmp_path / "anna_15_fps.mp4").read_bytes() == earlier


def test_films_of_another_recording_of_that_name_are_not_written_over(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "elsewhere" / "anna.mkv"
    other.parent.mkdir()
    tiny_clip(other, 1.2)
    out = tmp_path / "films"
    assert stress(clips / "anna.mkv", out, "low light") == 0
    film = (out / "anna_low_light.mp4").read_bytes()
    assert stress(other, out, "low light,5 fps") == 2
    assert "holds films of another recording that is called anna: choose another --out" in capsys.readouterr().err
    assert (out / "anna_low_light.mp4").read_bytes() == film
    assert listed(out) == ["anna_low_light.mp4"]
    moved = tmp_path / "anna.mkv"
    moved.write_bytes((clips / "anna.mkv").read_bytes())
    assert stress(moved, out, "5 fps") == 0, "it is the same one wherever it lies"


@pytest.mark.parametrize(
    "manifest",
    [
        "path,label\nmine.mp4,bonafide\n",
        f"{','.join(COLUMNS)}\nmine.mp4,video,bonafide,real,-,me,home,-\n",
        f"{','.join(COLUMNS)}\nanna_low_light.mp4,video,bonafide,real,low light,anna,bench,0,more\n",
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
