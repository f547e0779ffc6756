"""Recordings seen and heard through a variant: laps in step, seeds, what is needed, and the catalogue."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liveguard.errors import ConfigError, InputError
from liveguard.stress.catalogue import AS_IS, BENCH, BENIGN, chosen, variant
from liveguard.stress.footage import Footage
from liveguard.stress.light import low_light
from liveguard.stress.rate_and_size import frame_rate
from liveguard.stress.room import background_noise
from liveguard.stress.sound_attacks import delayed
from liveguard.stress.tap import VariantTap
from liveguard.stress.variant import Variant
from liveguard.types import SAMPLE_RATE_HZ, AudioChunk, FloatArray, TapSample, VideoFrame
from tests.tiny_clips import BRIGHT, DIM, FPS, MARK_S, beeps, tiny_clip

PLAIN = Variant("plain", "as it is")
NOISY = Variant("noisy", "noise in both", pictures=(low_light(0.5, 6.0),), sound=(background_noise(10.0, "pink"),))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`av` (2 s), `other` (1.6 s, another tone), `mute` and `heard` (2 s, of one track), and `broken`."""
    folder = tmp_path_factory.mktemp("clips")
    tiny_clip(folder / "av.mkv")
    tiny_clip(folder / "other.mkv", 1.6, 3000.0)
    tiny_clip(folder / "mute.mkv", tone_hz=None)
    tiny_clip(folder / "heard.mkv", picture=False)
    (folder / "broken.mkv").write_bytes(b"no recording")
    return folder


def played(clips: Path, made: Variant, name: str = "av", seed: int = 0, foreign: str = "") -> list[TapSample]:
    other = clips / f"{foreign}.mkv" if foreign else None
    return list(VariantTap(clips / f"{name}.mkv", made, seed, other).samples())


def frames(samples: list[TapSample]) -> list[VideoFrame]:
    return [sample for sample in samples if isinstance(sample, VideoFrame)]


def pcm(samples: list[TapSample]) -> FloatArray:
    return np.concatenate([sample.pcm for sample in samples if isinstance(sample, AudioChunk)])


def same(one: list[TapSample], other: list[TapSample]) -> tuple[bool, bool]:
    """Whether pictures and sound are the same to the bit."""
    pairs = list(zip(frames(one), frames(other), strict=True))
    seen = all(a.t_us == b.t_us and np.array_equal(a.image, b.image) for a, b in pairs)
    return seen, bool(np.array_equal(pcm(one), pcm(other)))


def tone_hz(sound: FloatArray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(sound))) * SAMPLE_RATE_HZ / len(sound))


# --- laps ----------------------------------------------------------------------------------------------------------


def test_without_effects_it_is_the_recording(clips: Path) -> None:
    tap = VariantTap(clips / "av.mkv", PLAIN)
    samples = list(tap.samples())
    assert (tap.info.name, tap.info.live, tap.info.seconds) == ("av.mkv", False, 2.0)
    assert tap.info.tracks == {"video", "audio"}
    assert [frame.t_us for frame in frames(samples)] == pytest.approx([k * 1e6 / FPS for k in range(50)], abs=1000)
    assert pcm(samples) == pytest.approx(beeps(2.0, 1000.0), abs=1e-3)


def test_samples_come_in_order_of_time_and_none_is_lost(clips: Path) -> None:
    samples = played(clips, replace(PLAIN, play_s=5.0))
    times = [sample.t_us for sample in samples if isinstance(sample, VideoFrame | AudioChunk)]
    assert times == sorted(times)
    assert len(frames(samples)) == 5 * FPS
    assert len(pcm(samples)) == 5 * SAMPLE_RATE_HZ


