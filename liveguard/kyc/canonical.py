"""JSON in its one spelling (RFC 8785), so that a hash of it means something, and strict reading of that spelling alone.

Keys are sorted, nothing is indented, text is UTF-8 with no more escapes than JSON asks for. Numbers are the one thing that
languages spell differently. Ours are rounded to `DIGITS` decimals and bounded by 2^53, where every number has one shortest
spelling without an exponent: what a verifier in JavaScript writes is the same to the byte. A whole number has no point.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NoReturn

from liveguard.kyc.errors import ReportError

DIGITS: Final = 6
MOST: Final = 2**53
LONGEST_BYTES: Final = 1_000_000
DEEPEST: Final = 16


def canonical(value: object) -> bytes:
    """The value in its one spelling. Raises ReportError for what has none: NaN, numbers beyond 2^53, keys that are no ASCII."""
    try:
        return _spelled(value, DEEPEST).encode("utf-8")
    except UnicodeEncodeError:
        raise ReportError("report: a text has half of a surrogate pair") from None


def parse(data: bytes) -> dict[str, Any]:
    """The object that these bytes spell. Raises ReportError, which says where, unless they are its one spelling."""
    if len(data) > LONGEST_BYTES:
        raise ReportError(f"report: {len(data)} bytes, {LONGEST_BYTES} are allowed")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise ReportError(f"report: byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ReportError(f"report: not JSON, from character {error.pos} on") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, brackets without end
        raise ReportError("report: not JSON of a reasonable kind") from None
    if not isinstance(value, dict):
        raise ReportError("report: an object is expected")
    spelled = canonical(value)
    if spelled != data:
        at = next((n for n, (one, other) in enumerate(zip(spelled, data, strict=False)) if one != other), len(spelled))
        raise ReportError(f"report: from byte {at} on it is not spelled as it was signed (was it edited or formatted?)")
    return value


def _spelled(value: object, deeper: int) -> str:
    if deeper == 0:
        raise ReportError(f"report: more than {DEEPEST} levels")
    if value is None or isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        return str(_bounded(value))
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(_spelled(each, deeper - 1) for each in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(key)}:{_spelled(value[key], deeper - 1)}" for key in _keys(value)) + "}"
    raise ReportError(f"report: {type(value).__name__} cannot be written")


def _keys(value: Mapping[Any, object]) -> list[str]:
    if not all(isinstance(key, str) and key.isascii() and key.isprintable() for key in value):
        raise ReportError("report: a key is no printable ASCII")  # others are sorted differently by different languages
    return sorted(value)


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ReportError("report: a number is not finite")
    rounded = round(_bounded(value), DIGITS)
    return str(int(rounded)) if rounded.is_integer() else format(Decimal(repr(rounded)), "f")


def _bounded(value: float) -> Any:
    if abs(value) > MOST:
        raise ReportError("report: a number is beyond 2^53")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ReportError("report: a key comes twice in one object")
    return found


def _no_constant(_: str) -> NoReturn:
    raise ReportError("report: a number is not finite")
