"""Standard output as a sink of `watch`: alone, its end is the end; beside others it is said once."""

from __future__ import annotations

import pytest

from liveguard.commands.printing import Printing
from liveguard.commands.streams import OutputError, UnreadError
from liveguard.types import Event, Fault

EVENT = Fault(1, "x", "y")
FULL, GONE = OutputError("standard output: no space"), UnreadError("nobody reads standard output any more")


class Fails:
    """A sink that fails as `script` says, None where it does not."""

    def __init__(self, *script: Exception | None) -> None:
        self.script, self.asked = list(script), 0

    def send(self, _: Event) -> None:
        self.asked += 1
        error = self.script.pop(0)
        if error is not None:
            raise error

    def close(self) -> None:
        """Nothing to close."""


def test_alone_it_is_over_when_its_reader_has_gone(capsys: pytest.CaptureFixture[str]) -> None:
    sink = Fails(None, GONE)
    printing = Printing(sink, alone=True)
    printing.send(EVENT)
    assert not printing.over
    printing.send(EVENT)
    assert (printing.over, printing.error) == (True, GONE)
    printing.send(EVENT)  # an alert is not owed to somebody who has gone
    assert sink.asked == 2
    assert capsys.readouterr().err == "", "the command line says how it ended"


def test_alone_it_is_over_on_a_full_disk() -> None:
    printing = Printing(Fails(FULL), alone=True)
    with pytest.raises(OutputError):
        printing.send(EVENT)
    assert (printing.over, printing.error) == (True, FULL)


def test_with_others_it_is_said_once_and_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    sink = Fails(FULL, FULL, None, GONE)
    printing = Printing(sink, alone=False)
    for _ in range(2):
        with pytest.raises(OutputError):  # which the speaker tells the others
            printing.send(EVENT)
    for _ in range(3):
        printing.send(EVENT)
    assert sink.asked == 4
    assert not printing.over
    assert capsys.readouterr().err == "liveguard: standard output: no space; the other sinks go on\n"