@pytest.mark.parametrize(("name", "seconds", "play_s"), [("av", 2.0, 7.0), ("other", 1.6, 7.0), ("other", 1.6, 0.0)])
def test_sound_and_picture_go_round_in_step(clips: Path, name: str, seconds: float, play_s: float) -> None:
    samples = played(clips, replace(PLAIN, play_s=play_s), name)
    length_s = max(seconds, play_s)
    begins = [lap * seconds + k for lap in range(5) for k in range(2) if k < seconds and lap * seconds + k < length_s]
    light = np.array([(frame.t_us / 1e6, frame.image.mean()) for frame in frames(samples)])
    flashes = light[1:, 0][np.diff(light[:, 1]) > (BRIGHT - DIM) / 2]
    sound = pcm(samples)
    loud = np.convolve(np.abs(sound), np.ones(80) / 80, "same") > 0.05
    beeping = np.flatnonzero(np.diff(loud.astype(int)) == 1) / SAMPLE_RATE_HZ
    assert [0.0, *flashes] == pytest.approx(begins, abs=1e-3)
    assert [0.0, *beeping[beeping > MARK_S]] == pytest.approx(begins, abs=0.01)


def test_a_recording_longer_than_it_is_played_for_stays_whole(clips: Path) -> None:
    footage = Footage(clips / "av.mkv", 1.0)
    assert footage.length_us == footage.lap_us == 2_000_000
    assert len(list(footage.pictures())) == 2 * FPS
    assert len(footage.sound()) == 2 * SAMPLE_RATE_HZ


def test_footage_of_one_track_is_played_too(clips: Path) -> None:
    assert not any(isinstance(sample, AudioChunk) for sample in played(clips, NOISY, "mute"))
    assert not any(isinstance(sample, VideoFrame) for sample in played(clips, NOISY, "heard"))
    assert len(frames(played(clips, NOISY, "mute"))) == 2 * FPS
    assert len(pcm(played(clips, NOISY, "heard"))) == 2 * SAMPLE_RATE_HZ
    assert len(Footage(clips / "mute.mkv").sound()) == 0


# --- effects and seeds ---------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_samples_and_another_one_others(clips: Path) -> None:
    first = played(clips, NOISY, seed=3)
    assert same(first, played(clips, NOISY, seed=3)) == (True, True)
    assert same(first, played(clips, NOISY, seed=4)) == (False, False)
    assert same(played(clips, PLAIN, seed=3), played(clips, PLAIN, seed=4)) == (True, True), "nothing is drawn"


def test_each_variant_and_each_recording_draws_anew(clips: Path, tmp_path: Path) -> None:
    first = played(clips, NOISY)
    assert same(first, played(clips, replace(NOISY, name="another"))) == (False, False)
    (tmp_path / "renamed.mkv").write_bytes((clips / "av.mkv").read_bytes())
    assert same(first, played(tmp_path, NOISY, "renamed")) == (False, False)


def test_what_is_drawn_for_sound_and_picture_does_not_depend_on_each_other(clips: Path) -> None:
    both = played(clips, NOISY)
    assert np.array_equal(pcm(both), pcm(played(clips, replace(NOISY, pictures=()))))
    assert same(both, played(clips, replace(NOISY, sound=()))) == (True, False)
    assert np.array_equal(pcm(both), pcm(played(clips, replace(NOISY, pictures=(low_light(0.5, 6.0), frame_rate(5))))))


