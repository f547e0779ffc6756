"""What is remembered of a face: when it is taken for a picture on the wall, and when no longer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from liveguard.face.backend import region_of_box
from liveguard.face.geometry import box_of
from liveguard.face.texture import canonical_face
from liveguard.face.trail import POSE_EVERY_US, Trail

STEP_US = POSE_EVERY_US
MARKED_US = 4_000_000


def trail() -> Trail:
    box = box_of(canonical_face().mean * 90)
    return Trail(1, cast("Any", None), region_of_box(box), box, 0)


def see(one: Trail, from_us: int, to_us: int, others: Callable[[int], bool], speaks: bool = False) -> list[bool]:
    """Whether it was taken for a picture, at each step; `others` move as soon as they are there."""
    said = []
    for t_us in range(from_us, to_us, STEP_US):
        mesh = (canonical_face().mean * 90).astype(np.float32)
        if speaks:
            mesh[14, 1] += 10 * np.sin(5 * t_us / 1e6)
        one.see(t_us, mesh, one.box)
        one.judge_picture(others_move=others(t_us))
        said.append(one.picture)
    return said


def marked() -> Trail:
    one = trail()
    see(one, 0, MARKED_US, lambda _: True)
    assert one.picture
    return one


def test_a_picture_stays_one_while_there_is_anybody_beside_it() -> None:
    assert all(see(marked(), MARKED_US, 60_000_000, lambda _: True))


def test_whoever_goes_out_leaves_a_picture_behind_and_not_a_frozen_face() -> None:
    assert all(see(marked(), MARKED_US, MARKED_US + 60_000_000, lambda _: False))


def test_a_face_that_moves_in_itself_is_no_picture_any_more() -> None:
    assert not see(marked(), MARKED_US, MARKED_US + 3_000_000, lambda _: True, speaks=True)[-1]
