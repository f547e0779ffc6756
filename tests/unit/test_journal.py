"""Journals: what is written replays to the bit; what is damaged says so."""

from __future__ import annotations

import gzip
import json
import stat
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liveguard import replaying
from liveguard.cli import main
from liveguard.commands import replay as replay_command
from liveguard.detectors.camera import Camera
from liveguard.detectors.lipsync import LipSync
from liveguard.engine import Engine
from liveguard.errors import JournalError
from liveguard.journal import FLUSH_EVERY, Came, Cut, Header, JournalWriter, Said, read_journal
from liveguard.policy import Policy
from liveguard.replaying import replay
from liveguard.types import (
    Alert,
    AudioChunk,
    Cue,
    Detector,
    Event,
    FaceSquare,
    Fault,
    Gap,
    Need,
    Observation,
    Reading,
    Sample,
)
from tests.synthetic import AV, VIDEO, Says, Spy, by_time, chunks, pictures, voice


def session() -> list[Sample]:
    seen = [replace(one, unfollowed=int(one.t_us > 4_000_000)) for one in pictures(9.0)]
    dark = {
        "signature": np.zeros((9, 16), np.float32),
        "face_cells": {FaceSquare(1, 0, 0, 80): np.zeros((8, 8), np.float32)},
    }
    still = [replace(o, frame=replace(o.frame, **dark)) for o in seen]
    notes: list[Sample] = [Cue(2_000_000, "light", {"colour": "red", "level": 0.5})]
    mixed = by_time(still, chunks(voice(9.0), [320]), notes)
    return [*mixed, Gap("audio", 9_000_000, 9_200_000, "lost")]


def write(path: Path, samples: list[Sample], detectors: list[Detector]) -> list[Event]:
    engine = Engine(AV, detectors, Policy(weights={"spy": 0.5}), "id-1")
    writer = JournalWriter(path, AV, Policy(weights={"spy": 0.5}), "id-1", [d.name for d in detectors])
    events = []
    for sample in samples:
        writer.sample(sample)
        for event in engine.push(sample):
            writer.event(event)
            events.append(event)
    for event in engine.finish():
        writer.event(event)
        events.append(event)
    writer.close()
    return events


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("journal") / "call.lgj"
    events = write(path, session(), [Camera(), LipSync(), Spy(need=Need(1_000_000, 2_000_000, 2_000_000))])
    assert any(getattr(event, "hypothesis", "") == "feed_injected" for event in events), "no alert to replay"
    return path.read_bytes()


