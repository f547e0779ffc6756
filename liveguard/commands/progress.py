"""How far work that takes long has come, on stderr: a bar, or a line a minute where no terminal is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

EVERY_S = 60.0


@contextmanager
def counting(what: str, total: int, clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[[int], None]]:
    """`with counting("judging", 285) as done: done(1)`."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(console, what, total, clock)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)


class _Lines:
    """Says a line when something is done a minute or more after the one before. What is told of first was there already, and does
    not count for how quick it goes."""

    def __init__(self, console: Console, what: str, total: int, clock: Callable[[], float]) -> None:
        self._console, self._what, self._total, self._clock = console, what, total, clock
        self._done = 0
        self._first: tuple[int, float] | None = None
        self._said_s = clock()

    def __call__(self, count: int) -> None:
        self._done += count
        now_s = self._clock()
        if self._first is None:
            self._first = (self._done, now_s)
        if now_s - self._said_s < EVERY_S:
            return
        self._said_s = now_s
        made, took_s = self._done - self._first[0], now_s - self._first[1]
        left_min = (self._total - self._done) * took_s / made / 60 if made else None
        left = "" if left_min is None else f", about {left_min:.0f} min left"
        self._console.print(Text(f"{self._what}: {self._done} of {self._total}{left}"), soft_wrap=True)
