"""An evaluation with the real guard: on one process and on two, resumed, and with recordings that cannot be used."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from demo.clips import FPS, write
from demo.puppet import Puppet, film
from liveguard.config import Config
from liveguard.evaluate import collect as collecting
from liveguard.evaluate.collect import collect
from liveguard.evaluate.manifest import read_manifest
from liveguard.evaluate.plan import plan
from liveguard.evaluate.run import Run, Task
from liveguard.stress.catalogue import AS_IS
from tests.tiny_clips import tiny_clip

pytestmark = pytest.mark.replay

CONFIG = Config(only=("camera", "voice", "mesh"))
VARIANTS = ("10 fps", "telephone", "bench frozen")


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Task, ...]:
    """Recordings that can be used, one of them with a face, and five that cannot: in part, or at all."""
    folder = tmp_path_factory.mktemp("recordings")
    whole = tiny_clip(folder / "av.mkv").read_bytes()
    tiny_clip(folder / "heard.mkv", picture=False)
    write(folder / "person.mp4", film(Puppet(), 2.0, FPS))
    (folder / "no codec.mkv").write_bytes(whole.replace(b"V_MPEG4/ISO/AVC", b"V_NOBODY/KNOWS/"))
    (folder / "broken.mkv").write_bytes(b"no recording")
    (folder / "cut.mkv").write_bytes(whole[:300])
    (folder / "empty.mkv").write_bytes(b"")
    with (folder / "manifest.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label"))
        for name in ("missing", "broken", "av", "cut", "no codec", "heard", "empty"):
            rows.writerow((f"{name}.mkv", "bonafide"))
        rows.writerow(("person.mp4", "bonafide"))
    return plan(read_manifest(folder / "manifest.csv"), VARIANTS)


@pytest.fixture(scope="module")
def once(planned: tuple[Task, ...], tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Run], Path]:
    """All runs, judged on one process, and where their records are."""
    folder = tmp_path_factory.mktemp("once")
    return list(collect(planned, lambda _: CONFIG, folder)), folder


def by_name(runs: Sequence[Run]) -> dict[tuple[str, str], Run]:
    return {(run.item.name, run.variant): run for run in runs}


def test_what_cannot_be_used_is_said_and_the_others_are_judged(once: tuple[list[Run], Path]) -> None:
    runs = by_name(once[0])
    refused = {name: run.error for (name, _), run in runs.items() if run.error}
    assert set(refused) == {"missing.mkv", "broken.mkv", "cut.mkv", "empty.mkv"}
    assert all(name in why for name, why in refused.items()), refused
    well = {key for key, run in runs.items() if not run.error}
    assert well == {
        *(("av.mkv", name) for name in (AS_IS, *VARIANTS)),
        *(("person.mp4", name) for name in (AS_IS, "10 fps", "bench frozen")),
        *(("heard.mkv", name) for name in (AS_IS, "telephone")),
        *(("no codec.mkv", name) for name in (AS_IS, "telephone")),
    }
    assert all(run.readings and not run.faults for run in runs.values() if not run.error)
    assert "video_codec" not in (runs["no codec.mkv", AS_IS].facts or {})
    assert (runs["av.mkv", AS_IS].facts or {})["video_codec"] == "h264"


def test_runs_are_as_their_variants_make_them(once: tuple[list[Run], Path]) -> None:
    runs = by_name(once[0])
    assert runs["av.mkv", AS_IS].seconds == pytest.approx(2.0, abs=0.1)
    assert runs["av.mkv", "telephone"].seconds == pytest.approx(24.0, abs=0.1)
    frozen = runs["person.mp4", "bench frozen"]
    assert (frozen.label, frozen.bench, frozen.seconds) == ("attack", True, pytest.approx(14.0, abs=0.1))
    camera = [r.llr for r in frozen.readings if r.detector == "camera" and r.end_us > 5_000_000]
    assert len(camera) >= 15
    assert all(llr is not None and llr > 4.0 for llr in camera)
    genuine = [r for r in runs["person.mp4", AS_IS].readings if r.detector == "mesh"]
    assert genuine
    assert {r.track for r in genuine} == {1}


def test_two_processes_come_to_the_same_runs(
    once: tuple[list[Run], Path], planned: tuple[Task, ...], tmp_path: Path
) -> None:
    done: list[int] = []
    runs = list(collect(planned, lambda _: CONFIG, tmp_path, 2, done.append))
    assert [replace(run, cpu_s=0.0) for run in runs] == [replace(run, cpu_s=0.0) for run in once[0]]
    assert done == [0, *[1] * len(planned)]


def test_a_second_call_judges_only_what_could_not_be(
    once: tuple[list[Run], Path], planned: tuple[Task, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, folder = once
    asked: list[str] = []
    real = collecting.judge

    def noted(*given: object) -> object:
        asked.append(given[1].item.name)  # type: ignore[attr-defined]
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(collecting, "judge", noted)
    assert list(collect(planned, lambda _: CONFIG, folder)) == runs
    assert asked == [run.item.name for run in runs if run.error]
