"""The recogniser in a process of its own hears what it hears in ours, survives a crash, and ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from demo.clips import speech
from liveguard.challenge.recogniser import Sphinx
from liveguard.challenge.recogniser_aside import SphinxAside

pytest.importorskip("pocketsphinx", reason="PocketSphinx is not installed: pip install 'liveguard[kyc]'")


def test_it_hears_the_same_and_comes_back_after_a_crash(tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        pcm = speech("four seven one nine", tmp_path_factory.mktemp("digits"), "en-us", 120)
    except FileNotFoundError:
        pytest.skip("espeak-ng is not installed (apt-get install espeak-ng)")
    aside, asked = SphinxAside(), (4, 7, 1, 9)
    try:
        expected = Sphinx().hear(pcm, asked)
        assert aside.hear(pcm, asked) == expected
        assert expected is not None
        assert aside.hear(pcm[:100], asked) is None
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(lambda _: aside.hear(pcm, asked), range(2))) == [expected] * 2
        assert aside._process is not None
        aside._process.kill()
        aside._process.wait()
        assert aside.hear(pcm, asked) == expected
    finally:
        aside.close()
        aside.close()
    assert aside._process is None
