"""Faces with identities: who is where, from picture to picture.

The mesh of each face is looked for only where that face was in the picture before, so that another face, a photo or
a painting elsewhere cannot take its place. Whoever moves without a break keeps the number, whatever the face looks
like: a face that suddenly looks different is a finding, not another person. Only after a break must a face look as it
did before. A finder looks for faces that nobody follows yet: seldom when all is well, often when someone went missing.
When as many are followed as may be, a much larger face takes the place of a small one, so that small pictures behind
the speaker cannot keep the checks from the speaker. Whoever finds no place is counted, so that it can be said.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liveguard.face.backend import FaceBackend, Mesher, Region, region_of_box, region_of_mesh
from liveguard.face.finder import Finder, surely_shows
from liveguard.face.geometry import box_of
from liveguard.face.looks import looks_of
from liveguard.face.trail import Trail, distance, growth, overlap, size_px
from liveguard.types import Box, ByteArray, FloatArray, VideoFrame

FIND_EVERY_US = 400_000  # a large newcomer is seen within 1.6 s, a small one within 8 s
FIND_NOBODY_EVERY_US = 500_000
FIND_MISSING_EVERY_US = 100_000
MISSING_US = 3_000_000  # for so long the surroundings of a lost face are searched
LOST_AFTER_US = 400_000  # a face that is not seen for so long is lost: its mesher stops looking
FORGET_AFTER_US = 20_000_000
UNFOLLOWED_US = 10_000_000  # the finder has been everywhere once more by then
HOLD_US = 1_000_000  # who appears where someone else just vanished waits so long for a number
TRIAL_US = 400_000  # for so long a newcomer must be a face beyond doubt, and is not reported
# By so many times a face must be larger than the one whose place it takes. For the two to swap back, their ratio has to
# change by the square of it, so that people who lean to and fro in a gallery of faces alike in size all stay.
MUCH_LARGER, LARGER_THAN_A_STILL_ONE = 2.0, 1.4
MIN_FACE_PX = 16.0
# Likeness that gives a number back. Anywhere: 3 % of pairs of strangers reach it; where the face was lost: 13 %.
ALIKE, ALIKE_NEAR = 0.6, 0.4
LEAD = 0.1  # by so much one trail must look more like a face than another one does
NEAR = 1.2  # in face sizes, and this much more for each second of absence
NEAR_PER_S = 1.5
JUMP, JUMP_GROWTH = 0.5, 0.4  # between two pictures; larger steps count as a break
DOUBLE, DOUBLE_GROWTH = 0.35, 0.5  # two meshes so close together lie on one face
HAIR = 0.6  # in heights of the face: locks of hair make faces that mesh and detector both believe in
INSIDE = 0.5  # share of a face that lies on another one, so that it is no face of its own


@dataclass(frozen=True, slots=True)
class Face:
    """One tracked face in one picture; landmarks (478, 3) in pixels of the whole picture."""

    track: int
    landmarks: FloatArray
    box: Box
    picture: bool


@dataclass(frozen=True, slots=True)
class _Sight:
    """A mesh laid in this picture, before or after it is known whose it is."""

    mesh: FloatArray
    box: Box


class FaceTracker:
    """Follows up to `max_faces` faces. Owned by one thread; pictures come in order of time."""

    def __init__(self, backend: FaceBackend, max_faces: int = 4) -> None:
        self._backend = backend
        self._finder = Finder(backend)
        self._max_faces = max_faces
        self._live: list[Trail] = []
        self._lost: list[Trail] = []
        self._unfollowed: list[tuple[int, Box]] = []  # faces without a place, and when each was found last
        self._spare: Mesher | None = None  # lays the mesh on faces that have no number yet
        self._next_track = 1
        self._find_at_us: int | None = None
        self._looked_us: int | None = None  # when the finder last looked in turn
        self._near_at_us: int | None = None

    def update(self, frame: VideoFrame) -> list[Face]:
        """The faces in this picture that are no longer on trial, by track number."""
        seen: dict[int, _Sight] = {}
        for trail in self._live:
            sight = self._follow(trail, frame)
            if sight is not None:
                seen[trail.track] = sight
        self._dismiss(frame.t_us, seen)
        self._drop_doubles(frame.image, seen)
        self._retire(frame.t_us, seen)
        is_first_look = self._next_track == 1
        for box in self._search(frame, seen):
            self._admit(frame, box, seen, is_first_look=is_first_look)
        self._make_room(frame.t_us, seen)
        self._remember(frame, seen)
        self._unfollowed = [
            (found_us, box)
            for found_us, box in self._unfollowed
            if self._still_unfollowed(found_us, box, frame.t_us, seen)
        ]
        faces = [
            Face(trail.track, seen[trail.track].mesh, trail.box, trail.picture)
            for trail in self._live
            if trail.track in seen and frame.t_us >= trail.reported_from_us
        ]
        return sorted(faces, key=lambda face: face.track)

    @property
    def unfollowed(self) -> int:
        """How many faces were found of late and are not followed, as all places are taken."""
        return len(self._unfollowed)

    def close(self) -> None:
        for trail in self._live:
            trail.mesher.close()
        if self._spare is not None:
            self._spare.close()
        self._live.clear()
        self._backend.close()

    def _follow(self, trail: Trail, frame: VideoFrame) -> _Sight | None:
        """The face where it was, unless it is another one: after a break or a jump it has to look as before."""
        image = frame.image
        sight = _mesh(trail.mesher, image, trail.region, certain=frame.t_us < trail.trial_ends_us)
        if sight is None:
            return None
        jumps = distance(sight.box, trail.box) > JUMP or growth(sight.box, trail.box) > JUMP_GROWTH
        rivals = [other for other in self._absent() if other is not trail and _is_double(sight.box, other.box)]
        if not (trail.missing or jumps or rivals):
            return sight
        looks = looks_of(image, sight.mesh)
        own = trail.likeness(looks)
        if (trail.missing or jumps) and own < ALIKE_NEAR:
            return None
        # Where someone else was hidden until now: whoever vanished there uncovers that face instead of becoming it.
        return None if any(other.likeness(looks) > own + LEAD for other in rivals) else sight

    def _dismiss(self, t_us: int, seen: dict[int, _Sight]) -> None:
        """Whoever does not pass the trial was no face: it is not even missed."""
        for trail in list(self._live):
            if trail.track not in seen and t_us < trail.trial_ends_us:
                trail.mesher.close()
                self._live.remove(trail)

    def _drop_doubles(self, image: ByteArray, seen: dict[int, _Sight]) -> None:
        """When one face hides another, both meshes lie on the one in front: it goes to the trail that it looks like."""
        for i, one in enumerate(self._live):
            for other in self._live[i + 1 :]:
                a, b = seen.get(one.track), seen.get(other.track)
                if a is None or b is None:
                    continue
                if _hides(a.box, b.box) != _hides(b.box, a.box):  # a brow or a chin within a face, taken for a face
                    del seen[other.track if _hides(a.box, b.box) else one.track]
                    continue
                if not _is_double(a.box, b.box):
                    continue
                looks = looks_of(image, a.mesh)
                lead = one.likeness(looks) - other.likeness(looks)
                if abs(lead) < LEAD:  # they look alike: the one whose mesh went further came from elsewhere
                    lead = distance(b.box, other.box) - distance(a.box, one.box)
                del seen[other.track if lead >= 0 else one.track]

    def _retire(self, t_us: int, seen: dict[int, _Sight]) -> None:
        for trail in list(self._live):
            trail.missing = trail.track not in seen
            if trail.missing and t_us - trail.seen_us > LOST_AFTER_US:
                self._lose(trail)
        self._lost = [trail for trail in self._lost if t_us - trail.seen_us <= FORGET_AFTER_US]

    def _lose(self, trail: Trail) -> None:
        trail.mesher.close()
        trail.forget_motion()
        self._live.remove(trail)
        self._lost.append(trail)

    def _search(self, frame: VideoFrame, seen: dict[int, _Sight]) -> list[Box]:
        """Boxes of faces that nobody follows, if it is time to search; one face may come more than once."""
        t_us, boxes = frame.t_us, []
        absent = [trail for trail in self._absent() if t_us - trail.seen_us <= MISSING_US]
        if absent and (self._near_at_us is None or t_us >= self._near_at_us):
            self._near_at_us = t_us + FIND_MISSING_EVERY_US
            boxes = [box for trail in absent for box in self._finder.near(frame.image, trail.box)]
        if self._find_at_us is None or t_us >= self._find_at_us:
            self._find_at_us = t_us + (FIND_EVERY_US if seen else FIND_NOBODY_EVERY_US)
            if seen:
                self._looked_us = t_us
                boxes += self._finder.in_turn(frame.image)
            else:
                boxes += self._finder.everywhere(frame.image)
        return [box for box in boxes if min(box.width, box.height) >= MIN_FACE_PX]

    def _absent(self) -> list[Trail]:
        return [trail for trail in self._live if trail.missing] + self._lost

    def _admit(self, frame: VideoFrame, box: Box, seen: dict[int, _Sight], *, is_first_look: bool) -> None:
        """Give the face in `box` its old number or a new one, if it is a face and nobody follows it."""
        if any(_hides(sight.box, box) for sight in seen.values()):
            return
        mesher = self._spare or self._backend.new_mesher()
        self._spare = mesher
        sight = _settled(mesher, frame.image, region_of_box(box))
        if sight is None or any(_hides(other.box, sight.box) for other in seen.values()):
            return
        trail = self._owner(frame, sight)
        if trail is None and not self._has_room(sight.box):
            self._turn_away(frame, sight, mesher)
            return
        trail = trail or self._newcomer(frame, sight, mesher, alone=not seen)
        if trail is None:
            return
        if is_first_look:  # nobody is judged yet whom a false face could harm, and all start together
            trail.reported_from_us = frame.t_us
        if trail not in self._live:
            trail.mesher, self._spare = mesher, None
            self._live.append(trail)
        seen[trail.track] = sight

    def _owner(self, frame: VideoFrame, sight: _Sight) -> Trail | None:
        """The absent trail that this face belongs to, if there is room for it; off the list of the lost."""
        looks = looks_of(frame.image, sight.mesh)
        has_room = self._has_room(sight.box)
        best, best_score = None, 0.0
        for trail in self._absent():
            near = _could_reach(trail, sight.box, frame.t_us)
            score = trail.likeness(looks) - (ALIKE_NEAR if near else ALIKE)
            if score > best_score and (trail in self._live or has_room):
                best, best_score = trail, score
        if best in self._lost:
            self._lost.remove(best)
        return best

    def _newcomer(self, frame: VideoFrame, sight: _Sight, mesher: Mesher, *, alone: bool) -> Trail | None:
        """A new trail, if nobody who just vanished here could be it, and it is surely a face.

        Where someone is followed already, a newcomer is on trial for a moment, and what fails it has never been reported:
        a false face would be another person for the checks. A lone face is better than none.
        """
        recent = [trail for trail in self._absent() if frame.t_us - trail.seen_us < HOLD_US]
        if any(_could_reach(trail, sight.box, frame.t_us) for trail in recent):
            return None
        if not (alone or _is_surely_a_face(mesher, frame.image, sight)):
            return None
        region = region_of_mesh(sight.mesh, sight.box)
        self._next_track += 1
        trial_ends_us = 0 if alone else frame.t_us + TRIAL_US
        return Trail(
            self._next_track - 1, mesher, region, sight.box, frame.t_us, trial_ends_us, reported_from_us=trial_ends_us
        )

    def _turn_away(self, frame: VideoFrame, sight: _Sight, mesher: Mesher) -> None:
        if _is_surely_a_face(mesher, frame.image, sight):
            others = [(t_us, box) for t_us, box in self._unfollowed if not _lie_together(box, sight.box)]
            self._unfollowed = [*others, (frame.t_us, sight.box)]

    def _still_unfollowed(self, found_us: int, box: Box, t_us: int, seen: dict[int, _Sight]) -> bool:
        if any(_lie_together(box, sight.box) for sight in seen.values()):
            return False
        missed = self._looked_us == t_us and surely_shows(self._finder.looked_at, box)
        return found_us == t_us or (not missed and t_us - found_us <= UNFOLLOWED_US)

    def _has_room(self, box: Box) -> bool:
        """Whether the face in `box` may be followed: one more than allowed, if a much smaller one can make room for it."""
        if len(self._live) < self._max_faces:
            return True
        return len(self._live) == self._max_faces and self._giving_way(box) is not None

    def _giving_way(self, box: Box) -> Trail | None:
        """Whose place the face in `box` may take: that of a much smaller one, best of one that keeps still."""
        smaller = [trail for trail in self._live if size_px(box) >= _times_larger(trail) * size_px(trail.box)]
        return min(smaller, key=lambda trail: (not _keeps_still(trail), size_px(trail.box)), default=None)

    def _make_room(self, t_us: int, seen: dict[int, _Sight]) -> None:
        """Who came last, and is one too many, takes its place once it is reported: nobody goes for what is no face."""
        last = self._live[-1] if len(self._live) > self._max_faces else None
        if last is not None and last.track in seen and t_us >= last.reported_from_us:
            self._lose(self._giving_way(seen[last.track].box) or last)

    def _remember(self, frame: VideoFrame, seen: dict[int, _Sight]) -> None:
        for trail in self._live:
            sight = seen.get(trail.track)
            if sight is None:
                continue
            trail.see(frame.t_us, sight.mesh, sight.box)
            if trail.wants_looks(frame.t_us):
                trail.see_looks(frame.t_us, looks_of(frame.image, sight.mesh))
        moving = {trail.track for trail in self._live if trail.is_moving}
        for trail in self._live:
            trail.judge_picture(bool(moving - {trail.track}))


def _mesh(mesher: Mesher, image: ByteArray, region: Region, *, certain: bool = False) -> _Sight | None:
    mesh = mesher.mesh(image, region, certain=certain)
    if mesh is None or not np.isfinite(mesh).all():
        return None
    box = box_of(mesh)
    return _Sight(mesh, box) if min(box.width, box.height) >= 1.0 else None


def _settled(mesher: Mesher, image: ByteArray, region: Region) -> _Sight | None:
    """The mesh for a detector's box, laid twice: the box knows neither the roll nor the exact size of the face."""
    first = _mesh(mesher, image, region)
    return first and _mesh(mesher, image, region_of_mesh(first.mesh, first.box))


