"""Every event survives the way to JSON and back, apart from NaN and infinity, which JSON does not have."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveguard import wire
from liveguard.types import HYPOTHESES, Alert, Event, Fault, Gap, GapReason, Origin, Reading, State, Status, Track

TIME_US = st.integers(-(2**62), 2**62)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
ANY_FLOAT = st.floats()
TEXT = st.text(max_size=20)


def readings(number: st.SearchStrategy[float]) -> st.SearchStrategy[Reading]:
    return st.builds(
        Reading,
        detector=TEXT,
        track=st.none() | st.integers(0, 99),
        start_us=TIME_US,
        end_us=TIME_US,
        llr=st.none() | number,
        coverage=number,
        why=TEXT,
        measures=st.dictionaries(TEXT, number, max_size=3),
    )


def events(number: st.SearchStrategy[float]) -> st.SearchStrategy[Event]:
    status = st.builds(
        Status,
        t_us=TIME_US,
        participant=TEXT,
        state=st.sampled_from(get_args(State)),
        risk=st.none() | number,
        why=st.lists(TEXT, max_size=3).map(tuple),
    )
    alert = st.builds(
        Alert,
        id=TEXT,
        participant=TEXT,
        state=st.sampled_from(("raised", "cleared")),
        hypothesis=st.sampled_from(HYPOTHESES),
        t_us=TIME_US,
        risk=number,
        evidence_nats=number,
        threshold_nats=number,
        readings=st.lists(readings(number), max_size=2).map(tuple),
        lag_us=TIME_US,
        settle=TEXT,
    )
    fault = st.builds(Fault, t_us=TIME_US, where=TEXT, what=TEXT)
    gap = st.builds(
        Gap,
        kind=st.sampled_from(get_args(Track)),
        start_us=TIME_US,
        end_us=TIME_US,
        reason=st.sampled_from(get_args(GapReason)),
    )
    origin = st.none() | st.builds(Origin, TEXT, TEXT, st.none() | TEXT)
    event = st.one_of(readings(number), status, alert, fault, gap)
    return st.builds(lambda event, origin: dataclasses.replace(event, origin=origin), event, origin)


@given(events(FINITE))
@settings(max_examples=80, deadline=None)
def test_round_trip_is_exact(event: Event) -> None:
    line = wire.dumps(event)
    assert wire.loads(line) == event
    assert wire.dumps(wire.loads(line.encode())) == line
    assert "\n" not in line
    assert line.isascii()


@given(events(ANY_FLOAT))
@settings(max_examples=50, deadline=None)
def test_what_json_lacks_becomes_null_and_settles_after_one_trip(event: Event) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    line = wire.dumps(event)
    json.loads(line, parse_constant=refuse)
    assert wire.dumps(wire.loads(line)) == line


def reading(**changes: object) -> Reading:
    base = Reading("mesh", 0, 0, 2_000_000, 1.5, 1.0, "residual jitter", {"jitter_px": 0.25})
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def test_the_record_of_a_reading() -> None:
    assert wire.to_dict(reading()) == {
        "type": "reading",
        "v": 1,
        "detector": "mesh",
        "track": 0,
        "start_us": 0,
        "start_s": 0.0,
        "end_us": 2_000_000,
        "end_s": 2.0,
        "llr_nats": 1.5,
        "coverage": 1.0,
        "why": "residual jitter",
        "measures": {"jitter_px": 0.25},
    }


def test_what_a_server_says_tells_which_call_it_is_about_and_whether_an_attack_is_played() -> None:
    bare = wire.to_dict(reading())
    marked = wire.to_dict(reading(origin=Origin("5f1c", "alice", "freeze")))
    assert marked == bare | {"origin": {"session": "5f1c", "participant": "alice", "simulation": "freeze"}}
    assert wire.from_dict(marked | {"origin": None}) == reading(), "as if it were not there"
    with pytest.raises(wire.WireError, match="session: missing"):
        wire.from_dict(marked | {"origin": {"participant": "alice", "simulation": None}})


def test_numpy_scalars_become_plain_numbers() -> None:
    event = reading(
        track=np.int32(3),
        end_us=np.int64(7),
        llr=np.float32(0.5),
        measures={"a_px": np.float32(np.nan), "b_px": np.float32(0.1), "c_px": np.float64(-np.inf)},
    )
    record = json.loads(wire.dumps(event))
    assert (record["track"], record["end_us"], record["llr_nats"]) == (3, 7, 0.5)
    assert record["measures"] == {"a_px": None, "b_px": float(np.float32(0.1)), "c_px": None}
    back = wire.from_dict(record)
    assert isinstance(back, Reading)
    assert math.isnan(back.measures["a_px"])


def test_an_llr_that_is_no_number_comes_back_as_cannot_judge() -> None:
    back = wire.loads(wire.dumps(reading(llr=math.nan)))
    assert isinstance(back, Reading)
    assert back.llr is None


@pytest.mark.parametrize(
    "broken",
    [reading(start_us=1.0), reading(llr="1.5"), reading(why=None), reading(measures=None), "text", None],
)
def test_an_event_with_a_wrong_field_is_not_written(broken: Event) -> None:
    with pytest.raises(wire.WireError):
        wire.dumps(broken)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"v": 2}, "v"),
        ({"v": True}, "v"),
        ({"type": "verdict"}, "type"),
        ({"start_us": 1.0}, "start_us"),
        ({"start_us": True}, "start_us"),
        ({"start_us": 2**63}, "start_us"),
        ({"llr_nats": "1"}, "llr_nats"),
        ({"llr_nats": math.inf}, "llr_nats"),
        ({"coverage": 10**400}, "coverage"),
        ({"measures": []}, "measures"),
        ({"measures": {"a\x1b": "b"}}, r"measures 'a\\x1b'"),
        ({"track": "0"}, "track"),
    ],
)
def test_a_foreign_record_is_refused_by_the_name_of_its_field(change: dict[str, object], named: str) -> None:
    with pytest.raises(wire.WireError, match=rf"^{named}: "):
        wire.from_dict({**wire.to_dict(reading()), **change})


def test_every_field_is_needed_except_the_seconds_for_people() -> None:
    whole = wire.to_dict(reading())
    for name in whole:
        less = {key: value for key, value in whole.items() if key != name}
        if name.endswith("_s"):
            assert wire.from_dict(less) == reading()
        else:
            with pytest.raises(wire.WireError, match=f"^{name}: missing"):
                wire.from_dict(less)


def test_fields_of_a_later_minor_version_are_passed_over() -> None:
    assert wire.from_dict({**wire.to_dict(reading()), "model": "x"}) == reading()
