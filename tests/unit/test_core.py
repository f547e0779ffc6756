"""The pure core: windows by watermark, order, lateness, gaps, faults, memory, and no clock."""

from __future__ import annotations

import ast
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import liveguard
from liveguard.audio.ring import AudioRing
from liveguard.engine import Engine
from liveguard.errors import ConfigError
from liveguard.rtc.av_clock import TRUST_US
from liveguard.types import (
    Alert,
    AudioChunk,
    Cue,
    Event,
    Fault,
    Gap,
    Need,
    Observation,
    Reading,
    Sample,
    Status,
    Window,
)
from tests.synthetic import AUDIO, AV, VIDEO, Breaks, Says, Spy, by_time, chunks, face, frame, pictures, talker, voice

PACKAGE = Path(liveguard.__file__).parent
CORE = [
    "types",
    "timeline",
    "scheduler",
    "fusion",
    "alert",
    "engine",
    "policy",
    "report",
    "replaying",
    "ladder",
    "wire",
]
IMPURE = {"script.py", "recogniser_aside.py"}  # makes nonces; keeps a process, whose answers depend on the sound alone
CLOCKS = {"time", "asyncio", "threading", "random", "datetime", "secrets", "uuid", "concurrent"}


def run_on(samples: list[Sample], engine: Engine) -> list[Event]:
    return [event for sample in samples for event in engine.push(sample)]


def run(samples: list[Sample], engine: Engine) -> list[Event]:
    return run_on(samples, engine) + engine.finish()


