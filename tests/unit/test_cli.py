"""The command line: what is printed, the exit status, and one line for each wrong use."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from liveguard.cli import main
from liveguard.commands import replay, scan
from liveguard.errors import InputError
from liveguard.guard import Guard
from liveguard.journal import Header
from liveguard.policy import Policy
from liveguard.replaying import Replayed
from liveguard.report import ReportBuilder
from liveguard.types import Alert, Event, Fault, FeedInfo, Hypothesis, Reading, State, Status

CHECKS: dict[str, Hypothesis] = {
    "camera": "feed_injected",
    "mesh": "face_manipulated",
    "lipsync": "av_mismatch",
    "voice": "voice_synthetic",
}


def report(alert: bool = False, judged: bool = True):  # type: ignore[no-untyped-def]
    builder = ReportBuilder("a clip [1].mp4", CHECKS, Policy())
    llr = (3.0 if alert else -0.2) if judged else None
    reading = Reading("camera", None, 0, 1_000_000, llr, 1.0, "nothing moves for 2.0 s", {"still_s": 2.0})
    builder.add(reading, 1.5)
    builder.add(Reading("voice", None, 0, 1_000_000, None, 1.0, "no model"))
    builder.add(Reading("mesh", 1, 0, 1_000_000, -0.1, 1.0, "fine"))
    builder.status(Status(1, "face 1", "genuine" if judged else "cannot_judge", 0.01 if judged else None, ()))
    if alert:
        builder.add(
            Alert("s-1", "feed", "raised", "feed_injected", 5_000_000, 0.999, 14.0, 13.5, (reading,), 4_000_000, "ask")
        )
        builder.status(Status(5_000_000, "feed", "alert", 0.999, ("the picture: nothing moves",)))
    builder.add(Fault(1, "check x", "oh"))
    return builder.build(8.0, 1.0, 1)


def test_the_json_shape_that_others_rely_on() -> None:
    record = report(alert=True).to_dict()
    assert json.loads(json.dumps(record)) == record
    assert set(record) >= {"file", "seconds", "verdict", "risk", "why", "alerts", "checks", "faces", "compute_s"}
    assert (record["verdict"], record["faces"], record["risk"]) == ("alert", 1, 0.999)
    assert set(record["alerts"][0]) >= {"t_s", "hypothesis", "risk", "why", "checks"}
    assert record["alerts"][0]["checks"] == ["camera"]
    assert record["checks"]["camera"] == {
        "llr": 1.5,
        "coverage": 1.0,
        "measures": {"still_s": 2.0},
        "why": "nothing moves for 2.0 s",
    }
    assert record["checks"]["voice"]["llr"] is None


@pytest.mark.parametrize("tells", [True, False])
def test_a_voice_is_called_genuine_only_by_a_check_that_could_have_told_otherwise(tells: bool) -> None:
    policy = Policy(ceilings_nats={"voice": 12.0 if tells else 0.5})
    builder = ReportBuilder("voicemail.opus", {"voice": "voice_synthetic"}, policy)
    builder.add(Reading("voice", None, 0, 1_000_000, -0.2, 1.0, "the voice sounds natural"), -0.1)
    builder.status(Status(1, "feed", "genuine", 0.01, ()))
    built = builder.build(8.0, 1.0, 0)
    assert (built.verdict, built.risk) == (("genuine", 0.01) if tells else ("cannot_judge", None))
    assert built.why[0].startswith("nothing suspicious found by voice" if tells else "the voice was heard, but")


@pytest.mark.parametrize(("ceiling_nats", "left"), [(0.5, ["a swapped or animated face is not ruled out"]), (9.0, [])])
def test_a_genuine_verdict_says_what_its_checks_could_not_have_told(ceiling_nats: float, left: list[str]) -> None:
    builder = ReportBuilder("a.mp4", CHECKS, Policy(ceilings_nats={"mesh": ceiling_nats}))
    for check, llr in (("mesh", -0.1), ("camera", -0.2), ("lipsync", None), ("voice", None)):
        builder.add(Reading(check, None if check == "camera" else 1, 0, 1_000_000, llr, 1.0, "fine"))
    builder.status(Status(1, "face 1", "genuine", 0.01, ()))
    built = builder.build(8.0, 1.0, 1)
    assert list(built.why) == ["nothing suspicious found by camera, mesh", *left]


@pytest.mark.parametrize("heard", [True, False])
def test_a_genuine_verdict_says_what_no_check_has_judged(heard: bool) -> None:
    builder = ReportBuilder("a.mp4", CHECKS, Policy(ceilings_nats={"mesh": 9.0}))
    for check, llr in (("mesh", -0.1), ("camera", None), ("lipsync", None), ("voice", None)):
        builder.add(Reading(check, None if check == "camera" else 1, 0, 1_000_000, llr, 1.0, "fine"))
    builder.status(Status(1, "face 1", "genuine", 0.01, ()))
    of_sound = ("a cloned voice is not ruled out", "a voice that is somebody else's is not ruled out") if heard else ()
    why = builder.build(8.0, 1.0, 1, heard=heard).why
    assert why[1:] == (*of_sound, "a picture that is played back is not ruled out")


def test_who_else_was_there_and_could_not_be_judged_is_named() -> None:
    builder = ReportBuilder("a.mp4", CHECKS, Policy())
    builder.add(Reading("mesh", 1, 0, 1_000_000, -0.1, 1.0, "fine"))
    builder.status(Status(1, "face 1", "genuine", 0.01, ()))
    builder.status(Status(1, "face 2", "cannot_judge", None, ("face too small",)))
    builder.status(Status(1, "face 3", "cannot_judge", None, ("left the picture",)))
    builder.status(Status(1, "other faces", "cannot_judge", None, ("2 more faces are in the picture",)))
    builder.status(Status(2, "other faces", "cannot_judge", None, ("left the picture",)))
    builder.status(Status(1, "feed", "cannot_judge", None, ("no sound arrives",)))
    built = builder.build(8.0, 1.0, 3)
    assert built.verdict == "genuine"
    assert built.why[3:] == (
        "face 2 could not be judged: face too small",
        "face 3 could not be judged",
        "other faces could not be judged: 2 more faces are in the picture",
    )


def stood(builder: ReportBuilder, seconds: float, **states: State) -> None:
    """Participants stood so for so long; faces are named `face_1`."""
    for _ in range(round(seconds / 0.5)):
        statuses = [
            Status(
                1,
                who.replace("_", " "),
                state,
                0.01 if state == "genuine" else None,
                () if state == "genuine" else ("too dark",),
            )
            for who, state in states.items()
        ]
        builder.standings(statuses, 0.5)


@pytest.mark.parametrize(
    ("judged_s", "unjudged_s", "verdict"),
    [(4, 0, "genuine"), (4, 9, "genuine"), (4, 40, "cannot_judge"), (40, 44, "cannot_judge"), (44, 40, "genuine")],
)
def test_who_was_judged_for_less_than_half_of_the_time_is_not_called_genuine(
    judged_s: float, unjudged_s: float, verdict: str
) -> None:
    builder = ReportBuilder("a.mp4", CHECKS, Policy())
    builder.add(Reading("mesh", 1, 0, 1_000_000, -0.1, 1.0, "fine"))
    stood(builder, judged_s, face_1="genuine", feed="genuine")
    stood(builder, unjudged_s, face_1="cannot_judge", feed="genuine")
    stood(builder, 100, feed="genuine")  # nobody is there, so that nobody is missed
    built = builder.build(judged_s + unjudged_s + 100, 1.0, 1)
    assert built.verdict == verdict
    if verdict == "cannot_judge":
        assert built.risk is None
        share = f"{100 * judged_s / (judged_s + unjudged_s):.0f} % of the {judged_s + unjudged_s} s"
        assert built.why[0] == f"whoever was there could be judged for only {share} in the picture: too dark"


def test_what_was_found_counts_however_little_was_judged() -> None:
    builder = ReportBuilder("a.mp4", CHECKS, Policy())
    stood(builder, 2, face_1="suspicious")
    stood(builder, 60, face_1="cannot_judge")
    assert builder.build(62.0, 1.0, 1).verdict == "suspicious"


def test_a_face_that_was_seldom_judged_beside_one_that_was_is_named() -> None:
    builder = ReportBuilder("a.mp4", CHECKS, Policy())
    builder.add(Reading("mesh", 1, 0, 1_000_000, -0.1, 1.0, "fine"))
    stood(builder, 5, face_1="genuine", face_2="genuine")
    stood(builder, 45, face_1="genuine", face_2="cannot_judge")
    built = builder.build(50.0, 1.0, 2)
    assert built.verdict == "genuine"
    assert built.why[-1] == "face 2 could be judged for only 10 % of the 50 s in the picture: too dark"


def test_a_check_that_is_switched_off_is_not_said_to_have_looked() -> None:
    builder = ReportBuilder("a.mp4", CHECKS, Policy(weights={"camera": 0.0}))
    for check in ("mesh", "camera"):
        builder.add(Reading(check, 1 if check == "mesh" else None, 0, 1_000_000, -0.1, 1.0, "fine"))
    builder.status(Status(1, "face 1", "genuine", 0.01, ()))
    why = builder.build(8.0, 1.0, 1).why
    assert why[0] == "nothing suspicious found by mesh"


def test_verdicts_without_alerts() -> None:
    assert report().to_dict()["verdict"] == "genuine"
    nothing = report(judged=False).to_dict()
    assert (nothing["verdict"], nothing["risk"]) == ("cannot_judge", None)


def fake_scan(monkeypatch: pytest.MonkeyPatch, **reports: object) -> None:
    def scan_one(_guard: Guard, file: str, *_: object) -> object:
        found = reports[Path(file).stem]
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(scan, "_scan", scan_one)


def test_scan_prints_one_object_a_line_and_goes_on_after_a_bad_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_scan(monkeypatch, good=report(), bad=InputError("bad.mp4: no such file"))
    assert main(["scan", "--json", "bad.mp4", "good.mp4"]) == 2
    out, err = capsys.readouterr()
    assert [json.loads(line)["verdict"] for line in out.splitlines()] == ["genuine"]
    assert err == "liveguard: bad.mp4: no such file\n"


def test_scan_says_it_by_its_exit_status_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_scan(monkeypatch, fine=report(), fake=report(alert=True))
    assert main(["scan", "fine"]) == 0
    assert main(["scan", "fine", "fake"]) == 1
    out = capsys.readouterr().out
    assert "ALERT" in out
    assert "a clip [1].mp4" in out, "names with brackets are printed as they are"
    assert "cannot judge: no model" in out
    assert "fault: check x: oh" in out


def test_scan_says_that_it_sends_nothing_to_sinks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    fake_scan(monkeypatch, fine=report())
    settings = tmp_path / "guard.toml"
    settings.write_text(f"[[sinks]]\nkind = 'jsonl'\ntarget = '{tmp_path / 'events.jsonl'}'\n")
    assert main(["scan", "--config", str(settings), "--checks", "camera", "fine"]) == 0
    assert capsys.readouterr().err == "liveguard: scan sends nothing to [[sinks]], which are for live feeds\n"


def test_scan_says_what_it_had_no_model_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without_voice = replace(report(), checks={"camera": report().checks["camera"]})
    fake_scan(monkeypatch, fine=report(), full=without_voice, fake=report(alert=True))
    assert main(["scan", "fine"]) == 0
    assert "not judged: voice (no model)" in capsys.readouterr().out
    main(["scan", "full", "fake"])
    assert "not judged" not in capsys.readouterr().out


FOUL = "\x1b]0;owned\x07\x1b[2J\u202e[red]:smile:\nx"


def test_no_name_or_message_controls_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    foul_alert = replace(report(alert=True).alerts[0], participant=FOUL, settle=FOUL)
    summary = replace(report().checks["camera"], why=FOUL)
    foul = replace(
        report(alert=True), file=FOUL, why=(FOUL,), alerts=(foul_alert,), faults=(FOUL,), checks={FOUL: summary}
    )
    fake_scan(monkeypatch, foul=foul, bad=InputError(FOUL))
    assert main(["scan", "foul", "bad"]) == 2
    out, err = capsys.readouterr()
    assert main(["scan", "--config", FOUL, "x"]) == 2
    err += capsys.readouterr().err
    for sign in ("\x1b", "\x07", "\u202e", "\nx"):
        assert sign not in out + err
    assert out.count("[red]:smile:") == 7
    assert err.count("\n") == 2


def test_the_progress_bar_takes_a_file_name_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "[/bold]\x1b[2J[red].mp4"

    def scan_one(_guard: object, file: str, on_progress: Callable[[float, float | None], None], _: object) -> str:
        on_progress(1.0, 2.0)
        return file

    monkeypatch.setattr(Guard, "scan", scan_one)
    errors = Console(file=io.StringIO(), force_terminal=True, width=200)
    with Guard(detectors=[]) as guard:
        assert scan._scan(guard, name, errors, None) == name
    shown = errors.file.getvalue()  # type: ignore[attr-defined]
    assert "bold] [2J[red].mp4" in shown
    assert "\x1b[2J[red]" not in shown


@pytest.mark.parametrize(
    "words",
    [
        ["scan", "missing.mp4"],
        ["scan", "--checks", "", "x.mp4"],
        ["scan", "--checks", "nonsense", "x.mp4"],
        ["scan", "--config", "missing.toml", "x.mp4"],
        ["scan", "--face-model", "missing.task", str(Path(__file__))],
        ["scan", "--journal", "j", "a.mp4", "b.mp4"],
        ["replay", "missing.lgj"],
        ["replay", str(Path(__file__))],
        ["watch", "--camera", "none", "--microphone", "none"],
        ["watch", "--size", "wide", "--microphone", "none"],
        ["watch", "--size", "²x³", "--microphone", "none"],
        ["watch", "--camera", "²", "--microphone", "none"],
        ["watch", "missing.mp4"],
        ["bench", "missing.mp4"],
        ["bench", "--rounds", "0", "missing.mp4"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_one_line_and_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    err = capsys.readouterr().err.strip()
    assert err.startswith("liveguard: ")
    assert "\n" not in err


def unread_stdout() -> io.TextIOWrapper:
    """Standard output into a pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    return io.TextIOWrapper(open(writer, "wb"), "utf-8")


