"""Proofs whose page goes away and comes back, and feeds that nobody leads; pages, feeds and attempts are made up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from liveguard.kyc import service
from liveguard.kyc.decision import StepResult
from liveguard.kyc.errors import ProofClosed
from liveguard.kyc.messages import OpenProof, Ready, Shown, Stop
from liveguard.kyc.page import Page
from liveguard.kyc.report import verify
from liveguard.kyc.service import LEFT, Proofs
from liveguard.kyc.store import ProofStore
from liveguard.kyc.tables import Proof
from liveguard.kyc.webhook import FINISHED
from liveguard.outbox import Outbox
from liveguard.server import hub as hub_module
from liveguard.server.settings import ServerSettings
from liveguard.server.store import Store
from liveguard.sinks.webhook import idempotency_key
from liveguard.types import Need
from tests.server_parts import LOOPBACK, FakeGuard
from tests.synthetic import Says
from tests.unit.test_rtc_sdp import CHROMIUM

NEED = Need(step_us=500_000, video_us=1_000_000)
READY, SHOWN = Ready(type="ready"), Shown(type="shown", number=1)


class Attempt:
    """One whose page has to say once that it has shown a step; all steps are done well then."""

    begun: list[Attempt] = []  # noqa: RUF012 (each test begins with none)
    seen = True
    dark = 0  # of so many, the first, nothing can be seen

    def __init__(self, _guarded: object, steps: Any, page: Page) -> None:
        self.steps, self.page = steps, page
        self.asked = [SimpleNamespace(cue_us=0) for _ in steps]
        Attempt.begun.append(self)

    def heard(self, _: object) -> None:
        """Nothing is said."""

    async def run(self) -> tuple[StepResult, ...]:
        await self.page.shown(1)
        if len(Attempt.begun) <= Attempt.dark:
            return tuple(StepResult(step.kind, None, "too dark") for step in self.steps)
        return tuple(StepResult(step.kind, -3.0, "as asked", {"artefact_nats": -1.0}) for step in self.steps)


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    guarded = SimpleNamespace(on_event=None, tick=None, tap=SimpleNamespace(facts={}))
    monkeypatch.setattr(Attempt, "begun", [])
    monkeypatch.setattr(Attempt, "dark", 0)
    monkeypatch.setattr(service, "Attempt", Attempt)
    monkeypatch.setattr(Proofs, "_feed", lambda *_: guarded)


@asynccontextmanager
async def proofs(settings: ServerSettings | None = None) -> AsyncIterator[Proofs]:
    store, guard = Store("sqlite://"), FakeGuard([Says("camera", NEED)])
    made = Proofs(settings or ServerSettings(ice_addresses=LOOPBACK), guard, store.database)
    await made.start()
    try:
        yield made
    finally:
        await made.close()
        guard.close()
        store.close()


class Visitor:
    """A person's page, over any number of connections."""

    def __init__(self, made: Proofs, proof: str) -> None:
        self._proofs, self.proof = made, proof
        self.told: list[dict[str, Any]] = []
        self.page: Page

    async def comes(self) -> asyncio.Task[None]:
        async def say(message: dict[str, Any]) -> None:
            if message["type"] != "ping":
                self.told.append(message)

        self.page = Page(say)
        self.page.take(READY)
        return asyncio.create_task(self._proofs.run(self.proof, self.page))

    async def attempt(self, number: int) -> None:
        """Until this attempt has begun."""
        await until(lambda: len(Attempt.begun) == number)

    async def ended(self) -> Proof:
        async def done() -> bool:
            return (await self._proofs.known(self.proof)).state == "done"

        while not await done():
            await asyncio.sleep(0)
        return await self._proofs.known(self.proof)


async def until(true: Callable[[], Any]) -> None:
    while not true():
        await asyncio.sleep(0)


def visited(story: Callable[[Visitor], Awaitable[None]]) -> tuple[Visitor, Proof]:
    """What remains of a proof when `story` has been told of its page."""

    async def tell() -> tuple[Visitor, Proof]:
        async with proofs() as made:
            visitor = Visitor(made, await agreed(made))
            await story(visitor)
            return visitor, await visitor.ended()

    return asyncio.run(asyncio.wait_for(tell(), 20.0))


def test_a_report_in_another_language_says_why_no_digits_were_asked_for() -> None:
    async def told() -> Proof:
        async with proofs() as made:
            visitor = Visitor(made, await agreed(made, locale="fr"))
            await visitor.comes()
            await visitor.attempt(1)
            visitor.page.take(SHOWN)
            return await visitor.ended()

    proof = asyncio.run(asyncio.wait_for(told(), 20.0))
    assert proof.report is not None
    found = verify(proof.report)
    assert "digits" not in found.entries[0]["body"]["policy"]["kinds"]
    assert "left out, as it is asked for in English only: the spoken digits" in found.reasons
    assert not any("by the person" in reason for reason in found.reasons)


