"""What is judged as what, and the records that are kept of it."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import liveguard
from liveguard import wire
from liveguard.calibration import Calibration, CheckCalibration
from liveguard.config import Config
from liveguard.errors import BackendError, ConfigError, InputError
from liveguard.evaluate import collect as collecting
from liveguard.evaluate import plan as planning
from liveguard.evaluate import run as running
from liveguard.evaluate.collect import collect
from liveguard.evaluate.manifest import Item
from liveguard.evaluate.plan import plan
from liveguard.evaluate.run import Run, Task, judge, run_of
from liveguard.guard import Guard
from liveguard.policy import Policy
from liveguard.stress.catalogue import AS_IS, BENCH, BENIGN
from liveguard.types import HYPOTHESES, Need, Reading
from tests.synthetic import Says
from tests.tiny_clips import tiny_clip

REAL = {"audio_sync": "real"}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    tiny_clip(folder / "av.mkv")
    tiny_clip(folder / "long.mkv", 4.0, fps=5)
    tiny_clip(folder / "mute.mkv", tone_hz=None)
    tiny_clip(folder / "heard.mkv", picture=False)
    (folder / "broken.mkv").write_bytes(b"no recording")
    return folder


def item(clips: Path, name: str, label: str = "bonafide", subject: str = "-", **more: str) -> Item:
    media = more.pop("media", "video")
    return Item(name, clips / name, "attack" if label == "attack" else "bonafide", media, subject=subject, more=more)


def variants_of(items: Sequence[Item], *variants: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for task in plan(items, variants):
        found.setdefault(task.item.name, set()).add(task.variant)
    return found


# --- the plan ------------------------------------------------------------------------------------------------------

SEEN = {name for name, made in (BENIGN | BENCH).items() if made.needs == ("video",)}
HEARD = {name for name, made in (BENIGN | BENCH).items() if made.needs == ("audio",)}
LOOP = {"bench loop"}  # wants four seconds


def test_everything_is_judged_as_it_is_and_stills_are_no_more_than_that(clips: Path) -> None:
    (clips / "unsaid.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    items = [
        item(clips, "av.mkv"),
        item(clips, "x.jpg", media="image"),
        item(clips, "mute.mkv", "attack"),
        item(clips, "unsaid.png"),
    ]
    assert [(task.item.name, task.variant) for task in plan(items)] == [(one.name, AS_IS) for one in items]
    more = {(task.item.name, task.variant) for task in plan(items, ["benign"])} - {(one.name, AS_IS) for one in items}
    assert {name for name, _ in more} == {"av.mkv", "mute.mkv"}


def test_variants_apply_where_their_tracks_and_their_length_are(clips: Path) -> None:
    names = ("av.mkv", "long.mkv", "mute.mkv", "heard.mkv")
    found = variants_of([item(clips, name) for name in names], "benign", "bench")
    assert found["av.mkv"] == ({AS_IS} | SEEN | HEARD) - LOOP
    assert found["long.mkv"] == {AS_IS} | SEEN | HEARD
    assert found["mute.mkv"] == ({AS_IS} | SEEN) - LOOP
    assert found["heard.mkv"] == {AS_IS} | HEARD


def test_attacks_are_made_harder_by_a_few_and_never_attacked_again(clips: Path) -> None:
    found = variants_of([item(clips, "long.mkv", "attack", **REAL)], "benign", "bench")
    assert found["long.mkv"] == {AS_IS, "VP8 150k", "VP8 300k"}


def test_what_is_out_of_step_later_must_be_known_to_be_in_step_now(clips: Path) -> None:
    synced = {name for name, made in BENCH.items() if made.needs_sync}
    assert len(synced) >= 3
    for more, there in (({}, False), ({"audio_sync": "none"}, False), (REAL, True)):
        found = variants_of([item(clips, "long.mkv", **more)], "bench")["long.mkv"]
        assert found & synced == (synced - {"bench foreign sound"} if there else set())


def test_foreign_sound_is_that_of_another_person_who_talks_in_step(clips: Path) -> None:
    ann, bob = item(clips, "av.mkv", subject="ann", **REAL), item(clips, "long.mkv", subject="bob", **REAL)
    twin = item(clips, "heard.mkv", subject="ann", **REAL)
    mute, fake = item(clips, "mute.mkv", subject="eve", **REAL), item(clips, "heard.mkv", "attack", "zoe", **REAL)
    wanted = ("bench foreign sound",)
    tasks = {task.item.name: task for task in plan([ann, bob, mute, fake], wanted, seed=3) if task.foreign}
    assert {name: task.foreign for name, task in tasks.items()} == {"av.mkv": bob, "long.mkv": ann}
    assert {task.seed for task in tasks.values()} == {3}
    assert not any(task.foreign for task in plan([ann, twin, mute, fake], wanted)), "nobody else talks"


def test_what_cannot_be_opened_is_tried_once_so_that_the_result_says_so(clips: Path) -> None:
    found = variants_of([item(clips, "broken.mkv", **REAL), item(clips, "missing.mkv")], "benign", "bench")
    assert found == {"broken.mkv": {AS_IS}, "missing.mkv": {AS_IS}}


def test_variants_are_named_in_any_order_and_wrong_ones_refused(clips: Path) -> None:
    tasks = plan([item(clips, "av.mkv")], ["telephone", AS_IS, "5 fps", "telephone"])
    assert [task.variant for task in tasks] == [AS_IS, "5 fps", "telephone"]
    with pytest.raises(ConfigError, match="no variant is called 'telefone'"):
        plan([item(clips, "av.mkv")], ["telefone"])


# --- a sample of so many minutes -----------------------------------------------------------------------------------


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> list[Item]:
    """60 recordings of 10 s, from three places, a third of them attacks."""
    looked = planning._Known(frozenset(("video", "audio")), 10.0)
    monkeypatch.setattr(planning, "_look", lambda _: looked)
    return [
        Item(f"{k}.mp4", Path(f"{k}.mp4"), "attack" if k % 3 == 0 else "bonafide", source=f"place {k // 3 % 3}")
        for k in range(60)
    ]


WANTED = ("5 fps", "mask", "VP8 150k", "telephone")


def seconds_of(tasks: Sequence[Task]) -> float:
    return sum(24.0 if task.variant == "telephone" else 10.0 for task in tasks)


@pytest.mark.parametrize("minutes", [0.0, 0.1, 1.0, 2.5, 10.0, 1e6])
def test_a_sample_stays_within_its_minutes_and_fills_them(many: list[Item], minutes: float) -> None:
    whole, some = plan(many, WANTED), plan(many, WANTED, minutes=minutes)
    assert seconds_of(some) <= 60 * minutes
    assert seconds_of(some) > 60 * minutes - 10.0 or some == whole
    assert [task for task in whole if task in some] == list(some), "in the order of the plan"


def test_a_sample_is_the_same_each_time_and_another_for_another_seed(many: list[Item]) -> None:
    assert plan(many, WANTED, 1, 5.0) == plan(many, WANTED, 1, 5.0)
    first, other = ({task.item.name for task in plan(many, WANTED, seed, 5.0)} for seed in (1, 2))
    assert first != other


@pytest.mark.parametrize("seed", range(8))
def test_a_sample_sees_every_variant_before_any_twice_and_then_every_place_and_label(
    many: list[Item], seed: int
) -> None:
    five = plan(many, WANTED, seed, (4 * 10 + 24) / 60)
    assert sorted(task.variant for task in five) == sorted((AS_IS, *WANTED))
    # Three places, and two labels where attacks are seen that way too: six groups of two variants, three of the others.
    more = plan(many, WANTED, seed, 6 * (4 * 10 + 24) / 60)
    assert max(Counter(task.variant for task in more).values()) == 6
    seen = {(task.variant, task.item.label, task.item.source) for task in more}
    assert len(seen) == 2 * 6 + 3 * 3


def test_one_more_variant_does_not_change_who_is_drawn_as_the_others(many: list[Item]) -> None:
    def drawn(*variants: str) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for task in plan(many, variants, 1, 8.0):
            found.setdefault(task.variant, set()).add(task.item.name)
        return found

    before, now = drawn("5 fps", "mask"), drawn("5 fps", "mask", "10 fps")
    assert set(now) - set(before) == {"10 fps"}
    assert all(now[name] < before[name] for name in before), "a few less of each, as there is no more time"
    assert all(len(now[name]) == 12 for name in before)


def test_one_that_is_too_long_does_not_end_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    long, short = (planning._Known(frozenset(("video",)), seconds) for seconds in (600.0, 10.0))
    monkeypatch.setattr(planning, "_look", lambda file: long if file.name < "5" else short)
    items = [Item(f"{k}.mp4", Path(f"{k}.mp4"), "bonafide") for k in range(10)]
    for seed in range(8):
        assert [task.item.name[0] for task in plan(items, (), seed, 1.0)] == list("56789")


def test_the_voice_of_somebody_else_is_found_where_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "_look", lambda _: planning._Known(frozenset(("video", "audio")), 10.0))
    items = [Item(f"{k}.mp4", Path(f"{k}.mp4"), "bonafide", more=REAL) for k in range(5)]
    foreign = [task for task in plan(items, ["bench foreign sound"]) if task.foreign is not None]
    assert len(foreign) == 5
    assert all(task.foreign != task.item for task in foreign)


# --- one record ----------------------------------------------------------------------------------------------------


def test_a_task_has_a_key_of_its_own_that_does_not_change(clips: Path) -> None:
    one = item(clips, "av.mkv")
    tasks = [
        Task(one),
        Task(one, seed=1),
        Task(one, "5 fps"),
        Task(item(clips, "long.mkv")),
        Task(one, "bench foreign sound"),
        Task(one, "bench foreign sound", foreign=item(clips, "long.mkv")),
    ]
    assert len({task.key for task in tasks}) == len(tasks)
    assert Task(item(clips, "av.mkv", "attack")).key == tasks[0].key
    assert Task(Item("av.mkv", Path("/moved/av.mkv"), "bonafide")).key == tasks[0].key


RECORD: dict[str, Any] = {
    "seconds": 2.0,
    "still": False,
    "cpu_s": 0.5,
    "facts": {"width": 64},
    "readings": [wire.to_dict(Reading("camera", None, 0, 500_000, -0.2, 1.0, "seen", {"still_s": 0.1}))],
    "faults": ["check mesh: oh"],
}


def test_a_record_comes_back_as_the_run_that_its_variant_makes_of_it(clips: Path) -> None:
    run = run_of(Task(item(clips, "av.mkv"), "bench loop"), RECORD)
    assert (run.label, run.hypothesis, run.onset_s, run.play_s) == ("attack", "feed_injected", 4.0, 20.0)
    assert (run.judged, run.attack, run.bench) == (("feed_injected",), True, True)
    assert run.readings == (Reading("camera", None, 0, 500_000, -0.2, 1.0, "seen", {"still_s": 0.1}),)
    assert (run.seconds, run.cpu_s, run.facts, run.faults) == (2.0, 0.5, {"width": 64}, ("check mesh: oh",))
    fake = run_of(Task(item(clips, "av.mkv", "attack"), "VP8 300k"), RECORD)
    assert (fake.label, fake.hypothesis, fake.judged, fake.bench) == ("attack", None, (), False)
    assert run_of(Task(item(clips, "av.mkv")), {"error": "gone"}).error == "gone"


def test_genuine_sound_that_may_have_been_laid_under_is_not_judged_for_sync(clips: Path) -> None:
    others = tuple(name for name in HYPOTHESES if name != "av_mismatch")
    for sync, judged in (("real", ()), ("none", ()), ("dubbed", others), ("", others)):
        assert run_of(Task(item(clips, "av.mkv", audio_sync=sync)), RECORD).judged == judged
    assert run_of(Task(item(clips, "av.mkv")), RECORD).judged == ()
    assert run_of(Task(item(clips, "av.mkv", audio_sync="dubbed"), "telephone"), RECORD).judged == ("voice_synthetic",)
    assert run_of(Task(item(clips, "av.mkv", "attack", audio_sync="dubbed")), RECORD).judged == ()


@pytest.mark.parametrize("gone", sorted(RECORD))
def test_a_record_that_lacks_something_is_said_to_be_damaged(clips: Path, gone: str) -> None:
    with pytest.raises(InputError, match=r"damaged record of av\.mkv"):
        run_of(Task(item(clips, "av.mkv")), {name: value for name, value in RECORD.items() if name != gone})


class Hears(Says):
    """A check of sound alone, for recordings without a picture: no face library is needed."""


def hearing() -> Guard:
    calibration = Calibration({"ears": CheckCalibration(0.5, 1.0)})
    need = Need(500_000, audio_us=1_000_000, scope="feed")
    return Guard(Config(Policy(calibration=calibration)), [Hears("ears", need, 3.0)])


def test_a_record_holds_what_the_checks_said_before_calibration(clips: Path) -> None:
    record = judge(hearing(), Task(item(clips, "heard.mkv", media="audio")))
    run = run_of(Task(item(clips, "heard.mkv")), json.loads(json.dumps(record)))
    assert len(run.readings) == 4
    assert {reading.llr for reading in run.readings} == {3.0}
    assert {tuple(reading.measures) for reading in run.readings} == {()}
    assert (run.seconds, run.error) == (2.0, "")
    assert run.facts is not None
    assert (run.facts["audio_codec"], run.facts["leading_silence_s"]) == ("pcm_s16le", 0.0)


def test_a_variant_is_judged_as_long_as_it_is_played(clips: Path) -> None:
    record = judge(hearing(), Task(item(clips, "heard.mkv"), "telephone"))
    assert (record["seconds"], len(record["readings"])) == (24.0, 48)


@pytest.mark.parametrize("name", ["broken.mkv", "missing.mkv", "x" * 5000])
@pytest.mark.parametrize("variant", [AS_IS, "telephone"])
def test_what_cannot_be_judged_is_an_error_in_its_record(clips: Path, name: str, variant: str) -> None:
    record = judge(hearing(), Task(item(clips, name), variant))
    assert set(record) == {"error"}
    assert name in record["error"]


# --- all records ---------------------------------------------------------------------------------------------------


class Judge:
    """Stands in for `judge`: notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails: set[str] = set()

    def __call__(self, guard: Guard, task: Task) -> dict[str, Any]:
        self.asked.append(task.item.name)
        return {"error": "cannot be opened"} if task.item.name in self.fails else RECORD


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Judge:
    fake = Judge()
    monkeypatch.setattr(collecting, "judge", fake)
    monkeypatch.setattr(collecting, "Guard", lambda config: config)
    monkeypatch.setattr(collecting, "_guards", {})
    return fake


