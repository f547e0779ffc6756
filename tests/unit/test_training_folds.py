"""What a model may learn from shares nothing with what it is tested on, however people and generators are spread."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

MODELS = Path(__file__).parents[2] / "models"


def corpus_of(training: str) -> ModuleType:
    """`corpus.py` of a training, under a name of its own: several have one."""
    spec = importlib.util.spec_from_file_location(f"corpus_of_{training}", MODELS / training / "corpus.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def voice() -> ModuleType:
    pytest.importorskip("soundfile", reason="training needs liveguard[training]")
    return corpus_of("voice")


@pytest.fixture(scope="module")
def crops() -> ModuleType:
    return corpus_of("crops")


# --- voices --------------------------------------------------------------------------------------------------------

PAGES = ("e1tts", "styletts2", "jaywalnut310", "jik876", "sh-lee-prml", "bshall", "OlaWod")  # one of each fold
READER = "LJSpeech:LJ"
NAMES_OF_THE_READER = (
    READER,
    "jaywalnut310__glow-tts-demo:unk",
    "fatchord__WaveRNN:unk",
    "huawei-noah__Speech-Backbones:unk",
)


def voices(voice: ModuleType) -> list[object]:
    """Of each page somebody of its own and somebody who speaks on the next one too, a generator of its own and one that
    shares a part with that of the page after; and one reader, under her names, on all of them but the first."""
    clips = []
    for number, owner in enumerate(PAGES):
        said = [
            (False, "real", "", f"anyone:{number}"),
            (False, "real", "", f"both:{number}"),
            (False, "real", "", f"both:{(number - 1) % len(PAGES)}"),
            (True, "tts", f"speaks{number}", f"anyone:{number}"),
            (True, "vc", f"front{number}+back{number}-v1(mel)", f"other:{number}"),
            (True, "vocoder", f"back{(number - 1) % len(PAGES)}", f"another:{number}"),
        ]
        if number:
            reader = NAMES_OF_THE_READER[number % len(NAMES_OF_THE_READER)]
            said.append((True, "tts", f"reads{number}", reader))
        clips += [
            voice.Clip(
                Path(), f"{owner}/{k}", attack, kind, generator, f"{owner}/x", person, number, True, False, "",
            )
            for k, (attack, kind, generator, person) in enumerate(said)
        ]  # fmt: skip
    return clips


def test_no_fold_of_voices_learns_from_a_source_generator_or_person_of_its_own(voice: ModuleType) -> None:
    assert voice.components("tacotron2+hifigan-v1(mel)") == {"tacotron2", "hifigan"}
    clips = voices(voice)
    for fold in range(len(PAGES)):
        usable = voice.may_train(clips, fold)
        train = [clip for clip, may in zip(clips, usable, strict=True) if may]
        test = [clip for clip in clips if clip.fold == fold]
        elsewhere = [clip for clip in clips if clip.fold != fold]
        assert not {clip.source for clip in train} & {clip.source for clip in test}
        assert not {clip.subject for clip in train} & {clip.subject for clip in test}
        seen = frozenset[str]().union(*(clip.components for clip in train))
        assert not seen & frozenset[str]().union(*(clip.components for clip in test))
        # Two clips of people who speak here and elsewhere, two of generators whose parts are, and the reader's.
        readers = 0 if fold == 0 else len(PAGES) - 2
        assert len(train) == len(elsewhere) - 2 - 2 - readers
    assert all(voice.may_train(clips, None))


def test_one_reader_is_one_person_whatever_she_is_called(voice: ModuleType) -> None:
    clips = voices(voice)
    for fold in range(1, len(PAGES)):
        usable = voice.may_train(clips, fold)
        assert not any(may and clip.corpus == "LJSpeech" for clip, may in zip(clips, usable, strict=True))
    assert {clip.person for clip in clips if clip.corpus == "LJSpeech"} == {"LJSpeech"}
    assert {clip.subject for clip in clips if clip.person == "LJSpeech"} == set(NAMES_OF_THE_READER)


# --- faces ---------------------------------------------------------------------------------------------------------


def test_no_model_of_faces_learns_from_a_person_or_generator_of_the_source_it_is_tested_on(crops: ModuleType) -> None:
    def item(source: str, person: str, generator: str = "-", kind: str = "real", video: bool = True) -> object:
        return crops.Item(Path(), "", video, kind != "real", kind, generator, source, person)

    own = [item("here", "ann"), item("here", "eve", "Talk", "talkinghead"), item("here", "sue", "Move", "reenact")]
    kept = [
        item("there", "bob"),
        item("there", "dan", "Sing", "talkinghead"),
        item("there", "-", "-", "reenact"),
    ]
    shared = [
        item("there", "ann"),
        item("there", "eve"),
        item("there", "ann", "Sing", "talkinghead"),
        item("there", "joe", "Talk", "talkinghead"),
        item("there", "joe", "Move", "talkinghead"),
    ]
    others = [item("there", "kim", "Swap", "faceswap"), item("there", "kim", video=False)]
    items = [*own, *kept, *shared, *others]
    assert crops.may_teach(items, "here") == [False] * 3 + [True] * 3 + [False] * 5 + [False] * 2
    assert crops.may_teach(items, None) == [True] * 11 + [False] * 2, "what ships learns from all heads that move"
