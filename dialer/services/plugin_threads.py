"""Run functions of other people: each on a thread of its own, and not longer than agreed."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
A = TypeVar("A")


class TooLong(Exception):
    """The function did not return within its time limit."""


class PluginThreads:
    """So many places for functions of other people, none of which can stall the dialer.

    An async function is cancelled when its time is up; a plain one cannot be, and holds its place until it returns. The threads
    are daemons: a function that hangs for ever does not keep the dialer from ending.
    """

    def __init__(self, places: int) -> None:
        self._places = asyncio.Semaphore(places)
        self._free = places

    @property
    def free(self) -> int:
        """How many functions could begin right now."""
        return self._free

    async def run(self, function: Callable[[A], Awaitable[T] | T], argument: A, *, limit_s: float) -> T:
        """Wait for a place, then for what the function returns. Raises TooLong, and whatever the function raises."""
        await self._places.acquire()
        self._free -= 1
        loop = asyncio.get_running_loop()
        ended: Future[T] = Future()

        def leave() -> None:
            self._free += 1
            self._places.release()

        def left() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the dialer has ended
                loop.call_soon_threadsafe(leave)

        try:
            threading.Thread(target=_run, args=(function, argument, limit_s, ended, left), daemon=True).start()
        except RuntimeError:  # this machine has no thread to give
            leave()
            raise
        told = asyncio.wrap_future(ended)
        try:
            await asyncio.wait({told}, timeout=limit_s)
            if not told.done():
                raise TooLong(f"not done within {limit_s:g} s")
            return told.result()
        finally:
            told.cancel()  # where it goes on: what it says now is heard by nobody


def _run(function: Callable[[Any], Any], argument: object, limit_s: float, ended: Future[Any], left: Callable[[], None]) -> None:
    """On the thread: the function, and its loop when it wants one."""
    try:
        if not ended.set_running_or_notify_cancel():  # given up before it began; from here on nobody else says how it ended
            return
        answer = function(argument)
        if inspect.isawaitable(answer):
            answer = asyncio.run(_limited(answer, limit_s))
        ended.set_result(answer)
    except BaseException as trouble:  # noqa: BLE001  it is raised again on the loop that waits
        ended.set_exception(trouble if isinstance(trouble, Exception) else RuntimeError(repr(trouble)))
    finally:
        left()


async def _limited(answer: Awaitable[T], limit_s: float) -> T:
    try:
        async with asyncio.timeout(limit_s) as limit:
            return await answer
    except TimeoutError:
        if limit.expired():
            raise TooLong(f"not done within {limit_s:g} s") from None
        raise
