"""Liveness sessions in a real Chromium: somebody who answers, and attackers who do not; a manifest for `evaluate --pad`.

    python -m tests.bench.proof_attacks --out OUT [--sessions 100] [--at-once 4]
    liveguard evaluate --pad OUT/manifest.csv --out OUT/figures

Each session has a nonce of its own. The person who answers is a head rendered in 3-D from a public-domain portrait, with
reactions drawn anew each time; it is a simulation, and so are the attacks: bench attacks, never seen in the wild. What an
attacker prepares beforehand is made for another nonce; only the relay knows the right one, and is late.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import httpx2 as httpx
import numpy as np

from demo.head import Head, idle
from liveguard.challenge.policy import ProofPolicy
from liveguard.challenge.script import Step, draw, new_nonce
from liveguard.guard import Guard
from liveguard.server.settings import ServerSettings
from liveguard.types import ByteArray
from tests.browser.fake_devices import write_microphone
from tests.proof_actor import FPS, Actor, Manner, film, grained, write_y4m
from tests.proof_client import visit_without_browser
from tests.proof_visitor import spoken_digits, visit
from tests.server_parts import LOOPBACK, Running, serving

BONA_FIDE = "somebody who answers"
SPECIES = (BONA_FIDE, "still photo", "loop", "replayed session", "puppet of yesterday", "delayed relay")
METHODS = ("virtual camera", "page hook", "client without a page")
READY_S = 2.0  # attackers who need not wait for the page are in their place sooner
IDLE_S, LOOP_S = 24.0, 4.0
POOL = 6  # prepared films of other nonces
COLUMNS = ("report", "label", "species", "method", "source", "lasted_s", "judged_after_s", "verdict")
# A page hook puts a film in place of what getUserMedia gives, as an attacker's extension does; the camera is opened, too.
HOOK = """
(() => {
  const media = navigator.mediaDevices, real = media.getUserMedia.bind(media);
  media.getUserMedia = async (wanted) => {
    const stream = await real(wanted);
    const [track] = stream.getVideoTracks();
    const canvas = document.createElement("canvas");
    const { width, height } = track.getSettings();
    Object.assign(canvas, { width, height });
    const video = document.createElement("video");
    Object.assign(video, { srcObject: new MediaStream([track]), muted: true });
    await video.play();
    setInterval(() => canvas.getContext("2d").drawImage(video, 0, 0, width, height), 66);
    return new MediaStream([...canvas.captureStream(15).getVideoTracks(), ...stream.getAudioTracks()]);
  };
})();
"""


class Studio:
    """Makes the feeds, in a process of its own: rendering must not keep the server's threads waiting."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.head = folder, Head()
        self.words = spoken_digits(folder)
        self._prepared: dict[tuple[str, int], tuple[Path, Path]] = {}

    def feed(self, species: str, steps: tuple[Step, ...], number: int) -> tuple[Path, Path]:
        """Camera and microphone for one session."""
        if species == BONA_FIDE:
            return self._acted(f"answer-{number}", steps, manner(number))
        if species == "delayed relay":
            return self._acted(f"relay-{number}", steps, replace(manner(number), late_s=1.5 + number % 4 * 0.5))
        pool = 1 if species in ("still photo", "loop") else POOL
        key = (species, number % pool)
        if key not in self._prepared:
            self._prepared[key] = self._prepare(species, number % pool)
        return self._prepared[key]

    def _prepare(self, species: str, number: int) -> tuple[Path, Path]:
        name = f"{species.replace(' ', '-')}-{number}"
        if species == "still photo":
            return self._filmed(name, itertools.repeat(self.head.draw(idle(0.0)), int(IDLE_S * FPS)), number)
        if species == "loop":
            shown = [self.head.draw(idle(k / FPS, number)) for k in range(int(LOOP_S * FPS))]
            return self._filmed(name, (shown[k % len(shown)] for k in range(int(IDLE_S * FPS))), number)
        other = draw(new_nonce(), ProofPolicy())
        if species == "replayed session":
            return self._acted(name, other, manner(1000 + number), READY_S)
        return self._acted(name, other, manner(2000 + number), READY_S, puppet)

    def _acted(
        self,
        name: str,
        steps: tuple[Step, ...],
        how: Manner,
        comes_s: float | None = None,
        look: Callable[[ByteArray], ByteArray] | None = None,
    ) -> tuple[Path, Path]:
        actor = Actor(self.head, steps, how) if comes_s is None else Actor(self.head, steps, how, comes_s)
        camera, microphone = self.folder / f"{name}.y4m", self.folder / f"{name}.wav"
        pictures = film(actor, how.seed)
        write_y4m(camera, pictures if look is None else map(look, pictures))
        write_microphone(microphone, actor.sound(self.words))
        return camera, microphone

    def _filmed(self, name: str, pictures: Iterator[ByteArray], seed: int) -> tuple[Path, Path]:
        camera, microphone = self.folder / f"{name}.y4m", self.folder / f"{name}.wav"
        write_y4m(camera, grained(pictures, seed))
        quiet = np.random.default_rng(seed).normal(0, 0.0006, int(IDLE_S * 16_000))
        write_microphone(microphone, quiet.astype(np.float32))
        return camera, microphone


