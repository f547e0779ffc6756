"""The windows that ways to judge lip-sync are compared on: what each shows, and who may not have learned from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from lipsync_lag import SHIFTS_MS, Clip, window_of
from towers import Array, Stretch, stretch_of

from liveguard.detectors import lipsync_lag
from liveguard.detectors.lipsync import LipSync, common_grid
from liveguard.detectors.series import face_series
from liveguard.types import Window

PARTS_US, HOP_US = 3_000_000, 1_000_000
EARLIER_MS = -500
TEMPI = (0.8, 1.25)
STRANGERS = 3  # of the parts, each so many-th meets each stranger
WRONG = ("exchanged", "mouth of half a second earlier", "another tempo", "moved 240, 480 ms")
# The corpora whose genuine clips are judged, and the sources that are not learned from: pages of one group show each other's
# people or generators.
FOLDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "MEAD": (("MEAD",), ("filby89/spectre", "jixinya/EAMM")),
    "LRS3": (("LRS3",), ("filby89/spectre", "choijeongsoo/lip2speech-unit")),
    "VoxCeleb": (("VoxCeleb",), ("Hangz-nju-cuhk/Talking-Face_PC-AVS",)),
    "HDTF": (
        ("HDTF", "float"),
        ("deepbrainai-research/float", "OpenTalker/SadTalker", "Kedreamix/Linly-Talker", "X-LANCE/AniTalker"),
    ),
    "KeySync": ((), ("antonibigata/antonibigata.github.io", "kkakkkka/HunyuanPortrait")),
    "others": (
        (),
        ("ali-vilab/dreamtalk", "FuxiVirtualHuman/styletalk", "Fantasy-AMAP/fantasy-talking", "jixiaozhong/Sonic"),
    ),
}


@dataclass
class Case:
    """One window: `kind` says what was done to it, `moved_ms` how late its sound was made, `part` whether it is 3 s of its
    clip."""

    clip: int
    kind: str
    moved_ms: int
    part: bool
    grid: tuple[Array, lipsync_lag.Mask, Array, lipsync_lag.Mask]
    stretch: Stretch
    fold: str = ""


def fold_of(clip: Clip) -> str:
    """The fold that judges a clip."""
    genuine = clip.sync == "real"
    return next(
        name for name, (corpora, sources) in FOLDS.items()
        if (clip.corpus in corpora if genuine and corpora else clip.source in sources and not genuine)
    )  # fmt: skip


def may_teach(clip: Clip, fold: str) -> bool:
    corpora, sources = FOLDS[fold]
    return clip.corpus not in corpora and clip.source not in sources


def cases_of(clips: list[Clip], kinds: dict[str, str]) -> Iterator[Case]:
    """Every window that the running check would get as far as weighing."""
    check = LipSync()
    for index, kind, moved_ms, part, window in _windows(clips, kinds):
        if "consistency_sigma" in check.evaluate(window).measures:
            grid = common_grid(window, face_series(window))
            yield Case(index, kind, moved_ms, part, grid, stretch_of(window), fold_of(clips[index]))


def _windows(clips: list[Clip], kinds: dict[str, str]) -> Iterator[tuple[int, str, int, bool, Window]]:
    import librosa

    genuine = [k for k, clip in enumerate(clips) if clip.sync == "real"]
    for index, clip in enumerate(clips):
        spans = [None, *((at, at + PARTS_US) for at in range(0, clip.end_us - PARTS_US + 1, HOP_US))]
        if index not in genuine:
            for span in spans:
                yield index, kinds[clip.name], 0, span is not None, window_of(clip, span_us=span)
            continue
        other_tempo = [librosa.effects.time_stretch(clip.pcm, rate=r, n_fft=512, hop_length=128) for r in TEMPI]
        strangers = [k for k in genuine if clips[k].subject != clip.subject]
        for number, span in enumerate(spans):
            for shift in (0, *SHIFTS_MS):
                kind = "own" if not shift else "moved" if abs(shift) < 240 else WRONG[3]
                yield index, kind, shift, span is not None, window_of(clip, shift, span_us=span)
            yield index, WRONG[1], 0, span is not None, window_of(clip, EARLIER_MS, span_us=span)
            for pcm in other_tempo:
                retimed = replace(clip, pcm=pcm.astype(np.float32))
                yield index, WRONG[2], 0, span is not None, window_of(clip, sound=retimed, span_us=span)
            for k in strangers:
                other = clips[k]
                if span is None:
                    both = (0, min(clip.end_us, other.end_us))
                    yield index, WRONG[0], 0, False, window_of(clip, sound=other, span_us=both)
                elif other.end_us >= span[1] and (k + number) % STRANGERS == 0:
                    yield index, WRONG[0], 0, True, window_of(clip, sound=other, span_us=span)