def _is_surely_a_face(mesher: Mesher, image: ByteArray, sight: _Sight) -> bool:
    return _mesh(mesher, image, region_of_mesh(sight.mesh, sight.box), certain=True) is not None


def _keeps_still(trail: Trail) -> bool:
    return trail.picture or trail.is_still


def _times_larger(trail: Trail) -> float:
    return LARGER_THAN_A_STILL_ONE if _keeps_still(trail) else MUCH_LARGER


def _is_double(a: Box, b: Box) -> bool:
    return distance(a, b) < DOUBLE and growth(a, b) < DOUBLE_GROWTH


def _hides(a: Box, b: Box) -> bool:
    """Whether `b` lies on the face `a` and is not a larger face around it, or is small and lies in the hair of `a`."""
    if _area(b) >= 2 * _area(a):
        return False
    hair = Box(a.left, a.top - HAIR * a.height, a.width, a.height * (1 + HAIR))
    return overlap(a, b) > INSIDE or (_area(b) < 0.5 * _area(a) and overlap(hair, b) > INSIDE)


def _lie_together(a: Box, b: Box) -> bool:
    return overlap(a, b) > INSIDE


def _area(box: Box) -> float:
    return box.width * box.height


def _could_reach(trail: Trail, box: Box, t_us: int) -> bool:
    """Whether the face of an absent trail can be at `box` by now."""
    reach = NEAR + NEAR_PER_S * (t_us - trail.seen_us) / 1e6
    return distance(trail.box, box) < reach and growth(trail.box, box) < 0.7
