"""Liveness sessions in a real Chromium: somebody who answers, and attackers who do not; a manifest for `evaluate --pad`.

    python -m tests.bench.proof_attacks --out OUT [--sessions 100] [--at-once 2]
    liveguard evaluate --pad OUT/manifest.csv --out OUT/figures

A run that was broken off goes on when it is begun again with the same OUT.

After "cannot judge" everybody tries again as often as they are offered to, attackers too, so a session has up to three
scripts. Each has a nonce of its own. The person who answers is a head rendered in 3-D from a public-domain portrait, with
reactions drawn anew each time, who sees each step when the page has shown it, and not before; it is a simulation, and so are
the attacks: bench attacks, never seen in the wild. What an attacker prepares beforehand is made for another nonce; only a relay
shows the right one to somebody who does it, and is late.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from threading import BoundedSemaphore, Lock
from typing import Any

import cv2
import httpx2 as httpx
import numpy as np

from liveguard.challenge.policy import ProofPolicy
from liveguard.challenge.script import Step, draw, new_nonce
from liveguard.guard import Guard
from liveguard.kyc.service import RETURN_WITHIN_S
from liveguard.server.settings import ServerSettings
from liveguard.types import ByteArray, FloatArray
from tests.browser.fake_devices import write_microphone
from tests.live_camera import FPS, Grain, write_y4m
from tests.proof_actor import Manner, quiet, rehearsed, said
from tests.proof_client import visit_without_browser
from tests.proof_performer import Performer
from tests.proof_visitor import Answer, spoken_digits, visit
from tests.rendering.head import Head, idle
from tests.server_parts import LOOPBACK, Running, serving

BONA_FIDE = "somebody who answers"
HELD_BACK = "relay that holds back"  # that a step was shown, until the answer is there; no page does that
LIVE = (BONA_FIDE, "delayed relay", HELD_BACK)  # somebody does what is asked, while it is asked
SPECIES = (BONA_FIDE, "still photo", "loop", "replayed session", "puppet of yesterday", "delayed relay", HELD_BACK)
METHODS = ("virtual camera", "page hook", "client without a page")
READY_S = 2.0  # attackers who need not wait for the page are in their place sooner
IDLE_S, LOOP_S = 24.0, 4.0
POOL = 6  # prepared films of other nonces
COLUMNS = ("report", "label", "species", "method", "subject", "source", "lasted_s", "judged_after_s", "verdict")
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


@dataclass(frozen=True, slots=True)
class Feed:
    """Files that are played as camera and microphone; live ones with whom they show."""

    camera: Path
    microphone: Path
    answer: Answer | None = None


class Studio:
    """Makes the films that attackers prepare, each once; owned by one thread."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._head = folder, Head()
        self.words = spoken_digits(folder)
        self._prepared: dict[tuple[str, int], Feed] = {}

    def film(self, species: str, number: int) -> Feed:
        key = (species, number % (1 if species in ("still photo", "loop") else POOL))
        if key not in self._prepared:
            self._prepared[key] = self._prepare(*key)
        return self._prepared[key]

    def _prepare(self, species: str, number: int) -> Feed:
        name = f"{species.replace(' ', '-')}-{number}"
        feed = Feed(self._folder / f"{name}.y4m", self._folder / f"{name}.wav")
        pictures, sound = self._shot(species, number)
        write_y4m(feed.camera, map(Grain(number), pictures))
        write_microphone(feed.microphone, sound)
        return feed

    def _shot(self, species: str, number: int) -> tuple[Iterable[ByteArray], FloatArray]:
        if species == "still photo":
            return [self._head.draw(idle(0.0))] * int(IDLE_S * FPS), quiet(IDLE_S, number)
        if species == "loop":
            shown = [self._head.draw(idle(k / FPS, number)) for k in range(int(LOOP_S * FPS))]
            return (shown[k % len(shown)] for k in range(int(IDLE_S * FPS))), quiet(IDLE_S, number)
        how = manner((1000 if species == "replayed session" else 2000) + number)
        pictures, sound = rehearsed(self._head, draw(new_nonce(), ProofPolicy()), how, READY_S, self.words)
        return (pictures if species == "replayed session" else map(puppet, pictures)), sound


class Stage:
    """All that sessions need of feeds: as many people at once as there are `performers`, and the prepared films."""

    def __init__(self, folder: Path, performers: int) -> None:
        self._folder, self._lock = folder, Lock()
        self.turn = BoundedSemaphore(performers)  # as many are watched at once
        self._studio = Studio(folder)
        self._all = [Performer() for _ in range(performers)]
        self._free: SimpleQueue[Performer] = SimpleQueue()
        for performer in self._all:
            self._free.put(performer)

    @contextmanager
    def feed(self, species: str, number: int) -> Iterator[Feed]:
        if species not in LIVE:
            with self._lock:
                film = self._studio.film(species, number)
            yield film
            return
        how = manner_of(species, number)
        performer = self._free.get()
        name = f"{species.replace(' ', '-')}-{number}"
        camera, microphone = self._folder / f"{name}.y4m", self._folder / f"{name}.wav"

        def answer(step: Step, shown_s: float) -> FloatArray:
            performer.ask(step, shown_s)
            return said(step, how, self._studio.words)

        try:
            performer.begin(camera, how)
            write_microphone(microphone, quiet(IDLE_S, number))
            yield Feed(camera, microphone, answer)
        finally:
            performer.end()
            self._free.put(performer)
            camera.unlink(missing_ok=True)
            microphone.unlink(missing_ok=True)

    def close(self) -> None:
        for performer in self._all:
            performer.close()


