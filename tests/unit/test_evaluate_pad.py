"""Error rates of liveness sessions: made-up signed reports whose outcomes are known, and what is no manifest of such."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from liveguard.cli import main
from liveguard.errors import InputError
from liveguard.evaluate.figures import Figures
from liveguard.evaluate.pad import COLUMNS, Session, pad_figures, rate, read_sessions
from liveguard.evaluate.pad_page import page
from liveguard.kyc.report import build, sign, verify
from tests.proof_parts import session

KEY = Ed25519PrivateKey.generate()
LIVE, NOT_LIVE, UNSURE = (-2.75, -3.0, -1.5), (3.0, 4.5, 1.0), (None, -3.0, None)
NEARLY = (-1.0, -1.5, -1.0)  # 3.5 nats for a live person, where 4 are asked for
EVIL = "<script>alert(1)</script>"
Nats = Sequence[float | None]


def report(name: str, nats: Nats) -> bytes:
    return sign(build(name, session(nats)), KEY)


def row(line: int, nats: Nats | None, species: str = "-", method: str = "-", subject: str = "") -> Session:
    found = None if nats is None else verify(report(f"proof {line}", nats))
    return Session(line, species != "-", species, method, subject or f"line {line}", "lab", found)


def written(folder: Path, rows: Sequence[Sequence[str]], columns: Sequence[str] = COLUMNS) -> Path:
    path = folder / "manifest.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    for name, nats in {"live": LIVE, "not_live": NOT_LIVE, "unsure": UNSURE}.items():
        (tmp_path / f"{name}.json").write_bytes(report(name, nats))
    return tmp_path


@cache
def many() -> tuple[Session, ...]:
    genuine: list[Nats | None] = [LIVE] * 6 + [NOT_LIVE] + [UNSURE] * 2 + [None]
    photos: list[Nats | None] = [NOT_LIVE] * 5 + [UNSURE] + [None] * 2
    puppets: list[Nats | None] = [LIVE, NOT_LIVE, NOT_LIVE, UNSURE]
    made = [(nats, "-", "-") for nats in genuine]
    made += [(nats, "still photo", "screen" if n < 2 else "virtual camera") for n, nats in enumerate(photos)]
    made += [(nats, "puppet", "virtual camera") for nats in puppets]
    return tuple(row(line, *each) for line, each in enumerate(made, 2))


@cache
def figures_of_many() -> Figures:
    return pad_figures(many(), "m.csv")


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        (0, 100, 0.0, 0.0362),
        (100, 100, 0.9638, 1.0),
        (1, 10, 0.0025, 0.445),
        (5, 10, 0.1871, 0.8129),
        (0, 1, 0.0, 0.975),
    ],
)
def test_intervals_are_those_of_clopper_and_pearson(count: int, of: int, low: float, high: float) -> None:
    assert rate(count, of) == {"count": count, "of": of, "share": count / of, "ci": [low, high]}


def test_nothing_has_no_rate() -> None:
    assert rate(0, 0) == {"count": 0, "of": 0, "share": None, "ci": None}


def counts(own: dict[str, dict[str, int]], name: str) -> tuple[int, int]:
    return own[name]["count"], own[name]["of"]


def test_each_rate_is_of_what_it_says() -> None:
    found = figures_of_many()
    genuine, photo, puppet = found["bonafide"], found["species"]["still photo"], found["species"]["puppet"]
    ended = [genuine[name] for name in ("n", "live", "not_live", "cannot_judge", "no_report")]
    assert ended == [10, 6, 1, 2, 1]
    assert counts(genuine, "bpcer") == (1, 7)
    assert counts(genuine, "bpcer_as_rejection") == (3, 9)
    assert counts(genuine, "bpnrr") == (3, 10)
    assert counts(genuine, "bpnrr_as_rejection") == (1, 10)
    assert counts(photo, "apcer") == (0, 5)
    assert counts(photo, "apcer_as_rejection") == (0, 6)
    assert counts(photo, "apnrr") == (3, 8)
    assert counts(photo, "apnrr_as_rejection") == (2, 8)
    assert counts(puppet, "apcer") == (1, 3)
    assert counts(puppet, "apcer_as_rejection") == (1, 4)


def test_the_worst_instrument_is_the_apcer_of_all() -> None:
    found = figures_of_many()
    assert found["apcer_worst"] == {"species": "puppet", **rate(1, 3)}
    assert found["apcer_worst_as_rejection"] == {"species": "puppet", **rate(1, 4)}
    assert found["acer"] == pytest.approx((1 / 3 + 1 / 7) / 2, abs=1e-4)
    assert found["acer_as_rejection"] == pytest.approx((1 / 4 + 3 / 9) / 2, abs=1e-4)


def test_of_equal_instruments_the_worst_is_the_one_that_less_is_known_of() -> None:
    rows = [row(2, LIVE), *(row(n, NOT_LIVE, "many") for n in range(3, 9)), row(9, NOT_LIVE, "one")]
    assert pad_figures(rows, "m")["apcer_worst"]["species"] == "one"


def test_an_instrument_without_any_answer_has_no_rate_and_is_not_the_worst() -> None:
    found = pad_figures([row(2, None, "silent"), row(3, NOT_LIVE, "photo"), row(4, UNSURE)], "m.csv")
    assert found["species"]["silent"]["apcer"]["share"] is None
    assert counts(found["species"]["silent"], "apnrr") == (1, 1)
    assert found["apcer_worst"]["species"] == "photo"
    assert found["acer"] is None  # no bona fide session was found live or not live
    assert found["acer_as_rejection"] == 0.5


def test_by_method_and_species() -> None:
    found = figures_of_many()["by_method"]
    assert {method: {name: own["n"] for name, own in by.items()} for method, by in found.items()} == {
        "screen": {"still photo": 2},
        "virtual camera": {"puppet": 4, "still photo": 6},
    }


def test_what_each_challenge_said_by_itself() -> None:
    found = figures_of_many()["challenges"]
    # The three that the nonce draws; light is the first to be done.
    assert list(found) == ["light", "occlusion", "distance"]
    own = found["light"]["bonafide"]
    assert own["done"] == 9
    assert [own[name]["count"] for name in ("for_attack", "against", "cannot_judge")] == [1, 6, 2]
    photo, puppet = (found["light"]["species"][name] for name in ("still photo", "puppet"))
    assert photo["auc"] == pytest.approx(6.5 / 7, abs=1e-4)  # one of seven bona fide ones says the same
    assert photo["auc_ci"][0] <= photo["auc"] <= photo["auc_ci"][1] == 1.0
    assert (puppet["auc"], puppet["auc_ci"]) == (None, None)  # fewer than five


def test_the_curve_moves_live_nats_and_nothing_else() -> None:
    rows = [row(2, LIVE), row(3, NEARLY), row(4, UNSURE), row(5, NOT_LIVE, "photo"), row(6, NEARLY, "puppet")]
    curve = {each["live_nats"]: each for each in pad_figures(rows, "m")["curve"]}
    assert rows[1].live_until_nats == 3.5
    assert curve[3.5] == {
        "live_nats": 3.5,
        "bpcer": 0.3333,
        "apcer_worst": 1.0,
        "apcer": {"photo": 0.0, "puppet": 1.0},
    }
    assert (curve[3.75]["bpcer"], curve[3.75]["apcer_worst"]) == (0.6667, 0.0)
    assert curve[7.5]["bpcer"] == 1.0
    assert max(curve) == 7.5  # just past the surest of them, 7.25
    assert rows[2].live_until_nats < 0  # one challenge alone proves too little, at any threshold


def test_evidence_is_only_of_sessions_in_which_any_was_seen() -> None:
    found = pad_figures([row(2, LIVE), row(3, (None, None, None)), row(4, None, "photo")], "m.csv")["nats"]
    assert found == {"bonafide": [-7.25], "species": {"photo": []}}


def test_times_are_to_the_decision() -> None:
    found = pad_figures([row(2, LIVE), row(3, LIVE), row(4, None, "photo")], "m.csv")["time"]
    assert {name: own["p50"] for name, own in found["bonafide"].items()} == {
        "consent_s": 26.5,
        "script_s": 26.0,
        "last_step_s": 7.0,
    }
    assert found["attack"]["script_s"] == {"n": 0, "p50": None, "p95": None}


def test_the_command_writes_figures_and_a_page(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        ("live.json", "bonafide", "", "", "ann"),
        ("", "bonafide", "", "", ""),
        ("not_live.json", "attack", EVIL, EVIL, ""),
        ("unsure.json", "attack", "still photo", "screen", ""),
        ("", "attack", "still photo", "screen", ""),
    ]
    path = written(reports, rows, (*COLUMNS, "subject"))
    out = reports / "a" / "b"
    assert main(["evaluate", "--pad", str(path), "--out", str(out)]) == 0
    found = json.loads((out / "pad.json").read_text())
    assert found["conditions"]["sessions"] == 5
    assert found["bonafide"]["no_report"] == 1
    assert found["species"]["still photo"]["apcer_as_rejection"]["of"] == 1
    text = (out / "pad.html").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "http:" not in re.sub(r"<!doctype.*?>", "", text)
    printed = capsys.readouterr().out
    assert "still photo" in printed
    assert "worst APCER 0 [0, 97.5] %" in printed


@pytest.mark.parametrize("rows", [[(2, LIVE)], [(2, None)], [(2, NOT_LIVE, "photo")], [(2, None, "photo")]])
def test_a_page_of_one_label_or_without_reports(rows: list[tuple[int, Nats | None]]) -> None:
    text = page(pad_figures([row(*each) for each in rows], "m.csv"))
    assert text.startswith("<!doctype html>")
    assert text == page(pad_figures([row(*each) for each in rows], "m.csv"))


def test_a_tampered_report_is_refused_by_its_line(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = (reports / "not_live.json").read_bytes()
    (reports / "bad.json").write_bytes(data.replace(b'"verdict":"not_live"', b'"verdict":"cannot_judge"'))
    path = written(reports, [("live.json", "bonafide", "", ""), ("bad.json", "attack", "puppet", "")])
    assert main(["evaluate", "--pad", str(path), "--out", str(reports / "out")]) == 2
    said = capsys.readouterr().err
    assert "line 3: 'bad.json' is refused" in said
    assert "it was changed" in said
    assert not (reports / "out").exists()


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "0 rows"),
        ([("live.json", "genuine", "", "")], "line 2: label is 'genuine'; allowed are bonafide and attack"),
        ([("live.json", "attack", "", "screen")], "line 2: attack of species ''; each attack has one"),
        ([("", "attack", " ", "")], "line 2: attack of species ''"),
        ([("live.json", "bonafide", "photo", "")], "line 2: bonafide of species 'photo'"),
        ([("none.json", "bonafide", "", "")], "line 2: 'none.json' is refused: No such file"),
        ([("a\0b", "bonafide", "", "")], "line 2: .* is refused|line contains NUL"),
        ([("live.json", "bonafide", "", "")] * 2, "line 3: its report is that of line 2 again"),
        ([("live.json", "bonafide", "", ""), ("copy.json", "attack", "loop", "")], "line 3: .* of line 2 again"),
    ],
)
def test_what_is_no_manifest_of_sessions(reports: Path, rows: list[tuple[str, ...]], why: str) -> None:
    (reports / "copy.json").write_bytes((reports / "live.json").read_bytes())
    with pytest.raises(InputError, match=why):
        read_sessions(written(reports, rows))


@pytest.mark.parametrize("missing", COLUMNS)
def test_every_column_is_needed(tmp_path: Path, missing: str) -> None:
    columns = [name for name in COLUMNS if name != missing]
    with pytest.raises(InputError, match=f"has no column '{missing}'"):
        read_sessions(written(tmp_path, [], columns))
    with pytest.raises(InputError, match="cannot read"):
        read_sessions(tmp_path / "nothing.csv")


@pytest.mark.parametrize("option", [("--compare", "x.json"), ("--variants", "benign"), ("--held-out",)])
def test_options_about_recordings_are_refused(
    tmp_path: Path, option: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, [("", "bonafide", "", "")])
    assert main(["evaluate", "--pad", str(path), "--out", str(tmp_path / "out"), *option]) == 2
    assert f"{option[0]} does not go with it" in capsys.readouterr().err
