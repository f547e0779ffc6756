"""How old is what the guard says? `python -m tests.bench.glass_to_alert [--sessions 4] [--minutes 10] [--encode]`.

Server, publishers and listener are processes of their own on this machine, with the real guard, 720p30 by WebRTC over
loopback. Each picture carries a number. Its time is when the publisher had it (with `--encode` before it was encoded, as a
camera's would be; otherwise encoded pictures are sent, so that the machine is the server's). The server notes the
number in each picture that it has judged; the listener notes when the tick about that picture came by the WebSocket.
The age of an answer is the second time minus the first: all but the camera's own delay and the screen.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import av
import numpy as np
import websockets
from aiortc.mediastreams import MediaStreamTrack

from liveguard.face.observer import Observer
from liveguard.guard import Guard
from liveguard.server.settings import ServerSettings
from liveguard.session import Session
from liveguard.types import Observation, Tap, VideoFrame
from tests import pixel_clock
from tests.left_over import held
from tests.server_parts import LOOPBACK, Publisher, serving

FPS, WIDTH, HEIGHT = 30, 1280, 720
SAMPLES = 960  # 20 ms at 48 kHz
WARM_S = 5.0
SEND_BPS = 2_500_000


# --- publishers ------------------------------------------------------------------------------------------------------


def prepare(clip: Path, seconds: float, out: Path) -> None:
    """The clip with a number in each picture, as VP8; a key frame every two seconds, as nobody will hear if one is asked for."""
    options = {"deadline": "realtime", "cpu-used": "8", "g": "60", "lag-in-frames": "0", "error-resilient": "1"}
    with av.open(str(clip)) as source, av.open(str(out), "w", format="webm") as film:
        stream = film.add_stream("libvpx", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", SEND_BPS
        for number, frame in enumerate(source.decode(video=0)):
            if number >= seconds * FPS:
                break
            picture = frame.reformat(WIDTH, HEIGHT, "rgb24").to_ndarray()
            marked = av.VideoFrame.from_ndarray(pixel_clock.draw(picture, number), format="rgb24")
            marked.pts, marked.time_base = number, Fraction(1, FPS)
            film.mux(stream.encode(marked))
        film.mux(stream.encode(None))


class Numbered(MediaStreamTrack):
    """Pictures in their time, again and again, and when each number was last sent."""

    kind = "video"

    def __init__(self, clip: Path, encode: bool) -> None:
        super().__init__()
        self._encode, self._count, self._began_s = encode, 0, 0.0
        self.sent: list[tuple[int, float]] = []
        self.out_s: list[float] = []  # when the one before was out, packet by packet
        self._items: list[Any] = []
        with av.open(str(clip)) as film:
            if encode:  # a few seconds, there and back, so that memory holds them
                shown = [frame.reformat(format="yuv420p") for frame in islice(film.decode(video=0), 240)]
                self._items = shown + shown[::-1]
            else:
                self._items = [bytes(packet) for packet in film.demux(video=0) if packet.size]

    async def recv(self) -> Any:
        self._began_s = self._began_s or time.monotonic()
        if self.sent:
            self.out_s.append(time.monotonic())
        await asyncio.sleep(max(self._began_s + self._count / FPS - time.monotonic(), 0.0))
        at, count = self._count % len(self._items), self._count
        self._count += 1
        pts = int((time.monotonic() - self._began_s) * 90_000)
        if not self._encode:
            self.sent.append((at, time.monotonic()))
            packet = av.Packet(self._items[at])
            packet.pts, packet.time_base = pts, Fraction(1, 90_000)
            return packet
        self.sent.append((count, time.monotonic()))
        frame = self._items[at]
        _draw_luma(frame, count)
        frame.pts, frame.time_base = pts, Fraction(1, 90_000)
        return frame


def _draw_luma(frame: av.VideoFrame, number: int) -> None:
    """The number into the picture as it is, which is cheaper than to convert it."""
    small = pixel_clock.draw(np.zeros((WIDTH // pixel_clock.BLOCKS, WIDTH, 3), np.uint8), number)
    plane = frame.planes[0]
    luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    luma[HEIGHT - len(small) : HEIGHT, :WIDTH] = 16 + small[..., 0] * (219 / 255)


class Voice(MediaStreamTrack):
    """The clip's sound, again and again."""

    kind = "audio"

    def __init__(self, clip: Path) -> None:
        super().__init__()
        resampler = av.AudioResampler("s16", "mono", 48_000)
        with av.open(str(clip)) as film:
            pieces = [f.to_ndarray().ravel() for frame in film.decode(audio=0) for f in resampler.resample(frame)]
        self._pcm, self._count, self._began_s = np.concatenate(pieces), 0, 0.0

    async def recv(self) -> av.AudioFrame:
        self._began_s = self._began_s or time.monotonic()
        await asyncio.sleep(max(self._began_s + (self._count + 1) * 0.02 - time.monotonic(), 0.0))
        start = self._count * SAMPLES % (len(self._pcm) - SAMPLES)
        frame = av.AudioFrame.from_ndarray(self._pcm[None, start : start + SAMPLES], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, self._count * SAMPLES, Fraction(1, 48_000)
        self._count += 1
        return frame


def publish(url: str, name: str, clip: Path, voice: Path, encode: bool, nice: int, pipe: Connection) -> None:
    """Until something comes by the pipe; then tells when each number was sent."""

    async def work() -> None:
        film = Numbered(clip, encode)
        publisher = Publisher(url, name)
        publisher.http.timeout = 60.0  # the first one waits for the face library
        answer = await publisher.publish(film, Voice(voice))
        assert answer.status_code == 201, answer.text
        await publisher.connected()
        pipe.send("connected")
        while not pipe.poll():
            await asyncio.sleep(0.2)
        await publisher.close(leave=False)
        out_ms = [(out_s - sent_s) * 1000 for (_, sent_s), out_s in zip(film.sent, film.out_s, strict=False)]
        pipe.send({"sent": film.sent, "cpu_s": time.process_time(), "out_ms": out_ms})

    os.nice(nice)
    asyncio.run(work())


# --- server ----------------------------------------------------------------------------------------------------------


class Reading:
    """An observer that notes the number in each picture that it has judged."""

    def __init__(self, observer: Observer, judged: dict[int, int]) -> None:
        self._observer, self._judged = observer, judged

    def observe(self, picture: VideoFrame) -> Observation:
        number = pixel_clock.read(picture.image)
        if number is not None:
            self._judged[picture.t_us] = number
        return self._observer.observe(picture)

    def close(self) -> None:
        self._observer.close()


class ReadingGuard(Guard):
    """A guard whose observers read."""

    def __init__(self) -> None:
        super().__init__()
        self.judged: dict[str, dict[int, int]] = {}
        self._names: dict[int, str] = {}  # by thread: the observer is made where the session is

    def watch(self, tap: Tap, *others: Any, **named: Any) -> Session:
        self._names[threading.get_ident()] = tap.info.name
        return super().watch(tap, *others, **named)

    def observer(self) -> Observer:
        judged = self.judged.setdefault(self._names[threading.get_ident()], {})
        return Reading(super().observer(), judged)  # type: ignore[return-value]


def serve(switch_ms: float, pipe: Connection) -> None:
    """Answers "usage" with what the server uses, and ends with what was judged."""
    sys.setswitchinterval(switch_ms / 1000)
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("liveguard").setLevel(logging.INFO)
    with ReadingGuard() as guard, serving(guard, ServerSettings(ice_addresses=LOOPBACK, linger_s=1)) as running:
        pipe.send(running.url)
        while (asked := pipe.recv()) == "usage":
            tasks, threads, files = held(running)
            status = Path("/proc/self/status").read_text()
            fields = dict(line.split(":", 1) for line in status.splitlines())
            pipe.send({
                "cpu_s": time.process_time(), "tasks": tasks, "threads": threads,
                "rss_mb": int(fields["VmRSS"].split()[0]) / 1024, "fds": files,
                "rates": [g.session.rate_hz for g in running.hub.live() if g.session],
                "inner_ms": [g.session.stats().age_ms for g in running.hub.live() if g.session],
            })  # fmt: skip
        assert asked == "end", asked
        pipe.send({"ids": {g.participant: g.id for g in running.hub.live()}, "judged": guard.judged})


# --- listener --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Heard:
    """Ticks by session: (t_us of the picture, when it came), how old they say it was within the session, and alerts."""

    ticks: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    inner_ms: list[float] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)


