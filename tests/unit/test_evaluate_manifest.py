"""Manifests: what is read of them, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from liveguard.errors import InputError
from liveguard.evaluate import manifest as manifests
from liveguard.evaluate.manifest import Item, read_manifest


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "manifest.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(folder: Path, text: str | bytes, *splits: str) -> list[Item]:
    return read_manifest(written(folder, text), splits)


def test_rows_are_read_in_full_and_in_order(tmp_path: Path) -> None:
    items = read(
        tmp_path,
        "path,label,media,kind,generator,subject,source,split,audio_sync,camera\n"
        "a/one.mp4,bonafide,video,-,-,ann,office,train,real,C920\n"
        "two.wav,attack,audio,tts,some model,bob,web,test,none,\n",
    )
    assert items == [
        Item(
            "a/one.mp4", tmp_path / "a/one.mp4", "bonafide", "video", "-", "-", "ann", "office",
            {"split": "train", "audio_sync": "real", "camera": "C920"},
        ),
        Item(
            "two.wav", tmp_path / "two.wav", "attack", "audio", "tts", "some model", "bob", "web",
            {"split": "test", "audio_sync": "none", "camera": ""},
        ),
    ]  # fmt: skip
    assert [item.attack for item in items] == [False, True]
    assert [item.sync_is_known for item in items] == [True, False]


def test_two_columns_are_enough(tmp_path: Path) -> None:
    (item,) = read(tmp_path, "label,path\nattack, x.mp4 \n")
    assert item == Item("x.mp4", tmp_path / "x.mp4", "attack", "video", "-", "-", "-", "-", {})


def test_a_file_as_excel_writes_it(tmp_path: Path) -> None:
    (item,) = read(tmp_path, b'\xef\xbb\xbfpath,label,kind\r\n"a, b.mp4",bonafide,\r\n\r\n')
    assert (item.name, item.kind) == ("a, b.mp4", "-")


def test_an_absolute_path_stays_where_it_is(tmp_path: Path) -> None:
    assert read(tmp_path, "path,label\n/elsewhere/x.mp4,attack\n")[0].file == Path("/elsewhere/x.mp4")


def test_cells_beyond_the_columns_and_cells_that_are_missing_change_nothing(tmp_path: Path) -> None:
    items = read(tmp_path, "path,label,kind\na.mp4,attack,swap,more,and more\nb.mp4,attack\n")
    assert [(item.name, item.kind, dict(item.more)) for item in items] == [("a.mp4", "swap", {}), ("b.mp4", "-", {})]


SPLITS = "path,label,split\na.mp4,attack,train\nb.mp4,attack,test\nc.mp4,bonafide,\nd.mp4,bonafide,test\n"


@pytest.mark.parametrize(
    ("splits", "names"), [((), "abcd"), (("test",), "bd"), (("test", "train"), "abd"), (("",), "c")]
)
def test_splits_are_those_asked_for(tmp_path: Path, splits: tuple[str, ...], names: str) -> None:
    assert [item.name[0] for item in read(tmp_path, SPLITS, *splits)] == list(names)


def test_a_path_may_be_in_two_splits_but_not_in_one_twice(tmp_path: Path) -> None:
    text = SPLITS + "a.mp4,attack,test\n"
    assert len(read(tmp_path, text, "train")) == 1
    with pytest.raises(
        InputError, match=r"manifest\.csv, lines \d and \d: 'a\.mp4' and 'a\.mp4' are the same recording"
    ):
        read(tmp_path, text)


def test_another_spelling_of_a_path_is_the_same_recording(tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(tmp_path / "a.mp4")
    for spelling in ("./a.mp4", "b/../a.mp4", str(tmp_path / "a.mp4"), "link.mp4"):
        with pytest.raises(InputError, match=r"lines 2 and 4: 'a\.mp4' and '.*' are the same recording"):
            read(tmp_path, f"path,label\na.mp4,bonafide\nb.mp4,bonafide\n{spelling},attack\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'path'; needed are path and label, in the first line"),
        ("file,label\na.mp4,attack\n", "no column 'path'"),
        ("path,kind\na.mp4,swap\n", "no column 'label'"),
        ("path,label\n", "has no rows"),
        ("path,label\na.mp4,attack\nb.mp4,fake\n", r"line 3: label is 'fake'; allowed are bonafide and attack"),
        ("path,label\na.mp4,Attack\n", r"line 2: label is 'Attack'"),
        ("path,label\na.mp4\n", r"line 2: label is ''"),
        (f"path,label\na.mp4,{'x' * 5000}\n", r"line 2: label is 'x{40}';"),
        ("path,label,media\na.mp4,attack,film\n", r"line 2: media is 'film'; allowed are video, audio, image"),
        ('path,label\n"a\nb.mp4",attack\n,attack\n', "line 4: path is empty"),
        ("path,label\na\0b.mp4,attack\n", "path is empty or not a path|NUL"),
        (b"path,label\n\xff.mp4,attack\n", "no CSV file in UTF-8"),
        (f"path,label\n{'x' * 200_000},attack\n", "no CSV file in UTF-8: field larger than"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_what_is_allowed(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "manifest.csv") in str(caught.value)


def test_a_split_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no row of split dev, eval"):
        read(tmp_path, SPLITS, "dev", "eval")


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(InputError, match=f"cannot read {path}"):
            read_manifest(path)


def test_there_is_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "MOST_ROWS", 3)
    with pytest.raises(InputError, match="4 rows, at most 3 are allowed"):
        read(tmp_path, SPLITS)
