"""Foreign input is a report as it was signed, or a ReportError, and nothing else, whatever it is."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveguard.kyc.canonical import canonical, parse
from liveguard.kyc.errors import ReportError
from liveguard.kyc.html import page
from liveguard.kyc.report import verify
from tests.proof_parts import KEY, signed

pytestmark = pytest.mark.fuzz

REPORT = signed((-2.75, None, 1.5))
PUBLIC = KEY.public_key()
ODD: list[Any] = [
    None,
    True,
    -1,
    1.5,
    2**70,
    10**400,
    "",
    "x",
    "0" * 64,
    [],
    [1],
    {},
    {"a": None},
    float("nan"),
    "\ud800",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def refused(data: bytes) -> None:
    with pytest.raises(ReportError) as said:
        verify(data, PUBLIC)
    # It goes to terminals and logs, and must not carry at length what a stranger wrote there.
    assert len(str(said.value)) < 500


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_bytes(data: bytes) -> None:
    refused(data)


@settings(max_examples=300)
@given(JSON)
def test_json(value: Any) -> None:
    refused(json.dumps(value).encode("utf-8", "surrogatepass"))


@settings(max_examples=300)
@given(JSON)
def test_the_one_spelling_is_read_as_it_was_written(value: Any) -> None:
    try:
        spelled = canonical({"a": value})
    except ReportError:
        return
    assert canonical(parse(spelled)) == spelled


def test_bytes_changed_moved_and_repeated() -> None:
    rng = random.Random(11)
    for _ in range(3000):
        data = bytearray(REPORT)
        at, length = rng.randrange(len(data)), rng.randrange(1, 60)
        kind = rng.randrange(4)
        if kind == 0:
            data[at] ^= rng.randrange(1, 256)
        elif kind == 1:
            del data[at : at + length]
        elif kind == 2:
            to = rng.randrange(len(data))
            data[to:to] = data[at : at + length]
        else:
            data[at : at + 1] = rng.choice([b"\\u0041", b"1e3", b'"a":1,', b"{}", b"[", b"\xff", b"0", b"\t"])
        if bytes(data) != REPORT:
            refused(bytes(data))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(each for key, one in inside for each in places(one, (*path, key)))]


def test_every_value_replaced_by_an_odd_one_or_taken_out() -> None:
    report = json.loads(REPORT)
    for path in places(report):
        for odd in [*ODD, KeyError]:
            changed = copy.deepcopy(report)
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            if odd is KeyError:
                del inner[path[-1]]
            elif type(inner[path[-1]]) is type(odd) and inner[path[-1]] == odd:
                continue
            else:
                inner[path[-1]] = odd
            with pytest.raises(ReportError):
                verify(changed, PUBLIC)


@settings(max_examples=50)
@given(st.text(max_size=300))
def test_a_page_shows_whatever_was_signed(text: str) -> None:
    found = verify(REPORT, PUBLIC)
    entries = copy.deepcopy(list(found.entries))
    for entry in entries:
        for name in ("why", "text", "locale"):
            if isinstance(entry["body"].get(name), str):
                entry["body"][name] = f"<i>{text}</i>"
        if entry["kind"] == "injection":
            entry["body"]["facts"][f"<b>{text}"] = f"<script>{text}"
    shown = page(dataclasses.replace(found, entries=tuple(entries), reasons=(f"<script>{text}",), id=f'"><img {text}'))
    for bad in ("<script", "<img", "<i>", "<b>"):
        assert bad not in shown
