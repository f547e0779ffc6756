"""Digits read aloud: were they those that were shown, were they said after that, and did these lips say them?

Compliance is a likelihood ratio of what was said, not a match of what was recognised: how much better other digits, and any
speech at all, explain the sound than the digits that were asked for (`recogniser`). It speaks for nobody whose lips were
not seen to say it. Limits: only English digits, so they are asked for in no other language; a puppet
whose operator reads the digits in his own or in a cloned voice complies; the model was measured on few voices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from liveguard.audio.align import framed_sound
from liveguard.audio.features import no_speech
from liveguard.audio.voice_quality import MOST_MUSIC_NATS, voice_quality
from liveguard.challenge.check import LONGEST_US, SEVERAL, Verdict, cannot_judge, its_cue, reading
from liveguard.challenge.recogniser import Heard, Recogniser
from liveguard.challenge.recogniser_aside import SphinxAside
from liveguard.challenge.script import cue_name
from liveguard.challenge.spoken_by import lips_nats, part
from liveguard.detectors.mouth_cover import SKIN
from liveguard.detectors.voice import MOST_SECOND_PITCH_SHARE
from liveguard.errors import ConfigError
from liveguard.types import SAMPLE_RATE_HZ, Cue, FloatArray, Hypothesis, Need, Reading, Window

MARGIN_S: Final = 0.3  # around what is voiced: consonants are not
LEAST_PRESENT: Final = 0.8  # share of the sound that must have arrived
LEAST_LEVEL_DB: Final = -55.0  # re full scale, of the loudest 0.1 s: quieter is a microphone that is turned off
LEAST_SNR_DB: Final = 12.0  # with white noise 6 dB below the voice: a third of the digits are no longer recognised
LOUD_DB: Final = -40.0  # noise as loud as this may hide a voice
CLIPPED_LEVEL, MOST_CLIPPED = 0.99, 0.02
LEAST_VOICED_S: Final = 0.3  # four digits last 1 s and more
EARLIEST_S: Final = 0.1  # reading a digit aloud takes 0.4 s and more; links delay an answer and do not advance it
# Who is silent: one in three attacks that do not answer, one in twenty people (a wrong microphone, not understood).
SILENT_NATS: Final = 1.9

# Logistic regression, by `tests/bench/challenge_digits_report.py`, on half of 15 synthetic voices and of the sources of
# speech without digits. On the others, and on one person: on the wrong side are 2 of 111 answers as asked, 4 of 111 with
# other digits (all under noise of 5 or 10 dB), and 0 of 105 without digits. The limit of noise was chosen on all of them.
BIAS, PER_DIGITS, PER_SPEECH = -6.7, 2.6, 1.8
DIGITS_SCALE_NATS: Final = 50.0
TRUSTED: Final = 0.5  # of what was fitted: it was measured on synthetic voices and one person
LEAST_NATS, MOST_NATS = -3.0, 3.0


class DigitsChallenge:
    """See the module. `recogniser`: PocketSphinx where it is not given; without it, it cannot judge, and `missing` says why."""

    name = "digits"
    hypothesis: Hypothesis = "av_mismatch"
    about = "Are the digits that were shown read aloud, by these lips? (a challenge, English only)"
    need = Need(
        step_us=LONGEST_US,
        video_us=LONGEST_US,
        audio_us=LONGEST_US,
        probes=(SKIN,),
        cost="heavy",
        cue=cue_name("digits"),
    )

    def __init__(self, recogniser: Recogniser | None = None) -> None:
        self._recogniser, self.missing = recogniser, ""
        if recogniser is None:
            try:
                self._recogniser = SphinxAside()
                # Loads scipy now, rather than in the middle of a session.
                voice_quality(np.zeros(0, np.float32), no_speech())
            except ConfigError as error:
                self.missing = str(error)

    def evaluate(self, window: Window) -> Reading:
        cue = its_cue(window, "digits")
        sound = Sound.since(window, cue)
        several = "" if window.alone else SEVERAL
        why_not = self.missing or several or sound.unfit() or _music(part(window, cue.t_us, window.end_us))
        if why_not or self._recogniser is None:
            return cannot_judge(self.name, window, why_not, sound.measures())
        if sound.voiced_s < LEAST_VOICED_S:
            return reading(self.name, window, Verdict(SILENT_NATS, None, "nothing was said", sound.measures()))
        asked = asked_of(cue)
        pcm, begins_s = sound.spoken()
        heard = self._recogniser.hear(pcm, asked)
        if heard is None:
            return reading(self.name, window, Verdict(SILENT_NATS, None, "no digits were said", sound.measures()))
        starts_s, ends_s = begins_s + heard.start_s, begins_s + heard.end_s
        nats, said = compliance_nats(heard), _said(heard, asked)
        if starts_s < EARLIEST_S and nats < 0:
            nats, said = 0.0, f"{said}, but before it could be read"
        measures = sound.measures() | figures(heard) | {"answer_s": round(starts_s, 2)}
        if nats > 0:
            # The voice may be somebody else's in the room, so lips that do not fit it would be held against the person twice.
            return reading(self.name, window, Verdict(nats, None, said, measures))
        lips, seen, lip_measures = lips_nats(window, *(cue.t_us + round(1e6 * at) for at in (starts_s, ends_s)))
        measures |= lip_measures
        if nats < 0 and lips is None:  # anybody in the room may have read them
            return cannot_judge(self.name, window, f"{said}; {seen}", measures)
        if lips is not None and lips > 0:  # the right digits are nothing in favour of lips that did not say them
            nats = max(nats, -lips)
        elif lips is not None and nats == 0:  # nor are lips that fit for digits that came too early
            lips = 0.0
        return reading(self.name, window, Verdict(nats, lips, f"{said}; {seen}", measures))


def asked_of(cue: Cue) -> tuple[int, ...]:
    return tuple(int(digit) for digit in str(cue.params["digits"]).split())


def features(heard: Heard) -> tuple[float, float]:
    """How much better other digits explain the sound than those asked for, log(1 + nats / 50), because half of a digit
    more or less tells much and a fourth wrong digit little; and how much better any speech does, in nats per frame."""
    digits = math.log1p(max(heard.digits_nats - heard.asked_nats, 0.0) / DIGITS_SCALE_NATS)
    return digits, (heard.speech_nats - heard.asked_nats) / max(100 * heard.spoken_s, 50.0)


def compliance_nats(heard: Heard) -> float:
    """Log-likelihood ratio of `heard`, > 0: not what was asked for."""
    digits, speech = features(heard)
    nats = TRUSTED * (BIAS + PER_DIGITS * digits + PER_SPEECH * speech)
    return max(min(nats, MOST_NATS), LEAST_NATS)


def figures(heard: Heard) -> dict[str, float]:
    frames = max(100 * heard.spoken_s, 1.0)
    return {
        "spoken_s": round(heard.spoken_s, 2),
        "other_digits_nats": round(heard.digits_nats - heard.asked_nats, 1),
        "other_speech_nats_per_frame": round((heard.speech_nats - heard.asked_nats) / frames, 3),
    }


def _said(heard: Heard, asked: tuple[int, ...]) -> str:
    digits, speech = features(heard)
    if compliance_nats(heard) < 0:
        return "the digits were read aloud"
    if PER_SPEECH * speech > PER_DIGITS * digits:
        return "something else than digits was said"
    return (
        f"other digits were said: {sum(a == b for a, b in zip(heard.digits, asked, strict=False))} of {len(asked)} fit"
    )


def _music(heard: Window) -> str:
    """Sound that the digits' model was not measured on; empty where it is one voice."""
    if heard.speech.voiced_s < LEAST_VOICED_S:
        return ""
    quality = voice_quality(framed_sound(heard), heard.speech)
    if quality.music_nats > MOST_MUSIC_NATS:
        return "this is music or a tone rather than a voice"
    if quality.second_pitch_share > MOST_SECOND_PITCH_SHARE:
        return "several people talk at once, or there is music behind the voice"
    return ""


