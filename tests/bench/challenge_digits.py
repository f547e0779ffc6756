"""Lets the recogniser of the digits challenge hear answers: `python -m tests.bench.challenge_digits [DATA] [--music FOLDER]`.

Of synthetic voices (espeak-ng, flite, festival) and, where Asterisk's prompts are installed, of one person, each at three
speeds, under noise of 5 to 30 dB and Opus of 16 to 24 kbit/s: the digits that were asked for, and other ones. Besides, speech
without digits (DATA/voice, bona fide), music and silence. May be broken off and resumed: what was heard is kept in
out/challenge_digits.json, of which `tests.bench.challenge_digits_report` makes figures.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import subprocess
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from liveguard.challenge import digits as check
from liveguard.challenge.recogniser import WORDS, Sphinx
from liveguard.challenge.script import Draws
from liveguard.stress.sound_codec import opus
from liveguard.timeline import Timeline
from liveguard.types import LASTS, AudioChunk, Cue, FloatArray, Window
from tests.bench.voice_limits import sound_of
from tests.synthetic import AUDIO

ESPEAK = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-us+f2", "en-us+m3", "en-gb+f4", "en-029")
FLITE, FESTIVAL = ("kal16", "awb", "rms", "slt"), ("kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts")
VOICES = [
    f"{kind}:{name}" for kind, names in (("espeak", ESPEAK), ("flite", FLITE), ("festival", FESTIVAL)) for name in names
]
PROMPTS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
PERSON = "person:prompts"
FIT = {
    "espeak:en-us",
    "espeak:en-gb",
    "espeak:en-us+f2",
    "espeak:en-gb+f4",
    "flite:kal16",
    "flite:awb",
    "flite:slt",
    "festival:ked_diphone",
}
SNR_DB = (None, 30.0, 20.0, 15.0, 10.0, 5.0)
KBPS = (None, 24.0, 16.0)
WPM = (110, 150, 190)
CUE_US = 4_000_000
END_US = CUE_US + 5_000_000
OUT = Path("out/challenge_digits.json")


def spoken(voice: str, digits: tuple[int, ...], wpm: int, folder: Path) -> FloatArray:
    """`digits` said by a voice, (n,) float32 at 16 kHz. Raises FileNotFoundError, CalledProcessError without it."""
    kind, name = voice.split(":")
    text, wav = ", ".join(WORDS[digit] for digit in digits), folder / "said.wav"
    if kind == "person":
        gap = np.zeros(16_000 * (250 - wpm) // 500, np.float32)
        return np.concatenate([piece for digit in digits for piece in (_prompt(f"digits/{digit}"), gap)])
    if kind == "espeak":
        command = ["espeak-ng", "-v", name, "-s", str(wpm), "-w", str(wav), text]
    elif kind == "flite":
        command = ["flite", "-voice", name, "--setf", f"duration_stretch={150 / wpm}", "-t", text, "-o", str(wav)]
    else:
        slower = f"(Parameter.set 'Duration_Stretch {150 / wpm})"
        command = ["text2wave", "-o", str(wav), "-eval", f"(voice_{name})", "-eval", slower]
    subprocess.run(command, input=text.encode(), check=True, capture_output=True, timeout=60)
    return sound_of(wav)


def _prompt(name: str) -> FloatArray:
    """One of Asterisk's prompts: G.722 without any header."""
    import av

    with av.open(str(PROMPTS / f"{name}.g722"), format="g722") as file:
        pieces = [frame.to_ndarray().reshape(-1) for frame in file.decode(audio=0)]
    return np.concatenate(pieces).astype(np.float32) / 32768


