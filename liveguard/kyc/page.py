"""The conversation with a person's page: what it says, waited for in order, and how long a word takes to get there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, TypeAlias

from liveguard.errors import LiveguardError
from liveguard.kyc.messages import Pong, Ready, Said, Shown

PING_EVERY_S: Final = 0.5
TIMES_KEPT: Final = 8
MOST_WAITING: Final = 64

Say: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]


class Stopped(LiveguardError):  # noqa: N818 (nothing is broken)
    """The person has stopped it."""


class Gone(Stopped):
    """The page's connection has ended: the person has left, or may come back over another one."""


class Page:
    """Belongs to the event loop's thread. `say` may raise; then the page has gone."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.gone = asyncio.Event()
        self._said: asyncio.Queue[Said | None] = asyncio.Queue(MOST_WAITING)
        self._pinged: tuple[int, float] = (-1, 0.0)  # number and time of the last one
        self._times_s: list[float] = []

    @property
    def one_way_s(self) -> float:
        """How long a word takes from here to there, at the best of the last few times."""
        return min(self._times_s, default=0.0) / 2

    def take(self, said: Said | None) -> None:
        """What the page says; None: it has gone."""
        if isinstance(said, Pong):
            number, sent_s = self._pinged
            if said.n == number:
                self._times_s = [*self._times_s[1 - TIMES_KEPT :], asyncio.get_running_loop().time() - sent_s]
            return
        if said is None:
            self.gone.set()
        with suppress(asyncio.QueueFull):  # a page that floods us is not waited for
            self._said.put_nowait(said)

    async def ready(self) -> None:
        """The page can show steps now. Raises Stopped, Gone."""
        await self._expect(Ready)

    async def shown(self, number: int) -> None:
        """The page has shown a step. Raises Stopped, Gone."""
        await self._expect(Shown, number)

    async def wait(self, seconds: float) -> None:
        """Let time go by; whatever the page says meanwhile comes at the wrong time, and is passed over. Raises Stopped,
        Gone.
        """
        if seconds > 0:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._expect(None), seconds)

    async def ping(self) -> None:
        """Goes on until it is cancelled."""
        number = 0
        while True:
            number += 1
            self._pinged = number, asyncio.get_running_loop().time()
            await self.say({"type": "ping", "n": number})
            await asyncio.sleep(PING_EVERY_S)

    async def _expect(self, wanted: type[Ready] | type[Shown] | None, number: int = 0) -> None:
        while True:
            if self.gone.is_set() and self._said.empty():
                raise Gone("the connection to the page has ended")
            said = await self._said.get()
            if said is None:
                continue
            if said.type == "stop":
                raise Stopped("the person has stopped")
            if wanted is not None and isinstance(said, wanted) and getattr(said, "number", 0) == number:
                return
