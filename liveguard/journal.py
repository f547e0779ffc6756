"""A session written down without its pictures, so that it can be replayed to the bit.

A gzip file of JSON lines: a header, then samples as they went into the core and events as they came out. It holds the
shapes of faces and the sound of voices: it is written only when asked for, and should be kept like a recording.
"""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from liveguard import wire
from liveguard.errors import JournalError, LiveguardError
from liveguard.policy import Policy
from liveguard.types import (
    AudioChunk,
    Box,
    Cue,
    Event,
    FaceSample,
    FeedInfo,
    FloatArray,
    FrameSample,
    Gap,
    Observation,
    Sample,
)

VERSION = 1
FLUSH_EVERY = 60  # records; what a crash may lose


@dataclass(frozen=True, slots=True)
class Came:
    """A sample that went into the core."""

    sample: Sample


@dataclass(frozen=True, slots=True)
class Said:
    """An event that came out of it."""

    event: Event


@dataclass(frozen=True, slots=True)
class Header:
    """What a session started with."""

    feed: FeedInfo
    policy: Policy
    session_id: str
    checks: tuple[str, ...]


class JournalWriter:
    """Writes one session. Owned by the session's thread. Raises JournalError when the file cannot be written."""

    def __init__(self, path: Path, feed: FeedInfo, policy: Policy, session_id: str, checks: Sequence[str]) -> None:
        try:
            self._file = gzip.open(path, "wt", encoding="ascii", compresslevel=3)  # noqa: SIM115 (closed by close())
        except OSError as error:
            raise JournalError(f"cannot write the journal {path}: {error.strerror}") from error
        self._count = 0
        feed_record = {**asdict(feed), "tracks": sorted(feed.tracks)}
        policy_record = {**asdict(policy), "weights": dict(policy.weights), "ceilings_nats": dict(policy.ceilings_nats)}
        policy_record["thresholds_nats"] = dict(policy.thresholds_nats)
        self._write(
            {"k": "liveguard", "v": VERSION, "feed": feed_record, "policy": policy_record}
            | {"session": session_id, "checks": list(checks)}
        )

    def sample(self, sample: Sample) -> None:
        self._write(_sample_record(sample))

    def event(self, event: Event) -> None:
        self._write({"k": "event", "event": wire.to_dict(event)})

    def close(self) -> None:
        self._file.close()

    def _write(self, record: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(record, separators=(",", ":")) + "\n")
        self._count += 1
        if self._count % FLUSH_EVERY == 0:
            self._file.flush()


def read_journal(path: Path) -> tuple[Header, Iterator[Came | Said]]:
    """The header and then everything else in order. Raises JournalError, also while iterating, for a damaged file."""
    lines = _lines(path)
    first = next(lines, None)
    if first is None or first.get("k") != "liveguard":
        raise JournalError(f"{path} is no liveguard journal")
    if first.get("v") != VERSION:
        raise JournalError(f"{path}: journal version {first.get('v')} is not known, only {VERSION} is")
    try:
        feed = FeedInfo(**{**first["feed"], "tracks": frozenset(first["feed"]["tracks"])})
        header = Header(feed, Policy(**first["policy"]), str(first["session"]), tuple(map(str, first["checks"])))
    except (KeyError, TypeError, ValueError) as error:
        raise JournalError(f"{path}: damaged header ({type(error).__name__}: {error})") from error
    return header, _items(path, lines)


def _items(path: Path, lines: Iterator[Mapping[str, Any]]) -> Iterator[Came | Said]:
    for number, record in enumerate(lines, start=2):
        try:
            said = record["k"] == "event"
            item = Said(wire.from_dict(record["event"])) if said else Came(_sample(record))
        except (KeyError, TypeError, ValueError, AttributeError, LiveguardError) as error:
            raise JournalError(f"{path}, record {number}: damaged ({type(error).__name__}: {error})") from error
        yield item


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    number = 0
    try:
        with gzip.open(path, "rt", encoding="ascii") as file:
            for line in file:
                number += 1
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise JournalError(f"{path}, record {number}: not an object")
                yield record
    except FileNotFoundError as error:
        raise JournalError(f"{path}: no such file") from error
    except (OSError, EOFError, ValueError, zlib.error, RecursionError) as error:
        raise JournalError(f"{path}: damaged or truncated after record {number} ({type(error).__name__})") from error


def _sample_record(sample: Sample) -> dict[str, Any]:
    if isinstance(sample, Observation):
        return {"k": "seen", "frame": _frame_record(sample.frame), "faces": [_face_record(f) for f in sample.faces]}
    if isinstance(sample, AudioChunk):
        return {"k": "audio", "t_us": sample.t_us, "pcm": _pack(sample.pcm)}
    if isinstance(sample, Gap):
        return {"k": "gap", **asdict(sample)}
    return {"k": "cue", "t_us": sample.t_us, "name": sample.name, "params": dict(sample.params)}


def _frame_record(frame: FrameSample) -> dict[str, Any]:
    fields = {"t_us": frame.t_us, "width": frame.width, "height": frame.height, "digest": frame.digest}
    return {**fields, "signature": _pack(frame.signature), "noise": frame.noise}


def _face_record(face: FaceSample) -> dict[str, Any]:
    return {
        "t_us": face.t_us,
        "track": face.track,
        "landmarks": _pack(face.landmarks),
        "box": [face.box.left, face.box.top, face.box.width, face.box.height],
        "sharpness": face.sharpness,
        "light": face.light,
        "picture": face.picture,
        "probes": {name: _pack(values) for name, values in face.probes.items()},
    }


def _sample(record: Mapping[str, Any]) -> Sample:
    kind = record["k"]
    if kind == "seen":
        frame = record["frame"]
        size_and_digest = int(frame["width"]), int(frame["height"]), int(frame["digest"])
        seen = FrameSample(int(frame["t_us"]), *size_and_digest, _unpack(frame["signature"]), float(frame["noise"]))
        return Observation(seen, tuple(_face(face) for face in record["faces"]))
    if kind == "audio":
        return AudioChunk(int(record["t_us"]), _unpack(record["pcm"]))
    if kind == "gap":
        return Gap(record["kind"], int(record["start_us"]), int(record["end_us"]), record["reason"])
    if kind == "cue":
        return Cue(int(record["t_us"]), str(record["name"]), dict(record["params"]))
    raise ValueError(f"unknown kind of record {str(kind)[:20]!r}")


def _face(record: Mapping[str, Any]) -> FaceSample:
    return FaceSample(
        t_us=int(record["t_us"]),
        track=int(record["track"]),
        landmarks=_unpack(record["landmarks"]),
        box=Box(*map(float, record["box"])),
        sharpness=float(record["sharpness"]),
        light=float(record["light"]),
        picture=bool(record["picture"]),
        probes={str(name): _unpack(values) for name, values in record["probes"].items()},
    )


def _pack(values: FloatArray) -> dict[str, Any]:
    data = np.ascontiguousarray(values, np.float32)
    return {"shape": list(data.shape), "f4": base64.b64encode(data.tobytes()).decode("ascii")}


def _unpack(record: Mapping[str, Any]) -> FloatArray:
    data = np.frombuffer(base64.b64decode(record["f4"], validate=True), "<f4").reshape(record["shape"])
    return data.astype(np.float32)
