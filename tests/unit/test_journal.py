"""Journals: what is written replays to the bit; what is damaged says so."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liveguard.detectors.camera import Camera
from liveguard.detectors.lipsync import LipSync
from liveguard.engine import Engine
from liveguard.errors import JournalError
from liveguard.journal import Came, JournalWriter, Said, read_journal
from liveguard.policy import Policy
from liveguard.replaying import replay
from liveguard.types import AudioChunk, Cue, Detector, Event, Gap, Need, Observation, Reading, Sample
from tests.synthetic import AV, Spy, by_time, chunks, pictures, voice


def session() -> list[Sample]:
    still = [replace(o, frame=replace(o.frame, signature=np.zeros((9, 16), np.float32))) for o in pictures(9.0)]
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


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "call.lgj"
    events = write(path, session(), [Camera(), LipSync(), Spy(need=Need(1_000_000, 2_000_000, 2_000_000))])
    assert any(getattr(event, "hypothesis", "") == "feed_injected" for event in events), "no alert to replay"
    return path


def test_a_journal_replays_to_the_bit(journal: Path) -> None:
    result = replay(journal, [Camera(), LipSync(), Spy(need=Need(1_000_000, 2_000_000, 2_000_000))])
    assert result.differences == ()
    assert len(result.events) > 20


def test_samples_come_back_as_they_went_in(journal: Path) -> None:
    header, items = read_journal(journal)
    assert (header.feed, header.session_id, header.policy.weights) == (AV, "id-1", {"spy": 0.5})
    came = [item.sample for item in items if isinstance(item, Came)]
    for before, after in zip(session(), came, strict=True):
        if isinstance(before, Observation):
            assert isinstance(after, Observation)
            np.testing.assert_array_equal(before.faces[0].landmarks, after.faces[0].landmarks)
            assert before.frame.digest == after.frame.digest
        elif isinstance(before, AudioChunk):
            assert isinstance(after, AudioChunk)
            np.testing.assert_array_equal(before.pcm, after.pcm)
        else:
            assert before == after


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
    result = replay(path, [Pixels("pixels", need)])
    assert result.differences == ()
    assert [e.llr for e in result.events if isinstance(e, Reading)] == [1.5] * 4


def test_a_missing_check_is_named(journal: Path) -> None:
    with pytest.raises(JournalError, match="not installed here: lipsync, spy"):
        replay(journal, [Camera()])


def test_a_truncated_journal_gives_what_is_there_then_says_so(journal: Path) -> None:
    data = journal.read_bytes()
    journal.write_bytes(data[: len(data) // 2])
    _, items = read_journal(journal)
    got: list[Came | Said] = []

    def take() -> None:
        for item in items:
            got.append(item)

    with pytest.raises(JournalError, match="truncated after record"):
        take()
    assert len(got) > 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no liveguard journal"),
        ("{}\n", "no liveguard journal"),
        ('{"k":"liveguard","v":99}\n', "version 99"),
        ('{"k":"liveguard","v":1}\n', "damaged header"),
        ("[1]\n", "not an object"),
        ("nonsense\n", "damaged or truncated"),
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
    for bad in (path, tmp_path / "missing", tmp_path):
        with pytest.raises(JournalError):
            replay(bad, [])
    with pytest.raises(JournalError, match="cannot write"):
        JournalWriter(tmp_path / "no" / "such" / "folder", AV, Policy(), "s", [])
