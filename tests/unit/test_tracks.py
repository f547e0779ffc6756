"""The tracker's own logic on a pretended world: no face library, no network, a fraction of a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from liveguard.face.backend import Region
from liveguard.face.finder import Finder
from liveguard.face.geometry import box_of
from liveguard.face.texture import canonical_face
from liveguard.face.tracker import Face, FaceTracker
from liveguard.face.trail import distance, growth, motions, overlap
from liveguard.types import Box, ByteArray, FloatArray, VideoFrame

WIDTH, HEIGHT = 320, 180
FPS = 10


@dataclass
class Head:
    """A pretended face: where it is now, how wide, and whose. `quiver` moves its lips by that many eye distances."""

    who: int
    x: float
    y: float
    face_px: float = 40.0
    shown: bool = True
    quiver: float = 0.0
    doubtful: bool = False

    def landmarks(self) -> FloatArray:
        mean = canonical_face().mean
        scale = self.face_px / float(np.ptp(mean[:, 0]))
        mesh = (mean - mean.mean(axis=0)) * scale + np.array([self.x, self.y, 0.0])
        mesh[13:15, 1] += self.quiver * scale
        return mesh.astype(np.float32)


class World:
    """A backend for which faces are what the test says they are; heads further down the list are in front."""

    name = "pretended"

    def __init__(self, *heads: Head) -> None:
        self.heads = list(heads)
        self.meshers = 0
        self.finds = 0
        self.is_closed = False
        self.image = self.draw()

    def draw(self) -> ByteArray:
        """Each head is a patch with colours of its own, so that it looks like itself."""
        image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        for head in self.heads:
            if not head.shown:
                continue
            box = box_of(head.landmarks())
            left, top, side_x, side_y = (round(v) for v in (box.left, box.top, box.width, box.height))
            patch = np.random.default_rng(head.who).integers(20, 235, (5, 5, 3)).astype(np.uint8)
            patch = cv2.resize(patch, (side_x + 4, side_y + 4), interpolation=cv2.INTER_LINEAR)
            y0, x0, y1, x1 = (
                max(top - 2, 0),
                max(left - 2, 0),
                min(top + side_y + 2, HEIGHT),
                min(left + side_x + 2, WIDTH),
            )
            if y1 > y0 and x1 > x0:
                image[y0:y1, x0:x1] = patch[y0 - top + 2 : y1 - top + 2, x0 - left + 2 : x1 - left + 2]
        return image

    def visible(self) -> list[Head]:
        """Heads that no other one covers."""
        shown = [head for head in self.heads if head.shown]
        boxes = [box_of(head.landmarks()) for head in shown]
        return [
            head for i, head in enumerate(shown) if not any(overlap(boxes[i], later) > 0.5 for later in boxes[i + 1 :])
        ]

    def find(self, image: ByteArray) -> list[Box]:
        self.finds += 1
        # The finder hands over parts of the picture: only the whole one says where the heads are.
        return [box_of(head.landmarks()) for head in self.visible()] if image.shape == self.image.shape else []

    def new_mesher(self) -> Pretender:
        self.meshers += 1
        return Pretender(self)

    def close(self) -> None:
        self.is_closed = True


class SharpWorld(World):
    """Heads are found in parts of the picture, too."""

    def find(self, image: ByteArray) -> list[Box]:
        match = cv2.matchTemplate(self.image, image, cv2.TM_SQDIFF)
        top, left = np.unravel_index(np.argmin(match), match.shape)
        height, width = image.shape[:2]
        boxes = [box_of(head.landmarks()) for head in self.visible()]
        return [
            Box(box.left - left, box.top - top, box.width, box.height)
            for box in boxes
            if left <= box.left <= left + width - box.width and top <= box.top <= top + height - box.height
        ]


class Pretender:
    def __init__(self, world: World) -> None:
        self._world = world

    def mesh(self, image: ByteArray, region: Region, *, certain: bool = False) -> FloatArray | None:
        """The visible face nearest to the region's middle, if it is inside: like the network, it takes any face."""
        near = [
            (np.hypot(head.x - region.x, head.y - region.y), head)
            for head in self._world.visible()
            if max(abs(head.x - region.x), abs(head.y - region.y)) < region.side / 3
        ]
        best = min(near, key=lambda pair: pair[0])[1] if near else None
        return best.landmarks() if best is not None and not (certain and best.doubtful) else None

    def close(self) -> None:
        self._world.meshers -= 1


def play(
    world: World, tracker: FaceTracker, seconds: float, act: Callable[[float], None] | None = None, start_s: float = 0.0
) -> Iterator[tuple[float, list[Face]]]:
    """Runs the world for `seconds`; `act(t_s)` moves the heads before each picture."""
    for number in range(round(seconds * FPS)):
        t_s = start_s + number / FPS
        if act is not None:
            act(t_s)
        world.image = world.draw()
        yield t_s, tracker.update(VideoFrame(round(t_s * 1e6), world.image))


