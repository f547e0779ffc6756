"""How far work has come, where nobody looks at a terminal."""

from __future__ import annotations

import pytest

from liveguard.commands.progress import counting


def test_a_line_a_minute_says_how_much_is_done_and_left(capsys: pytest.CaptureFixture[str]) -> None:
    now_s = 0.0
    with counting("judging", 100, lambda: now_s) as done:
        done(40)  # were there
        for _ in range(30):
            now_s += 10.0
            done(1)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "judging: 46 of 100, about 9 min left",
        "judging: 52 of 100, about 8 min left",
        "judging: 58 of 100, about 7 min left",
        "judging: 64 of 100, about 6 min left",
        "judging: 70 of 100, about 5 min left",
    ]


def test_what_is_quick_says_nothing_and_one_that_is_slow_says_when_it_is_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now_s = 0.0
    with counting("making", 3, lambda: now_s) as done:
        now_s = 59.0
        done(1)
        assert capsys.readouterr().err == ""
        now_s = 200.0
        done(1)
    assert capsys.readouterr().err == "making: 2 of 3, about 2 min left\n"