async def listen(url: str, heard: Heard) -> None:
    async with websockets.connect(url.replace("http", "ws") + "/api/events", subprotocols=["liveguard.v1"]) as socket:  # type: ignore[list-item]
        await socket.send(json.dumps({"type": "subscribe", "session": "*", "mesh": True}))
        async for text in socket:
            at_s, message = time.monotonic(), json.loads(text)
            if message["type"] == "tick" and message["size"]:
                heard.ticks.setdefault(message["session"], []).append((message["t_us"], at_s))
                heard.inner_ms.append(message["age_ms"] or 0.0)
            elif message["type"] == "event" and message["event"]["type"] == "alert":
                heard.alerts.append(f"{message['event']['hypothesis']} {message['event']['state']}")


# --- the measurement -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Minute:
    """What the machine did in one stretch."""

    from_s: float
    to_s: float
    usage: dict[str, Any]
    server_cpu: float
    machine_cpu: float


async def watch(url: str, pipe: Connection, seconds: float, heard: Heard, every_s: float) -> list[Minute]:
    listener = asyncio.create_task(listen(url, heard))
    await asyncio.sleep(WARM_S)
    minutes: list[Minute] = []
    began_s = before_s = time.monotonic()
    before, busy = _ask(pipe), _busy_s()
    while before_s - began_s < seconds - 1:
        await asyncio.sleep(min(every_s, seconds))
        usage, now_s, busy_now = await asyncio.to_thread(_ask, pipe), time.monotonic(), _busy_s()
        spent_s = now_s - before_s
        cpu = (usage["cpu_s"] - before["cpu_s"]) / spent_s
        minutes.append(Minute(before_s, now_s, usage, cpu, (busy_now - busy) / spent_s))
        print(f"  {now_s - began_s:5.0f} s: server {cpu:.2f} CPU s/s, machine {minutes[-1].machine_cpu:.2f}; "
              f"{usage['rss_mb']:.0f} MB, {usage['threads']} threads, {usage['tasks']} tasks, {usage['fds']} fds, "
              f"rates {usage['rates']}", flush=True)  # fmt: skip
        before, busy, before_s = usage, busy_now, now_s
    listener.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await listener
    return minutes


