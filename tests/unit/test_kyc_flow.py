"""How a page is led through an attempt, with a page, a feed and checks that are made up."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any, cast, get_args

import numpy as np
import pytest

from liveguard.challenge.script import LEAD, Step
from liveguard.challenge.seen import LEAST_EYES_PX
from liveguard.errors import InputError
from liveguard.face.texture import canonical_face
from liveguard.kyc import flow
from liveguard.kyc.decision import StepResult
from liveguard.kyc.flow import NOT_JUDGED, NOT_SHOWN, Attempt
from liveguard.kyc.framing import Framing, Hint
from liveguard.kyc.messages import Pong, Ready, Shown, Stop, parse
from liveguard.kyc.page import Page, Stopped
from liveguard.rtc.lateness import Lateness
from liveguard.scheduler import PICTURE_WHY
from liveguard.server.guarded import Guarded
from liveguard.session import Tick
from liveguard.types import LASTS, Box, FaceSample, FrameSample, Observation, Reading

STEPS = (Step("pose", {LASTS: 30_000, LEAD: 0}), Step("rhythm", {LASTS: 20_000, LEAD: 0}))


def face(t_us: int, x: float = 320.0, eyes_px: float = 80.0, light: float = 120.0, track: int = 1) -> FaceSample:
    landmarks = (canonical_face().mean * eyes_px + np.array([x, 240.0, 0.0])).astype(np.float32)
    return FaceSample(t_us, track, landmarks, Box(x - 60, 160, 120, 160), 100.0, light)


def seen(t_us: int, *faces: FaceSample, size: tuple[int, int] = (640, 480)) -> Observation:
    return Observation(FrameSample(t_us, *size, 0, np.zeros((9, 16), np.float32), 1.0), faces)


@dataclass
class Tap:
    """A feed whose clock a test moves; cues are put down to when it says."""

    now_us: int = 0
    cued: list[tuple[str, int]] = field(default_factory=list)
    late_us: int = 0
    lateness: Lateness = field(default_factory=Lateness)

    def cue(self, name: str, shown_us: int, params: Mapping[str, Any]) -> int:
        self.cued.append((name, shown_us + self.late_us))
        return shown_us + self.late_us


class Feed:
    """What an attempt needs of a guarded participant: always well placed."""

    def __init__(self) -> None:
        self.tap = Tap()

    @property
    def tick(self) -> Tick:
        self.tap.now_us += 400_000
        return Tick((), seen(self.tap.now_us, face(self.tap.now_us)))


def attempt(answer: Callable[[Attempt, Page, dict[str, Any]], None]) -> tuple[list[str], tuple[StepResult, ...], Tap]:
    """Run one; `answer` is what the page and the checks make of each message that the page is told."""
    told: list[str] = []
    feed = Feed()

    async def run() -> tuple[StepResult, ...]:
        async def say(message: dict[str, Any]) -> None:
            told.append(message["type"])
            answer(going, page, message)

        page = Page(say)
        going = Attempt(cast("Guarded", feed), STEPS, page)
        return await asyncio.wait_for(going.run(), 5.0)

    return told, asyncio.run(run()), feed.tap


def judge(going: Attempt, kind: str, nats: float | None, track: int = 1, why: str = "") -> None:
    asked = next(asked for asked in going.asked if asked.step.kind == kind)
    assert asked.cue_us is not None
    going.heard(Reading(kind, track, 0, asked.cue_us + asked.step.lasts_us, nats, 1.0, why or f"{kind} done"))


def well_behaved(going: Attempt, page: Page, message: dict[str, Any]) -> None:
    if message["type"] == "show":
        page.take(Shown(type="shown", number=message["number"]))
    elif message["type"] == "step_over":
        judge(going, STEPS[message["number"] - 1].kind, -3.0)


def test_each_step_is_told_shown_cued_and_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "LOOK_EVERY_S", 0.0)
    told, results, tap = attempt(well_behaved)
    assert told == ["frame", "step", "show", "step_over", "step", "show", "step_over", "judging"]
    assert [(result.kind, result.nats, result.why) for result in results] == [
        ("pose", -3.0, "pose done"),
        ("rhythm", -3.0, "rhythm done"),
    ]
    assert [name for name, _ in tap.cued] == ["challenge.pose", "challenge.rhythm"]


def test_a_script_is_seen_from_its_first_announcement_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "LOOK_EVERY_S", 0.0)
    seen: list[tuple[str, bool]] = []

    def answer(going: Attempt, page: Page, message: dict[str, Any]) -> None:
        seen.append((message["type"], going.seen))
        well_behaved(going, page, message)

    attempt(answer)
    assert seen[:2] == [("frame", False), ("step", True)]


def test_a_cue_never_lies_before_its_step_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(
        Page, "one_way_s", property(lambda _: 1000.0)
    )  # as a page that dawdles with its pongs can claim
    _, _, tap = attempt(well_behaved)
    assert min(t_us for _, t_us in tap.cued) >= 400_000


def test_a_step_that_is_not_shown_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(flow, "PAINT_WITHIN_S", 0.01)

    def answer(going: Attempt, page: Page, message: dict[str, Any]) -> None:
        if message.get("number") != 1:
            well_behaved(going, page, message)
        else:
            page.take(Shown(type="shown", number=2))  # says it of another step

    _, results, tap = attempt(answer)
    assert [(result.nats, result.why) for result in results] == [(None, NOT_SHOWN), (-3.0, "rhythm done")]
    assert [name for name, _ in tap.cued] == ["challenge.rhythm"]


def test_what_is_not_judged_in_time_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(flow, "JUDGE_WITHIN_S", 0.01)

    def answer(_: Attempt, page: Page, message: dict[str, Any]) -> None:
        if message["type"] == "show":
            page.take(Shown(type="shown", number=message["number"]))

    _, results, _ = attempt(answer)
    assert [result.why for result in results] == [NOT_JUDGED, NOT_JUDGED]


def test_of_several_faces_the_refusal_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "LOOK_EVERY_S", 0.0)

    def answer(going: Attempt, page: Page, message: dict[str, Any]) -> None:
        if message["type"] == "step_over" and message["number"] == 1:
            judge(going, "pose", -6.0, track=1)
            judge(going, "pose", None, track=2)
        else:
            well_behaved(going, page, message)

    _, results, _ = attempt(answer)
    assert results[0].nats is None


def test_a_portrait_on_the_wall_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused at once; the person's reading is waited for, and counts."""
    monkeypatch.setattr(flow, "LOOK_EVERY_S", 0.0)

    def answer(going: Attempt, page: Page, message: dict[str, Any]) -> None:
        if message["type"] == "judging":
            for kind, later_s in (("pose", 0.0), ("rhythm", 0.02)):
                judge(going, kind, None, track=2, why=PICTURE_WHY)
                asyncio.get_running_loop().call_later(later_s, judge, going, kind, -5.2)
        elif message["type"] == "show":
            well_behaved(going, page, message)

    _, results, _ = attempt(answer)
    assert [(result.nats, result.why) for result in results] == [(-5.2, "pose done"), (-5.2, "rhythm done")]


