"""Foreign input gives an event or a WireError, and nothing else, whatever it is."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveguard import wire
from liveguard.types import Alert, Event, Fault, Gap, Origin, Reading, Status

pytestmark = pytest.mark.fuzz

READING = Reading("mesh", 1, 0, 2_000_000, 1.5, 0.9, "jitter", {"jitter_px": 0.25})
SEEDS: list[Event] = [
    READING,
    Status(5, "guest", "suspicious", 0.4, ("mesh", "blink")),
    Alert("a1", "guest", "raised", "face_manipulated", 9, 0.97, 8.0, 6.5, (READING,), 100, "head turn"),
    Fault(7, "detector mesh", "division by zero"),
    Gap("video", 1, 2, "lost"),
    Fault(7, "tap", "broke", origin=Origin("5f1c", "alice", "freeze")),
]
ODD: list[Any] = [
    None,
    True,
    -1,
    1.5,
    2**70,
    10**400,
    "",
    "x",
    [],
    [1],
    {},
    {"a": None},
    float("nan"),
    float("inf"),
]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def accepts_or_refuses(text: str | bytes) -> None:
    try:
        event = wire.loads(text)
    except wire.WireError as exc:
        refusal = str(exc)
    else:
        refusal = ""
        assert wire.dumps(wire.loads(wire.dumps(event))) == wire.dumps(event)
    # The message goes to terminals and logs; it must not carry what a stranger wrote there.
    assert len(refusal) < 300
    assert refusal.isprintable()


@given(st.binary(max_size=60) | st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_bytes(data: bytes | str) -> None:
    accepts_or_refuses(data)


@given(JSON, st.sampled_from(sorted(wire.KINDS)))
@settings(max_examples=150, deadline=None)
def test_any_json(value: Any, kind: str) -> None:
    accepts_or_refuses(json.dumps(value))
    if isinstance(value, dict):
        accepts_or_refuses(json.dumps({**value, "type": kind, "v": wire.WIRE_VERSION}))
        accepts_or_refuses(json.dumps({**wire.to_dict(READING), "measures": value}))


def mutate(record: dict[str, Any], rng: random.Random) -> None:
    """Change, drop or move one value, at any depth."""
    node: Any = record
    while True:
        if not node:
            return
        key = rng.choice(list(node)) if isinstance(node, dict) else rng.randrange(len(node))
        if isinstance(node[key], dict | list) and rng.random() < 0.7:
            node = node[key]
            continue
        if rng.random() < 0.3:
            del node[key]
        else:
            node[key] = copy.deepcopy(rng.choice(ODD))
        return


@pytest.mark.parametrize("seed", range(5))
def test_damaged_records(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(400):
        record = copy.deepcopy(wire.to_dict(rng.choice(SEEDS)))
        for _ in range(rng.randint(1, 3)):
            mutate(record, rng)
        accepts_or_refuses(json.dumps(record))


@pytest.mark.parametrize("event", SEEDS)
def test_damaged_lines(event: Event) -> None:
    rng = random.Random(7)
    line = wire.dumps(event).encode()
    for cut in range(0, len(line), 7):
        with pytest.raises(wire.WireError):
            wire.loads(line[:cut])
    for _ in range(300):
        data = bytearray(line)
        data[rng.randrange(len(data))] = rng.randrange(256)
        accepts_or_refuses(bytes(data))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"v":' + "9" * 5000 + "}", '{"a":' * 50_000, "NaN", "1e999"])
def test_deep_and_long_input(text: str) -> None:
    with pytest.raises(wire.WireError):
        wire.loads(text)