TASKS = [Task(Item(f"{name}.mp4", Path(f"{name}.mp4"), "bonafide")) for name in "abc"]
ALL = ["a.mp4", "b.mp4", "c.mp4"]


def collected(folder: Path, config: Config | None = None, tasks: Sequence[Task] = TASKS) -> list[Run]:
    return list(collect(tasks, lambda _: config or Config(), folder / "runs"))


def record_of(task: Task, folder: Path) -> Path:
    """Its record, where there is but one."""
    (found,) = (folder / "runs").glob(f"{task.key}-*.json")
    return found


def test_what_was_judged_is_not_judged_again(judged: Judge, tmp_path: Path) -> None:
    first = collected(tmp_path, tasks=TASKS[:2])
    assert judged.asked == ALL[:2]
    second = collected(tmp_path)
    assert judged.asked == ALL
    assert second[:2] == first
    assert [run.item.name for run in second] == ALL
    assert collected(tmp_path, tasks=TASKS[::-1]) == second[::-1]
    assert judged.asked == ALL


@pytest.mark.usefixtures("judged")
def test_progress_begins_with_what_was_there(tmp_path: Path) -> None:
    collected(tmp_path, tasks=TASKS[:2])
    done: list[int] = []
    list(collect(TASKS, lambda _: Config(), tmp_path / "runs", on_done=done.append))
    assert done == [2, 1]