@pytest.mark.parametrize("shape", [["--json"], []])
def test_an_alert_is_the_exit_status_even_where_nobody_reads_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shape: list[str]
) -> None:
    fake_scan(monkeypatch, fine=report(), fake=report(alert=True))
    for files, status in ((["fake", "fine"], 1), (["fine"], 141), (["fine", "fake"], 141)):
        with unread_stdout() as unread:
            monkeypatch.setattr("sys.stdout", unread)
            assert main(["scan", *shape, *files]) == status
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("differences", "status"), [((), 141), (("one event is missing",), 1)])
def test_a_replay_that_differs_is_the_exit_status_even_where_nobody_reads_of_it(
    monkeypatch: pytest.MonkeyPatch, differences: tuple[str, ...], status: int
) -> None:
    header = Header(FeedInfo("x", frozenset({"video"})), Policy(), "s", ())

    def replayed(_path: Path, _detectors: object, on_event: Callable[[Event], None]) -> Replayed:
        for t_us in (1, 2):
            on_event(Status(t_us, "feed", "genuine", 0.01, ()))
        return Replayed(header, 2, differences)

    monkeypatch.setattr(replay, "replay", replayed)
    with unread_stdout() as unread:
        monkeypatch.setattr("sys.stdout", unread)
        assert main(["replay", "x.lgj"]) == status