def test_a_page_that_comes_back_in_time_gets_another_script_and_its_verdict_counts() -> None:
    async def story(visitor: Visitor) -> None:
        first = await visitor.comes()
        await visitor.attempt(1)
        visitor.page.take(None)  # the connection breaks
        await first
        await visitor.comes()
        await visitor.attempt(2)
        visitor.page.take(SHOWN)

    visitor, proof = visited(story)
    assert (proof.verdict, visitor.told[-1]["verdict"]) == ("live", "live")
    assert Attempt.begun[0].steps != Attempt.begun[1].steps, "a script that was seen is not gone on with"
    assert proof.report is not None
    assert "attempt 1: not finished" in proof.report.decode()
    assert verify(proof.report).verdict == "live"


def test_a_new_connection_takes_the_place_of_one_that_is_not_missed_yet() -> None:
    async def story(visitor: Visitor) -> None:
        first = await visitor.comes()
        await visitor.attempt(1)
        await visitor.comes()
        await first  # is let go of
        await visitor.attempt(2)
        visitor.page.take(SHOWN)

    assert visited(story)[1].verdict == "live"


def test_a_page_that_does_not_come_back_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "RETURN_WITHIN_S", 0.01)

    async def story(visitor: Visitor) -> None:
        await visitor.comes()
        await visitor.attempt(1)
        visitor.page.take(None)

    _, proof = visited(story)
    assert proof.report is not None
    assert (proof.verdict, verify(proof.report).reasons) == ("cannot_judge", (LEFT,))


@pytest.mark.parametrize(("seen", "counted"), [(True, 3), (False, 0)])
def test_scripts_that_were_looked_at_are_counted(monkeypatch: pytest.MonkeyPatch, seen: bool, counted: int) -> None:
    kept: list[int] = []
    finish = ProofStore.finish
    monkeypatch.setattr(Attempt, "seen", seen)

    def counting(*given: Any, undecided: int) -> None:
        kept.append(undecided)
        finish(*given, undecided=undecided)

    monkeypatch.setattr(ProofStore, "finish", counting)

    async def story(visitor: Visitor) -> None:
        for number in (1, 2, 3):
            await visitor.comes()
            await visitor.attempt(number)
            visitor.page.take(None)

    visited(story)
    assert kept == [counted]


