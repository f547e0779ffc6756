"""The parts of the crop models' training, each against something that is known."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from liveguard.face.crops import crop
from liveguard.face.texture import canonical_face
from tests.crop_training import modules

torch = pytest.importorskip("torch", reason="training needs liveguard[training]")

NAMES = ("blend", "corpus", "degrade", "dice", "filters", "masks", "points", "recapture", "store")


@pytest.fixture(scope="module")
def parts() -> Iterator[SimpleNamespace]:
    with modules():
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})


def dice(parts: SimpleNamespace, shared: list[bool]) -> object:
    return parts.dice.Dice(np.array(shared), torch.Generator().manual_seed(1), np.random.default_rng(1))


def picture(seed: int = 0, side: int = 256) -> np.ndarray:  # type: ignore[type-arg]
    """Smooth colours with some detail, (side, side, 3) uint8."""
    rng = np.random.default_rng(seed)
    rough = cv2.resize(rng.integers(0, 256, (side // 8, side // 8, 3)).astype(np.uint8), (side, side))
    return np.asarray(cv2.GaussianBlur(rough, (0, 0), 2), np.uint8)


def tensor(image: np.ndarray) -> object:  # type: ignore[type-arg]
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


def mesh_in(side: float) -> np.ndarray:  # type: ignore[type-arg]
    mesh = canonical_face().mean * side * 0.3
    return np.asarray(mesh - mesh.mean(0) + side / 2, np.float32)


def points(parts: SimpleNamespace, n: int) -> object:
    return torch.from_numpy(parts.points.kept_of(mesh_in(256)))[None].repeat(n, 1, 1)


def test_jpeg_is_that_of_opencv(parts: SimpleNamespace) -> None:
    image = picture()
    coded = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR)
    ours = parts.filters.jpeg(tensor(np.ascontiguousarray(image[..., ::-1])), torch.tensor([30.0]))
    theirs = tensor(np.ascontiguousarray(coded[..., ::-1]))
    lost = float((theirs - tensor(np.ascontiguousarray(image[..., ::-1]))).abs().mean())
    assert float((ours - theirs).abs().mean()) < 0.5 * lost


def test_blur_and_sizes_keep_what_is_even_and_take_what_is_fine(parts: SimpleNamespace) -> None:
    even, fine = torch.full((2, 3, 64, 64), 0.4), torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    strong = torch.tensor([0.01, 3.0])
    assert torch.allclose(parts.filters.blurred(even, strong), even, atol=1e-5)
    left = parts.filters.blurred(fine, strong).var((1, 2, 3)) / fine.var((1, 2, 3))
    assert left[0] == pytest.approx(1, abs=1e-3)
    assert left[1] < 0.05
    through = parts.filters.through_size(fine, torch.tensor([64.0, 16.0]), torch.tensor([False, True]))
    assert torch.allclose(through[0], fine[0], atol=1e-4)
    assert through[1].var() < 0.3 * fine[1].var()


def test_pairs_that_share_a_call_get_the_same_figures(parts: SimpleNamespace) -> None:
    drawn = dice(parts, [True, False])
    first, second = drawn.uniform(0, 1, (5,)).chunk(2)
    assert torch.equal(first[0], second[0])
    assert not torch.equal(first[1], second[1])
    chosen = [drawn.some(0.5).tolist() for _ in range(50)]
    assert all((0 in which) == (2 in which) for which in chosen)
    assert any((1 in which) != (3 in which) for which in chosen)
    x = torch.zeros(4, 1)
    touched = parts.dice.in_part(x, drawn, 0.5, lambda y, d: y + d.uniform(1, 2)[:, None])
    assert set(np.flatnonzero(touched[:, 0].numpy()).tolist()) <= {0, 1, 2, 3}
    inner = drawn.of(np.array([1, 3]))
    assert inner.uniform().shape == (2,)


def test_outlines_are_filled_as_opencv_fills_them(parts: SimpleNamespace) -> None:
    side = parts.masks.SIDE
    outline = points(parts, 1)[:, parts.points.places(parts.points.PARTS["face"])] * (side / 256)
    ours = parts.masks.filled(outline)[0].numpy()
    theirs = cv2.fillPoly(
        np.zeros((side, side), np.uint8), [np.round(outline[0].numpy() - 0.5).astype(np.int32)], (1.0,)
    )
    assert (ours != theirs.astype(bool)).mean() < 0.03
    assert ours.mean() > 0.1


def test_a_face_that_is_carried_onto_itself_stays(parts: SimpleNamespace) -> None:
    x = tensor(picture())
    at = points(parts, 1)
    assert float((parts.blend.carried_over(x, at, at) - x).abs().mean()) < 0.01
    away = parts.blend.carried_over(x, at, at + torch.tensor([8.0, 0.0]))
    assert float((away[..., 8:] - x[..., :-8]).abs().mean()) < 0.02


def test_the_most_alike_face_is_found(parts: SimpleNamespace) -> None:
    at = points(parts, 1)
    wider = at * torch.tensor([1.3, 1.0])
    assert parts.blend.alike(at, torch.stack([wider, at * 0.7 + 20, wider * 2], 1)).tolist() == [1]


def test_attacks_differ_where_they_were_made_and_calls_have_the_size_of_a_crop(parts: SimpleNamespace) -> None:
    x, at = tensor(picture()).repeat(4, 1, 1, 1), points(parts, 4)
    foreign = torch.tensor([False, True, False, True])
    made, where = parts.blend.blended(x, at, x.flip(3), at, foreign, dice(parts, [False, False]))
    assert made.shape == x.shape
    assert 0 < float(where.mean()) < 0.6
    shown, screen = parts.recapture.recaptured(x, x.flip(2), dice(parts, [False, False]))
    assert float((shown - x).abs().mean()) > 0.01
    assert float(screen.mean()) > 0.2
    called, _ = parts.degrade.called(shown, screen, at, 0.2, dice(parts, [True, False]))
    assert called.shape == (4, 3, 224, 224)
    assert 0 <= float(called.min()) <= float(called.max()) <= 1


def test_black_around_a_picture_stays_black_when_it_is_recaptured(parts: SimpleNamespace) -> None:
    x = tensor(picture()).repeat(2, 1, 1, 1)
    x[..., :80] = 0
    shown, _ = parts.recapture.recaptured(x, x.flip(2), dice(parts, [False]))
    assert float(shown[..., :40].abs().max()) < 0.01


def test_the_middle_of_a_stored_crop_is_what_the_check_gets(parts: SimpleNamespace) -> None:
    grey = picture(side=512)[..., :1]
    image, mesh = np.repeat(grey, 3, 2), mesh_in(512)
    for name in ("face", "scene"):
        jpeg, kept = parts.store.cut(image, mesh, name)
        stored = cv2.cvtColor(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        gap = np.abs(stored[16:240, 16:240].astype(int) - crop(image, mesh, name).astype(int))
        assert gap.mean() < 1.5  # JPEG
        span = kept[:, 1].max() - kept[:, 1].min()
        faces = {"face": 1.3, "scene": 2.6}[name]
        assert span == pytest.approx(224 / faces, rel=0.06)
        assert kept.mean(0) == pytest.approx([128, 128], abs=20)


def test_folds_share_no_source_person_or_generator(parts: SimpleNamespace) -> None:
    def item(source: str, subject: str, generator: str = "-") -> object:
        kind = "real" if generator == "-" else "talkinghead"
        return parts.corpus.Item(Path(), source, True, generator != "-", kind, generator, source, subject)

    items = [
        item("X-LANCE/A", "a", "AniTalker"), item("deepbrainai-research/f", "b", "AniTalker"),
        item("celebv-text/c", "c"), item("celebv-text/c", "d", "Other"), item("utkface", "d"), item("utkface", "e"),
    ]  # fmt: skip
    assert [parts.corpus.fold_of(one) for one in items] == [1, 1, 2, 2, -1, -1]
    assert parts.corpus.may_train(items, "swap", 2) == [True, True, False, False, False, True]
    assert parts.corpus.may_train(items, "swap", 1) == [False, False, True, True, True, True]
    assert parts.corpus.may_train(items, "replay", None) == [False, False, True, False, True, True]