def _ask(pipe: Connection) -> dict[str, Any]:
    pipe.send("usage")
    return dict(pipe.recv())


def _busy_s() -> float:
    """CPU time of all programs on this machine."""
    user, nice, system = map(int, Path("/proc/stat").read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def ages_of(
    ticks: list[tuple[int, float]], judged: dict[int, int], sent: list[tuple[int, float]]
) -> Iterator[tuple[float, float]]:
    """(when it came, age in ms) of each tick about a picture that could be read."""
    times: dict[int, list[float]] = {}
    for number, sent_s in sent:
        times.setdefault(number, []).append(sent_s)
    for t_us, at_s in ticks:
        before = [sent_s for sent_s in times.get(judged.get(t_us, -1), []) if sent_s <= at_s]
        if before:
            yield at_s, (at_s - before[-1]) * 1000


def summary(ages_ms: list[float]) -> str:
    if not ages_ms:
        return "no ticks"
    p50, p95, p99 = np.percentile(ages_ms, [50, 95, 99])
    return f"p50 {p50:.0f} p95 {p95:.0f} p99 {p99:.0f} max {max(ages_ms):.0f} ms ({len(ages_ms)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=0.5)
    parser.add_argument("--nice", type=int, default=0, help="of the publishers")
    parser.add_argument("--switch-ms", type=float, default=5.0, help="the server's switch interval between threads")
    parser.add_argument("--encode", action="store_true", help="publishers encode, as a browser would")
    parser.add_argument("--clip", type=Path, default=Path("out/bench/talking.mp4"), help="as `make bench` makes it")
    parser.add_argument("--folder", type=Path, default=Path("out/bench"))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    numbered = arguments.folder / "numbered.webm"
    if not numbered.exists():
        prepare(arguments.clip, 60.0, numbered)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(arguments.switch_ms, theirs), daemon=True)
    server.start()
    url = ours.recv()
    publishers = []
    for k in range(arguments.sessions):
        near, far = context.Pipe()
        film = arguments.clip if arguments.encode else numbered
        given = (url, f"guest-{k}", film, arguments.clip, arguments.encode, arguments.nice, far)
        process = context.Process(target=publish, args=given, daemon=True)
        process.start()
        assert near.poll(90), "the publisher did not get through"
        publishers.append((f"guest-{k}", process, near))
        assert near.recv() == "connected"
    print(f"{arguments.sessions} sessions of 720p30, {'encoded as they go' if arguments.encode else 'encoded before'}")
    heard = Heard()
    minutes = asyncio.run(watch(url, ours, arguments.minutes * 60, heard, min(60.0, arguments.minutes * 60)))
    ours.send("end")
    result = ours.recv()
    server.join(30)
    sent, publishers_cpu_s, out_ms = {}, 0.0, []
    for name, process, pipe in publishers:
        pipe.send("end")
        told = pipe.recv()
        sent[name], publishers_cpu_s = told["sent"], publishers_cpu_s + told["cpu_s"]
        out_ms += told["out_ms"]
        process.join(30)
    report(minutes, heard, result, sent, publishers_cpu_s)
    print(f"of it in the publisher: {summary(out_ms)}\nof it in the session: {summary(heard.inner_ms)}")


