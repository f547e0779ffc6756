"""All variants by name: the benign stress set, and the bench attacks. What a name stands for does not change silently:
published figures go by it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from liveguard.errors import ConfigError
from liveguard.stress.beauty import beauty
from liveguard.stress.face_attacks import mouth_retimed, self_blended
from liveguard.stress.face_cover import beard, glasses, mask
from liveguard.stress.feed_attacks import frozen, looped, photo
from liveguard.stress.hand import hand
from liveguard.stress.held import hand_held, photo_in_hand
from liveguard.stress.light import back_light, exposure_steps, low_light, white_balance_steps
from liveguard.stress.rate_and_size import frame_rate, freezes, lines, size_steps
from liveguard.stress.room import background_noise, reverberation
from liveguard.stress.sound_attacks import copy_synthesis, delayed, pitch_shifted
from liveguard.stress.sound_codec import g711, opus
from liveguard.stress.variant import PictureEffect, SoundEffect, Variant
from liveguard.stress.video_codec import coded
from liveguard.stress.virtual_background import virtual_background
from liveguard.stress.voice_processing import automatic_gain, noise_suppression
from liveguard.types import Hypothesis

AS_IS: Final = "as is"
TALK_S: Final = 24.0  # long enough for lip-sync to make up its mind, three times over
ABOUT_SOUND: Final[tuple[Hypothesis, ...]] = ("av_mismatch", "voice_synthetic")
FREEZE_PLAY_S, LOOP_PLAY_S, PRINT_PLAY_S = 14.0, 20.0, 24.0


def _seen(name: str, about: str, *pictures: PictureEffect, for_attacks: bool = False) -> Variant:
    return Variant(name, about, pictures=pictures, needs=("video",), for_attacks=for_attacks)


def _heard(name: str, about: str, *sound: SoundEffect) -> Variant:
    """Played on, so that what is said about the sound has time to be said."""
    return Variant(name, about, sound=sound, needs=("audio",), play_s=TALK_S, judged=ABOUT_SOUND)


_BENIGN: Final = (
    _seen("low light", "a quarter of the light, and noise", low_light(0.25, 6.0)),
    _seen("back light", "a window behind the person", back_light()),
    _seen("exposure", "the camera's exposure hunts", exposure_steps(2.0, 0.7)),
    _seen("white balance", "the camera's white balance hunts", white_balance_steps(2.0, 40.0)),
    _seen("virtual background", "another room behind a restless edge", virtual_background()),
    _seen("beauty", "skin smoothed by a filter", beauty()),
    _seen("glasses", "spectacles", glasses()),
    _seen("mask", "a surgical mask", mask()),
    _seen("beard", "a full beard", beard()),
    _seen("hand", "a hand before the face now and then", hand(3.0)),
    _seen("hand-held", "from a phone in the hand", hand_held()),
    _seen("5 fps", "5 pictures a second", frame_rate(5)),
    _seen("10 fps", "10 pictures a second", frame_rate(10)),
    _seen("15 fps", "15 pictures a second", frame_rate(15)),
    _seen("90 lines", "a picture of 90 lines", lines(90)),
    _seen("180 lines", "a picture of 180 lines", lines(180)),
    _seen("270 lines", "a picture of 270 lines", lines(270)),
    _seen("size steps", "the sender makes the picture smaller now and then", size_steps(3.0)),
    _seen("freezes", "no picture for up to 1.2 s now and then, as after loss", freezes(3.0)),
    _seen("H.264 150k", "H.264 at 150 kbit/s", coded("h264", 150)),
    _seen("H.264 400k", "H.264 at 400 kbit/s", coded("h264", 400)),
    _seen("VP8 80k", "VP8 at 80 kbit/s, 15 pictures a second", frame_rate(15), coded("vp8", 80, 15)),
    _seen(
        "VP8 150k", "VP8 at 150 kbit/s, 15 pictures a second", frame_rate(15), coded("vp8", 150, 15), for_attacks=True
    ),
    _seen("VP8 300k", "VP8 at 300 kbit/s", coded("vp8", 300), for_attacks=True),
    _seen("VP8 800k", "VP8 at 800 kbit/s", coded("vp8", 800)),
    _heard("talk", "the clip and its sound again and again"),
    _heard("noise suppression", "noise suppression", background_noise(20.0, "pink"), noise_suppression(24.0)),
    _heard("automatic gain", "automatic gain", automatic_gain()),
    _heard("Opus 12k", "Opus at 12 kbit/s", opus(12)),
    _heard("Opus 24k loss", "Opus at 24 kbit/s, 5 % of its packets lost", opus(24, 0.05)),
    _heard("Opus 32k", "Opus at 32 kbit/s", opus(32)),
    _heard("telephone", "G.711", g711()),
    _heard("reverberation", "a room that echoes for 0.6 s", reverberation(0.6, 0.0)),
    _heard("noise", "a fan, 10 dB below the voice", background_noise(10.0, "pink")),
    _heard("babble", "other people talking, 10 dB below the voice", background_noise(10.0, "babble")),
)


def _feed(name: str, about: str, effect: PictureEffect, onset_s: float, play_s: float, least_s: float = 0.0) -> Variant:
    return Variant(
        name, about, "attack", (effect,), (), "feed_injected", onset_s=onset_s, play_s=play_s, least_s=least_s,
        judged=("feed_injected",), needs=("video",),
    )  # fmt: skip


def _face(name: str, about: str, effect: PictureEffect) -> Variant:
    return Variant(name, about, "attack", (effect,), (), "face_manipulated", needs=("video",))


def _sync(
    name: str,
    about: str,
    *,
    pictures: tuple[PictureEffect, ...] = (),
    sound: tuple[SoundEffect, ...] = (),
    foreign: bool = False,
) -> Variant:
    return Variant(
        name, about, "attack", pictures, sound, "av_mismatch", play_s=TALK_S, judged=("av_mismatch",),
        needs=("video", "audio"), needs_sync=True, foreign_sound=foreign,
    )  # fmt: skip


def _voice(name: str, about: str, effect: SoundEffect) -> Variant:
    return Variant(
        name, about, "attack", (), (effect,), "voice_synthetic", judged=("voice_synthetic",), needs=("audio",)
    )


_BENCH: Final = (
    _feed("bench frozen", "the picture stands still from 1.6 s on", frozen(1.6), 1.6, FREEZE_PLAY_S),
    _feed("bench photo", "one picture all the time", photo(), 0.0, FREEZE_PLAY_S),
    _feed("bench photo in hand", "one picture as a print that a hand moves", photo_in_hand(), 0.0, PRINT_PLAY_S),
    _feed("bench loop", "the first 4 s again and again", looped(4.0, 4.0), 4.0, LOOP_PLAY_S, least_s=4.0),
    _sync("bench late sound", "the sound comes 400 ms late", sound=(delayed(0.4),)),
    _sync("bench early sound", "the sound comes 400 ms early", sound=(delayed(-0.4),)),
    _sync("bench foreign sound", "somebody else's sound", foreign=True),
    _sync("bench retimed mouth", "the mouth of half a second earlier", pictures=(mouth_retimed(0.5),)),
    _face("bench blend 64", "inner face of 64 px blended in, flickering, with dropouts", self_blended(64.0)),
    _face("bench blend 128", "inner face of 128 px blended in, flickering, with dropouts", self_blended(128.0)),
    _voice("bench Griffin-Lim", "the voice from its mel bands", copy_synthesis("griffin_lim")),
    _voice("bench LPC", "the voice from linear prediction", copy_synthesis("lpc")),
    _voice("bench pitch", "the voice four semitones higher", pitch_shifted(4.0)),
)

BENIGN: Final = {variant.name: variant for variant in _BENIGN}
BENCH: Final = {variant.name: variant for variant in _BENCH}
_ALL: Final = {AS_IS: Variant(AS_IS, "the recording as it is", for_attacks=True), **BENIGN, **BENCH}


def variant(name: str) -> Variant:
    """The variant of that name. Raises ConfigError that lists what there is."""
    if name not in _ALL:
        raise ConfigError(f"no variant is called {name!r}: there are {', '.join(_ALL)}")
    return _ALL[name]


def chosen(names: Iterable[str]) -> list[Variant]:
    """The variants of those names, in the catalogue's order; "benign" and "bench" stand for all of theirs."""
    wanted = {name for given in names for name in {"benign": BENIGN, "bench": BENCH}.get(given, (given,))}
    for name in wanted:
        variant(name)
    return [found for name, found in _ALL.items() if name in wanted]
