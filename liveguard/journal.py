"""A session written down without its pictures, so that it can be replayed to the bit.

A gzip file of JSON lines: a header, then samples as they went into the core and events as they came out. It holds the
shapes of faces and the sound of voices: it is written only when asked for, only its owner may read it, and it should be
kept like a recording. A probe whose figures stand as they were in the picture before is not written again.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from liveguard import wire
from liveguard.calibration import parse as parse_calibration
from liveguard.errors import JournalError, LiveguardError
from liveguard.policy import Policy
from liveguard.types import (
    AudioChunk,
    Box,
    Cue,
    Event,
    FaceSample,
    FaceSquare,
    FeedInfo,
    FloatArray,
    FrameSample,
    Gap,
    Observation,
    Sample,
)

VERSION = 2
READABLE = (1, VERSION)  # the first wrote all probes anew
FLUSH_EVERY = 60  # records; what a crash may lose
_LEVEL, _AS_GZIP = 3, 31  # how hard zlib tries, and the frame that it puts around


@dataclass(frozen=True, slots=True)
class Came:
    """A sample that went into the core."""

    sample: Sample


@dataclass(frozen=True, slots=True)
class Said:
    """An event that came out of it."""

    event: Event


@dataclass(frozen=True, slots=True)
class Cut:
    """The file ends too early, after so many records (the header is the first): what came before it is sound."""

    after_records: int
    why: str


@dataclass(frozen=True, slots=True)
class Header:
    """What a session started with."""

    feed: FeedInfo
    policy: Policy
    session_id: str
    checks: tuple[str, ...]


_Probes: TypeAlias = Mapping[tuple[int, str], FloatArray]
"""The probes of one picture, by face and name: what the next one need not tell again."""


class JournalWriter:
    """Writes one session. Owned by the session's thread.

    Each method raises JournalError where the file cannot be written; `close` gives it back all the same. What is there
    already is never written over; a journal into which neither picture nor sound has come is removed, so that it is not in
    the way of the next try.
    """

    def __init__(self, path: Path, feed: FeedInfo, policy: Policy, session_id: str, checks: Sequence[str]) -> None:
        self._path = path
        try:
            self._file = open(path, "xb", opener=_private)  # noqa: SIM115 (closed by close())
        except FileExistsError as error:
            raise JournalError(f"{path} exists already: choose another name or remove it") from error
        except OSError as error:
            raise self._error(error) from error
        self._packer = zlib.compressobj(_LEVEL, wbits=_AS_GZIP)
        self._count = 0
        self._whole = True
        self._in_vain = True
        self._told: _Probes = {}
        feed_record = {**asdict(feed), "tracks": sorted(feed.tracks)}
        policy_record = asdict(policy)
        self._write(
            {"k": "liveguard", "v": VERSION, "feed": feed_record, "policy": policy_record}
            | {"session": session_id, "checks": list(checks)}
        )

    def sample(self, sample: Sample) -> None:
        self._in_vain = self._in_vain and isinstance(sample, Gap | Cue)
        self._write(_sample_record(sample, self._told))
        if isinstance(sample, Observation):
            self._told = _probes(sample)

    def event(self, event: Event) -> None:
        self._write({"k": "event", "event": wire.to_dict(event)})

    def close(self) -> None:
        """May be called again. After an error the file keeps its sound beginning, as one that was cut off."""
        if self._file.closed:
            return
        try:
            with self._file:
                if self._whole:
                    self._file.write(self._packer.flush())
            if self._in_vain:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            raise self._error(error) from error

    def _write(self, record: Mapping[str, Any]) -> None:
        data = self._packer.compress(json.dumps(record, separators=(",", ":")).encode("ascii") + b"\n")
        self._count += 1
        try:
            self._file.write(data)
            if self._count % FLUSH_EVERY == 0:
                self._file.write(self._packer.flush(zlib.Z_SYNC_FLUSH))
                self._file.flush()
        except OSError as error:
            self._whole = False
            raise self._error(error) from error

    def _error(self, error: OSError) -> JournalError:
        return JournalError(f"cannot write the journal {self._path}: {error.strerror or error}")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def read_journal(path: Path) -> tuple[Header, Iterator[Came | Said | Cut]]:
    """The header and then everything else in order; a `Cut` comes last where the rest of the file is missing.

    Raises JournalError for a damaged file, also while iterating.
    """
    records = _records(path)
    first = next(records, None)
    if isinstance(first, Cut):
        raise JournalError(f"{path} is cut off within its header: nothing of it can be used")
    if first is None or first.get("k") != "liveguard":
        raise JournalError(f"{path} is no liveguard journal")
    if first.get("v") not in READABLE:
        known = " and ".join(map(str, READABLE))
        raise JournalError(f"{path}: journal version {first.get('v')} is not known here, only {known}")
    try:
        feed = FeedInfo(**{**first["feed"], "tracks": frozenset(first["feed"]["tracks"])})
        calibration = parse_calibration(first["policy"].get("calibration", {}))
        policy = Policy(**{**first["policy"], "calibration": calibration})
        header = Header(feed, policy, str(first["session"]), tuple(map(str, first["checks"])))
    except _DAMAGE as error:
        raise JournalError(f"{path}: damaged header ({type(error).__name__}: {error})") from error
    return header, _items(path, records)


_DAMAGE = (KeyError, TypeError, ValueError, AttributeError, OverflowError, LiveguardError)


def _items(path: Path, records: Iterator[Mapping[str, Any] | Cut]) -> Iterator[Came | Said | Cut]:
    told: _Probes = {}
    for number, record in enumerate(records, start=2):
        if isinstance(record, Cut):
            yield record
            return
        try:
            said = record["k"] == "event"
            item = Said(wire.from_dict(record["event"])) if said else Came(_sample(record, told))
        except _DAMAGE as error:
            raise JournalError(f"{path}, record {number}: damaged ({type(error).__name__}: {error})") from error
        if isinstance(item, Came) and isinstance(item.sample, Observation):
            told = _probes(item.sample)
        yield item


def _records(path: Path) -> Iterator[Mapping[str, Any] | Cut]:
    number = 0
    try:
        with gzip.open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise JournalError(f"{path}, record {number}: not an object")
                yield record
    except EOFError:
        yield Cut(number, "its end was never written, or was not copied")
    except FileNotFoundError as error:
        raise JournalError(f"{path}: no such file") from error
    except (gzip.BadGzipFile, ValueError, zlib.error, RecursionError) as error:
        raise JournalError(f"{path}: damaged at or after record {number} ({type(error).__name__})") from error
    except OSError as error:
        raise JournalError(f"cannot read {path}: {error.strerror or error}") from error


def _probes(seen: Observation) -> _Probes:
    return {(face.track, name): values for face in seen.faces for name, values in face.probes.items()}


def _sample_record(sample: Sample, told: _Probes) -> dict[str, Any]:
    if isinstance(sample, Observation):
        faces = [_face_record(face, told) for face in sample.faces]
        return {"k": "seen", "frame": _frame_record(sample.frame), "faces": faces, "unfollowed": sample.unfollowed}
    if isinstance(sample, AudioChunk):
        return {"k": "audio", "t_us": sample.t_us, "pcm": _pack(sample.pcm)}
    if isinstance(sample, Gap):
        return {"k": "gap", **asdict(sample)}
    return {"k": "cue", "t_us": sample.t_us, "name": sample.name, "params": dict(sample.params)}


def _frame_record(frame: FrameSample) -> dict[str, Any]:
    fields = {"t_us": frame.t_us, "width": frame.width, "height": frame.height, "digest": frame.digest}
    cells = [[s.track, s.left, s.top, s.side, _pack(values)] for s, values in frame.face_cells.items()]
    return {**fields, "signature": _pack(frame.signature), "noise": frame.noise, "face_cells": cells}


def _face_record(face: FaceSample, told: _Probes) -> dict[str, Any]:
    return {
        "t_us": face.t_us,
        "track": face.track,
        "landmarks": _pack(face.landmarks),
        "box": [face.box.left, face.box.top, face.box.width, face.box.height],
        "sharpness": face.sharpness,
        "light": face.light,
        "picture": face.picture,
        "probes": {
            name: None if _same(values, told.get((face.track, name))) else _pack(values)
            for name, values in face.probes.items()
        },
    }


def _same(values: FloatArray, other: FloatArray | None) -> bool:
    """To the bit, as what is replayed has to be."""
    if values is other or other is None:
        return other is not None
    return (values.shape, values.dtype, values.tobytes()) == (other.shape, other.dtype, other.tobytes())


def _sample(record: Mapping[str, Any], told: _Probes) -> Sample:
    kind = record["k"]
    if kind == "seen":
        faces = tuple(_face(face, told) for face in record["faces"])
        return Observation(_frame(record["frame"]), faces, int(record.get("unfollowed", 0)))  # older ones do not tell
    if kind == "audio":
        return AudioChunk(int(record["t_us"]), _unpack(record["pcm"]))
    if kind == "gap":
        return Gap(record["kind"], int(record["start_us"]), int(record["end_us"]), record["reason"])
    if kind == "cue":
        return Cue(int(record["t_us"]), str(record["name"]), dict(record["params"]))
    raise ValueError(f"unknown kind of record {str(kind)[:20]!r}")


def _frame(record: Mapping[str, Any]) -> FrameSample:
    return FrameSample(
        t_us=int(record["t_us"]),
        width=int(record["width"]),
        height=int(record["height"]),
        digest=int(record["digest"]),
        signature=_unpack(record["signature"]),
        noise=float(record["noise"]),
        face_cells={
            FaceSquare(int(track), int(left), int(top), int(side)): _unpack(cells)
            for track, left, top, side, cells in record.get("face_cells", [])  # older ones have none
        },
    )


def _face(record: Mapping[str, Any], told: _Probes) -> FaceSample:
    track = int(record["track"])
    return FaceSample(
        t_us=int(record["t_us"]),
        track=track,
        landmarks=_unpack(record["landmarks"]),
        box=Box(*map(float, record["box"])),
        sharpness=float(record["sharpness"]),
        light=float(record["light"]),
        picture=bool(record["picture"]),
        probes={
            str(name): told[track, name] if values is None else _unpack(values)
            for name, values in record["probes"].items()
        },
    )


def _pack(values: FloatArray) -> dict[str, Any]:
    data = np.ascontiguousarray(values, np.float32)
    return {"shape": list(data.shape), "f4": base64.b64encode(data.tobytes()).decode("ascii")}


def _unpack(record: Mapping[str, Any]) -> FloatArray:
    data = np.frombuffer(base64.b64decode(record["f4"], validate=True), "<f4").reshape(record["shape"])
    return data.astype(np.float32)