@pytest.mark.parametrize(
    "path",
    [PACKAGE / f"{name}.py" for name in CORE]
    + sorted((PACKAGE / "detectors").glob("*.py"))
    + sorted(path for path in (PACKAGE / "challenge").glob("*.py") if path.name not in IMPURE),
    ids=lambda path: path.name,
)
def test_core_and_detectors_import_no_clock(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {
        node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
    }
    assert not imported & CLOCKS


def test_windows_come_when_due_in_one_order() -> None:
    early, late = Spy("early", Need(step_us=1_000_000, video_us=1_000_000)), Spy("late", Need(1_000_000, 2_000_000))
    readings = [r for r in run(list(pictures(3.0)), Engine(VIDEO, [late, early])) if isinstance(r, Reading)]
    assert [(r.end_us // 1_000_000, r.detector) for r in readings] == [
        (end, name) for end in (1, 2, 3) for name in ("early", "late")
    ]
    assert [r.start_us for r in readings if r.detector == "late"] == [0, 0, 1_000_000]


def test_window_holds_exactly_its_span() -> None:
    spy = Spy(need=Need(step_us=500_000, video_us=1_000_000, audio_us=1_000_000))
    run(by_time(pictures(3.0), chunks(voice(3.0), [320])), Engine(AV, [spy]))
    window = spy.windows[3]
    assert (window.start_us, window.end_us) == (1_000_000, 2_000_000)
    assert [f.t_us for f in window.faces] == list(range(1_000_000, 2_000_000, 40_000))
    assert len(window.pcm) == 16_000
    assert window.coverage == 1.0
    np.testing.assert_array_equal(window.pcm, voice(3.0)[16_000:32_000])
    assert window.speech.t_us[0] >= 1_000_000
    assert window.speech.t_us[-1] < 2_000_000


@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    sizes=st.lists(st.integers(16, 2000), min_size=1, max_size=12),
    skew_us=st.integers(-150_000, 150_000),
)
def test_any_chunking_and_interleaving_gives_the_same_bits(sizes: list[int], skew_us: int) -> None:
    seen, pcm = pictures(2.5), voice(2.5)
    plain = run(
        by_time(seen, chunks(pcm, [320])), Engine(AV, [Spy(), Spy("feed", Need(1_000_000, 3_000_000, scope="feed"))])
    )
    keyed = [(s.t_us, 0, s) for s in seen]
    keyed += [(c.t_us + skew_us, 1, c) for c in chunks(pcm, sizes)]  # type: ignore[misc]
    mixed: list[Sample] = [sample for *_, sample in sorted(keyed, key=lambda item: item[:2])]
    again = run(mixed, Engine(AV, [Spy(), Spy("feed", Need(1_000_000, 3_000_000, scope="feed"))]))
    assert [e for e in plain if isinstance(e, Reading)] == [e for e in again if isinstance(e, Reading)]


def test_a_stalled_track_holds_windows_up_for_600_ms_only() -> None:
    engine = Engine(AV, [spy := Spy(need=Need(500_000, 500_000, 500_000))])
    seen = pictures(3.0)
    for sample in seen[:27]:  # up to 1040 ms, no sound at all
        engine.push(sample)
    assert not spy.windows
    for sample in seen[27:30]:
        engine.push(sample)
    assert len(spy.windows) == 1
    assert spy.windows[0].coverage == 0.0


def test_late_samples_are_dropped_and_counted() -> None:
    engine = Engine(AV, [spy := Spy(need=Need(500_000, 500_000, 500_000))])
    for sample in pictures(2.0):
        engine.push(sample)
    engine.push(AudioChunk(0, voice(0.2)))
    assert engine.timeline.late["audio"] == 1
    engine.push(Observation(frame(100_000), ()))
    assert engine.timeline.late["video"] == 1
    assert all(not window.pcm.any() for window in spy.windows)


def test_holes_in_sound_read_as_missing_not_as_silence_judged() -> None:
    spy = Spy(need=Need(step_us=1_000_000, audio_us=2_000_000, scope="feed"))
    pcm = voice(4.0)
    kept = [c for c in chunks(pcm, [320]) if not 1_000_000 <= c.t_us < 2_000_000]
    run(list(kept), Engine(AUDIO, [spy]))
    second = spy.windows[1]
    assert second.coverage == pytest.approx(0.5, abs=0.02)
    assert not second.speech.present[-20:].any()
    assert not second.speech.voiced[-20:].any()


def test_nan_and_overdriven_sound_is_made_harmless() -> None:
    spy = Spy(need=Need(step_us=1_000_000, audio_us=1_000_000, scope="feed"))
    pcm = voice(2.0)
    pcm[5000:5100] = np.nan
    pcm[6000:6100] = 40.0
    run(list(chunks(pcm, [400])), Engine(AUDIO, [spy]))
    assert all(np.isfinite(w.pcm).all() and np.abs(w.pcm).max() <= 1.0 for w in spy.windows)
    assert all(np.isfinite(w.speech.log_mel).all() for w in spy.windows)


def test_cues_and_gaps_reach_the_window() -> None:
    spy = Spy(need=Need(1_000_000, 1_000_000))
    gap, cue = Gap("video", 1_200_000, 1_400_000, "lost"), Cue(1_300_000, "light", {"colour": "red"})
    samples = by_time(pictures(3.0), [cue])
    events = run([*samples[:37], gap, *samples[37:]], Engine(VIDEO, [spy]))
    assert [(w.cues, w.gaps) for w in spy.windows] == [((), ()), ((cue,), (gap,)), ((), ())]
    assert gap in events


def test_a_second_without_a_face_is_said_as_a_gap() -> None:
    samples: list[Sample] = [
        Observation(frame(t), () if 1_000_000 <= t < 3_000_000 else (face(t),)) for t in range(0, 4_000_000, 40_000)
    ]
    gaps = [event for event in run(samples, Engine(VIDEO, [])) if isinstance(event, Gap)]
    assert [(gap.start_us, gap.end_us, gap.reason) for gap in gaps] == [(960_000, 3_000_000, "no_face")]


def test_faces_that_find_no_place_are_said_once_and_for_as_long_as_they_are_there() -> None:
    def crowd(t_us: int) -> int:
        return 2 if 1_000_000 <= t_us < 2_000_000 else 1 if 2_000_000 <= t_us < 3_000_000 else 0

    engine = Engine(VIDEO, [Spy(need=Need(500_000, 500_000))])
    times = range(0, 4_000_000, 40_000)
    told, stand = [], []
    for t_us in times:
        told += engine.push(Observation(frame(t_us), (face(t_us),), crowd(t_us)))
        stand.append([status.why[0] for status in engine.statuses() if status.participant == "other faces"])
    said = [event for event in told if isinstance(event, Status) and event.participant == "other faces"]
    assert [status.t_us for status in said] == [1_000_000, 2_000_000, 3_000_000]
    assert {status.state for status in said} == {"cannot_judge"}
    words = [status.why[0].split(" in ")[0] for status in said]
    assert words == ["2 more faces are", "1 more face is", "left the picture"]
    assert [len(why) for why in stand] == [int(crowd(t_us) > 0) for t_us in times]


def test_others_are_forgotten_when_no_more_pictures_come() -> None:
    engine = Engine(AV, [Spy(need=Need(500_000, audio_us=500_000, scope="feed"))])
    told = []
    for sample in by_time([replace(one, unfollowed=1) for one in pictures(1.0)], chunks(voice(9.0), [800])):
        told += engine.push(sample)
    said = [event.why[0] for event in told if isinstance(event, Status) and event.participant == "other faces"]
    assert [why.split(" in ")[0] for why in said] == ["1 more face is", "left the picture"]


def test_a_face_that_never_comes_back_is_said_at_the_end() -> None:
    samples: list[Sample] = [
        Observation(frame(t), (face(t),) if t < 1_000_000 else ()) for t in range(0, 3_000_000, 40_000)
    ]
    gaps = [event for event in run(samples, Engine(VIDEO, [])) if isinstance(event, Gap)]
    assert [(gap.start_us, gap.reason) for gap in gaps] == [(960_000, "no_face")]


def test_each_face_has_its_own_windows_and_peers() -> None:
    spy = Spy(need=Need(1_000_000, 1_000_000))
    run(list(pictures(2.0, tracks=(1, 2, 3))), Engine(VIDEO, [spy]))
    assert [(w.track, w.peers) for w in spy.windows[:3]] == [(1, (2, 3)), (2, (1, 3)), (3, (1, 2))]


def test_who_is_seen_but_not_followed_keeps_others_from_being_alone_while_in_the_window() -> None:
    seen = [replace(one, unfollowed=int(one.t_us < 500_000)) for one in pictures(3.0)]
    spy = Spy(need=Need(1_000_000, 1_000_000))
    run(list(seen), Engine(VIDEO, [spy]))
    assert [(w.peers, w.unfollowed, w.alone) for w in spy.windows[:2]] == [((), True, False), ((), False, True)]


def test_a_picture_on_the_wall_is_not_judged_and_no_peer() -> None:
    wall = [replace(o, faces=(*o.faces, face(o.t_us, 2, motion=0.0, picture=True))) for o in pictures(2.0)]
    engine = Engine(VIDEO, [spy := Spy(need=Need(1_000_000, 1_000_000), llr=5.0)])
    readings = [e for e in run(list(wall), engine) if isinstance(e, Reading)]
    assert {r.track: r.llr for r in readings} == {1: 5.0, 2: None}
    assert all(w.peers == () for w in spy.windows)


def test_a_broken_check_becomes_a_fault_and_the_others_go_on() -> None:
    need = Need(1_000_000, 1_000_000)
    events = run(list(pictures(2.0)), Engine(VIDEO, [Breaks("bad", need), Says("good", need)]))
    faults = [e for e in events if isinstance(e, Fault)]
    assert [(f.where, f.what) for f in faults] == [("check bad", "ZeroDivisionError: oh")] * 2
    assert [e.detector for e in events if isinstance(e, Reading)] == ["good", "good"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"llr": math.nan}, "gave nan as its ratio"),
        ({"llr": math.inf}, "gave inf as its ratio"),
        ({"coverage": math.nan}, "gave nan as its coverage"),
        ({"coverage": 1.5}, "gave 1.5 as its coverage"),
        ({"detector": "other"}, "another window or face"),
        ({"track": 7}, "another window or face"),
        (None, "gave NoneType instead of a Reading"),
    ],
)
def test_a_reading_that_breaks_its_promise_is_a_fault(changes: dict[str, object] | None, words: str) -> None:
    class Careless(Spy):
        def evaluate(self, window: Window) -> Reading:
            right = super().evaluate(window)
            return None if changes is None else replace(right, **changes)  # type: ignore[return-value, arg-type]

    events = run(list(pictures(2.0)), Engine(VIDEO, [Careless(need=Need(1_000_000, 1_000_000))]))
    assert [words in e.what for e in events if isinstance(e, Fault)] == [True, True]
    assert not [e for e in events if isinstance(e, Reading)]