def test_a_try_of_which_nothing_could_be_judged_was_a_look_at_a_script(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    monkeypatch.setattr(ProofStore, "finish", lambda *_, undecided: kept.append(undecided))

    async def tell() -> None:
        async with proofs() as made:
            visitor = Visitor(made, await agreed(made))
            await again(visitor)
            visitor.page.take(SHOWN)
            await until(lambda: kept)

    asyncio.run(asyncio.wait_for(tell(), 20.0))
    assert kept == [1], "the second one was live"


def test_each_time_counts_as_a_try() -> None:
    async def story(visitor: Visitor) -> None:
        for number in (1, 2, 3):
            await visitor.comes()
            await visitor.attempt(number)
            visitor.page.take(None)

    assert visited(story)[1].verdict == "cannot_judge"


async def again(visitor: Visitor) -> None:
    """The first attempt can be judged of nothing; the page tries again, and the second has begun."""
    Attempt.dark = 1
    await visitor.comes()
    await visitor.attempt(1)
    visitor.page.take(SHOWN)
    await until(lambda: visitor.told)
    visitor.page.take(READY)
    await visitor.attempt(2)


@pytest.mark.parametrize("word", [Stop(type="stop"), None])
def test_a_try_that_is_left_leaves_what_the_one_before_came_to(
    monkeypatch: pytest.MonkeyPatch, word: Stop | None
) -> None:
    monkeypatch.setattr(service, "RETURN_WITHIN_S", 0.01)

    async def story(visitor: Visitor) -> None:
        await again(visitor)
        visitor.page.take(word)

    _, proof = visited(story)
    assert proof.report is not None
    found = verify(proof.report)
    bodies = [(entry["kind"], entry["body"]) for entry in found.entries]
    first = [step.kind for step in Attempt.begun[0].steps]
    assert [step["kind"] for kind, body in bodies if kind == "script" for step in body["steps"]] == first
    assert [(body["kind"], body["why"]) for kind, body in bodies if kind == "step"] == [
        (kind, "too dark") for kind in first
    ]
    assert found.verdict == "cannot_judge"
    assert "the coloured light could not be judged: too dark" in found.reasons or "light" not in first
    (injection,) = (body for kind, body in bodies if kind == "injection")
    assert (injection["why"], injection["facts"]["attempts"]) == (["attempt 2: not finished"], 2)


def test_a_result_takes_the_place_of_the_one_before() -> None:
    async def story(visitor: Visitor) -> None:
        await again(visitor)
        visitor.page.take(SHOWN)

    _, proof = visited(story)
    assert proof.report is not None
    found = verify(proof.report)
    asked = [step["kind"] for entry in found.entries if entry["kind"] == "script" for step in entry["body"]["steps"]]
    assert (found.verdict, asked) == ("live", [step.kind for step in Attempt.begun[1].steps])
    (injection,) = (entry["body"] for entry in found.entries if entry["kind"] == "injection")
    assert injection["why"][0].startswith("attempt 1: cannot_judge, 0 of 3 challenges speak for a person")


def test_who_stops_is_not_waited_for() -> None:
    async def story(visitor: Visitor) -> None:
        await visitor.comes()
        await visitor.attempt(1)
        visitor.page.take(Stop(type="stop"))

    assert visited(story)[1].verdict == "cannot_judge"


def test_erasing_also_empties_the_outbox(tmp_path: Path) -> None:
    waiting = Outbox(tmp_path / "outbox")

    async def story() -> None:
        async with proofs(ServerSettings(ice_addresses=LOOPBACK, proof_outbox=tmp_path / "outbox")) as made:
            proof = await agreed(made)
            waiting.put("hook", idempotency_key(proof, FINISHED), b"{}", fingerprint=b"", now_us=0)
            await made.erase(proof)

    with closing(waiting):
        asyncio.run(asyncio.wait_for(story(), 20.0))
        assert waiting.counts("hook")["pending"] == 0


class StubPeer:
    """A connection that is never made; what happens while it is answered is `meanwhile`."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    def __init__(self, *_: Any) -> None:
        """Nobody is called back."""

    async def answer(self, _sdp: str) -> str:
        if StubPeer.meanwhile is not None:
            await StubPeer.meanwhile()
        return "an answer"

    async def close(self) -> None:
        """Nothing is open."""


async def agreed(made: Proofs, locale: str = "en") -> str:
    new = await made.open(OpenProof(policy={}, locale=locale))
    await made.redeem(new.id, new.token)
    await made.consent(new.id, "en.sound", ())
    return new.id


def test_a_feed_that_nobody_leads_ends_with_its_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "Peer", StubPeer)
    monkeypatch.setattr(service, "LOOK_EVERY_S", 0.0)

    async def story() -> None:
        async with proofs() as made:
            offered, going_on = await agreed(made), await agreed(made)
            for proof in (offered, going_on):
                await made.offer(proof, CHROMIUM, None)
            await asyncio.to_thread(made.store.erase, offered, datetime.now(timezone.utc))
            await until(lambda: len(made.hub.live()) < 2)
            assert [guarded.participant for guarded in made.hub.live()] == [going_on]

    asyncio.run(asyncio.wait_for(story(), 20.0))


@pytest.mark.parametrize("error", [OSError("disk full"), ZeroDivisionError()])
@pytest.mark.parametrize("at", ["expire", "prune", "untold"])
def test_housekeeping_goes_on_whatever_happens(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, at: str, error: Exception
) -> None:
    monkeypatch.setattr(service, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(service, "PRUNE_EVERY_S", 0.0)
    monkeypatch.setattr(service, "tell", lambda store, *_: store.untold())
    called: list[int] = []

    def fails(*_: Any) -> Any:
        called.append(1)
        raise error

    monkeypatch.setattr(ProofStore, at, fails)

    async def story() -> None:
        async with proofs() as made:
            made._webhook = cast("Any", SimpleNamespace(close=lambda: None))
            await until(lambda: len(called) >= 3)

    asyncio.run(asyncio.wait_for(story(), 20.0))
    assert "it goes on" in caplog.text


def test_a_feed_whose_proof_ends_while_it_is_opened_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "Peer", StubPeer)

    async def story() -> None:
        async with proofs() as made:
            proof = await agreed(made)
            end = partial(asyncio.to_thread, made.store.erase, proof, datetime.now(timezone.utc))
            monkeypatch.setattr(StubPeer, "meanwhile", staticmethod(end))
            with pytest.raises(ProofClosed):
                await made.offer(proof, CHROMIUM, None)
            assert made.hub.live() == []

    asyncio.run(asyncio.wait_for(story(), 20.0))


def test_a_page_that_floods_and_goes_is_missed() -> None:
    async def story() -> None:
        async def say(_: dict[str, Any]) -> None:
            pass

        page = Page(say)
        for _ in range(1000):
            page.take(SHOWN)
        page.take(None)
        with pytest.raises(service.Gone):
            await page.ready()

    asyncio.run(asyncio.wait_for(story(), 1.0))
