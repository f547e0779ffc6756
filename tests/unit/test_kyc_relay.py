"""How late an answer may come: what a page's word and a sender's stamps can move, and what slow links do. In virtual time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest

from liveguard.challenge.script import LEAD, Step
from liveguard.kyc.decision import StepResult
from liveguard.kyc.flow import HELD_BACK, MOST_ONE_WAY_S, NOT_SHOWN, PAINT_WITHIN_S, Attempt
from liveguard.kyc.hints import hint
from liveguard.kyc.messages import Pong, Shown
from liveguard.kyc.page import Page
from liveguard.server.guarded import Guarded
from liveguard.taps.webrtc import WebRtcTap
from liveguard.types import LASTS, Reading
from tests.unit.test_webrtc_tap import picture

FPS = 15
STEP = Step("light", {"colours": "#e08a8a #7fb87f", LASTS: 4_000_000, LEAD: 1_100})
BEFORE_S = 3.0  # of the feed, until the step is announced


class VirtualLoop(asyncio.SelectorEventLoop):
    """Nothing is waited for: where there is nothing to do, time goes on at once."""

    def __init__(self) -> None:
        super().__init__(_Impatient(self))
        self.now_s = 0.0

    def time(self) -> float:
        return self.now_s


class _Impatient(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found and timeout:
            self._loop.now_s += timeout
        return found


@dataclass
class Told:
    """What the page was told and when, in seconds since the step was announced; what came of it, and where the cue lies."""

    messages: list[tuple[float, dict[str, Any]]]
    result: StepResult
    cue_s: float | None


def led(
    way_s: float = 0.02,
    painted_s: float = 0.03,
    holds_shown_s: float = 0.0,
    pong_s: float = 0.0,
    late_s: Callable[[float], float] = lambda _: 0.05,
) -> Told:
    """One step. `way_s`: from here to the page, and back. `late_s`: how long a picture takes, by when it was taken; its
    stamp says when that was."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(_led(loop, way_s, painted_s + holds_shown_s, pong_s, late_s))
    finally:
        loop.close()


async def _led(
    loop: VirtualLoop, way_s: float, answers_s: float, pong_s: float, late_s: Callable[[float], float]
) -> Told:
    tap = WebRtcTap("guest", frozenset({"video"}), lambda: round(loop.time() * 1e6))
    line, messages = tap.connect(), []

    async def say(message: dict[str, Any]) -> None:
        messages.append((loop.time() - BEFORE_S, message))
        if message["type"] == "ping":
            loop.call_later(2 * way_s + pong_s, page.take, Pong(type="pong", n=message["n"]))
        elif message["type"] == "show":
            loop.call_later(2 * way_s + answers_s, page.take, Shown(type="shown", number=1))
        elif message["type"] == "step_over":
            end_us = cast("int", attempt.asked[0].cue_us) + STEP.lasts_us
            said = Reading("light", 1, 0, end_us, -3.0, 1.0, "as asked")
            loop.call_later(1.0, attempt.heard, said)  # when the last of its pictures has come

    async def film() -> None:
        for number in range(15 * FPS):
            await asyncio.sleep(max(number / FPS + late_s(number / FPS) - loop.time(), 0.0))
            line.video(picture(number / FPS))

    page = Page(say)
    attempt = Attempt(cast("Guarded", SimpleNamespace(tap=tap, tick=None)), [STEP], page)

    async def placed() -> None:
        await page.wait(BEFORE_S)

    attempt._place = placed  # type: ignore[method-assign]  (no face is looked for here)
    tasks = [asyncio.create_task(film()), asyncio.create_task(page.ping())]
    (result,) = await attempt.run()
    for task in tasks:
        task.cancel()
    cue_us = attempt.asked[0].cue_us
    said = [(at_s, message) for at_s, message in messages if message["type"] not in ("ping", "pong")]
    return Told(said, result, None if cue_us is None else cue_us / 1e6 - BEFORE_S)


