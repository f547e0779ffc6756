"""What a server in this process holds: to be compared before and after."""

from __future__ import annotations

import asyncio
import gc
import os
import threading

from tests.server_parts import Running


def held(running: Running) -> tuple[int, int, int]:
    """Number of asyncio tasks of the server, of threads, and of open files."""

    async def tasks() -> int:
        return len(asyncio.all_tasks())

    gc.collect()
    count = asyncio.run_coroutine_threadsafe(tasks(), running._server.servers[0].get_loop()).result(30)
    # The pools of asyncio and of the static pages, which are bounded, grow as they are needed.
    threads = [one for one in threading.enumerate() if not one.name.startswith(("asyncio_", "AnyIO worker"))]
    return count, len(threads), len(os.listdir("/proc/self/fd"))


def no_more(now: tuple[int, ...], before: tuple[int, ...]) -> bool:
    return all(one <= other for one, other in zip(now, before, strict=True))
