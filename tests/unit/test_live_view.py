"""The screen of `watch`: foreign words are shown as they are, and whoever matters now is on it."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from liveguard.commands.live_view import KEPT_US, LiveView
from liveguard.commands.watch import has_screen
from liveguard.session import Tick
from liveguard.types import Alert, Fault, Reading, State, Status


def screen(view: LiveView, width: int = 200) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(view.render())
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text.splitlines()


def reading(track: int | None, end_us: int, llr: float | None = 0.5, why: str = "fine") -> Reading:
    return Reading("mesh", track, max(end_us - 1_000_000, 0), end_us, llr, 1.0, why)


def status(who: str, state: State = "genuine", why: tuple[str, ...] = ()) -> Status:
    return Status(0, who, state, 0.5, why)


def test_words_from_outside_are_no_markup_and_no_control_characters() -> None:
    foul = "[bold red]x[/] [/] :smile: \x1b[2J\u202e"
    view = LiveView(foul, lambda: None)
    alert = Alert("1", foul, "raised", "feed_injected", 1, 0.9, 14.0, 13.5, (reading(1, 1, 3.0, foul),), 1, foul)
    for event in (reading(1, 1_000_000, None, foul), reading(2, 1_000_000, 1.0, foul), alert, Fault(1, foul, foul)):
        view.send(event)
    view.tick(Tick((status("face 1", "alert", (foul,)), status(foul), status("face 2"))))
    text = "\n".join(screen(view))
    assert text.count("[bold red]x[/] [/] :smile:") >= 7
    assert "\x1b[2J" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("llr", [math.nan, math.inf, -math.inf])
def test_a_reading_that_is_no_number_is_shown_as_not_judged(llr: float) -> None:
    view = LiveView("feed", lambda: None)
    view.send(reading(1, 1_000_000, llr))
    view.tick(Tick((status("face 1"),)))
    row = next(line for line in screen(view) if "mesh" in line)
    assert "·" in row
    assert "cannot judge" in row


def test_the_present_face_and_every_alert_come_first_however_many_faces_there_were() -> None:
    view = LiveView("feed", lambda: None)
    everybody = []
    for track in range(1, 101):
        view.send(reading(None, track * 500_000))
        view.send(reading(track, track * 500_000))
        everybody.append(status(f"face {track}", {7: "suspicious", 3: "alert"}.get(track, "genuine")))  # type: ignore[arg-type]
    view.tick(Tick((status("feed"), *everybody)))
    lines = screen(view)
    standing = [line for line in lines if "risk" in line]
    assert ["face 3 " in standing[0], "face 7 " in standing[1], "face 100 " in standing[2]] == [True] * 3
    checks = [line for line in lines if "mesh" in line]
    assert ["face 3 " in checks[0], "face 7 " in checks[1], "face 100 " in checks[2]] == [True] * 3


def test_rows_keep_their_places_while_all_are_there() -> None:
    view = LiveView("feed", lambda: None)
    view.tick(Tick((status("face 1"), status("face 2"))))
    orders = set()
    for at, tracks in enumerate(((1, 2), (2,), (1,), (1, 2), (2,), (2, 1))):
        for track in tracks:
            view.send(reading(track, 7_000_000 + at * 500_000))
        orders.add(tuple("face 1" in line for line in screen(view) if "mesh" in line))
    assert orders == {(False, True)}


@pytest.mark.parametrize(("width", "old"), [(40, 3), (80, 13), (100, 18), (200, 33)])
def test_the_newest_readings_are_on_the_screen_however_narrow_it_is(width: int, old: int) -> None:
    view = LiveView("feed", lambda: None)
    long = "pictures keep coming but nothing moves for 2.0 s"
    for number in range(1, 41):
        view.send(reading(1, number * 500_000, -0.2 if number <= 33 else 4.0, long))
    view.tick(Tick((status("face 1", "alert", (long,)),)))
    lines = screen(view, width)
    assert sum("▁" * old + "█" * 7 + " " in line for line in lines) == 1, lines
    assert "".join(lines).count("▁") == old, "the words keep room"
    assert all(word in "\n".join(lines) for word in long.split())


def test_who_is_long_gone_leaves_the_screen() -> None:
    view = LiveView("feed", lambda: None)
    view.send(reading(1, 1_000_000))
    view.tick(Tick((status("face 1"), status("face 2"))))
    view.send(reading(2, 1_000_000 + KEPT_US))
    assert any("face 1" in line for line in screen(view))
    view.send(reading(2, 1_000_001 + KEPT_US))
    text = "\n".join(screen(view))
    assert "face 1" not in text
    assert "face 2" in text


@pytest.mark.parametrize(
    ("terminal", "term", "screen"), [(True, "xterm", True), (True, "dumb", False), (False, "xterm", False)]
)
def test_only_a_terminal_that_can_draw_gets_the_view(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, term: str, screen: bool
) -> None:
    stdout = io.StringIO()
    monkeypatch.setattr(stdout, "isatty", lambda: terminal)
    monkeypatch.setattr("sys.stdout", stdout)
    monkeypatch.setenv("TERM", term)
    assert has_screen() == screen
