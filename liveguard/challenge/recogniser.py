"""How well sound fits spoken digits, as an offline recogniser tells it: PocketSphinx with the English model in its wheel.

The same sound is forced through three grammars: the digits that were asked for, any as many digits, and any phones at all.
Their scores differ only by what was said, not by the voice or the microphone: such ratios verify what a recogniser would
otherwise only claim (Rose, Juang and Lee 1995, doi:10.1109/ICASSP.1995.479529).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from liveguard.errors import ConfigError
from liveguard.types import SAMPLE_RATE_HZ, FloatArray

if TYPE_CHECKING:
    from pocketsphinx import Decoder

WORDS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PHONES: Final = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
PHONE_WORD: Final = "phone"
FRAMES_PER_S: Final = 100
SHORTEST: Final = SAMPLE_RATE_HZ // 5  # samples
NATS: Final = 1024.0  # the recogniser keeps its logarithms shifted by 10 bits
NOT_INSTALLED: Final = "spoken digits are not recognised: install liveguard[kyc]"
WIDE_BEAM: Final = 1e-300  # nothing is pruned: a grammar that does not fit must have a score, too


@dataclass(frozen=True, slots=True)
class Heard:
    """What was made of one piece of sound.

    `digits`: what was heard if it was digits; `start_s`, `end_s`: from where to where, from the sound's start; `spoken_s`:
    how much of it is speech. Log-likelihoods: `asked_nats` of the digits that were asked for, `digits_nats` of the best other
    or same ones, `speech_nats` of the best phones in any order. Only differences between them mean something.
    """

    digits: tuple[int, ...]
    start_s: float
    end_s: float
    spoken_s: float
    asked_nats: float
    digits_nats: float
    speech_nats: float


class Recogniser(Protocol):
    """Any thread may call it; the same sound gives the same answer."""

    def hear(self, pcm: FloatArray, asked: Sequence[int]) -> Heard | None:
        """What is heard in `pcm` (n,) float32 at 16 kHz; None where there is no speech in it."""
        ...


@dataclass(frozen=True, slots=True)
class _Path:
    """The best way through a grammar: words with their first and last frame, and its score."""

    words: tuple[tuple[str, int, int], ...]
    nats: float

    @property
    def frames(self) -> int:
        return sum(last - first + 1 for _, first, last in self.words)


class Sphinx:
    """English digits by PocketSphinx, for one thread. Raises ConfigError where it is not installed.

    Each sound's cepstral mean is its own, so that nothing is carried over from one to the next.
    """

    def __init__(self) -> None:
        self._decoder = _decoder()

    def hear(self, pcm: FloatArray, asked: Sequence[int]) -> Heard | None:
        """As `Recogniser.hear`."""
        try:
            return _hear(self._decoder, pcm, asked)
        except BaseException:
            self._decoder = _decoder()  # one that broke is not used again
            raise


def _decoder() -> Decoder:
    try:
        from pocketsphinx import Decoder
    except ImportError as error:
        raise ConfigError(NOT_INSTALLED) from error
    # All senones are scored in every frame, so that the scores of different grammars have one reference.
    decoder = Decoder(
        lm=None,
        loglevel="FATAL",
        samprate=SAMPLE_RATE_HZ,
        cmn="batch",
        bestpath=False,
        compallsen=True,
        beam=WIDE_BEAM,
        pbeam=WIDE_BEAM,
        wbeam=WIDE_BEAM,
    )
    phones = PHONES.split()
    for phone in phones:
        decoder.add_word(f"{PHONE_WORD}{phone}", phone, phone == phones[-1])
    any_phone = " | ".join(f"{PHONE_WORD}{phone}" for phone in phones)
    decoder.add_jsgf_string("speech", f"#JSGF V1.0; grammar g; public <s> = ({any_phone})+;")
    return decoder


def _hear(decoder: Decoder, pcm: FloatArray, asked: Sequence[int]) -> Heard | None:
    if len(pcm) < SHORTEST:
        return None
    sound = np.clip(np.round(pcm * 32767), -32768, 32767).astype("<i2").tobytes()
    any_digit = f"({' | '.join(WORDS)})"
    decoder.add_jsgf_string("digits", f"#JSGF V1.0; grammar g; public <s> = {' '.join([any_digit] * len(asked))};")
    decoder.add_jsgf_string("asked", f"#JSGF V1.0; grammar g; public <s> = {' '.join(WORDS[k] for k in asked)};")
    speech, digits, wanted = (_best(decoder, grammar, sound) for grammar in ("speech", "digits", "asked"))
    if speech is None or digits is None or wanted is None or not speech.frames:
        return None
    return Heard(
        digits=tuple(WORDS.index(word) for word, _, _ in digits.words),
        start_s=digits.words[0][1] / FRAMES_PER_S,
        end_s=(digits.words[-1][2] + 1) / FRAMES_PER_S,
        spoken_s=speech.frames / FRAMES_PER_S,
        asked_nats=wanted.nats,
        digits_nats=max(digits.nats, wanted.nats),
        speech_nats=max(speech.nats, digits.nats, wanted.nats),
    )


def _best(decoder: Decoder, grammar: str, sound: bytes) -> _Path | None:
    """None where the sound is too short for the grammar."""
    decoder.reinit_feat()  # what is known of the noise so far would make a sound's score depend on those before it
    decoder.activate_search(grammar)
    decoder.start_utt()
    decoder.process_raw(sound, False, True)
    decoder.end_utt()
    if decoder.hyp() is None:
        return None
    found = list(decoder.seg() or ())
    # Silence, noise and empty transitions are named in brackets; other pronunciations of a word as "two(2)".
    words = tuple(
        (segment.word.split("(")[0], segment.start_frame, segment.end_frame)
        for segment in found
        if segment.word[0] not in "<[("
    )
    nats = NATS * sum(math.log(max(segment.ascore, 1e-300)) for segment in found)
    return _Path(words, nats) if words else None
