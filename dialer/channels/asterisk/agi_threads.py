"""Threads for IVR apps, one call on each at a time, so that an app that blocks blocks nobody else."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import ctypes
import itertools
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog

log = structlog.get_logger()
T = TypeVar("T")


class AppKilled(BaseException):
    """Raised inside an app that computes without end; apps cannot catch it by `except Exception`."""


class AppThread:
    """One thread with an event loop of its own."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it still exists."""
        return self._thread.is_alive()

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run a coroutine there."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def do(self, act: Callable[[], object]) -> None:
        """Call a function on its loop, some time."""
        with contextlib.suppress(RuntimeError):  # it has ended
            self.loop.call_soon_threadsafe(act)

    async def responsive(self, within_s: float) -> bool:
        """Whether its loop still turns. To be asked from another loop."""
        home, answered = asyncio.get_running_loop(), asyncio.Event()
        self.do(lambda: home.call_soon_threadsafe(answered.set))
        try:
            async with asyncio.timeout(within_s):
                await answered.wait()
        except TimeoutError:
            return False
        return True

    def interrupt(self) -> None:
        """Raise AppKilled at its next step of Python: that ends an endless loop, but no wait inside of C code."""
        if self._thread.ident is not None and self.alive:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread.ident), ctypes.py_object(AppKilled))

    def stop(self) -> None:
        """End it when it has nothing more to do."""
        self.do(self.loop.stop)

    def join(self, timeout_s: float) -> bool:
        """Wait for its end. False: it still lives."""
        self._thread.join(timeout_s)
        return not self.alive

    def _live(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        except AppKilled:
            log.info("a thread of an endless app was ended", thread=self._thread.name)
        finally:
            self._clear_up()

    def _clear_up(self) -> None:
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            self.loop.run_until_complete(asyncio.wait(left, timeout=1.0))
        self.loop.close()


class AppThreads:
    """Idle threads are kept for the next call; abandoned ones are counted until they come back to their senses."""

    def __init__(self, name: str = "ivr-app") -> None:
        self._names = (f"{name}-{n}" for n in itertools.count(1))
        self._idle: list[AppThread] = []
        self._abandoned: list[AppThread] = []

    def take(self) -> AppThread:
        """A thread for one call."""
        return self._idle.pop() if self._idle else AppThread(next(self._names))

    def give_back(self, thread: AppThread, *, soiled: bool) -> None:
        """Its call is over. `soiled`: the app had to be ended, and may have left something behind that still runs there."""
        if soiled or thread in self._abandoned:
            thread.stop()
        elif thread.alive:
            self._idle.append(thread)

    def abandon(self, thread: AppThread) -> None:
        """It does not answer: take no more notice of it."""
        self._abandoned.append(thread)
        thread.interrupt()

    @property
    def abandoned(self) -> int:
        """How many threads are stuck."""
        self._abandoned = [thread for thread in self._abandoned if thread.alive]
        return len(self._abandoned)

    def stop(self, timeout_s: float = 1.0) -> None:
        """End the idle threads. Stuck ones are left to the end of the process."""
        for thread in self._idle:
            thread.stop()
        for thread in self._idle:
            thread.join(timeout_s)
        self._idle.clear()