def sway(head: Head, t_s: float, x: float, by: float = 8.0) -> None:
    head.x = x + by * float(np.sin(2 * np.pi * 0.5 * t_s))


def test_numbers_follow_the_order_of_coming_and_stay() -> None:
    world = World(Head(1, 80, 90), Head(2, 240, 90))
    tracker = FaceTracker(world)
    seen = [[face.track for face in faces] for _, faces in play(world, tracker, 2.0)]
    assert all(tracks == [1, 2] for tracks in seen)


def test_a_curtain_that_may_be_a_face_is_none_beside_a_face_and_better_than_none_alone() -> None:
    face, curtain = Head(1, 80, 90), Head(2, 240, 90, 30.0, doubtful=True)
    world = World(face, curtain)
    tracker = FaceTracker(world)
    assert {face.track for _, faces in play(world, tracker, 3.0) for face in faces} == {1}
    curtain.doubtful = False
    list(play(world, tracker, 2.0, start_s=3.0))
    curtain.doubtful = True  # its trial is over
    last = list(play(world, tracker, 2.0, start_s=5.0))[-1][1]
    assert 1 in {face.track for face in last}
    lone = World(Head(3, 160, 90, doubtful=True))
    assert [face.track for _, faces in play(lone, FaceTracker(lone), 1.0) for face in faces][-1] == 1


def test_no_faces_no_tracks_and_few_searches() -> None:
    world = World()
    assert all(faces == [] for _, faces in play(world, FaceTracker(world), 2.0))
    empty = world.finds
    world = World(Head(1, 160, 90))
    list(play(world, FaceTracker(world), 10.0))
    assert empty >= 4
    assert world.finds <= 50


def test_a_face_that_was_hidden_gets_its_number_back_and_another_does_not() -> None:
    head = Head(1, 160, 90)
    world = World(head)
    tracker = FaceTracker(world)

    def act(t_s: float) -> None:
        head.shown = not 1.0 <= t_s < 2.2
        head.who = 7 if t_s > 4.0 else 1
        if 3.9 < t_s < 4.5:
            head.shown = False

    tracks = {round(t_s, 1): [face.track for face in faces] for t_s, faces in play(world, tracker, 7.0, act)}
    assert tracks[0.5] == tracks[3.0] == [1]
    assert tracks[1.5] == []
    assert tracks[6.5] == [2]


def test_a_face_that_changes_its_looks_without_a_break_keeps_its_number() -> None:
    """A failing face swap shows another face in the same place: that is what the checks must see on one track."""
    head = Head(1, 160, 90)
    world = World(head)

    def act(t_s: float) -> None:
        head.who = 1 if t_s < 1.5 else 9
        sway(head, t_s, 160)

    assert {face.track for _, faces in play(world, FaceTracker(world), 4.0, act) for face in faces} == {1}


def test_a_face_is_forgotten_after_a_while() -> None:
    head = Head(1, 160, 90)
    world = World(head)
    tracker = FaceTracker(world)
    list(play(world, tracker, 1.0))
    head.shown = False
    list(play(world, tracker, 22.0, start_s=1.0))
    head.shown = True
    assert [face.track for _, faces in play(world, tracker, 1.0, start_s=23.0) for face in faces][-1] == 2


@pytest.mark.parametrize("first_in_front", [True, False])
def test_two_faces_that_cross_are_not_mixed_up(first_in_front: bool) -> None:
    one, other = Head(1, 60, 90), Head(2, 260, 92, 46.0)
    world = World(*((other, one) if first_in_front else (one, other)))
    tracker = FaceTracker(world)

    def act(t_s: float) -> None:
        one.x, other.x = 60 + 50 * t_s, 260 - 50 * t_s

    shown = list(play(world, tracker, 4.0, act))
    ends = []
    for faces in (shown[2][1], shown[-1][1]):
        by_size = sorted(faces, key=lambda face: face.box.width)
        ends.append([face.track for face in by_size])
    assert ends[0] == ends[1]
    assert all(len({face.track for face in faces}) == len(faces) for _, faces in shown)
    assert {face.track for _, faces in shown for face in faces} == {1, 2}


def test_a_still_face_beside_a_moving_one_is_a_picture_until_it_moves_in_itself() -> None:
    wall, person = Head(1, 80, 90), Head(2, 240, 90)
    world = World(wall, person)
    tracker = FaceTracker(world)

    def act(t_s: float) -> None:
        sway(person, t_s, 240)
        person.shown = t_s < 6
        if 7 < t_s < 9:  # the camera shakes
            wall.x = 80 + 4 * float(np.sin(9 * t_s))
        if t_s > 10:
            wall.quiver = 0.08 * float(np.sin(7 * t_s))

    marks = {}
    for t_s, faces in play(world, tracker, 12.0, act):
        for face in faces:
            at_wall = face.box.left < 120
            marks[at_wall, round(t_s, 1)] = face.picture
    assert not any(picture for (at_wall, _), picture in marks.items() if not at_wall)
    assert not marks[True, 1.0]
    assert marks[True, 4.0]
    assert marks[True, 6.9]
    assert marks[True, 9.5]
    assert not marks[True, 11.8]