class DyingPool:
    """Judges one task; then the process that judges the next one is killed."""

    def __init__(self, *_: object, **__: object) -> None: ...
    def __enter__(self) -> DyingPool:
        return self

    def __exit__(self, *_: object) -> None: ...
    def map(self, work: Callable[[Any], None], tasks: Iterable[Any]) -> Iterator[None]:
        yield work(next(iter(tasks)))
        raise BrokenProcessPool


@pytest.mark.usefixtures("judged")
def test_when_a_process_dies_what_it_was_at_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "ProcessPoolExecutor", DyingPool)
    with pytest.raises(BackendError, match=r"fewer --jobs. At work were b.mp4 \(as is\), c.mp4 \(as is\)$"):
        list(collect(TASKS, lambda _: Config(), tmp_path / "runs", jobs=2))


def test_what_could_not_be_judged_is_tried_again(judged: Judge, tmp_path: Path) -> None:
    judged.fails = {"b.mp4"}
    assert [run.error for run in collected(tmp_path)] == ["", "cannot be opened", ""]
    judged.fails, judged.asked = set(), []
    assert [run.error for run in collected(tmp_path)] == ["", "", ""]
    assert judged.asked == ["b.mp4"]


def test_what_another_model_judged_is_judged_again(judged: Judge, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"first")
    config = Config(options={"voice": {"model": str(folder)}})
    collected(tmp_path, config, TASKS[:1])
    collected(tmp_path, config, TASKS[:1])
    assert judged.asked == ["a.mp4"]
    (folder / "model.onnx").write_bytes(b"trained anew")
    collected(tmp_path, config, TASKS[:1])
    assert judged.asked == ["a.mp4", "a.mp4"]


