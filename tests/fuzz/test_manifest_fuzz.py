"""Any manifest gives items or an InputError, and so does every recording that it names."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveguard.errors import InputError
from liveguard.evaluate.facts import facts_of
from liveguard.evaluate.manifest import LABELS, MEDIA, read_manifest

pytestmark = pytest.mark.fuzz

NAMED = st.sampled_from(("path", "label", "media", "kind", "subject", "split", "audio_sync", "", " label"))
CELL = st.sampled_from(
    (*LABELS, *MEDIA, "a.mp4", "../a.mp4", "/", ".", "file:///x", "http://x", "real", "x" * 300)
) | st.text(max_size=12)
TABLES = st.tuples(st.lists(NAMED | st.text(max_size=5), max_size=6), st.lists(st.lists(CELL, max_size=7), max_size=5))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("manifest") / "manifest.csv"


def gives_items_or_refuses(path: Path, data: bytes) -> int:
    path.write_bytes(data)
    try:
        items = read_manifest(path)
    except InputError as error:
        items, refusal = [], str(error)
    else:
        refusal = ""
        assert items
    assert len(refusal) < 600
    assert len({item.name for item in items}) == len(items)
    for item in items:
        assert item.label in LABELS
        assert item.media in MEDIA
        assert all((item.name, item.kind, item.generator, item.subject, item.source))
        with pytest.raises(InputError):  # nothing of that name is a recording
            facts_of(item.file)
    return len(items)


def as_csv(header: list[str], rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([header, *rows])
    return out.getvalue().encode("utf-8", "surrogatepass")


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: b"path,label\n" + tail))
@settings(max_examples=200, deadline=None)
def test_any_bytes(path: Path, data: bytes) -> None:
    gives_items_or_refuses(path, data)


@given(TABLES)
@settings(max_examples=200, deadline=None)
def test_any_table(path: Path, table: tuple[list[str], list[list[str]]]) -> None:
    gives_items_or_refuses(path, as_csv(*table))


@given(
    st.lists(
        st.tuples(CELL, st.sampled_from(LABELS), CELL), min_size=1, max_size=4, unique_by=lambda row: row[0].strip()
    )
)
@settings(max_examples=200, deadline=None)
def test_any_names(path: Path, rows: list[tuple[str, str, str]]) -> None:
    gives_items_or_refuses(path, as_csv(["path", "label", "kind"], [list(row) for row in rows]))


@pytest.mark.parametrize("cut", range(0, 64, 3))
def test_a_manifest_that_was_cut(path: Path, cut: int) -> None:
    data = 'path,label,kind\n"a, b.mp4",attack,swap\nä.mp4,bonafide,-\n'.encode()
    assert gives_items_or_refuses(path, data) == 2
    gives_items_or_refuses(path, data[:cut])


def test_long_names_and_lines(path: Path) -> None:
    for name in ("x" * 5000, "x/" * 3000, "x" * 100_000):
        assert gives_items_or_refuses(path, f"path,label\n{name},attack\n".encode()) == 1
