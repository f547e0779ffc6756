"""Somebody before a live camera who does what is asked, in a process of their own: rendering must not keep others waiting."""

from __future__ import annotations

import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from liveguard.challenge.script import Step
from tests.live_camera import FPS, Grain, LiveCamera
from tests.proof_actor import Actor, Manner
from tests.rendering.head import Head

READY_WITHIN_S = 60.0
LATE_S = 1.0  # a process that was held up does not make up for the pictures that it missed


class Performer:
    """One at a time may use it. Raises RuntimeError where the process does not answer."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_live, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def begin(self, camera: Path, manner: Manner) -> None:
        """From now on `camera` is a live one, which can be opened when this returns."""
        self._pipe.send((camera, manner))
        if not self._pipe.poll(READY_WITHIN_S):
            raise RuntimeError("the process that renders the feed does not answer")
        self._pipe.recv()

    def ask(self, step: Step, shown_s: float) -> None:
        """A step is shown since `shown_s` of time.monotonic()."""
        self._pipe.send((step, shown_s))

    def end(self) -> None:
        """The camera's picture stands still now."""
        self._pipe.send(None)

    def close(self) -> None:
        self._process.terminate()
        self._process.join()
        self._pipe.close()


def _live(pipe: Connection) -> None:
    head = Head()
    try:
        while True:
            if (order := pipe.recv()) is not None:
                _perform(pipe, head, *order)
    except (EOFError, KeyboardInterrupt):
        return


def _perform(pipe: Connection, head: Head, path: Path, manner: Manner) -> None:
    actor, grain, began_s = Actor(head, manner), Grain(manner.seed), time.monotonic()
    camera = LiveCamera(path, grain(actor.picture(0.0)))
    pipe.send("seen")
    due_s = began_s
    while True:
        due_s = max(due_s + 1 / FPS, time.monotonic() - LATE_S)
        while pipe.poll(max(due_s - time.monotonic(), 0.0)):
            if (order := pipe.recv()) is None:
                return camera.close()
            step, shown_s = order
            actor.ask(step, shown_s - began_s)
        camera.show(grain(actor.picture(time.monotonic() - began_s)))