def test_what_a_changed_check_of_another_package_judged_is_judged_again(
    judged: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "somebodys_check.py"
    code.write_text("first")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("theirs", "somebodys_check:Check", "liveguard.detectors")
    monkeypatch.setattr(collecting, "available", lambda _: {"theirs": point})
    collecting._foreign.cache_clear()
    collected(tmp_path, tasks=TASKS[:1])
    collected(tmp_path, tasks=TASKS[:1])
    assert judged.asked == ALL[:1]
    code.write_text("second, longer")
    os.utime(code, ns=(0, 0))
    collected(tmp_path, tasks=TASKS[:1])
    assert judged.asked == ALL[:1] * 2
    collected(tmp_path, Config(without=("theirs",)), TASKS[:1])
    collecting._foreign.cache_clear()


def test_what_another_face_model_saw_is_judged_again(judged: Judge, tmp_path: Path) -> None:
    """Under the same name, too."""
    config = Config(task_file=tmp_path / "face.task")
    for content in (b"first", b"first", b"second"):
        (tmp_path / "face.task").write_bytes(content)
        os.utime(tmp_path / "face.task", ns=(0, len(content)))
        collected(tmp_path, config, TASKS[:1])
    assert judged.asked == ALL[:1] * 2


def test_records_of_other_code_are_made_anew(judged: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [*TASKS, Task(TASKS[0].item, "5 fps")]
    collected(tmp_path, tasks=tasks)
    judged.asked = []
    prints = {True: "other stress", False: running.fingerprint(False)}
    monkeypatch.setattr(running, "fingerprint", prints.__getitem__)
    collected(tmp_path, tasks=tasks)
    assert judged.asked == ["a.mp4"], "only the variant depends on how variants are made"
    monkeypatch.setattr(running, "fingerprint", lambda _: "other checks")
    collected(tmp_path, tasks=tasks)
    assert judged.asked == ["a.mp4", *ALL, "a.mp4"]


def test_records_of_other_checks_are_made_anew_but_not_of_another_policy(judged: Judge, tmp_path: Path) -> None:
    collected(tmp_path)
    collected(tmp_path, Config(Policy(prior=0.1)))
    assert judged.asked == ALL
    for other in (Config(without=("mesh",)), Config(options={"voice": {"model": "x"}}), Config(max_faces=1)):
        judged.asked = []
        collected(tmp_path, other)
        assert judged.asked == ALL


def test_who_tries_other_checks_does_not_lose_what_was_judged_by_all(judged: Judge, tmp_path: Path) -> None:
    first = collected(tmp_path)
    collected(tmp_path, Config(only=("camera",)))
    judged.asked = []
    assert collected(tmp_path) == first
    collected(tmp_path, Config(only=("camera",)))
    assert judged.asked == []


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b'{"made_by": 3}', b"\xff\xfe", b"nonsense"])
def test_a_damaged_record_is_made_anew(judged: Judge, tmp_path: Path, damage: bytes) -> None:
    whole = collected(tmp_path)
    record_of(TASKS[1], tmp_path).write_bytes(damage)
    judged.asked = []
    assert collected(tmp_path) == whole
    assert judged.asked == ["b.mp4"]


