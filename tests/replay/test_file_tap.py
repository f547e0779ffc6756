"""The file tap on clips that are made here: containers, times, damage, and what must be refused."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from liveguard.errors import InputError
from liveguard.taps.file import FileTap
from liveguard.types import AudioChunk, ByteArray, FloatArray, Gap, TapSample, VideoFrame

pytestmark = pytest.mark.replay

SIZE = (96, 64)


@dataclass
class Clip:
    """What to write: codec and rate of each track, times in seconds. The picture k is grey, as bright as 40 + 4 k;
    the sound has a click of 1 ms at each full half second."""

    path: Path
    video: str | None = "libx264"
    audio: str | None = "aac"
    seconds: float = 2.0
    fps: int = 25
    size: tuple[int, int] = SIZE
    pix_fmt: str = "yuv420p"
    rate_hz: int = 48_000
    layout: str = "mono"
    start_s: float = 0.0
    audio_start_s: float | None = None
    turn: int = 0
    times_s: list[float] | None = None
    image: Callable[[int], ByteArray] | None = None
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    video_options: dict[str, str] = field(default_factory=dict)


def write(clip: Clip) -> Path:
    with av.open(str(clip.path), "w", format=clip.format, options=clip.options) as out:
        jobs: list[tuple[float, Any, Any]] = []
        if clip.video:
            jobs += [(t, *job) for t, *job in _video_jobs(out, clip)]
        if clip.audio:
            jobs += [(t, *job) for t, *job in _audio_jobs(out, clip)]
        streams = {id(stream): stream for _, stream, _ in jobs}
        for _, stream, frame in sorted(jobs, key=lambda job: job[0]):
            out.mux(stream.encode(frame))
        for stream in streams.values():
            out.mux(stream.encode(None))
    return clip.path


def _video_jobs(out: Any, clip: Clip) -> list[Any]:
    stream = out.add_stream(clip.video, rate=clip.fps, options={"g": "10", **clip.video_options})
    stream.width, stream.height, stream.pix_fmt = *clip.size, clip.pix_fmt
    if clip.turn:
        stream.set_display_rotation(clip.turn)
    stream.codec_context.time_base = Fraction(1, 1_000 if clip.times_s else clip.fps)
    times = clip.times_s or [k / clip.fps for k in range(round(clip.seconds * clip.fps))]
    jobs = []
    for k, t in enumerate(times):
        grey = np.full((clip.size[1], clip.size[0], 3), 40 + 4 * k % 200, np.uint8)
        frame = av.VideoFrame.from_ndarray(clip.image(k) if clip.image else grey, format="rgb24")
        frame = frame.reformat(format=clip.pix_fmt)
        frame.time_base = stream.codec_context.time_base
        frame.pts = round((t + clip.start_s) / frame.time_base)
        jobs.append((t + clip.start_s, stream, frame))
    return jobs


def _audio_jobs(out: Any, clip: Clip) -> list[Any]:
    stream = out.add_stream(clip.audio, rate=clip.rate_hz, layout=clip.layout)
    start_s = clip.start_s if clip.audio_start_s is None else clip.audio_start_s
    pcm = np.zeros(round(clip.seconds * clip.rate_hz), np.float32)
    for at in np.arange(0.5, clip.seconds, 0.5):
        n = clip.rate_hz // 1_000
        pcm[round(at * clip.rate_hz) - n // 2 :][:n] = np.hanning(n)
    block, jobs = 960, []
    for i in range(0, len(pcm), block):
        planes = np.repeat(pcm[None, i : i + block], stream.layout.nb_channels, axis=0)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=clip.layout)
        frame.sample_rate, frame.time_base = clip.rate_hz, Fraction(1, clip.rate_hz)
        frame.pts = i + round(start_s * clip.rate_hz)
        resampled = av.AudioResampler(format=stream.format, layout=clip.layout, rate=clip.rate_hz).resample(frame)
        jobs += [(start_s + i / clip.rate_hz, stream, part) for part in resampled]
    return jobs


def play(source: str | Path, **options: Any) -> tuple[FileTap, list[TapSample]]:
    tap = FileTap(source, **options)
    return tap, list(tap.samples())


def frames_of(samples: list[TapSample]) -> list[VideoFrame]:
    return [sample for sample in samples if isinstance(sample, VideoFrame)]


def gaps_of(samples: list[TapSample]) -> list[Gap]:
    return [sample for sample in samples if isinstance(sample, Gap)]


def sound_of(samples: list[TapSample]) -> tuple[int, FloatArray]:
    """When the sound begins, and all of it; it must be without a seam."""
    chunks = [sample for sample in samples if isinstance(sample, AudioChunk)]
    start_us = chunks[0].t_us
    count = 0
    for chunk in chunks:
        assert chunk.t_us == start_us + count * 1_000_000 // 16_000
        count += chunk.pcm.size
    return start_us, np.concatenate([chunk.pcm for chunk in chunks])


def click_times_s(samples: list[TapSample]) -> list[float]:
    start_us, pcm = sound_of(samples)
    loud = np.flatnonzero(np.abs(pcm) > 0.4 * np.max(np.abs(pcm)))
    groups = np.split(loud, np.flatnonzero(np.diff(loud) > 800) + 1)
    return [start_us / 1e6 + float(np.mean(group)) / 16_000 for group in groups]


def check_times(samples: list[TapSample], fps: float = 25) -> None:
    times = [frame.t_us for frame in frames_of(samples)]
    assert times == [pytest.approx(k * 1e6 / fps, abs=1_001) for k in range(len(times))]


# --- containers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "video", "audio"),
    [
        ("a.mp4", "libx264", "aac"),
        ("a.webm", "libvpx", "libopus"),
        ("a.mkv", "libx264", "flac"),
        ("a.avi", "mpeg4", "pcm_s16le"),
        ("a.mov", "mjpeg", "pcm_s16le"),
        ("a.flv", "libx264", "aac"),
    ],
)
def test_containers(tmp_path: Path, name: str, video: str, audio: str) -> None:
    pix_fmt = "yuvj420p" if video == "mjpeg" else "yuv420p"
    rate_hz = 44_100 if name == "a.flv" else 48_000
    fast = {"deadline": "realtime"} if video == "libvpx" else {}
    path = write(Clip(tmp_path / name, video, audio, pix_fmt=pix_fmt, rate_hz=rate_hz, video_options=fast))
    tap, samples = play(path)
    frames = frames_of(samples)
    assert tap.info.name == name
    assert tap.info.tracks == {"video", "audio"}
    assert not tap.info.live
    assert tap.info.seconds == pytest.approx(2, abs=0.1)
    assert len(frames) == 50
    assert frames[0].image.shape == (64, 96, 3)
    assert frames[0].image.dtype == np.uint8
    assert frames[0].image.flags.c_contiguous
    assert [int(np.median(f.image)) for f in frames] == [pytest.approx(40 + 4 * k % 200, abs=6) for k in range(50)]
    assert gaps_of(samples) == []
    assert tap.errors == 0
    # One clock for both: a flash and a click that were written at the same time come out at the same time.
    # FLV cannot say how much silence the AAC encoder put in front (23 ms).
    late_s = 0.0232 if name == "a.flv" else 0.0
    assert click_times_s(samples) == [pytest.approx(t + late_s, abs=0.004) for t in (0.5, 1.0, 1.5)]
    offset_us = frames[0].t_us
    assert offset_us <= 30_000
    assert [f.t_us - offset_us for f in frames] == [pytest.approx(k * 40_000, abs=1_001) for k in range(50)]


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz", "layout"),
    [
        ("a.wav", "pcm_s16le", 8_000, "mono"),
        ("a.wav", "pcm_f32le", 96_000, "5.1"),
        ("a.wav", "pcm_u8", 22_050, "stereo"),
        ("a.opus", "libopus", 48_000, "stereo"),
        ("a.mp3", "libmp3lame", 44_100, "stereo"),
        ("a.flac", "flac", 44_100, "mono"),
        ("a.m4a", "aac", 32_000, "stereo"),
    ],
)
def test_sound_only(tmp_path: Path, name: str, codec: str, rate_hz: int, layout: str) -> None:
    clip = Clip(tmp_path / name, None, codec, rate_hz=rate_hz, layout=layout)
    tap, samples = play(write(clip))
    start_us, pcm = sound_of(samples)
    assert tap.info.tracks == {"audio"}
    assert start_us == 0
    assert pcm.size / 16_000 == pytest.approx(2, abs=0.06)
    assert pcm.dtype == np.float32
    assert click_times_s(samples) == [pytest.approx(t, abs=0.004) for t in (0.5, 1.0, 1.5)]


def test_pictures_only(tmp_path: Path) -> None:
    tap, samples = play(write(Clip(tmp_path / "a.mp4", audio=None)))
    assert tap.info.tracks == {"video"}
    assert len(frames_of(samples)) == len(samples) == 50
    check_times(samples)


def test_a_cover_is_not_a_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    with av.open(str(path), "w") as out:
        sound = out.add_stream("libmp3lame", rate=44_100, layout="mono")
        cover = out.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        out.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44_100), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44_100
        out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    with av.open(str(path)) as made:
        assert len(made.streams.video) == 1  # the clip has what is tested
    tap, samples = play(path)
    assert tap.info.tracks == {"audio"}
    assert frames_of(samples) == []


def test_the_main_stream_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as out:
        # All streams first: the header is written with the first packet.
        streams = [out.add_stream("libx264", rate=25, options={"g": "5"}) for _ in range(2)]
        for stream, size in zip(streams, (32, 128), strict=True):
            stream.width, stream.height, stream.pix_fmt = size, size, "yuv420p"
            stream.disposition = av.stream.Disposition.default if size == 128 else av.stream.Disposition(0)
        for stream in streams:
            for _ in range(10):
                out.mux(stream.encode(av.VideoFrame(stream.width, stream.height, "yuv420p")))
            out.mux(stream.encode(None))
    _, samples = play(path)
    assert {frame.image.shape for frame in frames_of(samples)} == {(128, 128, 3)}


# --- time ----------------------------------------------------------------------------------------------------------


def test_variable_frame_rate(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.1, 0.5, 0.533, 0.9, 2.5, 2.54]
    clip = Clip(tmp_path / "a.mkv", audio=None, times_s=times, video_options={"bf": "0"})
    _, samples = play(write(clip))
    assert [frame.t_us for frame in frames_of(samples)] == [pytest.approx(t * 1e6, abs=1_000) for t in times]
    assert [(gap.kind, gap.reason, gap.end_us) for gap in gaps_of(samples)] == [("video", "lost", 2_500_000)]


@pytest.mark.parametrize("threads", [1, 4])
def test_pictures_that_the_decoder_holds_back_until_the_end_keep_their_times(tmp_path: Path, threads: int) -> None:
    """Of a stream with B-frames, and with threads, the last ones come after the last packet."""
    times = [*(k * 0.033 for k in range(30)), 1.2, 1.4, 1.6, 3.2]
    clip = Clip(tmp_path / "a.mp4", audio=None, times_s=times, video_options={"bf": "3", "b-adapt": "0"})
    _, samples = play(write(clip), threads=threads)
    assert [frame.t_us for frame in frames_of(samples)] == [pytest.approx(t * 1e6, abs=1_000) for t in times]
    assert [(gap.kind, gap.reason, gap.end_us) for gap in gaps_of(samples)] == [("video", "lost", 3_200_000)]


def test_tracks_that_start_apart(tmp_path: Path) -> None:
    _, samples = play(write(Clip(tmp_path / "a.mkv", start_s=10.0, audio_start_s=10.5)))
    assert frames_of(samples)[0].t_us == pytest.approx(0, abs=1_000)
    assert sound_of(samples)[0] == pytest.approx(500_000, abs=25_000)
    assert click_times_s(samples) == [pytest.approx(t, abs=0.004) for t in (1.0, 1.5, 2.0)]
    (gap,) = gaps_of(samples)
    assert (gap.kind, gap.start_us, gap.reason) == ("audio", 0, "lost")


@pytest.mark.parametrize("start_s", [0.0, 3_600.0, 2**33 / 90_000 - 1.0])
def test_transport_streams_begin_anywhere_and_wrap(tmp_path: Path, start_s: float) -> None:
    clip = Clip(tmp_path / "a.ts", start_s=start_s, options={"muxdelay": "0"}, video_options={"bf": "0"})
    _, samples = play(write(clip))
    first_us = frames_of(samples)[0].t_us
    assert first_us <= 100_000
    times = [frame.t_us - first_us for frame in frames_of(samples)]
    assert times == [pytest.approx(k * 40_000, abs=1_000) for k in range(50)]
    assert click_times_s(samples) == [pytest.approx(first_us / 1e6 + t, abs=0.004) for t in (0.5, 1.0, 1.5)]
    assert gaps_of(samples) == []


def test_stamps_that_start_again(tmp_path: Path) -> None:
    """Two recordings behind each other in one transport stream: time goes on, and the tracks stay together."""
    first = write(Clip(tmp_path / "a.ts", video_options={"bf": "0"}, start_s=100.0)).read_bytes()
    second = write(Clip(tmp_path / "b.ts", video_options={"bf": "0"}, start_s=5.0)).read_bytes()
    (tmp_path / "ab.ts").write_bytes(first + second)
    _, samples = play(tmp_path / "ab.ts")
    times = [frame.t_us for frame in frames_of(samples)]
    assert len(times) >= 98
    assert np.all(np.diff(times) > 0)
    assert times[-1] == pytest.approx(3_960_000, abs=100_000)
    ends = [s.t_us + s.pcm.size * 1e6 / 16_000 for s in samples if isinstance(s, AudioChunk)]
    assert ends[-1] == pytest.approx(4_000_000, abs=100_000)


def test_missing_stamps_are_counted(tmp_path: Path) -> None:
    clip = Clip(tmp_path / "a.h264", audio=None, video_options={"bf": "0"})
    tap, samples = play(write(clip))
    assert len(frames_of(samples)) == 50
    assert tap.info.tracks == {"video"}
    check_times(samples, 25)


@pytest.mark.parametrize(("fps", "max_fps", "kept"), [(60, 30, 60), (50, 10, 20), (25, 30, 50), (30, None, 60)])
def test_max_fps(tmp_path: Path, fps: int, max_fps: float | None, kept: int) -> None:
    _, samples = play(write(Clip(tmp_path / "a.mp4", audio=None, fps=fps)), max_fps=max_fps)
    assert len(frames_of(samples)) == kept
    assert gaps_of(samples) == []


# --- pictures ------------------------------------------------------------------------------------------------------


def corner(size: tuple[int, int]) -> Callable[[int], ByteArray]:
    """A black picture whose upper left quarter is white."""

    def image(_: int) -> ByteArray:
        picture = np.zeros((size[1], size[0], 3), np.uint8)
        picture[: size[1] // 2, : size[0] // 2] = 255
        return picture

    return image


@pytest.mark.parametrize(
    ("turn", "shape", "white"),
    [(0, (64, 96), (0, 0)), (90, (96, 64), (-1, 0)), (180, (64, 96), (-1, -1)), (-90, (96, 64), (0, -1))],
)
def test_pictures_come_upright(tmp_path: Path, turn: int, shape: tuple[int, int], white: tuple[int, int]) -> None:
    clip = Clip(tmp_path / "a.mp4", audio=None, seconds=0.4, turn=turn, image=corner(SIZE))
    _, samples = play(write(clip))
    image = frames_of(samples)[0].image
    assert image.shape == (*shape, 3)
    assert [at for at in ((0, 0), (0, -1), (-1, 0), (-1, -1)) if image[at].mean() > 200] == [white]


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "size"),
    [
        ("libx264", "yuv444p", (95, 63)),
        ("libx264", "yuv422p10le", (96, 64)),
        ("libx264", "yuv420p10le", (98, 62)),
        ("libx264", "gray", (96, 64)),
        ("libx264", "yuvj420p", (96, 64)),
        ("ffv1", "gbrp10le", (97, 65)),
        ("ffv1", "rgb48le", (32, 32)),
        ("ffv1", "yuv411p", (64, 64)),
        ("ffv1", "bgra", (33, 31)),
        ("ffv1", "yuva420p", (96, 64)),
        ("libx264", "yuv420p", (2, 2)),
    ],
)
def test_pixel_formats(tmp_path: Path, codec: str, pix_fmt: str, size: tuple[int, int]) -> None:
    clip = Clip(tmp_path / "a.mkv", codec, None, seconds=0.4, pix_fmt=pix_fmt, size=size, image=corner(size))
    _, samples = play(write(clip))
    images = [frame.image for frame in frames_of(samples)]
    assert len(images) == 10
    assert images[0].shape == (size[1], size[0], 3)
    assert images[0].flags.c_contiguous
    if size[0] > 2:
        assert images[0][2, 2].min() > 240
        assert images[0][-2, -2].max() < 16


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m"])
def test_colours_follow_the_matrix(tmp_path: Path, matrix: str) -> None:
    colour = np.array([200, 60, 50], np.uint8)
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "5", "colorspace": matrix})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.tile(colour, (64, 64, 1)), format="rgb24")
        number = "ITU709" if matrix == "bt709" else "ITU601"
        out.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace=number)))
        out.mux(stream.encode(None))
    _, samples = play(path)
    assert np.median(frames_of(samples)[0].image, axis=(0, 1)) == pytest.approx(colour, abs=4)


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)
        out.mux(stream.encode(av.VideoFrame(48, 64, "yuv420p")))
        out.mux(stream.encode(None))
    _, samples = play(path)
    assert frames_of(samples)[0].image.shape == (64, 96, 3)


# --- damage --------------------------------------------------------------------------------------------------------


def test_a_truncated_file_gives_what_is_there(tmp_path: Path) -> None:
    clip = Clip(tmp_path / "a.mp4", seconds=6, options={"movflags": "faststart"}, image=noise_image)
    data = write(clip).read_bytes()
    (tmp_path / "half.mp4").write_bytes(data[: len(data) // 2])
    tap, samples = play(tmp_path / "half.mp4")
    assert 30 < len(frames_of(samples)) < 140
    assert {(gap.kind, gap.reason) for gap in gaps_of(samples)} == {("video", "lost"), ("audio", "lost")}
    assert max(gap.end_us for gap in gaps_of(samples)) == round((tap.info.seconds or 0) * 1e6)


def noise_image(k: int) -> ByteArray:
    return np.random.default_rng(k).integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)


def test_a_hole_in_a_file_is_a_gap(tmp_path: Path) -> None:
    clip = Clip(tmp_path / "a.ts", seconds=4, image=noise_image, video_options={"bf": "0"})
    data = bytearray(write(clip).read_bytes())
    packets = len(data) // 188
    data[packets // 3 * 188 : packets * 2 // 3 * 188] = b""
    (tmp_path / "hole.ts").write_bytes(data)
    _, samples = play(tmp_path / "hole.ts")
    kinds = {gap.kind for gap in gaps_of(samples) if gap.end_us - gap.start_us > 500_000}
    assert kinds == {"video", "audio"}
    assert frames_of(samples)[-1].t_us == pytest.approx(3_960_000, abs=100_000)


def test_a_mislabelled_codec_is_damage_or_decoded(tmp_path: Path) -> None:
    """Motion JPEG that says it is H.264: nothing can be decoded, and that is said in one line."""
    clip = Clip(tmp_path / "a.avi", "mjpeg", None, pix_fmt="yuvj420p", seconds=1)
    data = write(clip).read_bytes()
    (tmp_path / "wrong.avi").write_bytes(data.replace(b"MJPG", b"H264"))
    with pytest.raises(InputError, match=r"wrong\.avi"):
        play(tmp_path / "wrong.avi")
    (tmp_path / "odd.avi").write_bytes(data.replace(b"MJPG", b"AVRn"))  # another name for the same codec
    _, samples = play(tmp_path / "odd.avi")
    assert len(frames_of(samples)) == 25


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"hello world\n" * 500, "not a media file"),
        ("short.mp4", b"\0\0\0\x18ftypmp42", "damaged"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(100), "still picture"),
        ("a.jpg", b"\xff\xd8\xff\xe0" + bytes(100), "still picture"),
        (
            "list.m3u8",
            b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\ngood.mp4\n#EXT-X-ENDLIST\n",
            "not a media",
        ),
        (
            "list.mp4",
            b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\ngood.mp4\n#EXT-X-ENDLIST\n",
            "not a media",
        ),
        ("list.txt", b"ffconcat version 1.0\nfile good.mp4\n", "not a media"),
        (
            "a.sdp",
            b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
            "not a",
        ),
        ("a.mpd", b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>', "not a media"),
    ],
)
def test_what_is_refused(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    write(Clip(tmp_path / "good.mp4", audio=None, seconds=0.4))
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        FileTap(tmp_path / name)
    assert name in str(caught.value)
    assert "allowed is" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.mp4: no such file"):
        FileTap(tmp_path / "none.mp4")
    with pytest.raises(InputError, match="is a directory"):
        FileTap(tmp_path)
    with pytest.raises(InputError, match="not a regular file"):
        FileTap("/dev/null")


@pytest.mark.parametrize("name", ["concat:a.mp4", "a|b.mp4", "x%03d.mp4", "ünï code.mp4", "-i.mp4", "http:.mp4"])
def test_odd_names_are_only_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(Clip(tmp_path / "a.mp4", audio=None, seconds=0.4))
    path.rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    _, samples = play(name)
    assert len(frames_of(samples)) == 10


def test_a_file_url(tmp_path: Path) -> None:
    path = write(Clip(tmp_path / "a b.mp4", audio=None, seconds=0.4))
    assert len(frames_of(play(path.as_uri())[1])) == 10


def test_pictures_that_are_too_large_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 4_352, 4_096, "yuvj420p"
        frame = av.VideoFrame(stream.width, stream.height, "yuvj420p")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with pytest.raises(InputError, match=r"4352x4096 are too large; allowed is up to 4096x4096"):
        FileTap(path)


# --- use -----------------------------------------------------------------------------------------------------------


def test_it_is_read_once(tmp_path: Path) -> None:
    tap, _ = play(write(Clip(tmp_path / "a.mp4", audio=None, seconds=0.4)))
    with pytest.raises(InputError, match="once"):
        next(tap.samples())


def test_close_from_another_thread(tmp_path: Path) -> None:
    tap = FileTap(write(Clip(tmp_path / "a.mp4", seconds=4)))
    samples = tap.samples()
    first = next(samples)
    thread = threading.Thread(target=tap.close)
    thread.start()
    thread.join()
    assert len([first, *samples]) < 10
    tap.close()


def test_the_same_samples_each_time(tmp_path: Path) -> None:
    path = write(Clip(tmp_path / "a.mp4", seconds=1))
    runs = [[(type(s), getattr(s, "t_us", None)) for s in play(path, threads=n)[1]] for n in (1, 1, 2)]
    assert runs[0] == runs[1]
    assert sorted(runs[0], key=str) == sorted(runs[2], key=str)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The URL of a server on loopback that hands out what lies in tmp_path."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def send_header(self, keyword: str, value: str) -> None:
            if not (keyword == "Content-Length" and self.path.startswith("/live")):
                super().send_header(keyword, value)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_file_over_http(tmp_path: Path, web: str) -> None:
    write(Clip(tmp_path / "a.webm", "libvpx", "libopus", seconds=1, video_options={"deadline": "realtime"}))
    tap, samples = play(f"{web}/a.webm?token=secret")
    assert tap.info.name == f"{web}/a.webm"
    assert not tap.info.live
    assert len(frames_of(samples)) == 25
    with pytest.raises(InputError, match=r"b\.webm: .*404"):
        FileTap(f"{web}/b.webm")


def test_a_stream_over_http_lasts_if_it_tells_no_length(tmp_path: Path, web: str) -> None:
    clip = write(Clip(tmp_path / "a.ts", audio=None, seconds=1, video_options={"bf": "0"}))
    (tmp_path / "live.ts").write_bytes(clip.read_bytes())
    (tmp_path / "hls.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n" + "#EXTINF:1,\na.ts\n" * 9)
    told = {}
    for name in ("a.ts", "live.ts", "hls.m3u8"):
        tap = FileTap(f"{web}/{name}", timeout_s=2)
        told[name] = (tap.info.live, tap.lasting)
        tap.close()
        assert list(tap.samples()) == []
    assert told == {"a.ts": (True, False), "live.ts": (True, True), "hls.m3u8": (True, False)}


def test_a_playlist_on_the_web_may_name_parts_there_but_no_local_file(tmp_path: Path, web: str) -> None:
    local = write(Clip(tmp_path / "a.ts", audio=None, seconds=1, video_options={"bf": "0"}))
    head, tail = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n", "\n#EXT-X-ENDLIST\n"
    (tmp_path / "good.m3u8").write_text(f"{head}a.ts{tail}")
    assert len(frames_of(play(f"{web}/good.m3u8")[1])) == 25
    for name in (local.as_uri(), f"file:{local}", str(local)):
        (tmp_path / "bad.m3u8").write_text(f"{head}{name}{tail}")
        with pytest.raises(InputError):
            play(f"{web}/bad.m3u8")


def test_closed_before_the_start(tmp_path: Path) -> None:
    tap = FileTap(write(Clip(tmp_path / "a.mp4", audio=None, seconds=0.4)))
    tap.close()
    assert list(tap.samples()) == []


def test_a_server_that_does_not_answer_ends_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        began = time.monotonic()
        with pytest.raises(InputError, match=rf"http://127\.0\.0\.1:{port}/a: no answer in time") as caught:
            FileTap(f"http://user:secret@127.0.0.1:{port}/a?token=secret", timeout_s=0.3)
        assert time.monotonic() - began < 3
        assert "secret" not in str(caught.value)


def test_nobody_listens() -> None:
    with pytest.raises(InputError, match="connection refused"):
        FileTap("rtsp://127.0.0.1:1/a", timeout_s=2)