def manner(number: int) -> Manner:
    """How one person does it: reactions and a room's light drawn from the session's number."""
    dice = random.Random(number)
    return Manner(
        number, dice.uniform(0.3, 0.65), dice.gauss(0.05, 0.06), dice.uniform(0.05, 0.2), 0.0, dice.uniform(0.3, 0.8)
    )


def manner_of(species: str, number: int) -> Manner:
    """Of somebody who answers live: a relay is late, too."""
    how = manner(number)
    return how if species == BONA_FIDE else replace(how, late_s=1.5 + number % 4 * 0.5)


def puppet(picture: ByteArray) -> ByteArray:
    """As swap models render it: from fewer pixels than the picture has."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width * 2 // 5, height * 2 // 5), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def one(server: Running, stage: Stage, out: Path, species: str, method: str, number: int) -> dict[str, Any]:
    """One session; the manifest's row of it."""
    new = httpx.post(f"{server.url}/api/kyc/sessions", json={}).raise_for_status().json()
    link = f"{server.url}/proof/#{new['url'].partition('#')[2]}"
    row: dict[str, Any] = {"label": "bonafide" if species == BONA_FIDE else "attack", "method": method, "report": ""}
    row["species"] = "" if species == BONA_FIDE else species
    row |= {"subject": "the portrait", "source": "rendered portrait"}
    tries = 0
    try:
        with stage.feed(species, number) as feed:
            if method == METHODS[2]:
                with stage.turn:
                    holds_s = manner_of(species, number).late_s if species == HELD_BACK else 0.0
                    seen = visit_without_browser(link, feed.camera, feed.answer, holds_s)
            else:
                hook = HOOK if method == METHODS[1] else ""
                seen = visit(link, feed.camera, feed.microphone, script=hook, answer=feed.answer, turn=stage.turn)
        tries = seen.tries
        row |= {"lasted_s": round(seen.lasted_s, 2), "judged_after_s": round(seen.judged_after_s, 2)}
        row["verdict"] = (seen.done or {}).get("verdict", "")
    except Exception as error:  # noqa: BLE001 (a browser that failed is a session without a response, not the end of all)
        print(f"{species} {number}: {type(error).__name__}: {str(error)[:200]}", flush=True)
    for _ in range(round(2 * RETURN_WITHIN_S) + 20):  # a page that has gone away is waited for
        report = httpx.get(f"{server.url}/api/kyc/sessions/{new['id']}/report")
        if report.status_code == 200:
            path = out / "reports" / f"{new['id']}.json"
            path.write_bytes(report.content)
            row["report"] = str(path.relative_to(out))
            row["verdict"] = report.json()["entries"][-1]["body"]["verdict"]
            break
        time.sleep(0.5)
    print(f"{species} {number} by {method}: {row.get('verdict', '')} after {tries}", flush=True)
    return row


def rows_of(manifest: Path) -> list[dict[str, str]]:
    """What an earlier run has written; ends the program where that has other columns than these."""
    if not manifest.is_file():
        return []
    with manifest.open(newline="") as file:
        rows = csv.DictReader(file)
        if rows.fieldnames is not None and tuple(rows.fieldnames) != COLUMNS:
            raise SystemExit(f"{manifest} has the columns of another version: begin with another --out")
        return list(rows)


@contextmanager
def before_others() -> Iterator[None]:
    """Threads that are started within go first on this machine: elsewhere a server does not share its cores with the browsers
    of those whom it looks at. Only root may do that.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, before - 5)
    yield
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sessions", type=int, default=100, help="of each species by the virtual camera")
    parser.add_argument("--others", type=int, default=10, help="of each species by each of the other methods")
    parser.add_argument("--at-once", type=int, default=2, help="more starve a machine of two cores")
    parser.add_argument("--species", nargs="+", choices=SPECIES, default=SPECIES)
    given = parser.parse_args()
    (given.out / "reports").mkdir(parents=True, exist_ok=True)
    # One of each in turn, so that a run that is cut short has as many of each.
    by_page = [species for species in given.species if species != HELD_BACK]
    wanted = [(s, METHODS[0], n) for n in range(given.sessions) for s in by_page]
    attacks = [species for species in by_page if species != BONA_FIDE]
    wanted += [(s, method, 5000 + n) for n in range(given.others) for method in METHODS[1:] for s in attacks]
    wanted += [(HELD_BACK, METHODS[2], 5000 + n) for n in range(given.others) if HELD_BACK in given.species]
    done = rows_of(given.out / "manifest.csv")
    have = Counter((row["species"] or BONA_FIDE, row["method"]) for row in done)
    wanted = [what for what in wanted if what[2] % 5000 >= have[what[0], what[1]]]
    settings = ServerSettings(ice_addresses=LOOPBACK, max_sessions=2 * given.at_once)
    with ExitStack() as stack:
        guard = stack.enter_context(Guard())
        with before_others():
            server = stack.enter_context(serving(guard, settings))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stage = stack.enter_context(closing(Stage(folder, given.at_once)))
        pool = stack.enter_context(ThreadPoolExecutor(given.at_once + 1))  # one more opens the page meanwhile
        file = stack.enter_context((given.out / "manifest.csv").open("a", newline=""))
        rows = csv.DictWriter(file, COLUMNS)
        if not done:
            rows.writeheader()
        for row in pool.map(lambda what: one(server, stage, given.out, *what), wanted):
            rows.writerow(row)
            file.flush()


if __name__ == "__main__":
    main()
