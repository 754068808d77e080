"""Tell other people's programs of results: after the code is recorded, beside the dialling, and not longer than agreed."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future

import structlog

from dialer.domain.result import AttemptResult, ResultProcessor

log = structlog.get_logger()

LIMIT_S = 10.0
THREADS = 4
WAITING_MOST = 10_000  # results; more are not kept for a program that does not keep up


class ResultProcessors:
    """The installed result processors by name.

    Each result is handled on a thread of its own, so that a processor that blocks stalls nobody: an async one is cancelled when
    its time is up; a plain one cannot be, and holds one of `threads` places until it returns. The threads are daemons: a
    processor that hangs for ever does not keep the dialer from ending.
    """

    def __init__(self, known: Mapping[str, ResultProcessor], *, limit_s: float = LIMIT_S, threads: int = THREADS) -> None:
        self._known, self._limit_s = dict(known), limit_s
        self._free = asyncio.Semaphore(threads)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which a strategy can ask for them."""
        return tuple(sorted(self._known))

    def submit(self, result: AttemptResult) -> None:
        """Hand a result over; returns at once and raises nothing."""
        if result.processor not in self._known:
            log.error("no such result processor is installed", processor=result.processor, attempt=result.attempt_id)
        elif len(self._tasks) >= WAITING_MOST:
            log.error("a result was not processed: too many wait", processor=result.processor, attempt=result.attempt_id)
        else:
            task = asyncio.create_task(self._process(result), name=f"process {result.attempt_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def drain(self, within_s: float) -> None:
        """Give what is under way so long to end; what then still waits is given up, and logged."""
        if not self._tasks:
            return
        _, pending = await asyncio.wait(set(self._tasks), timeout=within_s)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        if pending:
            log.error("results were not processed before the dialer stopped", results=len(pending))

    async def _process(self, result: AttemptResult) -> None:
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        ended: Future[None] = Future()

        def free() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._free.release)

        work = threading.Thread(
            target=_run, args=(self._known[result.processor], result, self._limit_s, ended, free), daemon=True
        )
        work.start()
        told = asyncio.wrap_future(ended)
        await asyncio.wait({told}, timeout=self._limit_s)
        if not told.done():
            told.cancel()  # the thread goes on; what it says now is heard by nobody
            log.error("a result processor takes too long", processor=result.processor, attempt=result.attempt_id)
        elif (trouble := told.exception()) is not None:
            log.error("a result processor failed", processor=result.processor, attempt=result.attempt_id, exc_info=trouble)


def _run(
    processor: ResultProcessor, result: AttemptResult, limit_s: float, ended: Future[None], free: Callable[[], None]
) -> None:
    """On the thread: the processor, and its loop when it wants one."""
    ended.set_running_or_notify_cancel()  # from now on nobody but this thread says how it ended
    try:
        answer = processor(result)
        if inspect.isawaitable(answer):
            asyncio.run(_limited(answer, limit_s))
        ended.set_result(None)
    except BaseException as trouble:  # noqa: BLE001  it is told on the loop, where it is logged
        ended.set_exception(trouble if isinstance(trouble, Exception) else RuntimeError(repr(trouble)))
    finally:
        free()


async def _limited(answer: Awaitable[None], limit_s: float) -> None:
    async with asyncio.timeout(limit_s):
        await answer