def test_what_is_asked_is_told_when_it_is_to_be_shown_and_not_before() -> None:
    told = led()
    (announced_s, announced), (shown_s, shown) = told.messages[:2]
    assert announced == {"type": "step", "number": 1, "of": 1, "kind": "light", "lead_ms": 1100}
    assert shown["params"] == STEP.params
    assert shown_s - announced_s == pytest.approx(1.1)
    assert told.cue_s == pytest.approx(1.1 + 0.02 + 0.03, abs=0.02)


@pytest.mark.parametrize("holds_s", [0.5, 1.0, 2.9])
def test_who_holds_back_that_it_was_shown_is_not_judged(holds_s: float) -> None:
    assert led(holds_shown_s=holds_s).result == StepResult("light", None, NOT_SHOWN)


def test_slow_pongs_move_the_cue_by_no_more_than_a_long_way_takes() -> None:
    assert led(pong_s=0.45, holds_shown_s=1.0).result.why == NOT_SHOWN
    latest_s = 1.1 + PAINT_WITHIN_S + 2 * MOST_ONE_WAY_S
    cues_s = [led(pong_s=pong_s, holds_shown_s=held / 10).cue_s for pong_s in (0.2, 0.45) for held in range(12)]
    assert max(cue_s for cue_s in cues_s if cue_s is not None) <= latest_s + 0.01


@pytest.mark.parametrize("way_s", [0.005, 0.05, 0.1, 0.15])
@pytest.mark.parametrize("painted_s", [0.02, 0.15])
def test_ordinary_links_pass(way_s: float, painted_s: float) -> None:
    """Ways of up to 300 ms there and back, with pictures that take anything up to 200 ms more, and a stall of half a second."""

    def late_s(at_s: float) -> float:
        stall_s = max(7.6 - at_s, 0.0) if at_s >= 7.0 else 0.0
        return way_s + max(0.2 * (at_s * 7.3 % 1.0), stall_s)

    told = led(way_s=way_s, painted_s=painted_s, late_s=late_s)
    assert told.result.nats == -3.0
    assert told.cue_s is not None
    # When it was seen; or when that was heard of here, as pictures are stamped when they come.
    assert 1.1 + way_s + painted_s - 0.01 <= told.cue_s <= 1.1 + 2 * way_s + painted_s + 0.01


def test_a_first_picture_that_took_long_to_come_is_not_held_against_the_others() -> None:
    """A large key frame on a slow link: all later ones are stamped ahead of the clock, and the cue lies among them."""
    told = led(late_s=lambda at_s: 0.9 if at_s == 0 else 0.1)
    assert told.result.nats == -3.0
    assert told.cue_s == pytest.approx(1.15 + 0.8, abs=0.1)


@pytest.mark.parametrize(
    "late_s",
    [
        lambda at_s: min(0.05 + max(at_s - 0.5, 0) / 2, 1.0),  # little by little, before the step
        lambda at_s: 0.05 if at_s < 4.0 else 1.5,  # all at once, when the step comes
        lambda at_s: 0.05 if at_s < 4.0 else 8.5 - at_s if at_s < 8.0 else 0.05,  # nothing at all, and then everything
    ],
)
def test_pictures_that_were_held_back_and_kept_their_times_are_not_judged(late_s: Callable[[float], float]) -> None:
    result = led(late_s=late_s).result
    assert result == StepResult("light", None, HELD_BACK)
    assert hint(result.why) == "pictures"


def test_stamps_that_run_ahead_and_stop_for_the_answer_are_not_judged() -> None:
    """By and by 1.5 s ahead of the clock, so that the cue lies there; then the answer is stamped as if it were in time."""

    def late_s(at_s: float) -> float:
        return 2.0 - min(at_s, 4.5) / 3 if at_s < 5.6 else min(0.5 + (at_s - 5.6), 2.0)

    assert led(late_s=late_s).result.why == HELD_BACK
