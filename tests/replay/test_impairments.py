"""What a guarded call makes of a bad network and of people who switch things off: gaps are said as gaps, nothing is alleged,
sound and picture stay together, and nothing is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from liveguard.server.guarded import Guarded
from liveguard.server.settings import ServerSettings
from liveguard.taps.webrtc import HOLE_US
from liveguard.types import Alert, Fault, Need
from tests.impairments import FINE, RelayedPublisher, Weather
from tests.left_over import held, no_more
from tests.marked_media import Beeps, MarkedFilm, Witness, WitnessedFake
from tests.pixel_clock import now_ms
from tests.server_parts import LOOPBACK, Running, serving, wait_until
from tests.synthetic import Says

pytestmark = pytest.mark.replay
NEED = Need(step_us=500_000, video_us=1_000_000)
CONSENT_EVERY_S = 1.0  # 5 s in real life, and 6 failures end a connection
LINGER_S = 1.0
SETTLE_S = 2.0
LIP_MS = 60.0
WEATHER_S = 4.0


@dataclass(slots=True)
class Call:
    """A running call, and what its witness has seen."""

    publisher: RelayedPublisher
    film: MarkedFilm
    beeps: Beeps
    guarded: Guarded
    witness: Witness

    async def weather(self, weather: Weather, seconds: float) -> tuple[int, int]:
        """Let it be like that for so long; when that began and ended (ms)."""
        began_ms = now_ms()
        self.publisher.relay.weather = weather
        await asyncio.sleep(seconds)
        self.publisher.relay.weather = FINE
        return began_ms, now_ms()

    async def tell(self, what: str, **body: Any) -> None:
        answer = await self.publisher.http.put(f"/api/sessions/{self.guarded.id}/{what}", json=body)
        assert answer.status_code == 204


@dataclass(frozen=True, slots=True)
class Server:
    running: Running
    guard: WitnessedFake

    def guarded(self, participant: str) -> Guarded:
        return next(one for one in self.running.hub.live() if one.participant == participant)

    @asynccontextmanager
    async def call(self, participant: str, fps: float = 15.0) -> AsyncIterator[Call]:
        publisher = RelayedPublisher(self.running.url, participant)
        film, beeps = MarkedFilm(fps=fps), Beeps()
        await publisher.publish(film, beeps)
        await publisher.connected()
        try:
            call = Call(publisher, film, beeps, self.guarded(participant), self.guard.witnesses[participant])
            await asyncio.sleep(SETTLE_S)
            yield call
        finally:
            await publisher.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    settings = ServerSettings(ice_addresses=LOOPBACK, linger_s=LINGER_S, max_sessions=16)
    with (
        pytest.MonkeyPatch.context() as patch,
        WitnessedFake([Says("camera", NEED, -1.0)]) as guard,
        serving(guard, settings) as running,
    ):
        patch.setattr("aioice.ice.CONSENT_INTERVAL", CONSENT_EVERY_S)
        yield Server(running, guard)


def go(*calls: Any) -> None:
    async def together() -> None:
        await asyncio.wait_for(asyncio.gather(*calls), 60)

    asyncio.run(together())


def check(witness: Witness) -> None:
    """What holds in any weather."""
    assert not witness.events(Alert)
    assert not [fault for fault in witness.events(Fault) if fault.where != "feed"]
    times_us = [shown.t_us for shown in witness.shown]
    assert times_us == sorted(set(times_us))
    gaps = witness.gaps("video")
    for before_us, after_us in pairwise(times_us):
        if after_us - before_us > HOLE_US + 200_000:
            middle_us = (before_us + after_us) / 2
            assert any(g.start_us <= middle_us <= g.end_us for g in gaps), "a hole without a gap"
    legible = np.mean([shown.drawn_ms is not None for shown in witness.shown])
    assert legible > 0.98, "pictures that lack what was lost were shown to the guard"
    errors = witness.lip_errors_ms(from_us=1_500_000)
    assert np.median([abs(error_ms) for _, error_ms in errors]) < LIP_MS
    told = [(t_us / 1e6, round(error_ms), round(witness.unsure_ms(t_us))) for t_us, error_ms in errors]
    within = [abs(error_ms) < LIP_MS + 2 * unsure_ms for _, error_ms, unsure_ms in told]
    assert np.mean(within) > 0.8, f"sound and picture are further apart than is said: {told}"


def ages_ms(witness: Witness, from_ms: int, to_ms: int | None = None) -> list[int]:
    shown = [one for one in witness.since(from_ms) if to_ms is None or one.at_ms < to_ms]
    return [one.age_ms for one in shown if one.age_ms is not None]


WEATHERS = {
    "loss-5": (Weather(loss=0.05), 0.8, 700),
    "loss-10": (Weather(loss=0.10), 0.7, 700),
    "loss-20": (Weather(loss=0.20), 0.4, 900),
    "bursts": (Weather(loss=0.10, burst=0.8), 0.5, 900),
    "jitter-100": (Weather(jitter_ms=100), 0.9, 400),
    "jitter-and-loss": (Weather(loss=0.05, jitter_ms=100), 0.7, 700),
}


@pytest.mark.parametrize("names", [("loss-5", "jitter-100"), ("loss-10", "bursts"), ("loss-20", "jitter-and-loss")])
def test_loss_and_jitter_cost_pictures_but_neither_time_nor_truth(server: Server, names: tuple[str, str]) -> None:
    """Two at once, to save time. Not more: publishers that are short of time give wrong sender reports."""

    async def work(name: str) -> None:
        weather, share, old_ms = WEATHERS[name]
        async with server.call(name) as call:
            before = np.median(ages_ms(call.witness, 0))
            began_ms, ended_ms = await call.weather(weather, WEATHER_S)
            await asyncio.sleep(2.5)
        came = len(call.witness.since(began_ms)) - len(call.witness.since(ended_ms))
        assert came > share * WEATHER_S * call.film.fps
        during = ages_ms(call.witness, began_ms, ended_ms)
        assert np.percentile(during, 95) < old_ms
        after = ages_ms(call.witness, ended_ms + 1000)
        assert len(after) > 12, "pictures come again"
        assert np.median(after) < before + 40, "no delay is left over"
        check(call.witness)
        heard_s = sum(len(chunk.pcm) for chunk in call.witness.sound) / 16_000
        missed_s = call.witness.missing_s("audio", "lost")
        assert heard_s + missed_s == pytest.approx(call.guarded.tap.reached_us("audio") / 1e6, abs=0.6)
        if weather.loss:
            assert call.publisher.relay.lost > 5
            assert missed_s > weather.loss * WEATHER_S / 4, "lost sound is said, not bridged"

    go(*(work(name) for name in names))


def test_jitter_and_loss_do_not_look_like_pictures_that_are_held_back(server: Server) -> None:
    """As a liveness session would refuse to judge them."""

    async def call() -> None:
        async with server.call("jittery") as call:
            tap = call.guarded.tap
            start_us = tap.now_us
            await call.weather(Weather(loss=0.02, jitter_ms=150), WEATHER_S)
            assert not tap.lateness.late(start_us, start_us + round(WEATHER_S * 1e6))

    go(call())


def test_whatever_the_person_does_in_mid_call_is_taken_for_what_it_is(server: Server) -> None:
    async def size_and_rate() -> None:
        async with server.call("size") as call:
            for size, fps in (((640, 360), 15.0), ((160, 120), 25.0), ((480, 640), 5.0), ((320, 240), 15.0)):
                call.film.size, call.film.fps = size, fps
                await asyncio.sleep(2.0)
        sizes = [shown.size for shown in call.witness.shown]
        assert {(640, 360), (160, 120), (480, 640), (320, 240)} <= set(sizes)
        assert not call.witness.gaps("video", "lost") or call.witness.gaps("video", "lost")[0].start_us < 1_000_000
        check(call.witness)

    async def muted() -> None:
        async with server.call("muted") as call:
            # As a browser does it: the tracks go on with silence and black pictures.
            call.beeps.silent = call.film.black = True
            await call.tell("muted", video=True, audio=True)
            began_ms = now_ms()
            await asyncio.sleep(3.5)
            assert len(call.witness.since(began_ms + 500)) == 0, "what is switched off is not looked at"
            call.beeps.silent = call.film.black = False
            await call.tell("muted", video=False, audio=False)
            back_ms = now_ms()
            await asyncio.sleep(2.5)
        for track in ("video", "audio"):
            gaps = call.witness.gaps(track, "muted")
            assert gaps
            assert gaps[-1].end_us - gaps[0].start_us == pytest.approx(3_500_000, abs=1_200_000)
            assert not [gap for gap in call.witness.gaps(track, "lost") if gap.end_us > gaps[0].start_us + 100_000
                        and gap.start_us < gaps[-1].end_us - 900_000]  # fmt: skip
        assert len(call.witness.since(back_ms + 500)) > 20
        check(call.witness)

    async def camera_off() -> None:
        async with server.call("off") as call:
            call.film.halted = True
            await asyncio.sleep(3.0)
            gaps = call.witness.gaps("video", "lost")
            assert gaps[-1].end_us - gaps[-1].start_us < 1_000_000, "it is said while it lasts"
            assert gaps[-1].end_us > call.guarded.tap.now_us - 1_500_000
            heard = len(call.witness.sound)
            await asyncio.sleep(0.5)
            assert len(call.witness.sound) > heard, "sound goes on"
            call.film.halted = False
            back_ms = now_ms()
            await asyncio.sleep(2.0)
        assert len(call.witness.since(back_ms + 300)) > 15
        check(call.witness)

    go(size_and_rate(), muted(), camera_off())


def test_the_network_goes_and_comes_back(server: Server) -> None:
    async def comes_back() -> None:
        async with server.call("back", fps=25.0) as call:
            connection = call.guarded.connection
            began_ms, ended_ms = await call.weather(Weather(cut=True), 5.0)
            await asyncio.sleep(3.0)
            assert call.guarded.connection is connection, "consent lasts longer than that"
        assert not [s for s in call.witness.since(began_ms + 300) if s.at_ms < ended_ms]
        back = call.witness.since(ended_ms)
        assert back[0].at_ms - ended_ms < 1500
        assert np.median([s.age_ms for s in back[5:] if s.age_ms is not None]) < 150, "not what was missed: what is now"
        for track in ("video", "audio"):
            assert call.witness.missing_s(track, "lost", from_us=1_000_000) == pytest.approx(5.0, abs=1.0)
        check(call.witness)

    async def stays_away() -> None:
        async with server.call("gone") as call:
            publisher, guarded = call.publisher, call.guarded
            await publisher.vanish()
            await asyncio.to_thread(wait_until, lambda: guarded.connection is None, 6 * 1.2 * CONSENT_EVERY_S + 5)
            assert call.witness.gaps("video", "lost"), "said long before the connection is given up"
            await asyncio.to_thread(wait_until, lambda: guarded not in server.running.hub.live(), LINGER_S + 5)
            await asyncio.to_thread(wait_until, lambda: guarded.session is not None and guarded.session.ended(0.0))
        check(call.witness)
        async with server.call("gone") as again:
            assert again.guarded is not guarded
            assert again.witness.shown

    go(comes_back(), stays_away())


def test_nothing_is_left_of_calls_that_ended_badly(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioice.ice.CONSENT_INTERVAL", 0.3)
    monkeypatch.setattr("liveguard.rtc.peer.CONNECT_S", 3.0)

    async def bad(name: str) -> None:
        publisher = RelayedPublisher(server.running.url, name)
        if name == "never":
            publisher.relay.weather = Weather(cut=True)
        await publisher.publish(MarkedFilm(), Beeps())
        if name != "never":
            await publisher.connected()
            publisher.relay.weather = Weather(loss=0.2, jitter_ms=50)
        await asyncio.sleep(1.0)
        await publisher.vanish()

    def all_end(names: tuple[str, ...]) -> None:
        async def several() -> None:
            await asyncio.gather(*(bad(name) for name in names))

        asyncio.run(several())
        assert len(server.running.hub.live()) == len(names)
        wait_until(lambda: not server.running.hub.live(), 20)

    all_end(("first",))  # what is made once for all
    before = held(server.running)
    all_end(("a", "b", "never"))
    wait_until(lambda: no_more(held(server.running), before), 10)
