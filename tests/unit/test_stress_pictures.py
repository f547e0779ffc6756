"""Picture effects that need no face: what comes out, when, how large and how bright."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator
from typing import Any

import av
import cv2
import numpy as np
import pytest

from liveguard.errors import InputError
from liveguard.face.observer import noise_of
from liveguard.stress import video_codec
from liveguard.stress.catalogue import BENIGN
from liveguard.stress.feed_attacks import frozen, looped, photo
from liveguard.stress.held import PRINT, Reach, hand_held, photo_in_hand
from liveguard.stress.light import exposure_steps, low_light, white_balance_steps
from liveguard.stress.rate_and_size import SENDER_SCALES, frame_rate, freezes, lines, size_steps
from liveguard.stress.spells import Spells
from liveguard.stress.variant import PictureEffect
from liveguard.stress.video_codec import coded
from liveguard.types import ByteArray, VideoFrame

STEP_US = 40_000
EFFECTS = {
    "low_light": low_light(0.2, 4.0),
    "exposure_steps": exposure_steps(1.0, 1.0),
    "white_balance_steps": white_balance_steps(1.0, 40.0),
    "frame_rate": frame_rate(12.5),
    "lines": lines(48),
    "size steps": size_steps(1.0, (0.2, 0.4)),
    "freezes": freezes(1.0, (0.2, 0.4)),
    "vp8": coded("vp8", 200),
    "h264": coded("h264", 200),
    "frozen": frozen(0.6),
    "photo": photo(1.0),
    "photo_in_hand": photo_in_hand(),
    "bent photo": photo_in_hand(bend=0.1),
    "hand_held": hand_held(),
    "looped": looped(0.6, 0.4),
}


def scene(number: int, width: int = 96, height: int = 72) -> ByteArray:
    """Soft patches that drift, and fine detail that a codec has to spend bits on; cannot be written into."""
    patches = np.random.default_rng(5).integers(40, 200, (6, 8, 3)).astype(np.uint8)
    wide = cv2.resize(patches, (width + 40, height + 40), interpolation=cv2.INTER_CUBIC)
    detail = np.random.default_rng(6).integers(0, 40, wide.shape[:2]).astype(np.uint8)
    at = round(15 + 12 * np.sin(number / 7))
    image = np.ascontiguousarray(cv2.add(wide, cv2.merge([detail] * 3))[at : at + height, at : at + width])
    image[0, 0] = number % 256
    image.flags.writeable = False
    return image


def film(count: int, start_us: int = 0, width: int = 96, height: int = 72) -> list[VideoFrame]:
    return [VideoFrame(start_us + n * STEP_US, scene(n, width, height)) for n in range(count)]


def flat(count: int, grey: int = 128) -> list[VideoFrame]:
    return [VideoFrame(n * STEP_US, np.full((72, 96, 3), grey, np.uint8)) for n in range(count)]


def shown(effect: PictureEffect, frames: list[VideoFrame], seed: int = 1) -> list[VideoFrame]:
    return list(effect(iter(frames), np.random.default_rng(seed)))


def light(image: ByteArray) -> float:
    """Mean light 0..1 of sRGB grey levels above 10."""
    return float((((image / 255.0 + 0.055) / 1.055) ** 2.4).mean())


def psnr_db(a: ByteArray, b: ByteArray) -> float:
    return float(10 * np.log10(255**2 / max(float(((a.astype(float) - b) ** 2).mean()), 1e-9)))


@pytest.mark.parametrize("name", EFFECTS)
def test_the_same_seed_gives_the_same_pictures(name: str) -> None:
    frames = film(60)
    one, other = (shown(EFFECTS[name], frames) for _ in range(2))
    assert [f.t_us for f in one] == [f.t_us for f in other]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    "name", ["low_light", "exposure_steps", "white_balance_steps", "photo", "photo_in_hand", "hand_held"]
)
def test_another_seed_gives_other_pictures(name: str) -> None:
    frames = film(60)
    one, other = (shown(EFFECTS[name], frames, seed) for seed in (1, 2))
    assert not np.array_equal(one[-1].image, other[-1].image)


@pytest.mark.parametrize("name", EFFECTS)
def test_effects_are_streamed_and_let_go_of_what_they_have_shown(name: str) -> None:
    alive: list[weakref.ref[ByteArray]] = []
    taken = itertools.count()

    def endless() -> Iterator[VideoFrame]:
        while True:
            number = next(taken)
            image = scene(number)
            alive.append(weakref.ref(image))
            yield VideoFrame(number * STEP_US, image)

    out = EFFECTS[name](endless(), np.random.default_rng(1))
    first = next(out)
    assert first.t_us <= 30 * STEP_US  # a freeze at the very start, at the most
    assert len(alive) <= first.t_us // STEP_US + 2
    for _ in range(50):
        frame = next(out)
    del frame, first
    # The loop keeps its ten pictures, the others the one at hand and perhaps the one to come.
    assert sum(ref() is not None for ref in alive) <= (12 if name == "looped" else 3)


def test_low_light_takes_light_and_adds_the_noise_asked_for() -> None:
    dark = shown(low_light(0.25, 0.0), flat(2, 128))
    assert light(dark[0].image) == pytest.approx(0.25 * light(flat(1, 128)[0].image), rel=0.02)
    noisy = shown(low_light(0.25, 5.0), flat(30, 118))  # comes out near grey level 62
    spread = np.std([f.image.astype(float) - dark_level(118) for f in noisy])
    assert spread == pytest.approx(5.0, rel=0.12)
    assert np.mean([f.image.mean() for f in noisy]) == pytest.approx(dark_level(118), abs=1.0)


def dark_level(grey: int) -> float:
    return float(shown(low_light(0.25, 0.0), flat(1, grey))[0].image.mean())


def test_the_noise_of_low_light_is_like_that_of_a_denoising_camera() -> None:
    noise = [f.image.astype(float) - 62 for f in shown(low_light(0.25, 6.0), flat(40, 118))]
    a, b, c = noise[20], noise[21], noise[30]

    def alike(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])

    assert alike(a, b) == pytest.approx(0.45, abs=0.1)  # the last picture's noise lingers
    assert abs(alike(a, c)) < 0.12  # but not for long
    assert alike(a[:, 1:], a[:, :-1]) > 0.2  # neighbours err together
    assert 0.5 < alike(a[..., 0], a[..., 1]) < 0.95  # mostly grey noise, with some colour in it
    assert noise_of(shown(low_light(0.25, 6.0), flat(1, 118))[0].image) > 1.0


def test_exposure_settles_within_the_stops_and_without_jumps() -> None:
    frames = flat(500, 100)
    stops = np.array(
        [np.log2(light(f.image) / light(frames[0].image)) for f in shown(exposure_steps(3.0, 1.0), frames)]
    )
    assert stops.max() == pytest.approx(0.75, abs=0.3)
    assert stops.min() == pytest.approx(-0.75, abs=0.3)
    assert np.abs(np.diff(stops)).max() < 2 * STEP_US / 0.6e6 * 1.2  # a step of two stops at most, first-order lag
    assert np.abs(stops[:20]).max() < 0.02  # nothing before the first step


def test_white_balance_moves_red_against_blue_by_the_law_of_wien() -> None:
    frames = flat(400, 100)
    out = [f.image.reshape(-1, 3).mean(axis=0) for f in shown(white_balance_steps(3.0, 50.0), frames)]
    ratio = np.array([np.log((red / blue) ** 2.2) for red, _, blue in out])
    most = 14_388 * (1 / 0.46 - 1 / 0.61) * 50e-6
    assert 0.45 * most < ratio.max() < 1.1 * most
    assert 0.45 * most < -ratio.min() < 1.1 * most
    assert all(green == 100 for _, green, _ in out)


@pytest.mark.parametrize(("fps", "count"), [(12.5, 50), (5.0, 20), (25.0, 100), (60.0, 100)])
def test_frame_rate_keeps_an_even_grid_and_never_adds(fps: float, count: int) -> None:
    out = shown(frame_rate(fps), film(100))
    assert len(out) == count
    assert len(set(np.diff([f.t_us for f in out]))) == 1


def test_a_rate_that_makes_no_sense_is_refused_at_once() -> None:
    with pytest.raises(InputError):
        frame_rate(0.0)


@pytest.mark.parametrize(
    ("height", "size"), [(48, (48, 64)), (35, (36, 46)), (72, (72, 96)), (360, (72, 96)), (24, (24, 32))]
)
def test_lines_scale_down_only_to_even_sizes_in_the_same_shape(height: int, size: tuple[int, int]) -> None:
    image = shown(lines(height), film(1))[0].image
    assert image.shape[:2] == size
    assert abs(image.mean() - scene(0).mean()) < 1.5


def test_size_steps_come_and_go_and_each_is_one_of_the_senders() -> None:
    frames = [VideoFrame(n * STEP_US, np.full((96, 128, 3), n % 250, np.uint8)) for n in range(25 * 60)]
    out = shown(size_steps(3.0, (0.5, 1.5)), frames)
    assert [f.t_us for f in out] == [f.t_us for f in frames]
    assert {f.image.shape for f in out} == {(round(s * 96), round(s * 128), 3) for s in (1.0, *SENDER_SCALES)}
    heights = [f.image.shape[0] for f in out]
    spells = [height for height, before in zip(heights[1:], heights, strict=False) if before == 96 and height < 96]
    assert 15 <= len(spells) <= 26
    assert 0.5 < np.mean([height == 96 for height in heights]) < 0.85
    assert all(height in (before, 96) or before == 96 for height, before in zip(heights[1:], heights, strict=False))


def test_freezes_leave_holes_of_the_length_asked_for() -> None:
    frames = [VideoFrame(n * STEP_US, np.zeros((2, 2, 3), np.uint8)) for n in range(25 * 120)]
    out = shown(freezes(5.0, (0.3, 1.2)), frames)
    holes = np.diff([f.t_us for f in out]) / 1e6
    holes = holes[holes > 0.05]
    assert 20 <= len(holes) <= 28
    assert holes.min() > 0.3 - 0.041
    assert holes.max() < 1.2 + 0.081
    assert holes.std() > 0.1
    assert all(f.image is frames[f.t_us // STEP_US].image for f in out)  # missing pictures, not other ones


def test_spells_report_how_far_they_are() -> None:
    spells = Spells(2.0, (0.5, 0.5), np.random.default_rng(3))
    seen = [spells.progress(n * 10_000) for n in range(3000)]
    within = [p for p in seen if p is not None]
    assert 0.15 < len(within) / len(seen) < 0.35
    assert min(within) < 0.05 < 0.95 < max(within) < 1.0
    with pytest.raises(ValueError, match="spells"):
        Spells(2.0, (0.5, 0.2), np.random.default_rng(3))


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_coded_pictures_keep_their_times_and_sizes(codec: str) -> None:
    frames = film(25, start_us=1_234_567, width=161, height=91)
    frames = [f for f in frames if f.t_us not in {frames[7].t_us, frames[8].t_us}]
    out = shown(coded(codec, 300), frames)  # type: ignore[arg-type]
    assert [f.t_us for f in out] == [f.t_us for f in frames]
    assert {f.image.shape for f in out} == {(91, 161, 3)}
    for a, b in zip(out, frames, strict=True):  # each is the picture of its own time
        others = [psnr_db(a.image, other.image) for other in frames if abs(other.t_us - b.t_us) >= 3 * STEP_US]
        assert psnr_db(a.image, b.image) > 22
        assert psnr_db(a.image, b.image) > np.median(others)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_less_rate_is_less_like_the_original(codec: str) -> None:
    frames = film(40, width=160, height=120)
    likeness = [
        np.mean(
            [psnr_db(a.image, b.image) for a, b in zip(shown(coded(codec, kbps), frames), frames, strict=True)][10:]
        )  # type: ignore[arg-type]
        for kbps in (30, 150, 1000)
    ]
    assert likeness[0] + 1.5 < likeness[1] < likeness[2] - 1.5


class Counted:
    """An encoder, and how many bytes came out of it."""

    def __init__(self, encoder: av.VideoCodecContext, sizes: list[int]) -> None:
        self._encoder, self._sizes = encoder, sizes

    def encode(self, picture: av.VideoFrame | None) -> list[av.Packet]:
        packets = self._encoder.encode(picture)
        self._sizes += [packet.size for packet in packets]
        return packets


@pytest.mark.parametrize("fps", [24, 25, 30])
def test_vp8_spends_its_rate_whatever_the_pace_of_what_is_thinned_out(
    fps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 25 pictures a second 15 are kept at uneven steps, the first of them longer than most."""
    sizes: list[int] = []
    begin = video_codec._Stream.__init__

    def counted(stream: video_codec._Stream, *given: Any) -> None:
        begin(stream, *given)
        monkeypatch.setattr(stream, "_encoder", Counted(stream._encoder, sizes))

    monkeypatch.setattr(video_codec._Stream, "__init__", counted)
    rng, seconds = np.random.default_rng(0), 4
    frames = [
        VideoFrame(round(n * 1e6 / fps), rng.integers(0, 32, (180, 320, 3), np.uint8) + scene(n, 320, 180) // 2)
        for n in range(seconds * fps)
    ]
    thinned = frames
    for effect in BENIGN["VP8 150k"].pictures:
        thinned = shown(effect, thinned)
    assert sum(sizes) * 8e-3 / seconds == pytest.approx(150, rel=0.2)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_a_change_of_size_starts_a_new_stream(codec: str) -> None:
    large, small = film(5), film(5, start_us=5 * STEP_US, width=64, height=48)
    out = shown(coded(codec, 500), large + small)  # type: ignore[arg-type]
    assert [f.image.shape for f in out] == [(72, 96, 3)] * 5 + [(48, 64, 3)] * 5
    assert [f.t_us for f in out] == [n * STEP_US for n in range(10)]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_shortest_feeds_come_through_the_codec(count: int) -> None:
    assert [f.t_us for f in shown(coded("vp8", 300), film(count))] == [n * STEP_US for n in range(count)]


def test_frozen_holds_the_last_picture_before_its_moment() -> None:
    frames = film(50)
    out = shown(frozen(0.6), frames)
    assert [f.t_us for f in out] == [f.t_us for f in frames]
    assert all(a.image is b.image for a, b in zip(out[:15], frames, strict=False))
    assert all(f.image is frames[14].image for f in out[15:])


def test_frozen_from_the_start_and_a_photo_are_the_first_picture() -> None:
    frames = film(10)
    for effect in (frozen(0.0), photo()):
        out = shown(effect, frames)
        assert [f.t_us for f in out] == [f.t_us for f in frames]
        assert all(f.image is frames[0].image for f in out)


AT_REST = Reach(0.0, 0.0, 0.0, 0.0)


def test_a_print_at_rest_is_the_first_picture_and_a_camera_at_rest_changes_nothing() -> None:
    frames = film(8)
    photos, camera = shown(photo_in_hand(AT_REST, noise_grey=0.0), frames), shown(hand_held(AT_REST), frames)
    assert [f.t_us for f in photos] == [f.t_us for f in camera] == [f.t_us for f in frames]
    for k, frame in enumerate(frames):
        assert psnr_db(photos[k].image, frames[0].image) > 45
        assert psnr_db(camera[k].image, frame.image) > 45


def tracked(images: list[ByteArray], before: np.ndarray) -> list[np.ndarray]:
    """Where dots of the first of `images` at `before` (k, 2) are in each of them, looked for nearby."""
    found = [before]
    for image in images[1:]:
        grey, places = image[..., 1].astype(float), []
        for x, y in np.round(found[-1]).astype(int):
            part = np.clip(160 - grey[y - 9 : y + 10, x - 9 : x + 10], 0, None) ** 2
            down, right = np.mgrid[-9:10, -9:10]
            places.append((x + (part * right).sum() / part.sum(), y + (part * down).sum() / part.sum()))
        found.append(np.array(places))
    return found


def off_plane_px(bend: float) -> float:
    """By how much dots on a page leave the best homography, at the most, while a hand moves it."""
    page = np.full((240, 320, 3), 200, np.uint8)
    dots = np.array([(x, y) for x in range(100, 240, 30) for y in range(70, 180, 25)], np.float64)
    for x, y in dots.astype(int).tolist():
        cv2.circle(page, (x, y), 4, (20, 20, 20), -1, cv2.LINE_AA)
    held = photo_in_hand(Reach(20.0, 5.0, 0.01, 0.02), bend, 0.0)
    frames = [VideoFrame(n * STEP_US, page) for n in range(50)]
    moved = tracked([page, *(f.image for f in shown(held, frames, seed=3))], dots)[2:]
    assert np.ptp(moved, axis=0).max() > 6
    planes = [cv2.findHomography(moved[0], at)[0] for at in moved]
    flat = [cv2.perspectiveTransform(moved[0][None], plane)[0] for plane in planes]
    return float(np.abs(np.array(flat) - moved).max())


def test_all_of_a_flat_print_moves_by_a_homography_and_of_a_bent_one_not() -> None:
    assert off_plane_px(0.0) < 0.25
    assert off_plane_px(0.2) > 0.5


def test_a_print_is_brighter_when_it_is_turned_to_the_light() -> None:
    out = shown(photo_in_hand(Reach(25.0, 0.0, 0.0, 0.0), noise_grey=0.0), flat(100))
    assert np.ptp([f.image[30:40, 40:56].mean() for f in out]) > 8


def test_beside_a_print_that_is_moved_away_there_is_a_wall() -> None:
    out = shown(photo_in_hand(PRINT, noise_grey=0.0), flat(100, 0))
    assert max(f.image[:, 0].max() for f in out) > 60
    assert max(f.image[36, 48].max() for f in out) == 0


def test_noise_below_nothing_is_refused_of_prints_too() -> None:
    with pytest.raises(ValueError, match="noise"):
        photo_in_hand(noise_grey=-1.0)


def test_a_noisy_photo_differs_by_its_noise_only() -> None:
    out = shown(photo(2.0), flat(10, 100))
    assert np.std([f.image.astype(float) for f in out]) == pytest.approx(2.0, rel=0.05)
    assert not np.array_equal(out[3].image, out[4].image)


def test_a_loop_shows_the_last_stretch_again_and_again() -> None:
    frames = film(100)
    out = shown(looped(2.0, 0.8), frames)
    assert [f.t_us for f in out] == [f.t_us for f in frames]
    numbers = [next(n for n, f in enumerate(frames) if f.image is shown_.image) for shown_ in out]
    assert numbers[:50] == list(range(50))
    assert numbers[50:] == [30 + n % 20 for n in range(50)]


def test_a_loop_longer_than_the_feed_so_far_repeats_all_of_it() -> None:
    frames = film(30)
    out = shown(looped(0.4, 5.0), frames)
    assert [f.image is frames[n % 10].image for n, f in enumerate(out)] == [True] * 30