@pytest.mark.usefixtures("judged")
def test_a_record_that_was_cut_anywhere_is_made_anew(tmp_path: Path) -> None:
    whole = collected(tmp_path, tasks=TASKS[:1])
    path = record_of(TASKS[0], tmp_path)
    data = path.read_bytes()
    for end in range(0, len(data), 40):
        path.write_bytes(data[:end])
        assert collected(tmp_path, tasks=TASKS[:1]) == whole
        assert path.read_bytes() == data
    assert sorted(file.name for file in (tmp_path / "runs").iterdir()) == [path.name], "nothing half-written is left"


def test_a_crash_keeps_what_was_judged_before(judged: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crashes(guard: Guard, task: Task) -> dict[str, Any]:
        if task.item.name == "c.mp4":
            raise KeyboardInterrupt
        return judged(guard, task)

    monkeypatch.setattr(collecting, "judge", crashes)
    with pytest.raises(KeyboardInterrupt):
        collected(tmp_path)
    monkeypatch.setattr(collecting, "judge", judged)
    judged.asked = []
    assert len(collected(tmp_path)) == 3
    assert judged.asked == ["c.mp4"]


def test_the_fingerprint_tells_checks_and_variants_apart_and_holds_still() -> None:
    assert running.fingerprint.__wrapped__(True) == running.fingerprint.__wrapped__(True)
    assert running.fingerprint(True) != running.fingerprint(False)


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("challenge/planar.py", True),
        ("face/canonical.npz", True),
        ("face/mean_grey.npz", True),
        ("wire.py", True),
        ("models/swap/card.toml", True),
        ("detectors/weights.toml", False),
        ("report.py", False),
    ],
)
def test_the_fingerprint_is_of_all_that_readings_depend_on(
    file: str, counts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = shutil.copytree(Path(liveguard.__file__).parent, tmp_path / "liveguard")
    monkeypatch.setattr(running, "files", lambda _: package)
    before = running.fingerprint.__wrapped__(False)
    with (package / file).open("ab") as changed:
        changed.write(b" ")
    assert (running.fingerprint.__wrapped__(False) != before) == counts
