"""The JSON lines and the terminal sink: what they write, and what they say when they cannot."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from liveguard import wire, words
from liveguard.errors import ConfigError, SinkError
from liveguard.sinks.jsonl import JsonlSink
from liveguard.sinks.terminal import TerminalSink, clock_text, plain
from liveguard.types import HYPOTHESES, Alert, Event, Fault, Gap, Reading, State, Status
from liveguard.words import NOT_SETTLED

READING = Reading("mesh", 0, 1_000_000, 3_000_000, 2.5, 1.0, "landmarks jitter 0.9 px", {"jitter_px": 0.9})
SILENT = Reading("blink", 0, 0, 1, None, 0.0, "too dark")
RAISED = Alert(
    "a",
    "guest",
    "raised",
    "face_manipulated",
    65_430_000,
    0.97,
    8.0,
    6.5,
    (SILENT, READING),
    1,
    "turn the head",
)
CLEARED = Alert("a", "guest", "cleared", "face_manipulated", 90_000_000, 0.2, 1.0, 6.5, (), 1, "")
EVENTS: list[Event] = [
    Status(0, "guest", "genuine", 0.02, ()),
    READING,
    Gap("video", 1, 2, "lost"),
    RAISED,
    Fault(5, "camera", "pulled out"),
]


# --- JSON lines -----------------------------------------------------------------------------------------


def test_each_event_is_one_line_at_once(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sink = JsonlSink(path)
    for number, event in enumerate(EVENTS, start=1):
        sink.send(event)
        lines = path.read_text().splitlines()
        assert len(lines) == number
        assert wire.loads(lines[-1]) == event
    sink.close()
    sink.close()


def test_a_file_is_appended_to_and_a_torn_end_costs_one_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for _ in range(2):
        sink = JsonlSink(str(path))
        sink.send(EVENTS[0])
        sink.close()
    with path.open("a") as file:
        file.write('{"type":"stat')
    sink = JsonlSink(path)
    sink.send(EVENTS[1])
    sink.close()
    lines = path.read_text().splitlines()
    assert [wire.loads(line) for line in (*lines[:2], lines[3])] == [EVENTS[0], EVENTS[0], EVENTS[1]]


def test_only_the_kinds_that_were_asked_for() -> None:
    stream = io.StringIO()
    sink = JsonlSink(stream, kinds=("alert", "fault"))
    for event in EVENTS:
        sink.send(event)
    sink.close()
    assert [json.loads(line)["type"] for line in stream.getvalue().splitlines()] == ["alert", "fault"]
    with pytest.raises(ConfigError):
        JsonlSink(stream, kinds=("alarm",))


def test_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    sink = JsonlSink("-")
    sink.send(EVENTS[0])
    sink.close()
    assert wire.loads(capsys.readouterr().out) == EVENTS[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_a_sink_error() -> None:
    sink = JsonlSink("/dev/full")
    for _ in range(2):
        with pytest.raises(SinkError, match=r"full: .*No space left"):
            sink.send(EVENTS[0])
    sink.close()


def test_a_line_that_was_cut_by_a_full_disk_is_ended_before_the_next_whoever_writes_it(tmp_path: Path) -> None:
    class Disk(io.FileIO):
        room = 10

        def write(self, data: object) -> int:
            part = bytes(data)[: Disk.room]  # type: ignore[call-overload]
            if not part:
                raise OSError(28, "No space left on device")
            Disk.room -= len(part)
            return super().write(part)

    path = tmp_path / "events.jsonl"
    sinks = [JsonlSink(path) for _ in range(2)]  # of two calls of a server
    for sink in sinks:
        sink.close()
        sink._file = Disk(path, "a+")
    with pytest.raises(SinkError, match="No space left"):
        sinks[0].send(EVENTS[0])
    Disk.room = 1 << 20
    sinks[1].send(EVENTS[1])
    sinks[0].send(EVENTS[0])
    lines = path.read_text().splitlines()
    assert len(lines[0]) == 10
    assert [wire.loads(line) for line in lines[1:]] == [EVENTS[1], EVENTS[0]]
    for sink in sinks:
        sink.close()


def test_a_pipe_is_written_to_like_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    sink = JsonlSink(tmp_path / "pipe")
    sink.send(EVENTS[0])
    assert wire.loads(os.read(reader, 10_000).decode()) == EVENTS[0]
    os.close(reader)
    with pytest.raises(SinkError, match="Broken pipe"):
        sink.send(EVENTS[0])
    sink.close()


@pytest.mark.parametrize("kind", [JsonlSink, TerminalSink])
def test_a_closed_pipe_is_a_sink_error(kind: type[JsonlSink] | type[TerminalSink]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    sink = kind(stream)
    with pytest.raises(SinkError, match="Broken pipe"):
        sink.send(RAISED)
    with pytest.raises(BrokenPipeError):
        stream.close()
    with pytest.raises(SinkError):
        sink.send(RAISED)


def test_a_folder_that_is_not_there_is_a_sink_error(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="No such file"):
        JsonlSink(tmp_path / "no" / "x.jsonl")


# --- terminal -------------------------------------------------------------------------------------------


def printed(*events: Event) -> list[str]:
    stream = io.StringIO()
    sink = TerminalSink(stream)
    for event in events:
        sink.send(event)
    sink.close()
    return stream.getvalue().splitlines()


def test_the_lines_that_a_person_reads() -> None:
    assert printed(*EVENTS, CLEARED) == [
        "0:00:00.0  guest  genuine so far  risk 2 %",
        "0:01:05.4  guest  ALERT  the face looks manipulated  risk 97 %"
        "  because mesh: landmarks jitter 0.9 px (1.0-3.0 s, +2.5 nats)  to settle it: turn the head",
        "0:00:00.0  fault in camera: pulled out",
        "0:01:30.0  guest  alert cleared  the face looks manipulated  risk 20 %",
    ]


def test_an_alert_about_somebody_who_has_left_is_not_told_as_settled() -> None:
    assert printed(replace(CLEARED, settle=NOT_SETTLED)) == [
        "0:01:30.0  guest  alert cleared  the face looks manipulated  risk 20 %"
        "  the face left the picture before anything was settled",
    ]


def test_a_state_is_told_when_it_changes_for_each_participant() -> None:
    lines = printed(
        Status(0, "one", "genuine", 0.1, ()),
        Status(1, "one", "genuine", 0.2, ()),
        Status(2, "two", "genuine", 0.1, ()),
        Status(3_000_000, "one", "cannot_judge", None, ("too dark", "3 fps")),
        Status(4, "one", "genuine", 0.1, ()),
    )
    assert [line.split("  ")[1] for line in lines] == ["one", "two", "one", "one"]
    assert lines[2] == "0:00:03.0  one  cannot judge  too dark; 3 fps"


def test_foreign_text_cannot_steer_the_terminal_or_break_the_line() -> None:
    [line] = printed(Status(0, "\x1b[2J[red]x[/]\r\n\u202e" + "y" * 99, "genuine", 0.1, ("\x07bell\n",)))
    assert line.isprintable()
    assert "[red]x[/]" in line
    assert "…" in line


@pytest.mark.parametrize("force", ["", "1"])
def test_colours_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch, force: str) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if force:
        monkeypatch.setenv("FORCE_COLOR", force)
    screen = Screen()
    TerminalSink(screen).send(RAISED)
    assert "\x1b[1;31mALERT" in screen.getvalue()
    assert "\x1b" not in printed(RAISED)[0]


def test_a_stream_of_few_characters() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    TerminalSink(stream).send(Status(0, "Zoë", "genuine", 0.1, ()))
    assert raw.getvalue() == b"0:00:00.0  Zo?  genuine so far  risk 10 %\n"


def test_all_hypotheses_and_states_have_words() -> None:
    assert set(words.HYPOTHESIS_WORDS) == set(words.SETTLE) == set(HYPOTHESES)
    assert set(words.STATE_WORDS) == set(words.STATE_STYLE) == set(get_args(State))


def test_clock_and_plain() -> None:
    assert (clock_text(0), clock_text(3_725_990_000)) == ("0:00:00.0", "1:02:05.9")
    assert (plain("ab", 2), plain("abc", 2)) == ("ab", "a…")
