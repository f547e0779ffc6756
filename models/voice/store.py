"""Band powers of a corpus: of each clip as it is, and as it is heard through a few random calls, all cut at the same places.

Calls take most of the time and are the same for every training, so they are made once and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
from channel import call, call_to_measure, heard
from corpus import Clip, read_sound, speech_frames
from network import WINDOW, band_powers

from liveguard.audio.dense import dense_speech
from liveguard.stress.variant import SoundEffect
from liveguard.types import BoolArray, FloatArray

SEED = 5
CLEAN, MEASURED = "clean", "measured"
LEAST = 4 * WINDOW  # samples; less speech than that is filled up with silence

Powers = npt.NDArray[np.float16]  # natural logarithms of band powers, (frames, bands)


@dataclass(frozen=True)
class Store:
    """`views`: name to the logarithms of all the clips' band powers, one after the other, (frames, bands) float16.

    Clip k is `starts[k] : starts[k + 1]` of each.
    """

    views: dict[str, Powers]
    starts: npt.NDArray[np.int64]


def frames_near_speech(clips: Sequence[Clip], cache: Path) -> dict[str, BoolArray]:
    """The frames to keep by a clip's name. A copy of a genuine clip is cut where that one is, so that they stay in step."""
    path = cache / "frames.npz"
    known: dict[str, BoolArray] = dict(np.load(path)) if path.is_file() else {}
    unknown = [clip for clip in clips if not clip.origin and _key(clip) not in known]
    if unknown:
        with get_context("spawn").Pool() as pool:
            frames = pool.map(_frames, [clip.path for clip in unknown], chunksize=8)
        known |= {_key(clip): kept for clip, kept in zip(unknown, frames, strict=True)}
        cache.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **known)  # type: ignore[arg-type]
    return {clip.name: known[_key(clip)] for clip in clips if not clip.origin}


def prepare(clips: Sequence[Clip], frames: dict[str, BoolArray], views: Sequence[str], cache: Path) -> Store:
    """The views of the clips, from `cache` where they are there; "0", "1", ... are random calls."""
    cache.mkdir(parents=True, exist_ok=True)
    missing = [view for view in views if not (cache / f"{view}.npz").is_file()]
    tasks = [
        (view, clip.path, frames[clip.origin or clip.name], number)
        for view in missing
        for number, clip in enumerate(clips)
    ]
    if tasks:
        with get_context("spawn").Pool() as pool:
            done = []
            for found in pool.imap(_powers, tasks, chunksize=16):
                done.append(found)
                if len(done) % 100 == 0 or len(done) == len(tasks):
                    print(f"\r{cache.name}: {len(done)} of {len(tasks)} heard", end="", flush=True)
            print()
        for k, view in enumerate(missing):
            parts = done[k * len(clips) : (k + 1) * len(clips)]
            np.savez(cache / f"{view}.npz", powers=np.concatenate(parts), lengths=[len(part) for part in parts])
    found_views, lengths = {}, np.zeros(0, np.int64)
    for view in views:
        with np.load(cache / f"{view}.npz") as file:
            found_views[view], lengths = file["powers"], file["lengths"]
    if len(lengths) != len(clips):
        raise ValueError(f"{cache} was made of other clips: delete it")
    return Store(found_views, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


def joined(parts: Sequence[Store]) -> Store:
    """Several corpora as one; a view that only the first has (to be measured on) stays as long as that one."""
    views = {
        view: np.concatenate([part.views[view] for part in parts if view in part.views]) for view in parts[0].views
    }
    lengths = np.concatenate([np.diff(part.starts) for part in parts])
    return Store(views, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


def _key(clip: Clip) -> str:
    return clip.name.replace("/", "|")


def _frames(path: Path) -> BoolArray:
    return speech_frames(read_sound(path))


def _powers(task: tuple[str, Path, BoolArray, int]) -> Powers:
    speech = speech_of(*task)
    speech = np.pad(speech, (0, max(LEAST - len(speech), 0)))
    return np.log(band_powers(speech) + 1e-12).astype(np.float16)


def speech_of(view: str, path: Path, kept: BoolArray, number: int) -> FloatArray:
    """Dense speech (n,) of clip `number` of a corpus in a view; the same number and view are the same call."""
    chain_of: Callable[[np.random.Generator], list[SoundEffect]] = call_to_measure if view == MEASURED else call
    rng = np.random.default_rng((SEED, number, sum(view.encode())))
    pcm = read_sound(path)
    if view != CLEAN:
        pcm = heard(pcm, chain_of(rng), rng)
    return dense_speech(pcm, kept)