def test_effects_are_applied_one_after_the_other_to_their_own_track(clips: Path) -> None:
    plain = played(clips, PLAIN)
    late = played(clips, replace(PLAIN, sound=(delayed(0.1), delayed(0.2))))
    assert same(plain, late) == (True, False)
    assert np.abs(pcm(late)[: SAMPLE_RATE_HZ // 4]).max() < 1e-3
    assert pcm(late)[4800:] == pytest.approx(beeps(2.0, 1000.0)[:-4800], abs=1e-3)
    slow = played(clips, replace(PLAIN, pictures=(frame_rate(5),)))
    assert len(frames(slow)) == 10
    assert np.array_equal(pcm(slow), pcm(plain))


def test_foreign_sound_takes_the_place_of_the_own_and_goes_round_to_the_end(clips: Path) -> None:
    foreign = replace(PLAIN, foreign_sound=True, play_s=4.0)
    samples = played(clips, foreign, foreign="other")
    sound = pcm(samples)
    assert len(sound) == 4 * SAMPLE_RATE_HZ
    assert tone_hz(sound) == pytest.approx(3000, abs=10)
    assert sound[25_600:51_200] == pytest.approx(sound[:25_600], abs=1e-6)
    assert len(frames(samples)) == 4 * FPS
    assert tone_hz(pcm(played(clips, PLAIN, foreign="other"))) == pytest.approx(1000, abs=10), "it was not asked for"


# --- what is needed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "made", "message"),
    [
        ("mute", replace(PLAIN, needs=("audio",)), "mute.mkv: has no audio, which plain needs"),
        ("heard", replace(PLAIN, needs=("video",)), "heard.mkv: has no video, which plain needs"),
        ("av", replace(PLAIN, least_s=2.5), "av.mkv: is shorter than 2.5 s, which plain needs"),
        ("av", replace(PLAIN, least_s=2.5, play_s=9.0), "is shorter than 2.5 s"),
        ("av", replace(PLAIN, foreign_sound=True), "plain needs the recording of another voice"),
        ("broken", PLAIN, "broken.mkv"),
        ("missing", PLAIN, "missing.mkv"),
    ],
)
def test_what_a_variant_needs_is_said(clips: Path, name: str, made: Variant, message: str) -> None:
    with pytest.raises(InputError, match=message):
        VariantTap(clips / f"{name}.mkv", made)


def test_what_is_just_long_enough_will_do(clips: Path) -> None:
    assert frames(played(clips, replace(PLAIN, least_s=2.0, needs=("video", "audio"))))


# --- the catalogue -------------------------------------------------------------------------------------------------


def test_each_name_is_there_once_and_says_what_it_is() -> None:
    everything = chosen(["benign", "bench", AS_IS])
    names = [made.name for made in everything]
    assert len(set(names)) == len(names) == 1 + len(BENIGN) + len(BENCH)
    assert all(variant(made.name) is made and made.about for made in everything)
    assert len({made.about for made in everything}) == len(everything)


def test_benign_variants_leave_people_genuine_and_bench_attacks_say_what_they_should_raise() -> None:
    assert {made.label for made in BENIGN.values()} == {"bonafide"}
    for made in BENCH.values():
        assert made.label == "attack"
        assert made.hypothesis is not None
        assert made.hypothesis in (made.judged or (made.hypothesis,))
        assert not made.for_attacks, "an attack upon an attack says nothing"
        assert made.pictures or made.sound or made.foreign_sound
        assert made.onset_s < (made.play_s or 1.0)
    for made in (*BENIGN.values(), *BENCH.values()):
        assert made.needs
        assert "video" in made.needs or not made.pictures
        assert "audio" in made.needs or not made.sound
    assert not variant(AS_IS).pictures
    assert not variant(AS_IS).sound


def test_those_chosen_come_in_the_order_of_the_catalogue_and_once() -> None:
    names = [made.name for made in chosen(["bench photo", "telephone", "5 fps", "telephone", AS_IS])]
    assert names == [AS_IS, "5 fps", "telephone", "bench photo"]
    assert [made.name for made in chosen(["bench", "bench photo"])] == list(BENCH)
    assert [made.name for made in chosen(["benign"])] == list(BENIGN)
    assert chosen([]) == []


def test_an_unknown_name_is_told_what_there_is() -> None:
    for ask in (lambda: variant("telefone"), lambda: chosen(["telephone", "telefone"])):
        with pytest.raises(ConfigError, match="no variant is called 'telefone': there are as is, low light") as caught:
            ask()
        assert all(re.search(rf"\b{re.escape(name)}\b", str(caught.value)) for name in (*BENIGN, *BENCH))