_studio: Studio


def open_studio(folder: Path, niceness: int) -> None:
    """Run once by the process that renders."""
    global _studio
    os.nice(niceness)
    _studio = Studio(folder)


def _feed(species: str, steps: tuple[Step, ...], number: int) -> tuple[Path, Path]:
    return _studio.feed(species, steps, number)


def manner(number: int) -> Manner:
    """How one person does it: reactions and a room's light drawn from the session's number."""
    dice = random.Random(number)
    return Manner(
        number, dice.uniform(0.3, 0.65), dice.gauss(0.05, 0.06), dice.uniform(0.05, 0.2), 0.0, dice.uniform(0.3, 0.8)
    )


def puppet(picture: ByteArray) -> ByteArray:
    """As swap models render it: from fewer pixels than the picture has."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width * 2 // 5, height * 2 // 5), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def one(server: Running, studio: Executor, out: Path, species: str, method: str, number: int) -> dict[str, Any]:
    """One session; the manifest's row of it."""
    new = httpx.post(f"{server.url}/api/kyc/sessions", json={}).raise_for_status().json()
    proof = server.app.state.proofs.store.proof(new["id"])
    steps = draw(proof.nonce, proof.policy, proof.needs)
    camera, microphone = studio.submit(_feed, species, steps, number).result()
    link = f"{server.url}/proof/#{new['url'].partition('#')[2]}"
    row: dict[str, Any] = {"label": "bonafide" if species == BONA_FIDE else "attack", "method": method, "report": ""}
    row["species"], row["source"] = ("" if species == BONA_FIDE else species), "rendered portrait"
    try:
        if method == METHODS[2]:
            seen = visit_without_browser(link, camera)
        else:
            seen = visit(link, camera, microphone, script=HOOK if method == METHODS[1] else "")
        row |= {"lasted_s": round(seen.lasted_s, 2), "judged_after_s": round(seen.judged_after_s, 2)}
        row["verdict"] = (seen.done or {}).get("verdict", "")
    except Exception as error:  # noqa: BLE001 (a browser that failed is a session without a response, not the end of all)
        print(f"{species} {number}: {type(error).__name__}: {str(error)[:200]}", flush=True)
    for _ in range(20):  # a page that has gone away ends the session a moment later
        report = httpx.get(f"{server.url}/api/kyc/sessions/{new['id']}/report")
        if report.status_code == 200:
            path = out / "reports" / f"{new['id']}.json"
            path.write_bytes(report.content)
            row["report"] = str(path.relative_to(out))
            row["verdict"] = report.json()["entries"][-1]["body"]["verdict"]
            break
        time.sleep(0.5)
    if species in (BONA_FIDE, "delayed relay"):
        camera.unlink()
    print(f"{species} {number} by {method}: {row.get('verdict', '')}", flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sessions", type=int, default=100, help="of each species by the virtual camera")
    parser.add_argument("--others", type=int, default=10, help="of each species by each of the other methods")
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--species", nargs="+", choices=SPECIES, default=SPECIES)
    given = parser.parse_args()
    (given.out / "reports").mkdir(parents=True, exist_ok=True)
    # One of each in turn, so that a run that is cut short has as many of each.
    wanted = [(s, METHODS[0], n) for n in range(given.sessions) for s in given.species]
    attacks = [species for species in given.species if species != BONA_FIDE]
    wanted += [(s, method, 5000 + n) for n in range(given.others) for method in METHODS[1:] for s in attacks]
    settings = ServerSettings(ice_addresses=LOOPBACK, max_sessions=2 * given.at_once)
    with (
        tempfile.TemporaryDirectory() as folder,
        Guard() as guard,
        serving(guard, settings) as server,
        (given.out / "manifest.csv").open("w", newline="") as file,
        ProcessPoolExecutor(1, get_context("spawn"), open_studio, (Path(folder), 5)) as studio,
        ThreadPoolExecutor(given.at_once) as pool,
    ):
        rows = csv.DictWriter(file, COLUMNS)
        rows.writeheader()
        for row in pool.map(lambda what: one(server, studio, given.out, *what), wanted):
            rows.writerow(row)
            file.flush()


if __name__ == "__main__":
    main()
