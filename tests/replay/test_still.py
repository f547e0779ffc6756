"""Still pictures: read upright and within bounds, and judged by the checks that need no movement."""

from __future__ import annotations

import csv
import json
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from liveguard import cli
from liveguard.config import Config
from liveguard.errors import InputError
from liveguard.guard import Guard
from liveguard.taps.file import FileTap
from liveguard.taps.still import StillTap, read_still
from liveguard.types import ByteArray, VideoFrame
from liveguard.words import NO_MODEL, ONE_PICTURE
from tests.tiny_models import mean_model

pytestmark = pytest.mark.replay
SIZE = (48, 64)  # height, width


def gradient() -> ByteArray:
    """Red grows to the right, green downwards."""
    height, width = SIZE
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, :, 0] = np.linspace(0, 255, width)[None]
    picture[:, :, 1] = np.linspace(0, 255, height)[:, None]
    return picture


def write(path: Path, picture: ByteArray) -> Path:
    assert cv2.imwrite(str(path), picture[:, :, ::-1])
    return path


def person(folder: Path, suffix: str = ".png") -> Path:
    return write(folder / f"person{suffix}", data.astronaut())


def turned(jpeg: bytes, orientation: int) -> bytes:
    """With an Exif tag that says how the camera was held."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def huge_png(width: int, height: int) -> bytes:
    """The head of one, with a promise that would take gigabytes."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = b"IDAT" + zlib.compress(bytes(100))
    chunks = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (header, body)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tiff"])
def test_usual_kinds_of_pictures_are_read(tmp_path: Path, suffix: str) -> None:
    seen = read_still(write(tmp_path / f"a{suffix}", gradient()))
    assert seen.shape == (*SIZE, 3)
    assert np.abs(seen.astype(int) - gradient()).max() <= (0 if suffix in (".png", ".bmp", ".tiff") else 24)


def test_a_camera_that_was_held_sideways_is_turned_upright(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jpg", gradient())
    path.write_bytes(turned(path.read_bytes(), 6))  # to be turned clockwise by a quarter
    seen = read_still(path).astype(int)
    assert np.abs(seen - np.rot90(gradient(), -1)).max() <= 24


def test_it_is_shown_for_a_second_and_says_that_it_is_one_picture(tmp_path: Path) -> None:
    tap = StillTap(write(tmp_path / "a.png", gradient()))
    samples = list(tap.samples())
    assert (tap.info.still, tap.info.live, tap.info.tracks) == (True, False, {"video"})
    assert [sample.t_us for sample in samples if isinstance(sample, VideoFrame)] == list(range(0, 1_000_001, 200_000))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "still picture"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "still picture"),
        (b"GIF89a" + bytes(100), "allowed are JPEG"),
        (huge_png(60_000, 60_000), "allowed"),
        (huge_png(5_000, 5_000), "too large"),
        (b"hello", "no still picture"),
    ],
)
def test_bad_pictures_are_refused_with_the_reason(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_still(path)


def test_a_tap_of_films_does_not_take_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="only scan and evaluate take"):
        FileTap(write(tmp_path / "a.png", gradient()))


def test_without_a_model_nothing_can_be_said_of_one(tmp_path: Path) -> None:
    with Guard(Config(options={})) as guard:
        names = {detector.name for detector in guard.detectors if getattr(detector, "has_model", True)}
        report = guard.scan(person(tmp_path))
    assert (report.still, report.seconds, report.faces, report.alerts) == (True, 0.0, 1, ())
    assert report.verdict == "cannot_judge"
    for name, check in report.checks.items():
        assert name in ("swap", "replay") or (check.llr, check.why) == (None, ONE_PICTURE)
        assert name in names or check.why in (NO_MODEL, ONE_PICTURE)


def test_models_of_single_pictures_judge_it_and_one_picture_raises_nothing(tmp_path: Path) -> None:
    model = mean_model(
        tmp_path / "model", [None, 3, 224, 224], card="[calibration]\nslope = 9\noffset = 9\nmost_nats = 9\n"
    )
    with Guard(Config(only=("swap", "mesh"), options={"swap": {"model": model}})) as guard:
        report = guard.scan(person(tmp_path, ".jpg"))
    assert report.checks["swap"].llr is not None
    assert report.checks["swap"].llr > 0
    assert report.checks["mesh"].llr is None
    assert (report.verdict, report.alerts) == ("cannot_judge", ())
    assert report.why == ("one picture is too little for a verdict; checks that looked at it: swap",)


def test_an_evaluation_reports_them_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mean_model(tmp_path / "model", [None, 3, 224, 224])
    shown = data.astronaut()
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "media", "label", "kind", "subject", "source"))
        for number in range(6):
            label = ("bonafide", "attack")[number % 2]
            light = np.clip(shown * (0.7, 1.2)[number % 2] + number, 0, 255).astype(np.uint8)
            write(tmp_path / f"{number}.png", light)
            rows.writerow((f"{number}.png", "image", label, label, f"p{number}", f"s{number // 2}"))
        rows.writerow(("missing.png", "image", "attack", "attack", "p", "s"))
    (tmp_path / "guard.toml").write_text(f'[checks.options.swap]\nmodel = "{tmp_path / "model"}"\n')
    out = tmp_path / "out"
    given = [
        str(tmp_path / "manifest.csv"),
        "--out",
        str(out),
        "--checks",
        "swap,mesh",
        "--config",
        str(tmp_path / "guard.toml"),
    ]
    assert cli.main(["evaluate", *given]) == 0
    figures = json.loads((out / "metrics.json").read_text())
    assert list(figures["stills"]) == ["swap"]
    found = figures["stills"]["swap"]
    assert (found["n_bonafide"], found["n_attack"], found["auc"]) == (3, 3, 1.0)
    assert figures["checks"]["swap"]["n_bonafide"] == 0, "no film was judged"
    assert figures["sessions"]["hours"] == 0, "and nothing counts as time of a call"
    assert [refused["path"] for refused in figures["conditions"]["refused"]] == ["missing.png"]
    assert 'id="stills"' in (out / "index.html").read_text()
    assert "swap (stills)" in capsys.readouterr().out
