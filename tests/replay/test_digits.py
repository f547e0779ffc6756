"""Digits that espeak-ng says, heard by the real recogniser."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from demo.clips import speech
from liveguard.challenge.digits import compliance_nats
from liveguard.challenge.recogniser import WORDS, Sphinx
from liveguard.types import FloatArray

pytestmark = [
    pytest.mark.replay,
    pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed"),
]
# espeak-ng is hard to understand, for people, too: a digit may be mistaken, and yet these fit better than others.
ASKED = ((4, 3, 0, 1), (2, 9, 1, 4), (7, 2, 9, 8))


@pytest.fixture(scope="module")
def sphinx() -> Sphinx:
    pytest.importorskip("pocketsphinx", reason="pocketsphinx is not installed (liveguard[kyc])")
    return Sphinx()


def said(words: str, folder: Path) -> FloatArray:
    return speech(words, folder, voice="en-us+f2", words_per_min=120)


def digits(of: Sequence[int]) -> str:
    return ", ".join(WORDS[digit] for digit in of)


@pytest.mark.parametrize("asked", ASKED)
def test_the_digits_that_were_asked_for_fit_better_than_others(
    sphinx: Sphinx, asked: tuple[int, ...], tmp_path: Path
) -> None:
    pcm = said(digits(asked), tmp_path)
    right = sphinx.hear(pcm, asked)
    assert right is not None
    assert sum(a == b for a, b in zip(right.digits, asked, strict=True)) >= 3
    assert compliance_nats(right) < -0.5
    for other in ASKED:
        if other != asked:
            wrong = sphinx.hear(pcm, other)
            assert wrong is not None
            assert compliance_nats(wrong) > 0.5


def test_a_sentence_is_no_digits(sphinx: Sphinx, tmp_path: Path) -> None:
    heard = sphinx.hear(said("the north wind and the sun were disputing which was the stronger", tmp_path), ASKED[0])
    assert heard is not None
    assert compliance_nats(heard) > 1


def test_nothing_is_heard_in_nothing(sphinx: Sphinx) -> None:
    assert sphinx.hear(np.zeros(0, np.float32), ASKED[0]) is None
    assert sphinx.hear(np.zeros(1600, np.float32), ASKED[0]) is None


def test_the_same_sound_is_heard_alike_after_anything(sphinx: Sphinx, tmp_path: Path) -> None:
    sounds = [said(digits(asked), tmp_path) for asked in ASKED[:2]]
    alone = [Sphinx().hear(pcm, ASKED[0]) for pcm in sounds]
    assert [sphinx.hear(pcm, ASKED[0]) for pcm in sounds * 2] == alone * 2
    before = sphinx._decoder
    with pytest.raises(IndexError):
        sphinx.hear(sounds[0], [len(WORDS)])
    assert sphinx._decoder is not before
    assert [sphinx.hear(pcm, ASKED[0]) for pcm in sounds] == alone
