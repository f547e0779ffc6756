"""Speech without its pauses: what a voice model hears.

Pauses tell how a recording was made (digital silence, a gate, a room), not whether the voice is real, and models learn
that instead. So only speech counts, with a little around it.
"""

from __future__ import annotations

import numpy as np

from liveguard.audio.features import HOP
from liveguard.types import BoolArray, FloatArray

MARGIN = 8  # frames of 10 ms kept before and after speech: consonants that a voice activity detector misses
FADE = 80  # samples: 5 ms from one piece into the next, without which a cut clicks


def near_speech(voiced: BoolArray) -> BoolArray:
    """Frames (n,) bool within `MARGIN` frames of a `voiced` one."""
    if len(voiced) <= 2 * MARGIN:
        return np.full(len(voiced), bool(voiced.any()))
    reach: BoolArray = np.convolve(voiced, np.ones(2 * MARGIN + 1), mode="same") > 0.5
    return reach


def dense_speech(pcm: FloatArray, kept: BoolArray) -> FloatArray:
    """The sound of the frames to keep, piece after piece, (m,) float32 with m <= n.

    `pcm` (n,) at 16 kHz; `kept` (frames,) bool, one for each 10 ms of it from its start. What has no frame is left out.
    Each piece fades into the next over 5 ms.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(np.int8))) * HOP
    pieces = [pcm[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
    pieces = [piece for piece in pieces if len(piece) > 2 * FADE]
    if not pieces:
        return np.zeros(0, np.float32)
    out: FloatArray = np.array(pieces[0], np.float32)
    rise = np.linspace(0, 1, FADE, dtype=np.float32)
    for piece in pieces[1:]:
        joint = out[-FADE:] * (1 - rise) + piece[:FADE] * rise
        out = np.concatenate([out[:-FADE], joint, piece[FADE:]])
    return out
