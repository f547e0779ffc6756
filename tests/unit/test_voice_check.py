"""The voice check around its model: what it lets the model hear, how much it believes it, and when it cannot judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from liveguard.audio.dense import near_speech
from liveguard.audio.voice_figures import NAMES
from liveguard.calibration import Calibration
from liveguard.detectors.voice import CAUTIOUS_NATS, CAUTIOUS_SHARE, Voice
from liveguard.detectors.voice_model import WORDS, FiguresModel, Heard, group_of
from liveguard.engine import Engine
from liveguard.errors import ConfigError
from liveguard.onnx import MODELS, Card, Scorer, read_card
from liveguard.policy import Policy
from liveguard.types import FloatArray, Gap, Reading, Sample
from tests.synthetic import AUDIO, chunks, talker
from tests.tiny_models import mean_model

RATE_HZ = 16_000
QUIET = np.random.default_rng(3).normal(0, 2e-4, RATE_HZ).astype(np.float32)


def chord(*pitches_hz: float) -> FloatArray:
    """Four seconds of sustained tones with five harmonics."""
    t = np.arange(4 * RATE_HZ) / RATE_HZ
    waves = [np.sin(2 * np.pi * k * f * t) / k for f in pitches_hz for k in range(1, 6)]
    return np.asarray(0.05 * sum(waves), np.float32)


class Ear:
    """A model that says always the same, and remembers what it was given."""

    input_shape: tuple[int | None, ...] = (1, None)

    def __init__(self, score: float) -> None:
        self.card = Card("ear", "1", "", 1.0, 0.0, 4.0, Path("ear"))
        self.heard: list[FloatArray] = []
        self._score = score

    def score(self, batch: FloatArray) -> float:
        self.heard.append(batch)
        return self._score


def with_model(monkeypatch: pytest.MonkeyPatch, model: Scorer) -> Voice:
    monkeypatch.setattr("liveguard.detectors.voice.find_voice_model", lambda folder: model)  # noqa: ARG005
    return Voice()


def readings(check: Voice, samples: Sequence[Sample]) -> list[Reading]:
    engine = Engine(AUDIO, [check], Policy(calibration=Calibration()))  # as the check says it itself
    events = [event for sample in samples for event in engine.push(sample)]
    assert not [event for event in events if not isinstance(event, Reading | Gap) and "check" in str(event)]
    return [event for event in events if isinstance(event, Reading)]


def heard(check: Voice, pcm: FloatArray, start_s: float = 0.0) -> list[Reading]:
    return readings(check, list(chunks(pcm, [320], round(start_s * RATE_HZ))))


def test_it_is_cautious_at_first_and_judges_whole_windows_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    found = heard(with_model(monkeypatch, Ear(1.5)), talker(6.0))
    assert [r.llr for r in found] == [None, 1.5 * CAUTIOUS_SHARE, 1.5 * CAUTIOUS_SHARE, 1.5, 1.5, 1.5]
    assert [r.why for r in found[:4]] == [
        "too short: 1.0 s of sound, 1.9 s needed",
        "the voice sounds synthetic, by 2.0 s of sound only",
        "the voice sounds synthetic, by 3.0 s of sound only",
        "the voice sounds synthetic",
    ]
    assert found[3].measures["score"] == 1.5
    assert set(found[3].measures) == {
        "voiced_s",
        "bandwidth_hz",
        "music_nats",
        "pitch_share",
        "second_pitch_share",
        "score",
    }


@pytest.mark.parametrize(
    ("score", "why"),
    [
        (0.4, "rather synthetic"),
        (1.6, "synthetic"),
        (-0.4, "rather natural"),
        (-1.6, "natural"),
        (0.0, "rather natural"),
    ],
)
def test_weak_evidence_is_not_called_strong(score: float, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert heard(with_model(monkeypatch, Ear(score)), talker(4.0))[-1].why == f"the voice sounds {why}"


@pytest.mark.parametrize("score", [9.0, -9.0])
def test_a_first_impression_is_bounded(monkeypatch: pytest.MonkeyPatch, score: float) -> None:
    found = heard(with_model(monkeypatch, Ear(score)), talker(4.0))
    assert [r.llr for r in found[1:]] == [pytest.approx(np.sign(score) * nats) for nats in (*2 * [CAUTIOUS_NATS], 4.0)]


def test_a_microphone_switched_on_later_is_a_first_impression_again(monkeypatch: pytest.MonkeyPatch) -> None:
    check = with_model(monkeypatch, Ear(1.5))
    muted = [*chunks(talker(5.0), [320]), Gap("audio", 5_000_000, 12_000_000, "muted")]
    found = readings(check, [*muted, *chunks(talker(5.0), [320], 12 * RATE_HZ)])
    by_end = {round(r.end_us / 1e6): r for r in found}
    assert by_end[10].why == "no sound arrives"
    assert [by_end[t].llr for t in (5, 13, 14, 15, 16)] == [1.5, None, 0.75, 0.75, 1.5]


def test_the_model_hears_speech_without_its_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Ear(1.0)
    check = with_model(monkeypatch, ear)
    pcm = np.concatenate([talker(1.5), QUIET, talker(1.5, 180, 2)])
    heard(check, pcm)
    batch = ear.heard[-1]
    assert batch.dtype == np.float32
    assert batch.shape[0] == 1
    assert 2.8 * RATE_HZ < batch.shape[1] < 3.4 * RATE_HZ
    assert not (np.convolve(np.abs(batch[0]) < 2e-3, np.ones(8000), "valid") > 7900).any()


def test_of_what_did_not_arrive_the_model_hears_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Ear(1.0)
    samples = [c for c in chunks(talker(4.0), [320]) if not 1_500_000 <= c.t_us < 1_900_000]
    readings(with_model(monkeypatch, ear), samples)
    zeros = np.convolve(ear.heard[-1][0] == 0, np.ones(160), "valid")
    assert zeros.max() < 160


@pytest.mark.parametrize(
    ("sound", "why"),
    [
        (np.zeros(4 * RATE_HZ), "too little speech: 0.0 s of 1.5 s needed"),
        (np.concatenate([QUIET, QUIET, talker(1.0), QUIET]), "too little speech"),
        (chord(220, 277, 330), "this is music or a tone"),
        (talker(4.0) + talker(4.0, 180, 6), "several people talk at once"),
        (
            np.convolve(talker(4.0), scipy.signal.firwin(401, 2500, fs=RATE_HZ), "same"),
            "the sound is muffled or noisy: nothing of the voice above",
        ),
    ],
    ids=["silence", "a word", "a chord", "two people", "a blanket"],
)
def test_what_is_not_one_clear_voice_is_not_judged(
    monkeypatch: pytest.MonkeyPatch, sound: FloatArray, why: str
) -> None:
    ear = Ear(9.0)
    last = heard(with_model(monkeypatch, ear), np.asarray(sound, np.float32))[-1]
    assert last.llr is None
    assert last.why.startswith(why)
    assert "voiced_s" in last.measures
    assert not ear.heard or why.startswith("too little")


def test_a_voice_that_drowns_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    check = with_model(monkeypatch, Ear(9.0))
    monkeypatch.setattr("liveguard.detectors.voice.MIN_SNR_DB", 60.0)
    pcm = np.concatenate([talker(1.5), QUIET, talker(1.5, 180, 2)])
    last = heard(check, pcm)[-1]
    assert last.llr is None
    assert last.why.startswith("too noisy: the voice is ")
    assert 20 < last.measures["snr_db"] < 60


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sizes=st.lists(st.integers(16, 3000), min_size=1, max_size=8))
def test_how_the_sound_is_cut_into_chunks_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    check = Voice(mean_model(tmp_path_factory.mktemp("voice") / "model", [1, None]))
    pcm = np.concatenate([talker(2.6), QUIET[:9000], talker(2.6, 170, 4)])
    assert readings(check, list(chunks(pcm, sizes))) == heard(check, pcm)


@pytest.mark.parametrize("samples", [None, 16_000, 64_000, 64_600])
def test_a_model_gets_as_many_samples_as_it_takes(samples: int | None, tmp_path: Path) -> None:
    check = Voice(mean_model(tmp_path / "model", [1, samples]))
    found = heard(check, talker(5.0))
    assert check.need.cost == "heavy"
    assert [r.llr is None for r in found] == [True, False, False, False, False]
    last = found[-1]
    assert last.llr == pytest.approx(np.clip(10 * last.measures["score"] - 5, -4, 4))
    assert last.why == "the voice sounds natural"


@pytest.mark.parametrize("shape", [[64_000], [1, 1, 64_000], [2, 64_000]])
def test_a_model_of_something_else_is_refused_at_the_start(shape: list[int], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="takes \\(1, n\\) samples"):
        Voice(mean_model(tmp_path / "model", shape))


def test_the_built_in_model_judges_alike_whatever_was_heard_before() -> None:
    check = Voice()
    assert check.has_model
    pcm = talker(4.0)
    heard(check, talker(3.0, 200, 5))
    first, again = heard(check, pcm)[-1], heard(Voice(), pcm)[-1]
    assert first == again
    assert first.llr is not None
    assert abs(first.llr) <= 4.0
    assert first.why.startswith("the voice sounds ")


SIX_S = np.arange(6 * RATE_HZ) / RATE_HZ


def hiss() -> FloatArray:
    return np.asarray(np.random.default_rng(1).standard_normal(len(SIX_S)), np.float32)


def tone(hz: float) -> FloatArray:
    return np.asarray(np.sin(2 * np.pi * hz * SIX_S), np.float32)


def struck(starts_s: FloatArray, decay_s: float, sound: FloatArray) -> FloatArray:
    """`sound` (n,), struck at these times and dying away."""
    strokes = [np.exp(-np.maximum(SIX_S - at, 0) / decay_s) * (at <= SIX_S) for at in starts_s]
    return np.asarray(np.sum(strokes, axis=0) * sound, np.float32)


def tune() -> FloatArray:
    notes = [struck(np.arange(k / 5, 6, 0.6), 0.3, 0.1 * tone(hz)) for k, hz in enumerate((262, 330, 392))]
    return np.asarray(np.sum(notes, axis=0), np.float32)


def laughter() -> FloatArray:
    """Five breathy bursts a second."""
    turns = np.cumsum(260 + 60 * np.sin(2.5 * SIX_S)) / RATE_HZ
    source = sum(np.sin(2 * np.pi * k * turns) / k for k in range(1, 20)) + 0.5 * hiss()
    peaks = [scipy.signal.iirpeak(hz, hz / 200, fs=RATE_HZ) for hz in (800, 1300, 2700)]
    vowel = np.sum([scipy.signal.lfilter(*peak, source) for peak in peaks], axis=0)
    return np.asarray(0.1 * vowel * np.clip(tone(5), 0, 1), np.float32)


NOT_SPEECH: dict[str, Callable[[], FloatArray]] = {
    "silence": lambda: np.zeros(len(SIX_S), np.float32),
    "music": tune,
    "hold tone": lambda: 0.1 * (tone(440) + tone(480)),
    "notifications": lambda: struck(np.arange(0, 6, 1.3), 0.12, 0.3 * tone(880)),
    "typing": lambda: struck(np.random.default_rng(2).uniform(0, 6, 45), 0.004, 0.5 * hiss()),
    "laughter": laughter,
}


@pytest.mark.parametrize("sound", NOT_SPEECH)
def test_the_built_in_model_says_little_or_nothing_of_what_is_no_speech(sound: str) -> None:
    found = heard(Voice(), NOT_SPEECH[sound]())
    judged = [reading.llr for reading in found if reading.llr is not None]
    assert len(found) == 6
    assert max(judged, default=0.0) < 1.5
    assert not judged or sound == "laughter"


@pytest.mark.parametrize(("group", "words"), [(group, WORDS[group][0].split(" {}")[0]) for group in WORDS])
def test_why_names_what_is_odd_about_the_voice(group: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = FiguresModel(read_card(MODELS / "voice"))
    own = next(name for name in NAMES if group_of(name) == group)
    odd = Heard(5.0, {own: 3.0}, {own: 6.0})
    monkeypatch.setattr(FiguresModel, "heard", lambda *_: odd)
    said = heard(with_model(monkeypatch, model), talker(4.0))
    assert said[-1].why == f"the voice sounds synthetic: {odd.oddest()}"
    assert said[1].why.endswith(", by 2.0 s of sound only")
    assert words in said[-1].why


def test_near_speech_of_a_short_window_is_all_or_nothing() -> None:
    assert near_speech(np.array([False, True, False])).all()
    assert not near_speech(np.zeros(3, np.bool_)).any()
