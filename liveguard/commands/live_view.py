"""The live terminal view of `liveguard watch`: who stands where, what each check says, and the alerts."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from liveguard.alert import participant
from liveguard.session import Stats, Tick
from liveguard.sinks.terminal import clock_text
from liveguard.types import Alert, Event, Fault, Reading, State, Status
from liveguard.words import HYPOTHESIS_WORDS, NOT_SETTLED, STATE_STYLE, STATE_WORDS, percent, plain

STRIP, SHORT_STRIP = 40, 8  # the most readings that are shown of each check, and the fewest
STRIP_SHARE = 4  # a strip takes one in so many of the screen's columns; the rest is for words
BARS = "▁▂▃▄▅▆▇█"
FULL_NATS = 4.0  # a bar of full height
MOST_ALERTS = 6
MOST_ROWS = 16
KEPT_US = 60_000_000  # of stream time; whoever has not been heard of for so long leaves the screen
RECENT_US = 5_000_000  # seen within the same so many: equally recent, so that rows keep their places
URGENCY: dict[State, int] = {"alert": 0, "suspicious": 1}


class LiveView:
    """A sink that remembers what a screen shows. `send` is for the speaker's thread, `render` for the screen's."""

    def __init__(self, feed_name: str, stats: Callable[[], Stats | None]) -> None:
        self._feed_name = feed_name
        self._stats = stats
        self._lock = threading.Lock()
        self._statuses: list[Status] = []
        self._strips: dict[tuple[str, str], deque[Reading]] = {}
        self._seen_us: dict[str, int] = {}
        self._alerts: deque[Alert] = deque(maxlen=MOST_ALERTS)
        self._fault: Fault | None = None
        self._t_us = 0

    def send(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Reading):
                who = participant(event.track)
                self._seen_us[who] = max(event.end_us, self._seen_us.get(who, 0))
                self._strips.setdefault((who, event.detector), deque(maxlen=STRIP)).append(event)
                self._t_us = max(self._t_us, event.end_us)
            elif isinstance(event, Alert):
                self._alerts.append(event)
            elif isinstance(event, Fault):
                self._fault = event

    def close(self) -> None:
        """Nothing is ours to close."""

    def tick(self, tick: Tick) -> None:
        """Where everybody stands now; called by the session's thread."""
        with self._lock:
            self._statuses = list(tick.statuses)

    def render(self) -> RenderableType:
        with self._lock:
            since_us = self._t_us - KEPT_US
            self._strips = {row: kept for row, kept in self._strips.items() if kept[-1].end_us >= since_us}
            shown = self._shown()
            parts: list[RenderableType] = [self._head(), self._standing(shown), self._checks(shown)]
            if self._alerts:
                parts.append(self._alert_list())
            if self._fault is not None:
                parts.append(Text(f"fault in {plain(self._fault.where)}: {plain(self._fault.what)}", "magenta"))
            return Panel(Group(*parts), title="liveguard", subtitle="Ctrl-C ends", border_style="dim")

    def _head(self) -> Text:
        stats = self._stats()
        head = Text.assemble((clock_text(self._t_us), "bold"), "  ", plain(self._feed_name, 60))
        if stats is not None:
            age = stats.age_ms[int(0.95 * (len(stats.age_ms) - 1))] if stats.age_ms else 0.0
            shed = (
                f"  {stats.shed.frames_shed} of {stats.shed.frames_in} pictures shed" if stats.shed.frames_shed else ""
            )
            head.append(f"  up to {stats.rate_hz:g} fps  picture age {age:.0f} ms{shed}", "dim")
        return head

    def _shown(self) -> list[Status]:
        """Who is shown, the most urgent and then the latest first: what is cut off at the screen's end matters least."""
        age_us = {s.participant: self._t_us - self._seen_us.get(s.participant, self._t_us) for s in self._statuses}
        came = {who: place for place, who in enumerate(self._seen_us)}

        def order(status: Status) -> tuple[int, int, int]:
            urgency, newest = URGENCY.get(status.state, len(URGENCY)), -came.get(status.participant, len(came))
            return urgency, age_us[status.participant] // RECENT_US, newest

        there = [status for status in self._statuses if age_us[status.participant] <= KEPT_US]
        return sorted(there, key=order)[:MOST_ROWS]

    def _standing(self, shown: list[Status]) -> Table:
        table = Table(box=None, pad_edge=False, show_header=False)
        for status in shown:
            risk = "" if status.risk is None else f"risk {percent(status.risk)}"
            words = Text(STATE_WORDS[status.state], STATE_STYLE[status.state])
            who, why = Text(plain(status.participant), "bold"), Text(plain("; ".join(status.why)))
            table.add_row(who, words, Text(risk), why)
        if not shown:
            table.add_row(Text("waiting for the first seconds of the feed", "dim"))
        return table

    def _checks(self, shown: list[Status]) -> Table:
        """The checks of those who are shown, in the same order."""
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column()
        table.add_column(no_wrap=True)  # words give way first
        places = {status.participant: place for place, status in enumerate(shown)}
        rows = sorted((places[who], who, name) for who, name in self._strips if who in places)
        for _, who, name in rows[: 4 * MOST_ROWS]:
            readings = self._strips[who, name]
            latest = readings[-1]
            why = plain(latest.why) if judged(latest) else f"cannot judge: {plain(latest.why)}"
            table.add_row(Text(plain(f"{who}  {name}"), "dim"), Strip(tuple(readings)), Text(why))
        return table

    def _alert_list(self) -> Table:
        table = Table(box=None, pad_edge=False, show_header=False)
        for alert in reversed(self._alerts):
            raised, unsettled = alert.state == "raised", alert.settle == NOT_SETTLED
            why = "; ".join(plain(reading.why) for reading in alert.readings)
            what = Text(
                HYPOTHESIS_WORDS[alert.hypothesis], "bold red" if raised else "yellow" if unsettled else "green"
            )
            over = f"cleared: {NOT_SETTLED}" if unsettled else "cleared"
            note = f"{why}. To settle it: {plain(alert.settle)}" if raised else over
            table.add_row(Text(clock_text(alert.t_us)), Text(plain(alert.participant)), what, Text(note))
        return table


def judged(reading: Reading) -> bool:
    return reading.llr is not None and math.isfinite(reading.llr)


@dataclass(frozen=True, slots=True)
class Strip:
    """One block a reading, the newest at the right; the oldest are left out where the screen is too narrow.

    Red and high for an attack, green and low for genuine, a dot where it could not judge.
    """

    readings: Sequence[Reading]

    def __rich_measure__(self, console: Console, _options: ConsoleOptions) -> Measurement:
        wanted = min(max(console.width // STRIP_SHARE, SHORT_STRIP), STRIP)
        return Measurement(wanted, wanted)

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        shown = self.readings[-options.max_width :]
        text = Text(" " * (options.max_width - len(shown)))
        for reading in shown:
            if reading.llr is None or not judged(reading):
                text.append("·", "cyan")
            else:
                height = min(abs(reading.llr) / FULL_NATS, 1.0)
                text.append(BARS[round(height * (len(BARS) - 1))], "red" if reading.llr > 0 else "green")
        yield text
