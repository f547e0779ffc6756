"""Whether anything in a feed moves, apart from what noise, encoders and automatic exposure do to a still picture.

The cells of the whole picture alone cannot say it: a face that fills only one of them speaks and blinks without changing
its mean, and sensor noise changes means where nothing moves. So the cells of each face decide too, all cells are taken
as means over a moment, and what gain and offset of the whole explain is no change. Nor may a clock in the corner or a
backdrop that moves bring a face to life, nor a hand that sways a photo: so a face's features are looked at apart, too, and
what a shift and another size explain is no life.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from liveguard.detectors.camera_series import Series
from liveguard.types import FloatArray

MEAN_S: Final = 0.3
STILL_GREY: Final = 1.5  # largest change of any cell of the picture that noise and encoders make on a still one
# The same of a face's cells; within 1.5 s genuine talkers change them by 6 and more. The features alone they change by more than
# 3 within 1.3 s, in low light and at 80 px in VP8 at 80 kbit/s, too.
STILL_FACE_GREY: Final = 1.5
FOLLOWED_S: Final = 0.5  # before the end, for a face that is followed now
GAINS: Final = (0.8, 1.25)  # of automatic exposure while a picture is still
MOST_STEP_S: Final = 0.7  # between two pictures of a face, to say that it was still between them
LEAST_LIGHT_GREY: Final = 30.0  # of a face: in the dark people change too little
LIVES_S: Final = 3.0
# A face lives whose features change within 3 s by this, as encoders make up to 3 on a still one, and by so many times what they
# change by from picture to picture, of which noise makes up to 4, people 5 and more.
LIVES_GREY: Final = 4.0
LIVES_NOISES: Final = 4.5
# And by as much, or so many times, without the three ways in which they change most, and by such a share of the whole: to and
# fro, up and down and in size are no more than that, but for small errors, as cells do not change evenly with their place.
# Photos that sway by 0.03 eye distances come to that in 0 of 286 spells of 3 s, by 0.06 in 18 %; people in 70 to 85 %.
RIGID_WAYS: Final = 3
LEFT_NOISES: Final = 3.5
LEFT_SHARE: Final = 0.15


def still_s(picture: Series, faces: list[Series]) -> float:
    """For how long, up to the last picture, nothing has moved: neither the picture nor a face, and one was followed."""
    end_s = float(picture.t_s[-1])
    followed_s = [float(face.t_s[0]) for face in faces if face.t_s[-1] > end_s - FOLLOWED_S]
    face_still_s = [_still_from_s(face, STILL_FACE_GREY) for face in faces]
    return end_s - max(_still_from_s(picture, STILL_GREY), *face_still_s, min(followed_s, default=end_s))


def face_still_s(faces: list[Series], end_s: float) -> float:
    """For how long, up to the last picture, the features of the only face in view have not moved, whatever else has.

    0 where there were several faces, as one of them may be a picture in the room or a participant without a camera; and in the
    dark. Time in which another face was in view or pictures were missing does not count.
    """
    followed = [face for face in faces if face.t_s[-1] > end_s - FOLLOWED_S]
    if len(followed) != 1 or (lone := followed[0].features()).values[-1].mean() < LEAST_LIGHT_GREY:
        return 0.0
    others_s = [float(face.t_s[-1]) for face in faces if face is not followed[0]]
    after_gaps_s = lone.t_s[1:][np.diff(lone.t_s) > MOST_STEP_S]
    return float(end_s - max([_still_from_s(lone, STILL_FACE_GREY), *others_s, *after_gaps_s.tolist()]))


def any_lives(faces: list[Series], end_s: float) -> bool:
    """Whether any face has changed in the last 3 s by more than noise, or a photo that sways, can make it seem."""
    return any(_lives(face.features(), end_s - LIVES_S) for face in faces)


def _still_from_s(series: Series, limit_grey: float) -> float:
    change = _change(series.means(MEAN_S))[::-1]
    spread = np.maximum.accumulate(change, axis=0) - np.minimum.accumulate(change, axis=0)
    moving = np.flatnonzero(spread.max(axis=1) > limit_grey)
    return float(series.t_s[len(change) - moving[0]] if len(moving) else series.t_s[0])


def _lives(series: Series, since_s: float) -> bool:
    recent = series.since(since_s)
    if len(recent.t_s) < 3:
        return False
    change, raw = _change(series.means(MEAN_S).since(since_s)), _change(recent)
    ways = np.linalg.svd(change - change.mean(axis=0), full_matrices=False)[2][:RIGID_WAYS]
    left, raw_left = (seen - seen @ ways.T @ ways for seen in (change, raw))
    most, most_left = (float(np.ptp(seen, axis=0).max()) for seen in (change, left))
    return most > max(LIVES_GREY, LIVES_NOISES * _noise_grey(raw)) and most_left > max(
        LIVES_GREY, LEFT_NOISES * _noise_grey(raw_left), LEFT_SHARE * most
    )


def _noise_grey(cells: FloatArray) -> float:
    """How far the quiet ones of cells (n, cells) step from picture to picture; movement makes steps, too."""
    return float(np.percentile(np.sqrt(np.mean(np.diff(cells, axis=0) ** 2, axis=0)), 25))


def _change(series: Series) -> FloatArray:
    """What gain and offset of all cells do not explain of how each differs from the last: (n, cells)."""
    last = series.values[-1] - series.values[-1].mean()
    offset = series.values.mean(axis=1, keepdims=True)
    gain = ((series.values - offset) @ last)[:, None] / max(float(last @ last), 1e-3)
    return np.asarray(series.values - offset - np.clip(gain, *GAINS) * last, np.float32)