def test_where_nothing_but_a_picture_was_seen_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(flow, "JUDGE_WITHIN_S", 0.01)

    def answer(going: Attempt, page: Page, message: dict[str, Any]) -> None:
        if message["type"] == "show":
            well_behaved(going, page, message)
        elif message["type"] == "step_over":
            judge(going, STEPS[message["number"] - 1].kind, None, why=PICTURE_WHY)

    _, results, _ = attempt(answer)
    assert [(result.nats, result.why) for result in results] == [(None, PICTURE_WHY)] * 2


@pytest.mark.parametrize("word", [Stop(type="stop"), None])
def test_who_stops_or_leaves_ends_it(monkeypatch: pytest.MonkeyPatch, word: Stop | None) -> None:
    monkeypatch.setattr(flow, "LOOK_EVERY_S", 0.0)

    def answer(_: Attempt, page: Page, message: dict[str, Any]) -> None:
        if message["type"] == "show":
            page.take(word)

    with pytest.raises(Stopped):
        attempt(answer)


def test_the_way_to_the_page_is_measured_by_its_pongs(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> float:
        now_s = [100.0]
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now_s[0])

        async def say(message: dict[str, Any]) -> None:
            now_s[0] += 0.01
            page.take(Pong(type="pong", n=message["n"] + 7))  # of no ping of ours
            now_s[0] += 0.03
            page.take(Pong(type="pong", n=message["n"]))

        page = Page(say)
        assert page.one_way_s == 0.0
        pinging = asyncio.create_task(page.ping())
        await asyncio.sleep(0)
        pinging.cancel()
        return page.one_way_s

    assert asyncio.run(run()) == pytest.approx(0.02)


