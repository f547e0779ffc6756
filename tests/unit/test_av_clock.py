"""Sound and picture of a made-up WebRTC connection, whose true times are known, placed on one timeline."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from liveguard.rtc.av_clock import AvClock, AvOffset
from liveguard.types import Track

LATE_US = 47_000
UNSHRUNK = [Phase.explicit, Phase.reuse, Phase.generate]  # shrinking a call of 20 s takes minutes
TRACKS: tuple[Track, Track] = ("video", "audio")


@dataclass(frozen=True)
class Call:
    """A connection; times in microseconds of the world, whose 0 is the session's. `ppm`: drift of the sound's clock."""

    seconds: float = 20.0
    seed: int = 0
    media0: tuple[int, int] = (123_456, -9_876_543)
    ppm: int = 0
    jitter_us: int = 20_000
    loss: float = 0.0
    report_jitter_us: int = 2_000
    first_report_us: tuple[int, int] = (1_000_000, 2_500_000)
    ntp0: int = 3_900_000_000_345_678
    ntp_step: tuple[int, int] = (0, 0)  # by how much the sender's clock is set, and when

    def media(self, track: Track, world_us: int) -> int:
        if track == "video":
            return world_us - self.media0[0]
        return round((world_us - self.media0[1]) * (1 + self.ppm / 1e6))

    def ntp(self, track: Track, world_us: int) -> int:
        return self.ntp0 + world_us + self.ntp_step[0] * (world_us >= self.ntp_step[1])


@dataclass(frozen=True)
class Event:
    at_us: int
    kind: Literal["sample", "report"]
    track: Track
    media_us: int
    ntp_us: int = 0


def events(call: Call) -> list[Event]:
    """What the receiver hears, in order."""
    rng, out = np.random.default_rng(call.seed), []
    end_us = round(call.seconds * 1e6)
    for k, (track, step_us, late_us) in enumerate((("video", 33_333, 0), ("audio", 20_000, LATE_US))):
        at_us = 0
        for world_us in range(rng.integers(0, 20_000), end_us, step_us):
            delay_us = 30_000 + late_us + int(rng.uniform(0, call.jitter_us + 1))
            at_us = max(at_us, world_us + delay_us)  # buffers put samples in order
            if rng.uniform() >= call.loss:
                out.append(Event(at_us, "sample", track, call.media(track, world_us)))
        for world_us in range(call.first_report_us[k], end_us, 1_007_000 if track == "video" else 5_007_000):
            ntp_us = call.ntp(track, world_us) + int(rng.uniform(-1, 1) * call.report_jitter_us)
            out.append(Event(world_us + 30_000, "report", track, call.media(track, world_us), ntp_us))
    return sorted(out, key=lambda event: event.at_us)


@dataclass(frozen=True)
class Seen:
    """After one event: how far the sound lies off its picture, by the truth and by what the clock says of itself."""

    event: Event
    t_us: int | None
    error_us: int | None
    offset: AvOffset


def follow(call: Call, heard: Iterable[Event], start_us: int = 0) -> list[Seen]:
    clock, out = AvClock(start_us, LATE_US), []
    last: dict[Track, int] = {}  # placed minus true time
    for event in heard:
        t_us = None
        if event.kind == "report":
            clock.reported(event.track, event.media_us, event.ntp_us)
        else:
            t_us = clock.arrived(event.track, event.media_us, event.at_us)
            media0 = call.media0[TRACKS.index(event.track)]
            drift = 1 + call.ppm / 1e6 if event.track == "audio" else 1
            last[event.track] = t_us - round(event.media_us / drift) - media0
        error_us = last["audio"] - last["video"] if len(last) == 2 else None
        out.append(Seen(event, t_us, error_us, clock.offset))
    return out


def samples(seen: Iterable[Seen]) -> list[Seen]:
    return [one for one in seen if one.error_us is not None and one.event.kind == "sample"]


CALLS = st.builds(
    Call,
    seed=st.integers(0, 2**31),
    media0=st.tuples(st.integers(-(10**12), 10**12), st.integers(-(10**8), 10**8)),
    ppm=st.integers(-200, 200),
    jitter_us=st.integers(0, 60_000),
    loss=st.floats(0, 0.3),
    report_jitter_us=st.integers(0, 2_000),
    first_report_us=st.tuples(st.integers(0, 6_000_000), st.integers(0, 6_000_000)),
)


@settings(max_examples=40, deadline=None, phases=UNSHRUNK)
@given(CALLS)
def test_the_true_offset_lies_within_the_stated_uncertainty(call: Call) -> None:
    # Over 20 s a clock of 200 ppm moves by 4 ms since the media time 0 of a track, which may lie anywhere: only the
    # part since the call began can be seen.
    call = replace(call, media0=(call.media0[0], 0)) if call.ppm else call
    seen = samples(follow(call, events(call)))
    # The places of the two newest samples are compared, so one that waits for the next of its track may be a step behind.
    calm = [one for one, before in zip(seen[4:], seen, strict=False) if one.offset.step == before.offset.step]
    assert len(calm) > 500
    assert all(abs(one.error_us) <= one.offset.uncertainty_us for one in calm)  # type: ignore[arg-type]
    assert seen[-1].offset.source == "sender_report"
    assert seen[-1].offset.uncertainty_us < 40_000
    assert all(one.offset.uncertainty_us >= 40_000 for one in seen if one.offset.source == "arrival")


@settings(max_examples=40, deadline=None, phases=UNSHRUNK)
@given(CALLS, st.integers(0, 10**10))
def test_times_of_pictures_increase_and_none_lies_before_the_start(call: Call, start_us: int) -> None:
    heard = [replace(event, at_us=event.at_us + start_us) for event in events(replace(call, seconds=6.0))]
    seen = follow(call, heard, start_us)
    pictures = [one.t_us for one in seen if one.t_us is not None and one.event.track == "video"]
    assert pictures[0] >= start_us
    assert all(before < after for before, after in pairwise(pictures))


@settings(max_examples=25, deadline=None, phases=UNSHRUNK)
@given(CALLS, st.integers(1, 200_000))
def test_interleaving_hardly_matters(call: Call, lump_us: int) -> None:
    """The same samples, handed over a lump of time at a time, sound first."""
    call = replace(call, seconds=8.0, first_report_us=(1_000_000, 1_500_000))
    heard = events(call)
    lumped = sorted(heard, key=lambda event: (event.at_us // lump_us, event.track))
    plain, mixed = follow(call, heard)[-1], follow(call, lumped)[-1]
    assert plain.offset.source == mixed.offset.source == "sender_report"
    assert plain.error_us is not None
    assert mixed.error_us is not None
    assert abs(plain.error_us - mixed.error_us) <= 2 * 20_000


@settings(max_examples=40, deadline=None, phases=UNSHRUNK)
@given(CALLS)
def test_few_steps(call: Call) -> None:
    """At most one where the reports take over, one for 20 ms of drift, and a few while arrival is still being learnt."""
    seen = follow(call, events(call))
    by_reports = [one.offset.step for one in seen if one.offset.source == "sender_report"]
    assert by_reports[0] <= 4
    assert by_reports[-1] - by_reports[0] <= 1


def test_a_clean_call_has_no_step_but_for_the_bias_of_arrival() -> None:
    call = Call(jitter_us=0)
    assert follow(call, events(call))[-1].offset.step == 0
    biased = [replace(e, at_us=e.at_us + 30_000 * (e.kind == "sample" and e.track == "audio")) for e in events(call)]
    biased.sort(key=lambda event: event.at_us)
    seen = follow(call, biased)
    assert seen[-1].offset.step == 1
    assert seen[-1].offset.moved_us == pytest.approx(-30_000, abs=4_000)
    first = next(one for one in seen if one.offset.step == 1)
    assert first.event.kind == "report"


@pytest.mark.parametrize(("bias_us", "steps"), [(15_000, 1), (-15_000, 1), (6_000, 0)])
def test_reports_that_take_over_are_followed_unless_the_sound_would_not_notice(bias_us: int, steps: int) -> None:
    call = Call(jitter_us=0, report_jitter_us=0)
    late = [replace(e, at_us=e.at_us + bias_us * (e.kind == "sample" and e.track == "audio")) for e in events(call)]
    seen = follow(call, sorted(late, key=lambda event: event.at_us))
    assert seen[-1].offset.step == steps
    assert abs(seen[-1].error_us or 0) == pytest.approx(0 if steps else abs(bias_us), abs=1_000)


@pytest.mark.parametrize("first", ["video", "audio"])
def test_the_first_track_is_anchored_where_it_arrives_and_never_steps(first: Track) -> None:
    call = Call(report_jitter_us=0)
    heard = [e for e in events(call) if e.track == first or e.at_us > 500_000]
    biased = [replace(e, ntp_us=e.ntp_us + 120_000 * (e.track == "audio")) for e in heard]
    seen = [one for one in follow(call, biased) if one.t_us is not None]
    own = {one.t_us - one.event.media_us for one in seen if one.event.track == first and one.t_us is not None}
    other = {one.t_us - one.event.media_us for one in seen if one.event.track != first and one.t_us is not None}
    assert len(own) == 1
    assert len(other) > 1
    late_us = LATE_US if first == "audio" else 0
    assert seen[0].t_us == max(heard[0].at_us - late_us, 0)


@pytest.mark.parametrize("ppm", [-200, 200])
def test_drift_is_followed_for_an_hour_in_steps_of_20_ms(ppm: int) -> None:
    call = Call(ppm=ppm, media0=(5, 0))
    rng, clock = np.random.default_rng(1), AvClock(0, LATE_US)
    placed: dict[Track, int] = {}
    errors, sizes, before = [], [], 0
    for second in range(3600):
        world_us = second * 1_000_000
        for track in TRACKS:
            late_us = LATE_US if track == "audio" else 0
            at_us = world_us + 30_000 + late_us + int(rng.uniform(0, 5_000))
            placed[track] = clock.arrived(track, call.media(track, world_us), at_us)
        stated_us = clock.offset.uncertainty_us
        for track in TRACKS:
            if track == "video" or second % 5 == 0:
                clock.reported(track, call.media(track, world_us), call.ntp(track, world_us))
        if second > 20:
            errors.append(abs(placed["audio"] - placed["video"]) - stated_us)
            sizes += [abs(clock.offset.moved_us - before)] if clock.offset.moved_us != before else []
        before = clock.offset.moved_us
    assert max(errors) <= 0
    assert 30 <= len(sizes) <= 36  # 720 ms
    assert max(sizes) < 25_000


@pytest.mark.parametrize("step_us", [-3_600_000_000, -250_000, 150_000, 5_000_000])
def test_a_step_of_the_senders_clock_moves_nothing(step_us: int) -> None:
    call = Call(seconds=40.0, ntp_step=(step_us, 20_000_500))
    seen = samples(follow(call, events(call)))
    before = [one.offset for one in seen if 15_000_000 < one.event.at_us < 20_000_000]
    during = [one.offset for one in seen if 21_500_000 < one.event.at_us < 22_000_000]
    after = seen[-1].offset
    assert {offset.source for offset in (*before, *during, after)} == {"sender_report"}
    assert max(o.uncertainty_us for o in during) > max(o.uncertainty_us for o in before)
    assert during[-1].uncertainty_us > during[0].uncertainty_us  # it grows
    assert after.step == before[0].step
    assert after.uncertainty_us < max(o.uncertainty_us for o in during)
    assert abs(seen[-1].error_us or 0) <= after.uncertainty_us


def nonsense(kind: str, event: Event, rng: np.random.Generator) -> int:
    return {
        "none": 0,
        "negative": -5,
        "apart": event.ntp_us + 700_000 * (event.track == "audio"),
        "own clocks": event.media_us + (10**12 if event.track == "audio" else 10**9),
        "random": int(rng.integers(1, 2**62)),
        "whole seconds": event.ntp_us // 1_000_000 * 1_000_000 + int(rng.integers(0, 2_400)),
    }[kind]


@pytest.mark.parametrize("kind", ["none", "negative", "apart", "own clocks", "random", "whole seconds"])
def test_nonsense_in_reports_is_not_used(kind: str) -> None:
    call, rng = Call(), np.random.default_rng(4)
    heard = [replace(e, ntp_us=nonsense(kind, e, rng)) if e.kind == "report" else e for e in events(call)]
    seen = samples(follow(call, heard))
    assert {one.offset.source for one in seen} == {"arrival"}
    assert all(abs(one.error_us or 0) <= one.offset.uncertainty_us for one in seen)
    assert seen[-1].offset.step <= 3


def test_reports_that_contradict_each_other_do_not_make_the_sound_jump_about() -> None:
    call = Call(seconds=60.0, report_jitter_us=300_000)
    seen = samples(follow(call, events(call)))
    assert seen[-1].offset.step <= 6


@pytest.mark.parametrize("seed", range(8))
def test_reports_that_contradict_each_other_again_and_again_are_let_go(seed: int) -> None:
    """The first ones agree with each other by chance, or there is but one of each track, and so they are believed."""
    call = Call(seconds=60.0, seed=seed, report_jitter_us=450_000)
    seen = samples(follow(call, events(call)))
    late = [one for one in seen if one.event.at_us > 30_000_000]
    assert {one.offset.source for one in late} == {"arrival"}
    assert all(abs(one.error_us or 0) <= one.offset.uncertainty_us for one in late)


def test_reports_may_stop_and_the_offset_then_ages() -> None:
    call = Call(seconds=60.0)
    heard = [event for event in events(call) if event.kind == "sample" or event.at_us < 15_000_000]
    seen = samples(follow(call, heard))
    assert seen[-1].offset.source == "sender_report"
    at_20_s = next(one.offset for one in seen if one.event.at_us > 20_000_000)
    grown_us = seen[-1].offset.uncertainty_us - at_20_s.uncertainty_us
    assert grown_us == pytest.approx(40 * 200, abs=100)  # 200 ppm of 40 s


@pytest.mark.parametrize("broken", TRACKS)
@pytest.mark.parametrize("by_us", [-60_000_000, -5_000_000, 5_000_000, 10**12])
def test_media_times_that_break_off_go_on_where_they_arrive(broken: Track, by_us: int) -> None:
    call = Call(seconds=30.0)

    def broken_off(event: Event) -> Event:
        moved = event.track == broken and event.at_us > 12_000_000
        return replace(event, media_us=event.media_us + by_us) if moved else event

    heard = [broken_off(event) for event in events(call)]
    seen = follow(call, heard)
    late = [one for one in seen if one.t_us is not None and one.event.at_us > 18_000_000]
    ahead_us = [one.t_us - one.event.at_us for one in late if one.t_us is not None]
    assert max(map(abs, ahead_us)) < 400_000
    assert max(one.t_us - one.event.at_us for one in seen if one.t_us is not None) < 400_000
    last = seen[-1]
    error_us = (last.error_us or 0) + (by_us if broken == "audio" else -by_us)  # the truth knows of no break
    assert last.offset.step >= 1
    assert last.offset.source == "sender_report"
    assert abs(error_us) <= last.offset.uncertainty_us


def test_a_network_that_stands_still_breaks_nothing_off() -> None:
    call = Call(seconds=30.0)

    def held_up(event: Event) -> Event:
        return replace(event, at_us=max(event.at_us, 19_000_000)) if event.at_us > 12_000_000 else event

    seen = samples(follow(call, [held_up(event) for event in events(call)]))
    assert {one.offset.step for one in seen if one.event.at_us > 11_000_000} == {seen[-1].offset.step}
    assert abs(seen[-1].error_us or 0) <= seen[-1].offset.uncertainty_us


@pytest.mark.parametrize("speed", [0.01, 0.3, 0.9])
@pytest.mark.parametrize("slow", [("video",), ("audio",), TRACKS])
def test_a_clock_that_has_slowed_down_does_not_hold_time_up(slow: tuple[Track, ...], speed: float) -> None:
    call, slow_from_us = Call(seconds=70.0), 12_000_000

    def slowed(event: Event) -> Event:
        late_us = max(event.at_us - slow_from_us, 0) if event.track in slow else 0
        return replace(event, media_us=event.media_us - round(late_us * (1 - speed)))

    placed = [one for one in follow(call, map(slowed, events(call))) if one.t_us is not None]
    assert max(one.event.at_us - one.t_us for one in placed if one.t_us is not None) < 7_500_000  # 5 s, and 2 s more
    for track in TRACKS:
        reached_us = [one.t_us for one in placed if one.event.track == track]
        assert (reached_us[-1] or 0) > 62_000_000


@pytest.mark.parametrize("speed", [1.02, 1.5, 4.0, 200.0])
@pytest.mark.parametrize("fast", [("video",), ("audio",), TRACKS])
def test_a_clock_that_runs_fast_does_not_lead_into_the_future(fast: tuple[Track, ...], speed: float) -> None:
    call, fast_from_us = Call(seconds=150.0), 12_000_000

    def hastened(event: Event) -> Event:
        ahead_us = max(event.at_us - fast_from_us, 0) if event.track in fast else 0
        return replace(event, media_us=event.media_us + round(ahead_us * (speed - 1)))

    placed = [one for one in follow(call, map(hastened, events(call))) if one.t_us is not None]
    assert max(one.t_us - one.event.at_us for one in placed if one.t_us is not None) < 2_300_000
    for track in TRACKS:
        reached_us = [one.t_us for one in placed if one.event.track == track]
        assert (reached_us[-1] or 0) > 147_000_000, "nor does it stay behind"


def test_a_call_that_begins_behind_a_full_queue_breaks_nothing_off() -> None:
    """The queue drains in a burst: the delay falls below that of the first samples, but the clock is right."""
    call = Call(seconds=40.0)

    def delayed(event: Event) -> Event:
        return replace(event, at_us=event.at_us + max(1_900_000 - event.at_us // 2, 0))

    seen = samples(follow(call, sorted(map(delayed, events(call)), key=lambda event: event.at_us)))
    assert len({one.t_us - one.event.media_us for one in seen if one.event.track == "video" and one.t_us}) == 1
    assert seen[-1].offset.source == "sender_report"


@pytest.mark.parametrize("ppm", [-200, 200])
def test_clocks_that_differ_never_break_off(ppm: int) -> None:
    """Six hours, 4.3 s of drift."""
    clock, rng, origins_us = AvClock(0, LATE_US), np.random.default_rng(2), set()
    for world_us in range(0, 6 * 3_600_000_000, 700_000):
        media_us = round(world_us * (1 + ppm / 1e6))
        origins_us.add(clock.arrived("video", media_us, world_us + 30_000 + int(rng.uniform(0, 20_000))) - media_us)
    assert len(origins_us) == 1


@pytest.mark.parametrize(
    ("peak_us", "rise_us", "stay_us", "fall_us"),
    [
        (1_900_000, 5_000_000, 60_000_000, 5_000_000),  # a queue that stays full
        (3_500_000, 6_000_000, 0, 4_000_000),  # a longer one that drains
        (2_500_000, 2_600_000, 1_000_000, 2_500_000),
    ],
)
def test_a_congested_link_that_recovers_breaks_nothing_off(
    peak_us: int, rise_us: int, stay_us: int, fall_us: int
) -> None:
    call = Call(seconds=100.0)

    def delayed(event: Event) -> Event:
        since_us = event.at_us - 12_000_000
        left_us = rise_us + stay_us + fall_us - since_us
        queue_us = min(peak_us, peak_us * since_us // rise_us, peak_us * left_us // fall_us)
        return replace(event, at_us=event.at_us + max(queue_us, 0))

    seen = samples(follow(call, sorted(map(delayed, events(call)), key=lambda event: event.at_us)))
    assert len({one.t_us - one.event.media_us for one in seen if one.event.track == "video" and one.t_us}) == 1
    assert seen[-1].offset.source == "sender_report"
    assert abs(seen[-1].error_us or 0) <= seen[-1].offset.uncertainty_us


def test_a_picture_that_would_go_back_runs_at_half_speed() -> None:
    clock = AvClock(0, 0)
    for k in range(100):
        clock.arrived("audio", k * 20_000, k * 20_000)
        # Picture arrives 200 ms after its sound, then, reports say, was taken with it.
        before_us = clock.arrived("video", k * 20_000, k * 20_000 + 200_000)
    assert before_us == 99 * 20_000 + 200_000
    clock.reported("audio", 1_980_000, 10**15 + 500_000)
    clock.reported("video", 1_980_000, 10**15 + 500_000)
    times = [clock.arrived("video", 2_000_000 + k * 20_000, 2_200_000 + k * 20_000) for k in range(40)]
    steps = np.diff([before_us, *times])
    assert set(steps[:18].tolist()) == {10_000}
    assert times[-1] == 2_000_000 + 39 * 20_000  # caught up


def test_before_both_tracks_have_come_nothing_is_known() -> None:
    clock = AvClock(5_000_000, LATE_US)
    assert clock.arrived("audio", -7, 5_020_000) == 5_000_000
    clock.reported("audio", 0, 10**15)
    assert clock.offset == AvOffset("arrival", 500_000)
    assert clock.offset.params() == {"source": "arrival", "uncertainty_ms": 500.0, "step": 0, "moved_ms": 0.0}