def test_a_still_face_alone_is_no_picture() -> None:
    world = World(Head(1, 160, 90))
    assert not any(face.picture for _, faces in play(world, FaceTracker(world), 6.0) for face in faces)


def test_who_vanishes_before_a_portrait_uncovers_it() -> None:
    wall, person = Head(1, 160, 90), Head(2, 50, 96, 44.0)
    world = World(wall, person)
    tracker = FaceTracker(world)

    def act(t_s: float) -> None:
        person.x = 50 + min(t_s * 40, 108)
        person.shown = t_s < 4

    last: list[Face] = []
    first = {}
    for t_s, faces in play(world, tracker, 7.0, act):
        if t_s < 1:
            first = {face.box.left > 100: face.track for face in faces}
        last = faces
    assert [face.track for face in last] == [first[True]]


def test_limit_of_faces_and_closing() -> None:
    world = World(*(Head(who, 40 + 60 * who, 90) for who in range(4)))
    tracker = FaceTracker(world, max_faces=2)
    assert {len(faces) for _, faces in play(world, tracker, 2.0)} == {2}
    tracker.close()
    assert world.meshers == 0
    assert world.is_closed


def test_faces_without_a_place_are_counted_until_they_have_one_or_leave() -> None:
    heads = [Head(who, 30 + 60 * who, 90) for who in range(5)]
    curtain = Head(9, 160, 30, 24.0, doubtful=True)
    world = SharpWorld(*heads, curtain)
    tracker = FaceTracker(world, max_faces=3)

    def act(t_s: float) -> None:
        heads[0].shown = t_s < 6
        heads[4].shown = t_s < 12
        for who, head in enumerate(heads):
            sway(head, t_s, 30 + 60 * who, 4.0)

    counts = {t_s: tracker.unfollowed for t_s, _ in play(world, tracker, 30.0, act)}
    assert {count for t_s, count in counts.items() if 2 <= t_s < 6} == {2}
    assert {count for t_s, count in counts.items() if 8 <= t_s < 12} == {1}
    assert {count for t_s, count in counts.items() if t_s >= 14} == {0}
    assert max(counts.values()) == 2


def test_the_speaker_takes_the_place_of_a_small_still_face_that_was_there_first() -> None:
    backdrop = [Head(who, 20 + 35 * who, 25, 24.0) for who in range(4)]
    speaker = Head(9, 210, 115, 90.0)
    world = World(*backdrop, speaker)
    tracker = FaceTracker(world, max_faces=4)

    def act(t_s: float) -> None:
        speaker.shown = 2 <= t_s < 18
        speaker.quiver = 0.05 * float(np.sin(7 * t_s))
        sway(speaker, t_s, 210)

    faces = {t_s: {face.track: face for face in faces} for t_s, faces in play(world, tracker, 21.0, act)}
    assert set(faces[1.9]) == {1, 2, 3, 4}
    arrived_s = min(t_s for t_s, there in faces.items() if 5 in there)
    assert arrived_s < 4.1
    for t_s, there in faces.items():
        if arrived_s <= t_s < 18:
            assert len(there) == 4
            assert there[5].box.width > 80
    assert set(faces[20.9]) == {1, 2, 3, 4}  # who had to go comes back under the old number


@pytest.mark.parametrize(("wall_px", "stays"), [(36.0, True), (24.0, False)])
def test_a_picture_on_the_wall_goes_before_a_smaller_face_that_lives(wall_px: float, stays: bool) -> None:
    small, wall, large = Head(1, 40, 40, 20.0), Head(2, 130, 40, wall_px), Head(3, 240, 110, 46.0)
    world = World(small, wall, large)
    tracker = FaceTracker(world, max_faces=2)

    def act(t_s: float) -> None:
        large.shown = t_s >= 5
        sway(small, t_s, 40, 4.0)
        sway(large, t_s, 240)

    widths = [round(face.box.width) for face in list(play(world, tracker, 12.0, act))[-1][1]]
    assert widths == ([wall_px, 46] if stays else [20, 46])