def test_a_page_that_floods_is_not_waited_for() -> None:
    async def run() -> None:
        async def say(_: dict[str, Any]) -> None:
            pass

        page = Page(say)
        for _ in range(1000):
            page.take(Ready(type="ready"))
        await asyncio.wait_for(page.ready(), 1.0)

    asyncio.run(run())


@pytest.mark.parametrize(
    "text",
    [None, "", "x", "[]", "{}", '{"type": "dance"}', '{"type": "pong"}', '{"type": "shown", "number": 0}',
     '{"type": "shown", "number": 1e400}', '{"type": "ready", "more": 1}', "[" * 900, "x" * 5000],
)  # fmt: skip
def test_nonsense_is_refused(text: str | None) -> None:
    with pytest.raises(InputError):
        parse(text)


def test_what_pages_say_is_understood() -> None:
    assert parse('{"type": "ready"}') == Ready(type="ready")
    assert parse('{"type": "shown", "number": 2}') == Shown(type="shown", number=2)


def test_the_face_must_be_well_placed_for_a_second() -> None:
    framing = Framing()
    assert [framing.look(seen(k * 100_000, face(k * 100_000))) for k in range(10)] == ["ok"] * 10
    assert not framing.placed
    framing.look(seen(1_000_000, face(1_000_000)))
    assert framing.placed
    assert framing.look(seen(1_100_000)) == "no_face"
    assert not framing.placed


@pytest.mark.parametrize(
    ("faces", "hint"),
    [
        ((), "no_face"),
        ((face(0), face(0, x=100.0, track=2)), "two_faces"),
        ((face(0, eyes_px=30.0),), "closer"),
        ((face(0, eyes_px=170.0),), "back"),
        ((face(0, x=520.0),), "centre"),
        ((face(0, light=20.0),), "dark"),
        ((face(0),), "ok"),
    ],
)
def test_the_person_is_told_what_to_do(faces: tuple[FaceSample, ...], hint: str) -> None:
    assert Framing().look(seen(0, *faces)) == hint


@pytest.mark.parametrize(
    ("size", "closer_px", "ok_px", "back_px"),
    [((640, 480), 60.0, 64.0, 170.0), ((480, 640), 60.0, 64.0, 130.0), ((320, 240), 60.0, 70.0, 85.0),
     ((360, 640), 60.0, 70.0, 95.0), ((270, 480), 60.0, 65.0, 72.0)],
)  # fmt: skip
def test_a_face_is_placed_where_depth_can_be_judged_and_not_before(
    size: tuple[int, int], closer_px: float, ok_px: float, back_px: float
) -> None:
    def told(eyes_px: float) -> str:
        one = face(0, x=size[0] / 2, eyes_px=eyes_px)
        one = replace(one, landmarks=one.landmarks + np.array([0, size[1] / 2 - 240, 0], np.float32))
        return Framing().look(seen(0, one, size=size))

    assert [told(px) for px in (closer_px, ok_px, back_px)] == ["closer", "ok", "back"]
    assert ok_px >= LEAST_EYES_PX


@pytest.mark.parametrize("size", [(240, 320), (180, 320), (320, 180)])
def test_a_picture_in_which_no_face_is_large_enough_is_not_the_persons_fault(size: tuple[int, int]) -> None:
    assert {Framing().look(seen(0, face(0, eyes_px=px), size=size)) for px in (20.0, 50.0, 61.0, 70.0)} == {
        "small_picture"
    }


def test_there_are_words_for_every_hint() -> None:
    web = files("liveguard.server") / "web" / "proof"
    for language in ("en", "de"):
        hints = re.search(
            r"placing: \{.*?hints: \{(.*?)\n    \},", (web / f"words.{language}.js").read_text("utf-8"), re.S
        )
        assert hints is not None
        assert set(re.findall(r"^\s+(\w+):", hints[1], re.M)) == set(get_args(Hint))


def test_a_face_that_moves_is_asked_to_hold_still() -> None:
    framing = Framing()
    assert [framing.look(seen(k * 100_000, face(k * 100_000, x=300.0 + 20 * k))) for k in range(3)][-1] == "hold_still"