def test_who_has_left_is_dismissed_with_all_that_was_raised() -> None:
    engine = Engine(VIDEO, [Says("camera", Need(500_000, 1_000_000, evidence_us=500_000), 6.0)])
    seen: list[Sample] = list(pictures(8.0))
    seen += [Observation(frame(t), ()) for t in range(8_000_000, 16_000_000, 40_000)]
    events = run(seen, engine)
    alerts = [
        (e.state, e.participant, e.t_us // 1_000_000)
        for e in events
        if isinstance(e, Alert) and e.participant == "face 1"
    ]
    assert alerts[0][:2] == ("raised", "face 1")
    assert alerts[1][:2] == ("cleared", "face 1")
    assert 11 <= alerts[1][2] <= 13
    last = [e for e in events if isinstance(e, Status) and e.participant == "face 1"][-1]
    assert (last.state, last.why) == ("cannot_judge", ("left the picture",))
    assert [s.participant for s in engine.statuses()] == ["feed"]


def test_a_long_window_does_not_go_on_telling_of_a_face_that_is_gone() -> None:
    engine = Engine(VIDEO, [Spy(need=Need(1_000_000, 8_000_000), llr=2.0)])
    seen: list[Sample] = list(pictures(6.0))
    seen += [Observation(frame(t), ()) for t in range(6_000_000, 14_000_000, 40_000)]
    readings = [e for e in run(seen, engine) if isinstance(e, Reading) and e.track == 1]
    assert [r.end_us // 1_000_000 for r in readings if r.llr is not None] == [1, 2, 3, 4, 5, 6]
    assert readings[6].why == "not seen for 1.0 s: stay in view"


class OfFaces(Says):
    """Cannot judge where there is no face, as checks of faces are."""

    def evaluate(self, window: Window) -> Reading:
        said = super().evaluate(window)
        return said if window.track is not None else replace(said, llr=None, why="no face in view")


def test_of_a_feed_that_nothing_ever_judged_no_hole_is_told() -> None:
    """A check of faces says of the feed only that there was none, before the first one came."""
    engine = Engine(VIDEO, [OfFaces("mesh", Need(500_000, 2_000_000), -0.5)])
    empty = [Observation(frame(t_us), ()) for t_us in range(0, 3_000_000, 40_000)]
    filled = [Observation(frame(t_us), (face(t_us),)) for t_us in range(3_000_000, 20_000_000, 40_000)]
    events = run_on([*empty, *filled], engine)
    assert any(isinstance(e, Status) and e.participant == "feed" for e in events)
    assert "nothing came" not in str(events)
    assert [status.participant for status in engine.statuses()] == ["face 1"]


@pytest.mark.parametrize("llr", [6.0, -0.5])
def test_a_hole_beyond_all_memory_takes_nothing_back_that_was_found_of_the_feed(llr: float) -> None:
    engine = Engine(VIDEO, [Says("camera", Need(500_000, 2_000_000, scope="feed"), llr)])
    events = run_on([*pictures(10.0), Gap("video", 10_000_000, 70_000_000, "lost")], engine)
    raised = [e for e in events if isinstance(e, Alert)]
    states = [(e.state, e.why) for e in events if isinstance(e, Status)]
    after = [engine.push(Observation(frame(t), (face(t),))) for t in range(70_000_000, 73_000_000, 40_000)]
    said = [e for some in after for e in some]
    if llr > 0:
        assert [e.state for e in raised] == ["raised"]
        assert not [e for e in said if isinstance(e, Alert)], "it still stands"
        assert states[-1][0] == "alert"
    else:
        assert ("cannot_judge", ("nothing came for 56 s",)) in states
    assert "left the picture" not in str(states)


def test_ten_thousand_faces_leave_nothing_behind() -> None:
    engine = Engine(VIDEO, [Says("mesh", Need(500_000, 500_000), 0.1)])
    for k in range(2000):
        t_us = k * 250_000
        engine.push(Observation(frame(t_us), (face(t_us, track=k),)))
    assert len(engine.statuses()) < 30


def test_what_comes_too_late_is_said() -> None:
    engine = Engine(AV, [Spy()])
    events: list[Event] = []
    for chunk in chunks(voice(3.0), [320]):
        events += engine.push(chunk)
    for one in pictures(1.0):
        events += engine.push(one)
    faults = [e.what for e in events if isinstance(e, Fault)]
    assert faults == ["came more than 0.6 s behind the other track and were left out: 1 of video"]


def skewed(sound_late_us: int, seconds: float = 40.0, waver_us: int = 0) -> list[Sample]:
    """Pictures and sound in the order in which they come, the one `sound_late_us` behind the other; each in order."""
    rng, came = np.random.default_rng(1), []
    for late_us, stream in ((0, pictures(seconds)), (sound_late_us, list(chunks(talker(seconds), [320])))):
        waver = rng.integers(0, waver_us + 1, len(stream))
        at_us = np.maximum.accumulate([sample.t_us + late_us for sample in stream] + waver)
        came += list(zip(at_us.tolist(), stream, strict=True))
    return [sample for _, sample in sorted(came, key=lambda one: one[0])]


@pytest.mark.parametrize(
    ("late_us", "needs", "words"),
    [
        (700_000, "audio", "the sound comes more than 0.6 s after the picture: too late to be judged"),
        (-700_000, "video", "the picture comes more than 0.6 s after the sound: too late to be judged"),
    ],
)
def test_a_track_that_is_lost_for_coming_too_late_is_what_checks_say(late_us: int, needs: str, words: str) -> None:
    sound, picture = (
        Says("sound", Need(1_000_000, audio_us=8_000_000, scope="feed"), 0.1),
        Says("picture", Need(1_000_000, 3_000_000), 0.1),
    )
    events = run(skewed(late_us), Engine(AV, [sound, picture]))
    late, timely = ("sound", "picture") if needs == "audio" else ("picture", "sound")
    said = [e for e in events if isinstance(e, Reading) and e.end_us > 2_000_000]
    assert {e.why for e in said if e.detector == late} == {words}
    assert {e.llr for e in said if e.detector == timely} == {0.1}
    faults_s = [e.t_us // 1_000_000 for e in events if isinstance(e, Fault)]
    assert faults_s[0] < 2
    assert 4 <= faults_s[1] <= 6
    assert len(faults_s) == 4


@pytest.mark.parametrize("late_us", [TRUST_US, -TRUST_US])
def test_what_sender_reports_may_place_apart_is_not_too_late(late_us: int) -> None:
    engine = Engine(AV, [])
    run(skewed(late_us, 10.0, waver_us=60_000), engine)
    assert not engine.timeline.late


def test_a_moment_that_came_too_late_is_only_missing() -> None:
    early = by_time(pictures(4.0), chunks(voice(4.0), [320]))
    kept = [s for s in early if not isinstance(s, AudioChunk) or not 2_000_000 <= s.t_us < 2_200_000]
    late = [s for s in early if isinstance(s, AudioChunk) and 2_000_000 <= s.t_us < 2_200_000]
    spy = Spy(need=Need(1_000_000, audio_us=2_000_000, scope="feed"))
    at = next(k for k, s in enumerate(kept) if s.t_us > 3_100_000)  # type: ignore[union-attr]
    run([*kept[:at], *late, *kept[at:]], Engine(AV, [spy]))
    [gap] = [gap for gap in spy.windows[-1].gaps if gap.reason == "late"]
    assert (gap.kind, gap.start_us, gap.end_us) == ("audio", 2_000_000, 2_200_000)
    assert spy.windows[-1].end_us == 4_000_000


@pytest.mark.parametrize("jump_s", [600, 36_000, 2**40 // 1_000_000])
def test_a_jump_of_hours_takes_no_time_and_is_not_gone_through(jump_s: int) -> None:
    spy = Spy(need=Need(500_000, 2_000_000, 2_000_000))
    engine = Engine(AV, [spy])
    shift_us = jump_s * 1_000_000
    early: list[Sample] = by_time(pictures(2.0), chunks(voice(2.0), [320]))
    events = [event for sample in early for event in engine.push(sample)]
    for one in pictures(2.0):
        events += engine.push(Observation(frame(shift_us + one.t_us), (face(shift_us + one.t_us),)))
        events += engine.push(AudioChunk(shift_us + one.t_us, voice(0.04)))
    assert len(spy.windows) < 40
    assert spy.windows[-1].end_us > shift_us
    assert spy.windows[-1].pcm.any()
    assert len(spy.windows[-1].speech.voiced) > 50


def test_long_chunks_give_the_same_as_short_ones() -> None:
    need = Need(step_us=500_000, audio_us=1_500_000, scope="feed")
    short, long = Spy(need=need), Spy(need=need)
    run(list(chunks(voice(12.0), [320])), Engine(AUDIO, [short]))
    run(list(chunks(voice(12.0), [160_000])), Engine(AUDIO, [long]))
    assert [w.pcm.tobytes() for w in short.windows] == [w.pcm.tobytes() for w in long.windows]


def test_two_checks_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="same name"):
        Engine(VIDEO, [Spy(), Spy()])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 700), st.integers(1, 150)), min_size=1, max_size=30))
def test_ring_equals_a_plain_array(writes: list[tuple[int, int]]) -> None:
    keep, ring = 100, AudioRing(100)
    truth, there, end = np.zeros(2000, np.float32), np.zeros(2000, bool), 0
    for number, (index, count) in enumerate(writes):
        index = max(index, end - keep)  # older writes than are kept may be ignored
        pcm = np.full(count, number + 1, np.float32)
        ring.write(index, pcm)
        truth[index : index + count], there[index : index + count] = pcm, True
        end = max(end, index + count)
        got, present = ring.read(max(end - keep, 0), end)
        np.testing.assert_array_equal(present, there[max(end - keep, 0) : end])
        np.testing.assert_array_equal(got, truth[max(end - keep, 0) : end])
    assert ring.end == end


def test_silence_is_no_sound() -> None:
    engine = Engine(AV, [])
    engine.push(AudioChunk(0, np.zeros(320, np.float32)))
    assert not engine.heard
    engine.push(AudioChunk(20_000, np.full(320, 1e-3, np.float32)))
    assert engine.heard