@pytest.fixture
def journal(written: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "call.lgj"
    path.write_bytes(written)
    return path


def test_a_journal_replays_to_the_bit(journal: Path) -> None:
    result = replay(journal, [Camera(), LipSync(), Spy(need=Need(1_000_000, 2_000_000, 2_000_000))])
    assert result.differences == ()
    assert result.events > 20


def test_samples_come_back_as_they_went_in(journal: Path) -> None:
    header, items = read_journal(journal)
    assert (header.feed, header.session_id, header.policy.weights) == (AV, "id-1", {"spy": 0.5})
    came = [item.sample for item in items if isinstance(item, Came)]
    for before, after in zip(session(), came, strict=True):
        if isinstance(before, Observation):
            assert isinstance(after, Observation)
            np.testing.assert_array_equal(before.faces[0].landmarks, after.faces[0].landmarks)
            assert (before.frame.digest, before.unfollowed) == (after.frame.digest, after.unfollowed)
            np.testing.assert_equal(after.frame.face_cells, before.frame.face_cells)
        elif isinstance(before, AudioChunk):
            assert isinstance(after, AudioChunk)
            np.testing.assert_array_equal(before.pcm, after.pcm)
        else:
            assert before == after


def test_an_older_journal_knows_no_cells_of_faces(journal: Path) -> None:
    with gzip.open(journal, "rt") as file:
        records = [json.loads(line) for line in file]
    for record in records:
        if record["k"] == "seen":
            del record["frame"]["face_cells"]
    journal.write_bytes(gzip.compress("".join(json.dumps(record) + "\n" for record in records).encode()))
    _, items = read_journal(journal)
    seen = [item.sample for item in items if isinstance(item, Came) and isinstance(item.sample, Observation)]
    assert len(seen) > 200
    assert not any(one.frame.face_cells for one in seen)


def probed(seconds: float) -> list[Sample]:
    """Two faces, of which the second is away now and then; one probe is measured every 5 pictures and stands in between."""
    samples: list[Sample] = []
    for k, one in enumerate(pictures(seconds, tracks=(1, 2))):
        stands = {track: np.full(40, k // 5 * track, np.float32) for track in (1, 2)}
        faces = [
            replace(
                f,
                probes={
                    "slow": stands[f.track],
                    "quick": np.float32([k, np.nan, -0.0]),
                    "nothing": np.zeros(0, np.float32),
                },
            )
            for f in one.faces
            if f.track == 1 or k % 7
        ]
        samples.append(replace(one, faces=tuple(faces)))
    return samples


def test_probes_that_stand_are_written_once_and_come_back_to_the_bit(tmp_path: Path) -> None:
    path, samples = tmp_path / "call.lgj", probed(4.0)
    write(path, samples, [])
    with gzip.open(path, "rt") as file:
        seen = [record for record in map(json.loads, file) if record["k"] == "seen"]
    anew = [face["probes"]["slow"] is not None for record in seen for face in record["faces"] if face["track"] == 1]
    assert anew == [k % 5 == 0 for k in range(100)]
    came = [item.sample for item in read_journal(path)[1] if isinstance(item, Came)]
    for before, after in zip(samples, came, strict=True):
        assert isinstance(before, Observation)
        assert isinstance(after, Observation)
        assert [f.track for f in before.faces] == [f.track for f in after.faces]
        for one, other in zip(before.faces, after.faces, strict=True):
            assert {n: v.tobytes() for n, v in one.probes.items()} == {n: v.tobytes() for n, v in other.probes.items()}


def test_a_probe_that_stands_on_nothing_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "call.lgj"
    write(path, probed(0.2), [])
    first, second, *rest = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join([first, *rest])))
    assert b'"slow":null' in rest[0]
    assert b'"slow":null' not in second
    with pytest.raises(JournalError, match="record 2: damaged"):
        items_of(path)


def test_a_journal_of_the_first_version_is_read_and_replays(journal: Path) -> None:
    with gzip.open(journal, "rt") as file:
        records = [json.loads(line) for line in file]
    told: dict[tuple[int, str], object] = {}
    for record in records[1:]:
        for face in record.get("faces", []):
            for name, values in face["probes"].items():
                face["probes"][name] = told[face["track"], name] = values or told[face["track"], name]
    records[0]["v"] = 1
    journal.write_bytes(gzip.compress("".join(json.dumps(record) + "\n" for record in records).encode()))
    assert replay(journal, CHECKS).differences == ()


def test_a_replay_reads_no_further_than_it_has_judged(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a journal of hours only what the core remembers is in memory."""
    read_us = 0

    def watched(path: Path) -> tuple[Header, Iterator[Came | Said | Cut]]:
        header, items = read_journal(path)

        def following() -> Iterator[Came | Said | Cut]:
            nonlocal read_us
            for item in items:
                if isinstance(item, Came) and isinstance(item.sample, Observation):
                    read_us = item.sample.t_us
                yield item

        return header, following()

    monkeypatch.setattr(replaying, "read_journal", watched)
    ahead_us = []

    def on_event(event: Event) -> None:
        if isinstance(event, Reading):
            ahead_us.append(read_us - event.end_us)

    assert replay(journal, CHECKS, on_event).differences == ()
    assert len(ahead_us) > 20
    assert max(ahead_us) < 700_000


def test_a_changed_check_is_noticed(journal: Path) -> None:
    result = replay(journal, [Camera(), LipSync(), Spy(need=Need(1_000_000, 2_000_000, 2_000_000), llr=3.0)])
    assert result.differences
    assert "was" in result.differences[0]


def test_checks_that_read_pixels_are_taken_from_the_journal(tmp_path: Path) -> None:
    class Pixels(Spy):
        def evaluate(self, window: object) -> Reading:
            raise AssertionError("the journal holds no pixels")

    need = Need(1_000_000, 1_000_000, crops=("face",))
    path = tmp_path / "call.lgj"
    write(path, list(pictures(4.0)), [Spy("pixels", need, llr=1.5)])
    events: list[Event] = []
    result = replay(path, [Pixels("pixels", need)], events.append)
    assert result.differences == ()
    assert [e.llr for e in events if isinstance(e, Reading)] == [1.5] * 4


def test_a_missing_check_is_named(journal: Path) -> None:
    with pytest.raises(JournalError, match="not installed here: lipsync, spy"):
        replay(journal, [Camera()])


CHECKS = (Camera(), LipSync(), Spy(need=Need(1_000_000, 2_000_000, 2_000_000)))


def items_of(path: Path) -> list[Came | Said | Cut]:
    return list(read_journal(path)[1])


def key(item: Came | Said | Cut) -> object:
    if isinstance(item, Came) and isinstance(item.sample, Observation):
        return item.sample.t_us, item.sample.frame.digest, len(item.sample.faces)
    return item


def test_a_journal_that_was_cut_anywhere_gives_what_is_there_and_then_says_so(tmp_path: Path) -> None:
    path, short = tmp_path / "call.lgj", tmp_path / "short.lgj"
    live(path, pictures(1.0), [Says("spy", Need(200_000, 200_000))], 0)
    whole, data = items_of(path), path.read_bytes()
    for end in [*range(2000, len(data), len(data) // 40), *range(len(data) - 12, len(data))]:
        short.write_bytes(data[:end])
        *came, cut = items_of(short)
        assert isinstance(cut, Cut)
        assert cut.after_records == len(came) + 1
        assert list(map(repr, map(key, came))) == list(map(repr, map(key, whole[: len(came)])))
    assert len(came) == len(whole), "only the last bytes of the frame are missing"


def test_a_journal_that_was_cut_within_its_header_is_refused(journal: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.lgj"
    for end in range(60):
        short.write_bytes(journal.read_bytes()[:end])
        with pytest.raises(JournalError, match=r"no liveguard journal|within its header|damaged"):
            read_journal(short)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.97, 1.0])
def test_what_is_there_of_a_cut_journal_replays_to_the_bit(journal: Path, share: float) -> None:
    data = journal.read_bytes()
    journal.write_bytes(data[: int(share * len(data)) - 1])
    result = replay(journal, CHECKS)
    assert result.differences == ()
    assert result.cut is not None


def test_a_changed_check_is_noticed_in_a_cut_journal_too(journal: Path) -> None:
    data = journal.read_bytes()
    journal.write_bytes(data[: len(data) * 3 // 4])
    assert replay(journal, [*CHECKS[:2], Spy(need=CHECKS[2].need, llr=3.0)]).differences
    silent = Spy(need=Need(60_000_000, 60_000_000, 2_000_000))
    assert replay(journal, [*CHECKS[:2], silent]).differences, "it says less than was written down"


def test_the_command_says_how_far_a_cut_journal_goes(
    journal: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(replay_command, "load_detectors", lambda *_: CHECKS)
    data = journal.read_bytes()
    journal.write_bytes(data[: len(data) // 2])
    assert main(["replay", str(journal)]) == 0
    out = capsys.readouterr().out
    *_, cut = items_of(journal)
    assert isinstance(cut, Cut)
    assert f"cut off after {cut.after_records} records" in out
    assert "what is there is equal" in out


def test_a_killed_writer_leaves_all_but_the_last_records(tmp_path: Path) -> None:
    path, samples = tmp_path / "call.lgj", pictures(4 * FLUSH_EVERY / 25)
    writer = JournalWriter(path, VIDEO, Policy(), "s", [])
    for sample in samples:
        writer.sample(sample)
    killed = tmp_path / "killed.lgj"
    killed.write_bytes(path.read_bytes())
    writer.close()
    *came, cut = items_of(killed)
    assert isinstance(cut, Cut)
    assert len(samples) - len(came) < FLUSH_EVERY


def test_damage_in_the_middle_is_an_error(journal: Path) -> None:
    lines = gzip.decompress(journal.read_bytes()).splitlines(keepends=True)
    lines[20] = b'{"k":"seen"}\n'
    journal.write_bytes(gzip.compress(b"".join(lines)))
    with pytest.raises(JournalError, match="record 21: damaged"):
        items_of(journal)


def test_nothing_is_written_over_and_only_the_owner_may_read(tmp_path: Path) -> None:
    recording = tmp_path / "call.mp4"
    recording.write_bytes(b"the recording")
    with pytest.raises(JournalError, match="exists already: choose another name or remove it"):
        JournalWriter(recording, AV, Policy(), "s", [])
    assert recording.read_bytes() == b"the recording"
    fresh = tmp_path / "call.lgj"
    write(fresh, chunks(voice(1.0), [320]), [])
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o600


def test_a_full_disk_is_a_journal_error_and_what_fitted_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "call.lgj"
    writer = JournalWriter(path, VIDEO, Policy(), "s", [])
    samples = pictures(2 * FLUSH_EVERY / 25)
    for sample in samples[: FLUSH_EVERY + 10]:
        writer.sample(sample)

    class Full:
        def __init__(self, file: object) -> None:
            self._file = file
            self.closed = False

        def write(self, _data: bytes) -> int:
            raise OSError(28, "No space left on device")

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self.closed = True
            self._file.close()  # type: ignore[attr-defined]
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "_file", Full(writer._file))
    with pytest.raises(JournalError, match=r"cannot write .*call.lgj: No space left"):
        writer.sample(samples[-1])
    with pytest.raises(JournalError, match="No space left"):
        writer.close()
    writer.close()
    *came, cut = items_of(path)
    assert isinstance(cut, Cut)
    assert len(came) >= FLUSH_EVERY - 1


def live(path: Path, samples: Iterable[Sample], checks: list[Detector], lands_after: int) -> list[Event]:
    """As a live session does it: heavy checks land later, and a window is skipped while one of them is in flight."""
    engine = Engine(VIDEO, checks, Policy(), "live")
    writer = JournalWriter(path, VIDEO, Policy(), "live", [check.name for check in checks])
    said: list[Event] = []
    flying: list[tuple[int, Reading | Fault]] = []

    def say(events: list[Event]) -> None:
        for event in events:
            writer.event(event)
        said.extend(events)

    for at, sample in enumerate(samples):
        writer.sample(sample)
        events, jobs = engine.accept(sample)
        say(events)
        for job in jobs:
            if job.detector.need.cost == "light":
                say(engine.take(job.run()))
            elif not flying:
                flying.append((at + lands_after, job.run()))
        if flying and flying[0][0] <= at:
            say(engine.take(flying.pop()[1]))
    while flying:
        say(engine.take(flying.pop()[1]))
    say(engine.finish())
    writer.close()
    return said


class NotRun(Says):
    """A check whose results have to be taken from the journal."""

    def evaluate(self, window: object) -> Reading:
        raise AssertionError("it is run anew")


@pytest.mark.parametrize("lands_after", [0, 7, 31, 60])
def test_a_live_session_with_heavy_checks_replays_to_the_bit(tmp_path: Path, lands_after: int) -> None:
    path, light, heavy = tmp_path / "call.lgj", Need(500_000, 1_000_000), Need(500_000, 1_000_000, cost="heavy")
    seen = pictures(12.0)
    absent = [replace(o, faces=()) for o in seen[200:]]  # the end finds a gap to report, among what lands
    checks: list[Detector] = [Says("a", light, 1.0), Says("m", heavy, 2.4), Says("z", light, 1.2)]
    events = live(path, [*seen[:200], *absent], checks, lands_after)
    assert any(isinstance(event, Alert) for event in events)
    assert any(isinstance(event, Gap) for event in events)
    result = replay(path, [checks[0], NotRun("m", heavy), checks[2]])
    assert result.differences == ()
    assert result.events == len(events)


def test_faults_around_the_core_are_taken_from_the_journal(tmp_path: Path) -> None:
    path, need = tmp_path / "call.lgj", Need(1_000_000, 1_000_000)
    engine, check = Engine(VIDEO, [Says(need=need)], Policy(), "s"), Says(need=need)
    writer = JournalWriter(path, VIDEO, Policy(), "s", ["spy"])
    for sample in pictures(2.0):
        writer.sample(sample)
        writer.event(Fault(sample.t_us, "face tracking", "oh"))
        for event in engine.push(sample):
            writer.event(event)
    for event in engine.finish():
        writer.event(event)
    writer.close()
    assert replay(path, [check]).differences == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no liveguard journal"),
        ("{}\n", "no liveguard journal"),
        ('{"k":"liveguard","v":99}\n', "version 99 is not known here, only 1 and 2"),
        ('{"k":"liveguard","v":1}\n', "damaged header"),
        ("[1]\n", "not an object"),
        ("nonsense\n", "damaged at or after record 1"),
        ('{"k":"liveguard","v":1,"feed":{"name":"x","tracks":[]},"policy":{"weights":3}}\n', "damaged header"),
    ],
)
def test_what_is_no_journal_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.lgj"
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(JournalError, match=message):
        replay(path, [])


def test_other_files_and_places_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "plain.txt"
    path.write_text("hello")
    for bad, why in ((path, "damaged"), (tmp_path / "missing", "no such file"), (tmp_path, "cannot read .*: Is a dir")):
        with pytest.raises(JournalError, match=why):
            replay(bad, [])
    with pytest.raises(JournalError, match="cannot write"):
        JournalWriter(tmp_path / "no" / "such" / "folder", AV, Policy(), "s", [])