def test_nobody_in_a_gallery_of_faces_alike_in_size_makes_room() -> None:
    """They lean to and fro by a quarter, and one of them has frozen."""
    heads = [Head(i, 50 + 110 * (i % 3), 40 + 90 * (i // 3), 36.0 + 2 * i) for i in range(6)]
    world = World(*heads)
    tracker = FaceTracker(world, max_faces=4)

    def act(t_s: float) -> None:
        for i, head in enumerate(heads[1:]):
            head.face_px = 42.0 * (1 + 0.14 * float(np.sin(0.8 * t_s + i)))
            sway(head, t_s, 50 + 110 * ((i + 1) % 3))

    assert {tuple(face.track for face in faces) for _, faces in play(world, tracker, 30.0, act)} == {(1, 2, 3, 4)}


def doubtful_but_when_searched_for(t_s: float) -> bool:
    """Searches are at 0, 0.5, 0.9, 1.3 s and so on: what is certain only then is admitted and fails its trial."""
    return round(t_s * FPS) % 4 != 1


def test_nobody_makes_room_for_what_turns_out_to_be_no_face() -> None:
    curtain = Head(9, 210, 115, 90.0)
    world = World(*[Head(who, 20 + 35 * who, 25, 24.0) for who in range(4)], curtain)
    tracker = FaceTracker(world, max_faces=4)

    def act(t_s: float) -> None:
        curtain.shown = t_s >= 1
        curtain.doubtful = t_s < 10 and doubtful_but_when_searched_for(t_s)

    shown = [(t_s, [face.track for face in faces]) for t_s, faces in play(world, tracker, 12.5, act)]
    assert all(tracks == [1, 2, 3, 4] for t_s, tracks in shown if t_s < 10.4)
    assert shown[-1][1][-1] > 5  # it was on trial before, under another number
    assert len(shown[-1][1]) == 4


def test_a_face_is_reported_once_its_trial_is_over_and_never_if_it_fails() -> None:
    person, other = Head(1, 80, 90), Head(2, 240, 90)
    world = World(person, other)
    tracker = FaceTracker(world)

    def act(t_s: float) -> None:
        other.shown = t_s >= 1
        other.doubtful = t_s < 10 and doubtful_but_when_searched_for(t_s)

    shown = [(t_s, [face.track for face in faces]) for t_s, faces in play(world, tracker, 12.5, act)]
    assert all(tracks == [1] for t_s, tracks in shown if t_s < 10.4)
    assert next(t_s for t_s, tracks in shown if len(tracks) == 2) <= 10 + 1.6 + 0.4
    assert shown[-1][1][-1] > 2  # it was on trial before, under another number


def test_faces_that_come_and_go_leave_no_meshers_behind() -> None:
    head = Head(1, 160, 90)
    world = World(head)
    tracker = FaceTracker(world)

    def act(t_s: float) -> None:
        head.shown = int(t_s) % 2 == 0
        head.who = int(t_s)

    list(play(world, tracker, 12.0, act))
    assert world.meshers <= 3


def test_a_mesh_with_numbers_that_are_none_is_no_face() -> None:
    world = World(Head(1, 160, 90))
    tracker = FaceTracker(world)
    list(play(world, tracker, 0.5))
    world.heads[0].x = float("nan")
    assert tracker.update(VideoFrame(500_000, world.image)) == []


@pytest.mark.parametrize(("size", "parts"), [((1280, 720), 15), ((720, 1280), 15), ((480, 360), 12), ((200, 150), 0)])
def test_the_finder_looks_at_the_whole_and_at_every_part(size: tuple[int, int], parts: int) -> None:
    covered = np.zeros(size[::-1], int)
    image = np.zeros((size[1], size[0], 3), np.uint8)

    class Watcher(World):
        def find(self, image: ByteArray) -> list[Box]:
            return [Box(0, 0, image.shape[1], image.shape[0])]

    finder = Finder(Watcher())
    turns = 20 if parts else 4
    found = [box for _ in range(turns) for box in finder.in_turn(image)]
    for box in found:
        covered[int(box.top) : int(box.top + box.height), int(box.left) : int(box.left + box.width)] += 1
    assert covered.min() >= 2
    assert len({(box.left, box.top, box.width) for box in found}) == parts + 1
    assert len(finder.everywhere(image)) == parts + 1
    near = finder.near(image, Box(size[0] - 30, 10, 20, 20))
    assert near[0].left + near[0].width == size[0]
    assert near[0].top == 0


def test_boxes_and_motion() -> None:
    a, b = Box(0, 0, 10, 20), Box(5, 0, 10, 20)
    assert overlap(a, b) == pytest.approx(0.5)
    assert overlap(a, Box(100, 0, 10, 10)) == 0
    assert distance(a, b) == pytest.approx(0.25)
    assert growth(a, Box(0, 0, 10, 40)) == pytest.approx(np.log(2))
    pose = np.random.default_rng(1).normal(0, 20, (16, 2))
    assert motions([pose] * 4) == (0.0, 0.0)
    total, inner = motions([pose + shift for shift in range(10)])
    assert total > 10 * inner
    assert inner == pytest.approx(0, abs=1e-9)
