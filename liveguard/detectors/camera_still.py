"""Whether anything in a feed moves, apart from what noise, encoders and automatic exposure do to a still picture.

The cells of the whole picture alone cannot say it: a face that fills only one of them speaks and blinks without changing
its mean, and sensor noise changes means where nothing moves. So the cells of each face decide too, all cells are taken
as means over a moment, and what gain and offset of the whole explain is no change.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from liveguard.detectors.camera_series import Series
from liveguard.types import FloatArray

MEAN_S: Final = 0.3
STILL_GREY: Final = 1.5  # largest change of any cell of the picture that noise and encoders make on a still one
STILL_FACE_GREY: Final = 1.5  # the same of a face's cells; within 1.5 s genuine talkers change them by 6 and more
FOLLOWED_S: Final = 0.5  # before the end, for a face that is followed now
GAINS: Final = (0.8, 1.25)  # of automatic exposure while a picture is still
MOVES_S: Final = 2.0
# A face moves whose cells change within 2 s by this, as encoders make up to 3 on a still one, and by so many times what they
# change by from picture to picture, of which noise makes up to 4, people 5 and more.
MOVES_GREY: Final = 4.0
MOVES_NOISES: Final = 4.5


def still_s(picture: Series, faces: list[Series]) -> float:
    """For how long, up to the last picture, nothing has moved: neither the picture nor a face, and one was followed."""
    end_s = float(picture.t_s[-1])
    followed_s = [float(face.t_s[0]) for face in faces if face.t_s[-1] > end_s - FOLLOWED_S]
    face_still_s = [_still_from_s(face, STILL_FACE_GREY) for face in faces]
    return end_s - max(_still_from_s(picture, STILL_GREY), *face_still_s, min(followed_s, default=end_s))


def any_moves(faces: list[Series], end_s: float) -> bool:
    """Whether any face has moved in the last 2 s by more than noise can make it seem."""
    return any(_moves(face, end_s - MOVES_S) for face in faces)


def _still_from_s(series: Series, limit_grey: float) -> float:
    change = _change(series.means(MEAN_S))[::-1]
    spread = np.maximum.accumulate(change, axis=0) - np.minimum.accumulate(change, axis=0)
    moving = np.flatnonzero(spread.max(axis=1) > limit_grey)
    return float(series.t_s[len(change) - moving[0]] if len(moving) else series.t_s[0])


def _moves(series: Series, since_s: float) -> bool:
    recent = series.since(since_s)
    if len(recent.t_s) < 3:
        return False
    steps = np.sqrt(np.mean(np.diff(recent.values, axis=0) ** 2, axis=0))
    noise_grey = float(np.percentile(steps, 25))  # of the quiet cells, as movement makes steps too
    change = np.ptp(_change(series.means(MEAN_S).since(since_s)), axis=0)
    return float(change.max()) > max(MOVES_GREY, MOVES_NOISES * noise_grey)


def _change(series: Series) -> FloatArray:
    """What gain and offset of all cells do not explain of how each differs from the last: (n, cells)."""
    last = series.values[-1] - series.values[-1].mean()
    offset = series.values.mean(axis=1, keepdims=True)
    gain = ((series.values - offset) @ last)[:, None] / max(float(last @ last), 1e-3)
    return np.asarray(series.values - offset - np.clip(gain, *GAINS) * last, np.float32)
