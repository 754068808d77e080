"""Tell other people's programs of results: after the code is recorded, beside the dialling, and not longer than agreed."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from dialer.domain.result import AttemptResult, ResultProcessor
from dialer.services.plugin_threads import PluginThreads, TooLong
from dialer.tasks import Tasks

log = structlog.get_logger()

LIMIT_S = 10.0
THREADS = 4
WAITING_MOST = 10_000  # results; more are not kept for a program that does not keep up


class ResultProcessors:
    """The installed result processors by name.

    Each result is handled on a thread of its own (see PluginThreads), `threads` of them at once.
    """

    def __init__(self, known: Mapping[str, ResultProcessor], *, limit_s: float = LIMIT_S, threads: int = THREADS) -> None:
        self._known, self._limit_s = dict(known), limit_s
        self._threads = PluginThreads(threads)
        self._tasks = Tasks()

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
            self._tasks.start(self._process(result), name=f"process {result.attempt_id}")

    async def drain(self, within_s: float) -> None:
        """Give what is under way so long to end; what then still waits is given up, and logged."""
        late = await self._tasks.wait(within_s)
        await self._tasks.stop()
        if late:
            log.error("results were not processed before the dialer stopped", results=late)

    async def _process(self, result: AttemptResult) -> None:
        try:
            await self._threads.run(self._known[result.processor], result, limit_s=self._limit_s)
        except TooLong:
            log.error("a result processor takes too long", processor=result.processor, attempt=result.attempt_id)
        except Exception as trouble:  # the outer edge of another's program
            log.error("a result processor failed", processor=result.processor, attempt=result.attempt_id, exc_info=trouble)