@dataclass(frozen=True, slots=True)
class Sound:
    """What was heard since the digits were shown.

    `pcm` (n,) from then on; `voiced_at_s` (k,) the middles of the voiced frames; `present`: share of it that arrived;
    `level_db` of its loudest tenth, re full scale; `snr_db` between its loudest and its quietest tenth.
    """

    pcm: FloatArray
    voiced_at_s: FloatArray
    voiced_s: float
    present: float
    level_db: float
    snr_db: float

    @classmethod
    def since(cls, window: Window, cue: Cue) -> Sound:
        speech = window.speech
        later = speech.t_us >= cue.t_us
        here = later & speech.present
        level_db = speech.level_db[here]
        low, high = np.percentile(level_db, (10, 90)) if len(level_db) else (-100.0, -100.0)
        voiced = here & speech.voiced
        return cls(
            pcm=window.pcm[max((cue.t_us - window.pcm_start_us) * SAMPLE_RATE_HZ // 1_000_000, 0) :],
            voiced_at_s=((speech.t_us[voiced] - cue.t_us) / 1e6).astype(np.float32),
            voiced_s=float(np.count_nonzero(voiced)) * speech.hop_us / 1e6,
            present=np.count_nonzero(here) / max(np.count_nonzero(later), 1),
            level_db=float(high),
            snr_db=float(high - low),
        )

    def unfit(self) -> str:
        """Why what was said cannot be judged; empty where it can."""
        if self.present < LEAST_PRESENT or self.level_db < LEAST_LEVEL_DB:
            return "no sound arrives, or too quiet: unmute the microphone and come closer"
        clipped = np.count_nonzero(np.abs(self.pcm) >= CLIPPED_LEVEL) / max(len(self.pcm), 1)
        if clipped > MOST_CLIPPED:
            return f"the sound is overdriven: {clipped:.0%} of it is clipped: turn the microphone down"
        audible = self.voiced_s >= LEAST_VOICED_S or self.level_db > LOUD_DB
        if audible and self.snr_db < LEAST_SNR_DB:
            return f"too noisy: the voice is {self.snr_db:.0f} dB above the background, {LEAST_SNR_DB:g} dB needed"
        return ""

    def spoken(self) -> tuple[FloatArray, float]:
        """The part of `pcm` with voice in it, and where that begins, in seconds."""
        first, last = float(self.voiced_at_s[0]) - MARGIN_S, float(self.voiced_at_s[-1]) + MARGIN_S
        begin = max(round(first * SAMPLE_RATE_HZ), 0)
        return self.pcm[begin : round(last * SAMPLE_RATE_HZ)], begin / SAMPLE_RATE_HZ

    def measures(self) -> dict[str, float]:
        return {
            "voiced_s": round(self.voiced_s, 2),
            "level_db": round(self.level_db, 1),
            "snr_db": round(self.snr_db, 1),
        }