@pytest.mark.parametrize("words", [["detectors"], ["detectors", "--json"], ["--help"]], ids=" ".join)
def test_the_output_may_be_closed_full_or_of_few_letters(words: list[str]) -> None:
    command = [sys.executable, "-m", "liveguard", *words]
    with unread_stdout() as unread, open("/dev/full", "w") as full:
        for stream, status, says in (
            (unread, 141, ""),
            (full, 2, "liveguard: standard output: No space left on device\n"),
        ):
            done = subprocess.run(command, stdout=stream, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
            assert (done.returncode, done.stderr) == (status, says)
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    assert subprocess.run(command, env=ascii_only, capture_output=True, timeout=60, check=False).returncode == 0


def test_signs_that_the_terminal_lacks_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(said, "ascii"))
    fake_scan(monkeypatch, fine=replace(report(), file="überfall.mp4"))
    assert main(["scan", "fine"]) == 0
    assert b"?berfall.mp4" in said.getvalue()


def test_an_error_that_nobody_reads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_scan(monkeypatch, bad=InputError("bad.mp4: no such file"), fake=report(alert=True))
    with unread_stdout() as unread:
        monkeypatch.setattr("sys.stderr", unread)
        assert main(["scan", "fake", "bad"]) == 2


def test_a_defect_is_a_traceback_and_a_status_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_scan(monkeypatch, odd=ZeroDivisionError("\x1b[2Jnobody thought of this"))
    assert main(["scan", "odd"]) == 70
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert "ZeroDivisionError:  [2Jnobody thought of this" in err
    assert "\x1b" not in err


