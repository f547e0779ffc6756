"""One attempt at a liveness session: the face is placed, the steps are shown one after the other, and what follows is judged.

A step is announced by its kind; what it asks for is told when it is to be shown, and not before. The page says when it was
really painted; that moment goes onto the timeline of the pictures and the sound as a cue. The page is not believed further
than it must be: the moment cannot lie before the step was told, nor more than `PAINT_WITHIN_S`, and the way there and back,
after. Nor are the stamps of the pictures: a step is not judged where they came too late for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from liveguard.challenge.policy import KINDS
from liveguard.challenge.script import Step
from liveguard.kyc.decision import StepResult
from liveguard.kyc.framing import Framing
from liveguard.kyc.page import Page
from liveguard.rtc.lateness import BEFORE_US
from liveguard.scheduler import PICTURE_WHY
from liveguard.server.guarded import Guarded
from liveguard.types import Event, Reading

PAINT_WITHIN_S: Final = 0.4  # two frames of a slow screen, a page that is busy, and a way that is not always the same
MOST_ONE_WAY_S: Final = 0.15  # a page that dawdles with its pongs would have more time else; farther ones paint sooner
JUDGE_WITHIN_S: Final = 2.5  # after the last cue
LOOK_EVERY_S: Final = 0.1
NOT_SHOWN = "the page did not show it in time"
HELD_BACK = "too few pictures came in time: the link is too slow, or they were held back"
NOT_JUDGED = "no pictures came in time to judge it by"


@dataclass(slots=True)
class Asked:
    """A step: when it was seen, by the feed's own clock, and what its check says of each face since then."""

    step: Step
    cue_us: int | None = None
    readings: list[Reading] = field(default_factory=list)

    @property
    def waits(self) -> bool:
        """Whether it was seen, and its check has not spoken yet of anybody but a picture on the wall."""
        return self.cue_us is not None and all(reading.why == PICTURE_WHY for reading in self.readings)

    def is_about(self, reading: Reading) -> bool:
        seen = self.cue_us is not None and reading.end_us == self.cue_us + self.step.lasts_us
        return seen and reading.detector == self.step.kind

    @property
    def result(self) -> StepResult:
        """Where there are several faces their checks refuse to judge, and that is what counts. A picture on the wall is
        none of them: its refusal counts where nobody else was judged."""
        kind = self.step.kind
        if self.cue_us is None or not self.readings:
            return StepResult(kind, None, NOT_SHOWN if self.cue_us is None else NOT_JUDGED, {})
        people = [reading for reading in self.readings if reading.why != PICTURE_WHY] or self.readings
        refused = [reading for reading in people if reading.llr is None]
        return StepResult.of(kind, (refused or people)[0])


class Attempt:
    """Belongs to the event loop's thread, but for `heard`, which any thread may call."""

    def __init__(self, guarded: Guarded, steps: Sequence[Step], page: Page) -> None:
        self._guarded, self._page = guarded, page
        self.asked = [Asked(step) for step in steps]
        self._loop = asyncio.get_running_loop()
        self._judged = asyncio.Event()
        self._moved: list[Asked] = []  # whose cues lie later than they may
        self.seen = False  # anything of its script: the kind of the first step is told before all else

    def heard(self, event: Event) -> None:
        """What the guard says about the feed."""
        if isinstance(event, Reading) and event.detector in KINDS:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._reading, event)

    async def run(self) -> tuple[StepResult, ...]:
        """The steps' results, at most `JUDGE_WITHIN_S` after the last step is over. Raises page.Stopped."""
        await self._place()
        for number, asked in enumerate(self.asked, 1):
            await self._ask(number, asked)
        await self._page.say({"type": "judging"})
        if any(asked.waits for asked in self.asked):
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._judged.wait(), JUDGE_WITHIN_S)
        return tuple(self._result(asked) for asked in self.asked)

    def _result(self, asked: Asked) -> StepResult:
        held_back = asked.cue_us is not None and (
            any(one is asked for one in self._moved)
            or self._guarded.tap.lateness.late(asked.cue_us, asked.cue_us + asked.step.lasts_us)
        )
        return StepResult(asked.step.kind, None, HELD_BACK) if held_back else asked.result

    def _reading(self, reading: Reading) -> None:
        for asked in self.asked:
            if asked.is_about(reading):
                asked.readings.append(reading)
        all_seen = all(asked.cue_us is not None for asked in self.asked)
        if all_seen and not any(asked.waits for asked in self.asked):
            self._judged.set()

    async def _place(self) -> None:
        """Until the face is where it should be; the page is told what is amiss whenever that changes."""
        framing, told, looked_us = Framing(), "", -1
        while not framing.placed:
            tick = self._guarded.tick
            if tick is not None and tick.seen is not None and tick.seen.t_us > looked_us:
                looked_us = tick.seen.t_us
                hint = framing.look(tick.seen)
                if hint != told:
                    told = hint
                    await self._page.say({"type": "frame", "hint": hint})
            await self._page.wait(LOOK_EVERY_S)

    async def _ask(self, number: int, asked: Asked) -> None:
        step, tap, page = asked.step, self._guarded.tap, self._page
        self.seen = True
        announced = {"number": number, "of": len(self.asked), "kind": step.kind, "lead_ms": step.lead_ms}
        await page.say({"type": "step", **announced})
        await page.wait(step.lead_ms / 1e3)
        told_us, one_way_s = tap.now_us, min(page.one_way_s, MOST_ONE_WAY_S)
        within_s = PAINT_WITHIN_S + 2 * one_way_s
        await page.say({"type": "show", "number": number, "params": dict(step.params)})
        try:
            await asyncio.wait_for(page.shown(number), within_s)
        except asyncio.TimeoutError:
            return
        asked.cue_us = tap.cue(step.cue, max(tap.now_us - round(1e6 * one_way_s), told_us), step.params)
        # A cue lies behind all that has come: sound whose stamps run ahead of the pictures' would move it.
        ahead_us = tap.lateness.ahead_us(asked.cue_us - BEFORE_US, asked.cue_us)
        if asked.cue_us - ahead_us - told_us > 1e6 * within_s:
            self._moved.append(asked)
        await page.wait((asked.cue_us + step.lasts_us - tap.now_us) / 1e6)
        await page.say({"type": "step_over", "number": number})
