"""Somebody before a live camera who does what is asked, or an attacker's film in their place, in a process of their own:
rendering must not keep others waiting."""

from __future__ import annotations

import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from demo.head import Head
from liveguard.challenge.script import Step
from tests.live_camera import FPS, Grain, LiveCamera
from tests.proof_actor import Actor, Manner
from tests.proof_library import Library, Picker

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

    def begin(self, camera: Path, manner: Manner, *, from_library: bool = False) -> None:
        """From now on `camera` is a live one, which can be opened when this returns. `from_library`: all that it shows are
        pictures of a film from before."""
        self._pipe.send((camera, manner, from_library))
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
    library: Library | None = None
    try:
        while True:
            if (order := pipe.recv()) is not None:
                path, manner, from_library = order
                if from_library and library is None:
                    library = Library(head)
                who = Picker(library, manner) if from_library and library else Actor(head, manner)
                _perform(pipe, who, path, manner)
    except (EOFError, KeyboardInterrupt):
        return


def _perform(pipe: Connection, actor: Actor | Picker, path: Path, manner: Manner) -> None:
    grain, began_s = Grain(manner.seed), time.monotonic()
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
