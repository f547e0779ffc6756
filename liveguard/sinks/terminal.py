"""One plain line for each alert, change of state and fault, for a person who reads a terminal or a log."""

from __future__ import annotations

import io
from typing import TextIO

from rich.console import Console
from rich.text import Text

from liveguard.errors import SinkError
from liveguard.types import Alert, Event, Fault, Reading, State, Status
from liveguard.words import HYPOTHESIS_WORDS, NOT_SETTLED, STATE_STYLE, STATE_WORDS, percent, plain

MAX_REASONS = 3
LABEL_LIMIT = 40


def clock_text(t_us: int) -> str:
    """Stream time as h:mm:ss.t."""
    tenths = t_us // 100_000
    return f"{tenths // 36_000}:{tenths // 600 % 60:02}:{tenths // 10 % 60:02}.{tenths % 10}"


class TerminalSink:
    """Prints alerts, faults and each participant's changes of state to a text stream, and nothing else.

    One thread at a time. Colours only if the stream is a terminal. The stream is not closed by `close`.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        # rich composes into a buffer and we write: by itself it ends the program when a pipe is closed.
        self._buffer = io.StringIO()
        self._console = Console(file=self._buffer, force_terminal=_is_terminal(stream), highlight=False)
        self._states: dict[str, State] = {}

    def send(self, event: Event) -> None:
        """Print the event's line; `SinkError` if the stream is closed."""
        line = self._line(event)
        if line is None:
            return
        self._console.print(line, soft_wrap=True)
        text = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        text = text.encode(encoding, "replace").decode(encoding)
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError) as exc:
            raise SinkError(f"terminal: {exc}") from exc

    def close(self) -> None:
        """Nothing is ours to close."""

    def _line(self, event: Event) -> Text | None:
        if isinstance(event, Alert):
            return _alert_line(event)
        if isinstance(event, Fault):
            what = f"fault in {plain(event.where)}: {plain(event.what)}"
            return Text.assemble((clock_text(event.t_us), "dim"), "  ", (what, "magenta"))
        if isinstance(event, Status) and self._states.get(event.participant) != event.state:
            self._states[event.participant] = event.state
            return _status_line(event)
        return None


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _head(t_us: int, participant: str) -> Text:
    return Text.assemble((clock_text(t_us), "dim"), "  ", (plain(participant, LABEL_LIMIT), "bold"), "  ")


def _status_line(event: Status) -> Text:
    line = _head(event.t_us, event.participant)
    line.append(STATE_WORDS[event.state], STATE_STYLE[event.state])
    if event.risk is not None:
        line.append(f"  risk {percent(event.risk)}")
    if event.why:
        line.append("  " + "; ".join(plain(reason) for reason in event.why))
    return line


def _alert_line(event: Alert) -> Text:
    line = _head(event.t_us, event.participant)
    raised, unsettled = event.state == "raised", event.settle == NOT_SETTLED
    line.append("ALERT" if raised else "alert cleared", "bold red" if raised else "yellow" if unsettled else "green")
    line.append(f"  {HYPOTHESIS_WORDS[event.hypothesis]}  risk {percent(event.risk)}")
    reasons = sorted((one for one in event.readings if one.llr is not None), key=_weight)
    if raised and reasons:
        line.append("  because " + "; ".join(_reason(one) for one in reasons[:MAX_REASONS]))
    if raised and event.settle:
        line.append(f"  to settle it: {plain(event.settle)}")
    if unsettled:
        line.append(f"  {NOT_SETTLED}")
    return line


def _weight(reading: Reading) -> float:
    return -(reading.llr or 0.0)


def _reason(reading: Reading) -> str:
    seconds = f"{reading.start_us / 1e6:.1f}-{reading.end_us / 1e6:.1f} s"
    return f"{plain(reading.detector)}: {plain(reading.why)} ({seconds}, {reading.llr:+.1f} nats)"
