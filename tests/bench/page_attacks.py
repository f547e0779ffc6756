"""How soon the live page's own attacks are answered, in headless Chromium: `python -m tests.bench.page_attacks`.

With `--manifest MANIFEST` the camera shows genuine clips one after the other, each once (for attacks on the sound one clip,
again and again), and is left alone for five minutes too; without, the demo's puppet. Chromium's
fake camera falls behind its fake microphone on a busy machine, which is then caught as such: the machine must be otherwise
idle. Delays count from the click to the alert in the API.
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from demo.clips import OTHER, SENTENCE, speech, talking
from demo.puppet import Puppet
from liveguard.guard import Guard
from liveguard.taps.file import FileTap
from liveguard.types import SAMPLE_RATE_HZ, AudioChunk, ByteArray, FloatArray, VideoFrame
from tests.browser.fake_devices import CAMERA_FPS, fit, write_camera, write_microphone
from tests.browser.parts import Seen, chromium, fake_devices, opened
from tests.server_parts import serving

SIZE = (640, 360)
BEFORE_S, PATIENCE_S, GENUINE_S = 9.0, 30.0, 300.0
PICTURE, SOUND = ("freeze", "loop", "photo"), ("late_audio", "foreign_audio")
HYPOTHESIS = {**dict.fromkeys(PICTURE, "feed_injected"), **dict.fromkeys(SOUND, "av_mismatch")}


@dataclass(frozen=True)
class Clip:
    """`heard`: its sound is known to belong to the picture; that of others may be music or a dubbing, and is left out."""

    path: Path
    seconds: float
    heard: bool


def played(path: Path) -> tuple[list[ByteArray], FloatArray]:
    """A clip as a camera and a microphone would give it: 30 pictures a second, and as much sound."""
    tap = FileTap(path)
    frames, chunks = [], []
    for sample in tap.samples():
        if isinstance(sample, VideoFrame):
            frames.append(sample)
        elif isinstance(sample, AudioChunk):
            chunks.append(sample)
    tap.close()
    end_us = frames[-1].t_us + 40_000
    times_us = np.arange(0, end_us, 1e6 / CAMERA_FPS)
    at = np.clip(np.searchsorted([frame.t_us for frame in frames], times_us, side="right") - 1, 0, None)
    sound = np.zeros(len(times_us) * SAMPLE_RATE_HZ // CAMERA_FPS, np.float32)
    for chunk in chunks:
        start = chunk.t_us * SAMPLE_RATE_HZ // 1_000_000
        piece = chunk.pcm[: max(len(sound) - start, 0)]
        sound[start : start + len(piece)] = piece
    return [fit(frames[k].image, SIZE) for k in at], sound


def write_feed(folder: Path, name: str, clips: list[Clip], seconds: float) -> tuple[str, ...]:
    """One clip after the other as Chromium's devices."""
    sounds: list[FloatArray] = []

    def pictures() -> Iterator[ByteArray]:
        shown = 0
        for clip in clips:
            if shown >= seconds * CAMERA_FPS:
                return
            frames, sound = played(clip.path)
            sounds.append(sound if clip.heard else np.zeros_like(sound))
            shown += len(frames)
            yield from frames

    camera, microphone = folder / f"{name}.mjpeg", folder / f"{name}.wav"
    write_camera(camera, pictures(), SIZE)
    write_microphone(microphone, np.concatenate(sounds))
    return tuple(fake_devices(camera, microphone))


def write_puppet(folder: Path) -> tuple[str, ...]:
    voice = np.concatenate([speech(text, folder, "en-us", 110) for text in (OTHER, SENTENCE)])
    seconds = len(voice) / SAMPLE_RATE_HZ
    camera, microphone = folder / "puppet.mjpeg", folder / "puppet.wav"
    write_camera(camera, (fit(f.image, SIZE) for f in talking(Puppet(), voice, seconds, CAMERA_FPS)), SIZE)
    write_microphone(microphone, voice)
    return tuple(fake_devices(camera, microphone))


def begin(seen: Seen) -> str:
    """Start the webcam; the session's id once it is connected."""
    seen.page.get_by_test_id("start-webcam").click()
    seen.page.get_by_test_id("attacks").locator("summary").click()
    session = seen.until(lambda: [s for s in seen.sessions() if s["connected"]], 30, "no connection")
    return str(session[0]["id"])