@pytest.mark.parametrize(
    "words",
    [
        ["scan", __file__],
        ["watch", __file__],
        ["watch", "--microphone", "none"],
        ["bench", __file__],
    ],
    ids=lambda words: f"{words[0]} {words[-1][-4:]}",
)
def test_without_pyav_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    assert main([*words, "--checks", "camera"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("liveguard: ")
    assert "pip install 'liveguard[file]'" in err
    assert err.count("\n") == 1


def test_stress_without_its_libraries_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "liveguard.film_file", None)
    assert main(["stress", "--list"]) == 2
    assert "pip install 'liveguard[audio,face,file]'" in capsys.readouterr().err


def test_detectors_lists_needs_and_latency(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detectors", "--json"]) == 0
    rows = {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert rows["camera"]["latency_bound_s"] == pytest.approx(1.1)
    assert rows["voice"]["audio_s"] == 4.0
    assert main(["detectors"]) == 0
    assert "camera" in capsys.readouterr().out


def test_doctor_finds_its_way_around(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    findings = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"python", "faces", "camera", "microphone", "check camera", "check voice"} <= {f["what"] for f in findings}
    assert all(f["todo"] for f in findings if f["state"] != "ok" and "switched off" not in f["found"])


def test_importing_stays_light() -> None:
    code = (
        "import sys, liveguard; print([m for m in ('numpy', 'cv2', 'av', 'mediapipe', 'librosa') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_the_command_line_speaks_before_numpy_is_loaded() -> None:
    """Else its matrix library has counted the cores already, and burns them."""
    code = "import sys, liveguard.cli; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"
