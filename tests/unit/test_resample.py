"""The resampler, the clock of counted samples, and the two together."""

from __future__ import annotations

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveguard.audio.clock import AudioClock
from liveguard.audio.resample import Resampler, frame_samples, mix_down
from liveguard.audio.stream import AudioStream
from liveguard.errors import InputError
from liveguard.types import AudioChunk, FloatArray, Gap

RATES_HZ = [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000]


def noise(n: int, channels: int = 1) -> FloatArray:
    return np.random.default_rng(n).uniform(-0.5, 0.5, (n, channels)).astype(np.float32)


def resampled(pcm: FloatArray, rate_hz: int, cuts: list[int]) -> FloatArray:
    resampler = Resampler(rate_hz)
    parts = [resampler.push(part) for part in np.split(pcm, sorted(cuts))]
    return np.concatenate([*parts, resampler.flush()])


def sound_of(samples: list[AudioChunk | Gap]) -> FloatArray:
    chunks = [sample.pcm for sample in samples if isinstance(sample, AudioChunk)]
    return np.concatenate(chunks) if chunks else np.zeros(0, np.float32)


def gaps_of(samples: list[AudioChunk | Gap]) -> list[Gap]:
    return [sample for sample in samples if isinstance(sample, Gap)]


# --- the filter ----------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    rate_hz=st.sampled_from(RATES_HZ),
    n=st.integers(0, 3_000),
    cuts=st.lists(st.integers(0, 3_000), max_size=40),
)
def test_output_does_not_depend_on_the_cuts(rate_hz: int, n: int, cuts: list[int]) -> None:
    pcm = noise(n)[:, 0]
    whole = resampled(pcm, rate_hz, [])
    pieces = resampled(pcm, rate_hz, cuts)
    assert whole.tobytes() == pieces.tobytes()
    assert whole.size == (2 * n * 16_000 + rate_hz) // (2 * rate_hz)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_sample_by_sample_is_the_same_too(rate_hz: int) -> None:
    pcm = noise(700)[:, 0]
    assert resampled(pcm, rate_hz, []).tobytes() == resampled(pcm, rate_hz, list(range(700))).tobytes()


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("at_s", [0.0, 0.25, 0.4999])
def test_an_impulse_stays_where_it_is(rate_hz: int, at_s: float) -> None:
    pcm = np.zeros(rate_hz // 2 + 1, np.float32)
    at = round(at_s * rate_hz)
    pcm[at] = 1
    out = resampled(pcm, rate_hz, list(range(0, pcm.size, 480)))
    assert abs(int(np.argmax(np.abs(out))) / 16_000 - at / rate_hz) <= 1 / 16_000


def test_a_long_run_does_not_drift() -> None:
    """An odd rate for 100 s: an impulse at the end is still in place, and as many samples come out as there should."""
    rate_hz = 44_056
    stream = AudioStream()
    out: list[AudioChunk | Gap] = []
    for second in range(100):
        pcm = np.zeros(rate_hz, np.float32)
        pcm[rate_hz // 2] = second == 99
        out += stream.push(pcm, rate_hz)
    out += stream.flush()
    sound = sound_of(out)
    assert sound.size == 100 * 16_000
    assert int(np.argmax(sound)) == 99 * 16_000 + 8_000


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_level_and_pitch_are_kept(rate_hz: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(rate_hz // 2) / rate_hz)
    out = resampled(tone.astype(np.float32), rate_hz, [])
    wanted = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(out.size) / 16_000)
    assert np.max(np.abs(out - wanted)[200:-200]) < 1e-3


def test_what_is_above_8_khz_does_not_fold_back() -> None:
    tone = np.sin(2 * np.pi * 12_000 * np.arange(24_000) / 48_000).astype(np.float32)
    assert np.max(np.abs(resampled(tone, 48_000, [])[200:-200])) < 0.01


def test_output_never_leaves_full_scale() -> None:
    square = np.sign(np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype(np.float32)
    out = resampled(1.2 * square, 48_000, [])
    assert out.dtype == np.float32
    assert np.max(np.abs(out)) == 1


@pytest.mark.parametrize("rate_hz", [-1, 0, 1_999, 768_001])
def test_an_impossible_rate_is_refused(rate_hz: int) -> None:
    with pytest.raises(InputError, match="allowed is 2000 to 768000 Hz"):
        AudioStream().push(noise(10), rate_hz)


# --- formats and channels ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "scale", "offset"),
    [("u1", 128, 128), ("i2", 2**15, 0), ("i4", 2**31, 0), ("i8", 2**63, 0), ("f4", 1, 0), ("f8", 1, 0)],
)
def test_every_number_type_has_the_same_full_scale(dtype: str, scale: float, offset: float) -> None:
    pcm = (np.array([-1.0, -0.5, 0, 0.5]) * scale + offset).astype(dtype)
    mono, bad = mix_down(pcm)
    assert mono.dtype == np.float32
    assert mono.tolist() == [-1.0, -0.5, 0, 0.5]
    assert bad == 0


def test_channels_are_averaged() -> None:
    mono, _ = mix_down(np.array([[1.0, 0.0, -0.4], [0.3, 0.3, 0.3]], np.float32))
    assert mono == pytest.approx([0.2, 0.3])


@pytest.mark.parametrize(("right", "heard"), [(-1.0, 1.0), (-1.01, 1.01), (0.0, 0.5), (-0.5, 0.25), (0.9, 0.95)])
def test_channels_that_cancel_each_other_are_heard_all_the_same(right: float, heard: float) -> None:
    left = np.sin(np.arange(1600) * 0.3).astype(np.float32)
    mono, _ = mix_down(np.stack([left, right * left], 1))
    assert np.abs(mono).max() == pytest.approx(heard * np.abs(left).max(), rel=1e-3)


def test_damaged_samples_become_silence_and_are_counted() -> None:
    stream = AudioStream()
    pcm = np.array([0.1, np.nan, np.inf, -np.inf, 0.2], np.float32)
    assert sound_of(stream.push(pcm, 16_000)).tolist() == pytest.approx([0.1, 0, 0, 0, 0.2])
    assert stream.bad_samples == 3
    assert np.all(np.isfinite(sound_of(stream.push(np.full(100, 1e300), 16_000))))


@pytest.mark.parametrize("name", ["u8", "u8p", "s16", "s16p", "s32", "s32p", "flt", "fltp", "dbl", "dblp"])
@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1"])
def test_frames_of_every_kind(name: str, layout: str) -> None:
    frame = av.AudioFrame(format=name, layout=layout, samples=64)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    pcm = frame_samples(frame)
    # The subwoofer carries no speech and is left out.
    assert pcm.shape == (64, {"mono": 1, "stereo": 2, "5.1": 5}[layout])


def test_a_planar_frame_keeps_its_channels_apart() -> None:
    planes = np.array([[1, 2, 3], [10, 20, 30]], np.int16)
    frame = av.AudioFrame.from_ndarray(planes, format="s16p", layout="stereo")
    assert frame_samples(frame).tolist() == [[1, 10], [2, 20], [3, 30]]


# --- time ----------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    rate_hz=st.sampled_from([8_000, 44_100, 48_000]),
    sizes=st.lists(st.integers(1, 1_500), min_size=1, max_size=12),
    jitter=st.integers(0, 20_000),
)
def test_chunks_follow_on_each_other_whatever_the_stamps_jitter(rate_hz: int, sizes: list[int], jitter: int) -> None:
    stream, out, count = AudioStream(), [], 0
    for k, size in enumerate(sizes):
        out += stream.push(noise(size), rate_hz, count * 1_000_000 // rate_hz + (k % 2) * jitter)
        count += size
    out += stream.flush()
    samples = 0
    for chunk in out:
        assert isinstance(chunk, AudioChunk)
        assert chunk.t_us == samples * 1_000_000 // 16_000
        samples += chunk.pcm.size
    assert samples == (2 * count * 16_000 + rate_hz) // (2 * rate_hz)


def test_a_jump_ahead_is_a_gap() -> None:
    stream = AudioStream()
    out = stream.push(noise(4_800), 48_000, 0)
    out += stream.push(noise(4_800), 48_000, 300_000)
    out += stream.flush()
    assert gaps_of(out) == [Gap("audio", 100_000, 300_000, "lost")]
    assert [sample for sample in out if isinstance(sample, AudioChunk)][-1].t_us > 300_000
    assert sound_of(out).size == 3_200
    where = out.index(gaps_of(out)[0])
    assert sound_of(out[:where]).size == 1_600  # the tail of the filter came before the gap


def test_an_overlap_is_dropped() -> None:
    stream = AudioStream()
    out = stream.push(noise(16_000), 16_000, 0)
    out += stream.push(noise(1_600), 16_000, 500_000)  # all of it was there already
    assert stream.dropped_samples == 1_600
    out += stream.push(noise(3_200), 16_000, 900_000)  # half of it
    assert stream.dropped_samples == 3_200
    assert gaps_of(out) == []
    assert sound_of(out).size == 17_600
    assert stream.end_us == 1_100_000


def test_sound_before_the_start_is_left_out() -> None:
    stream = AudioStream()
    pcm = np.arange(1_600, dtype=np.float32)[:, None] / 1_600
    out = stream.push(pcm, 16_000, -50_000)
    assert isinstance(out[0], AudioChunk)
    assert out[0].t_us == 0
    assert sound_of(out)[0] == pytest.approx(0.5)


@pytest.mark.parametrize(("first_us", "gaps"), [(40_000, 0), (61_000, 1)])
def test_the_first_stamp_is_taken_as_it_is(first_us: int, gaps: int) -> None:
    out = AudioStream().push(noise(160), 16_000, first_us)
    assert len(gaps_of(out)) == gaps
    assert isinstance(out[-1], AudioChunk)
    assert out[-1].t_us == first_us


def test_a_change_of_rate_goes_on_without_a_gap() -> None:
    stream = AudioStream()
    out = stream.push(noise(48_000), 48_000, 0)
    out += stream.push(noise(8_000, 2), 8_000, 1_000_000)
    out += stream.push(noise(4_410), 44_100)
    out += stream.flush()
    assert gaps_of(out) == []
    assert sound_of(out).size == 33_600


PACKET, PACKET_US = 960, 20_000  # 20 ms at 48 kHz, as browsers send


def packets(pcm: FloatArray, lost: set[int], jump_us: int, moved_us: int = 0) -> list[AudioChunk | Gap]:
    """What a stream makes of `pcm` in packets with exact stamps, those from the tenth on `moved_us` later."""
    stream, out = AudioStream(jump_us=jump_us), []
    for k in range(len(pcm) // PACKET):
        if k not in lost:
            stamp_us = k * PACKET_US + (moved_us if k >= 10 else 0)
            out += stream.push(pcm[k * PACKET : (k + 1) * PACKET], 48_000, stamp_us)
    return out + stream.flush()


def clicks() -> FloatArray:
    """A second of sound with a click in the middle of each packet."""
    pcm = np.zeros((48_000, 1), np.float32)
    pcm[PACKET // 2 :: PACKET] = 1
    return pcm


def heard_us(samples: list[AudioChunk | Gap]) -> list[int]:
    """When the clicks are heard."""
    return [
        chunk.t_us + int(at) * 1_000_000 // 16_000
        for chunk in samples
        if isinstance(chunk, AudioChunk)
        for at in np.flatnonzero(chunk.pcm > 0.2)
    ]


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(1, 48), max_size=20))
def test_lost_packets_are_gaps_where_stamps_are_exact_and_nothing_shifts(lost: set[int]) -> None:
    out = packets(clicks(), lost, 10_000)
    runs = [k for k in sorted(lost) if k - 1 not in lost]
    ends = [next(end for end in range(k, 51) if end not in lost) for k in runs]
    assert [(gap.start_us, gap.end_us) for gap in gaps_of(out)] == [
        (k * PACKET_US, end * PACKET_US) for k, end in zip(runs, ends, strict=True)
    ]
    assert heard_us(out) == [k * PACKET_US + PACKET_US // 2 for k in range(50) if k not in lost]


def test_with_the_wider_limit_a_lost_packet_shifts_what_follows() -> None:
    """Why exact stamps want the narrow one."""
    out = packets(clicks(), {10}, 60_000)
    assert gaps_of(out) == []
    assert heard_us(out)[10:] == [k * PACKET_US + PACKET_US // 2 for k in range(10, 49)]


@pytest.mark.parametrize(
    ("moved_us", "gaps", "dropped"), [(9_000, 0, 0), (-9_000, 0, 0), (25_000, 1, 0), (-25_000, 0, 1200)]
)
def test_a_stream_that_is_placed_anew_leaves_a_gap_or_an_overlap(moved_us: int, gaps: int, dropped: int) -> None:
    out = packets(clicks(), set(), 10_000, moved_us)
    assert len(gaps_of(out)) == gaps
    kept = 48_000 - dropped
    assert sound_of(out).size == pytest.approx(kept / 3, abs=1)
    last_us = 49 * PACKET_US + PACKET_US // 2 + (moved_us if abs(moved_us) > 10_000 else 0)
    assert heard_us(out)[-1] == last_us


def test_sound_goes_on_after_a_flush() -> None:
    stream = AudioStream()
    out = stream.push(noise(4_800), 48_000) + stream.flush() + stream.flush()
    out += stream.push(noise(4_800), 48_000) + stream.flush()
    assert sound_of(out).size == 3_200
    assert stream.end_us == 200_000


def test_empty_blocks_change_nothing() -> None:
    stream = AudioStream()
    empty: npt.NDArray[np.int16] = np.zeros((0, 2), np.int16)
    assert stream.push(empty, 48_000, 5_000_000) == []
    assert stream.end_us == 0


def test_the_clock_counts_exactly_for_a_day() -> None:
    clock = AudioClock()
    clock.place(7, 1_024, 44_100)
    for _ in range(1_000):
        clock.place(None, 1_024 * 3_720, 44_100)
    assert clock.end_us == 7 + (1_024 + 1_000 * 1_024 * 3_720) * 1_000_000 // 44_100