def report(
    minutes: list[Minute], heard: Heard, result: dict[str, Any], sent: dict[str, Any], publishers_cpu_s: float
) -> None:
    everything: list[float] = []
    all_ages: list[tuple[float, float]] = []
    for name in sent:
        if name not in result["ids"]:
            print(f"  {name} has ended before its time")
            continue
        ticks = heard.ticks.get(result["ids"][name], [])
        ages = [age for age in ages_of(ticks, result["judged"][name], sent[name]) if age[0] >= minutes[0].from_s]
        all_ages += ages
        print(f"  {name}: {summary([age_ms for _, age_ms in ages])}")
    for number, minute in enumerate(minutes, 1):
        ages_ms = [age_ms for at_s, age_ms in all_ages if minute.from_s <= at_s < minute.to_s]
        everything += ages_ms
        inner = np.concatenate([np.array(one) for one in minute.usage["inner_ms"]])
        print(f"  minute {number}: {summary(ages_ms)}; from the inbox on p95 {np.percentile(inner, 95):.0f} ms; "
              f"{minute.usage['rss_mb']:.0f} MB, {minute.usage['threads']} threads, {minute.usage['fds']} fds")  # fmt: skip
    seconds = minutes[-1].to_s - minutes[0].from_s
    seconds = minutes[-1].to_s - minutes[0].from_s + WARM_S
    server, machine = (np.mean([getattr(one, name) for one in minutes]) for name in ("server_cpu", "machine_cpu"))
    print(f"all: {summary(everything)}\nCPU s/s: publishers {publishers_cpu_s / seconds:.2f} (with their start), "
          f"server {server:.2f}, whole machine {machine:.2f} of {os.cpu_count()}; alerts: {heard.alerts or 'none'}")  # fmt: skip


if __name__ == "__main__":
    main()