def attacked(guard: Guard, devices: tuple[str, ...], attack: str) -> tuple[float | None, list[str]]:
    """Seconds from the click to the alert, and what was raised beside it."""
    with serving(guard) as server, chromium(*devices) as browser, opened(browser, server.url) as seen:
        begin(seen)
        seen.page.wait_for_timeout(BEFORE_S * 1000)
        early = [alert["hypothesis"] for alert in seen.alerts()]
        seen.page.get_by_test_id(f"attack-{attack}").click()
        clicked_s = time.monotonic()
        while time.monotonic() - clicked_s < PATIENCE_S:
            raised = [alert["hypothesis"] for alert in seen.alerts()]
            if HYPOTHESIS[attack] in raised[: len(raised) - len(early)]:
                return time.monotonic() - clicked_s, [f"{what} before" for what in early]
            seen.page.wait_for_timeout(100)
        return None, [f"{what} before" for what in early]


def left_alone(guard: Guard, devices: tuple[str, ...], seconds: float) -> tuple[list[str], dict[str, object]]:
    """What is raised on genuine pictures, and how the analysis coped."""
    with serving(guard) as server, chromium(*devices) as browser, opened(browser, server.url) as seen:
        begin(seen)
        seen.page.wait_for_timeout(seconds * 1000)
        found = [f"{alert['hypothesis']} at {alert['t_s']:.0f} s ({alert['who']})" for alert in seen.alerts()]
        return found, dict(seen.sessions()[0]["stats"])


def genuine_clips(manifest: Path, seed: int = 0) -> list[Clip]:
    """All genuine clips in an order that `seed` decides."""
    with manifest.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == "bonafide"]
    random.Random(seed).shuffle(rows)
    return [Clip(manifest.parent / r["path"], float(r["seconds"]), r["audio_sync"] == "real") for r in rows]


def talker(manifest: Path, turn: int) -> list[Clip]:
    """One person who speaks on, in a clip of 6 s or more that comes again and again."""
    long = [clip for clip in genuine_clips(manifest) if clip.heard and clip.seconds >= 6.0]
    return [long[turn % len(long)]] * 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path)
    parser.add_argument("--attacks", default=",".join((*PICTURE, *SOUND)))
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--genuine-s", type=float, default=GENUINE_S)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, Guard() as guard:
        folder = Path(place)
        puppet = None if arguments.manifest else write_puppet(folder)
        for attack in filter(None, arguments.attacks.split(",")):
            delays: list[float | None] = []
            for turn in range(arguments.repeat):
                if puppet is None:
                    clips = (talker if attack in SOUND else genuine_clips)(arguments.manifest, turn)
                    devices = write_feed(folder, "feed", clips, BEFORE_S + PATIENCE_S + 10)
                else:
                    devices = puppet
                delay_s, beside = attacked(guard, devices, attack)
                delays.append(delay_s)
                print(f"{attack}: {'not caught' if delay_s is None else f'{delay_s:.1f} s'} {beside}", flush=True)
            caught = [delay for delay in delays if delay is not None]
            middle = f"median {np.median(caught):.1f} s, {min(caught):.1f} to {max(caught):.1f}" if caught else ""
            print(f"{attack}: caught {len(caught)} of {len(delays)}; {middle}", flush=True)
        if arguments.manifest:
            # Apart, as lips that move without a voice beside a voice of somebody else are no genuine call.
            clips = genuine_clips(arguments.manifest)
            seen = [replace(clip, heard=False) for clip in clips]
            heard = [clip for clip in clips if clip.heard]
            spoken_s = min(sum(clip.seconds for clip in heard) - 5.0, arguments.genuine_s)
            for what, feed, seconds in (("speaking", heard, spoken_s), ("silent", seen, arguments.genuine_s)):
                found, stats = left_alone(guard, write_feed(folder, what, feed, seconds + 10), seconds)
                print(f"genuine, {what}, {seconds:.0f} s: {len(found)} alerts {found}; {stats}", flush=True)


if __name__ == "__main__":
    main()