def answered(said: FloatArray, snr_db: float | None, kbps: float | None, seed: int) -> Window:
    """The window in which `said` begins 0.5 to 1 s after the cue, under noise and coded."""
    rng = np.random.default_rng(seed)
    pcm = np.zeros(END_US * 16 // 1000, np.float32)
    at = (CUE_US + int(rng.integers(500_000, 1_000_000))) * 16 // 1000
    said = said[: len(pcm) - at]
    pcm[at : at + len(said)] = said * (0.25 / max(float(np.abs(said).max(initial=0.0)), 1e-6))
    loud = (
        float(np.mean(said**2)) * (0.25 / max(float(np.abs(said).max(initial=0.0)), 1e-6)) ** 2 if len(said) else 1e-3
    )
    level = float(np.sqrt(loud / 10 ** ((45.0 if snr_db is None else snr_db) / 10)))
    pcm += rng.normal(0, max(level, 1e-5), len(pcm)).astype(np.float32)
    if kbps is not None:
        pcm = opus(kbps)(pcm, rng)
    timeline = Timeline(AUDIO, check.LONGEST_US, wants_audio=True)
    timeline.add(AudioChunk(0, pcm))
    timeline.finish()
    return timeline.window(check.DigitsChallenge.need, END_US, None)


def drawn(seed: int) -> tuple[int, ...]:
    return tuple(Draws(seed.to_bytes(16, "big")).changing(range(10), 4))


def cases(data: Path | None, music: Path | None, each: int) -> Iterator[dict[str, Any]]:
    """What is to be heard: {key, kind, voice, asked, said | path, wpm, snr_db, kbps}."""
    for k in range(each):
        for v, voice in enumerate([*VOICES, PERSON]):
            seed = 1000 * k + v
            said = drawn(seed)
            common = {
                "voice": voice,
                "said": said,
                "wpm": WPM[(k + v) % 3],
                "snr_db": SNR_DB[(k + v // 3) % 6],
                "kbps": KBPS[(k + v // 2) % 3],
            }
            yield common | {"kind": "asked", "asked": said}
            yield common | {"kind": "other digits", "asked": drawn(seed + 500_000)}
    for k, path in enumerate(sorted(music.glob("*.ogg")) if music else []):
        yield {
            "kind": "music",
            "voice": "music",
            "path": str(path),
            "asked": drawn(800_000 + k),
            "snr_db": None,
            "kbps": KBPS[k % 3],
        }
    for k, snr_db in enumerate((20.0, 0.0) * 3):
        yield {
            "kind": "silence",
            "voice": "silence",
            "asked": drawn(700_000 + k),
            "snr_db": snr_db,
            "kbps": KBPS[k % 3],
        }
    if data is None:
        return
    with (data / "voice" / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == "bonafide"]
    random.Random(3).shuffle(rows)
    for k, row in enumerate(rows[: 10 * each]):
        yield {
            "kind": "other speech",
            "voice": row["source"],
            "path": str(data / "voice" / row["path"]),
            "asked": drawn(900_000 + k),
            "snr_db": None,
            "kbps": KBPS[k % 3],
        }


def _sound(case: dict[str, Any], folder: Path) -> FloatArray:
    if case["kind"] == "silence":
        return np.zeros(0, np.float32)
    if "path" in case:
        # Not the beginning of a piece of music, which is often quiet.
        return sound_of(Path(case["path"]))[10 * 16_000 if case["kind"] == "music" else 0 :][: 5 * 16_000]
    return spoken(case["voice"], case["said"], case["wpm"], folder)


def hear(data: Path | None, music: Path | None, each: int, limit_s: float) -> None:
    known = {row["key"]: row for row in json.loads(OUT.read_text())} if OUT.is_file() else {}
    sphinx, started_s = Sphinx(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(data, music, each):
            key = json.dumps(case)
            if key in known:
                continue
            if time.monotonic() - started_s > limit_s:
                print("not done: run it again")
                break
            try:
                said = _sound(case, Path(folder))
            except (OSError, subprocess.CalledProcessError) as error:
                print(f"{case['voice']}: {error}")
                continue
            window = answered(said, case["snr_db"], case["kbps"], zlib.crc32(key.encode()))
            sound = check.Sound.since(window, Cue(CUE_US, "", {LASTS: END_US - CUE_US}))
            heard = None
            if sound.voiced_s >= check.LEAST_VOICED_S:
                heard = sphinx.hear(sound.spoken()[0], case["asked"])
            known[key] = case | {
                "key": key,
                "why_not": sound.unfit(),
                "sound": sound.measures(),
                "heard": heard and asdict(heard),
            }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(list(known.values())))
    print(f"{len(known)} answers heard")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--music", type=Path, help="a folder of OGG files")
    parser.add_argument("--each", type=int, default=12)
    parser.add_argument("--limit-s", type=float, default=100.0)
    arguments = parser.parse_args()
    hear(arguments.data, arguments.music, arguments.each, arguments.limit_s)


if __name__ == "__main__":
    main()
