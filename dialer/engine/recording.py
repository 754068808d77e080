"""Record how an attempt ended, now or as soon as the database can."""

from __future__ import annotations

import structlog

from dialer.domain.ids import AttemptId
from dialer.errors import StoreDown
from dialer.ports import Clock
from dialer.services.completion import Completed, StrategyOf, record_completion
from dialer.store.attempts import Closing
from dialer.store.store import Store

log = structlog.get_logger()

RETRY_S = 0.5  # a code that the database could not take is offered again this often, for as long as it takes


async def record(
    store: Store, clock: Clock, attempt_id: AttemptId, closing: Closing, strategy_of: StrategyOf
) -> Completed | None:
    """`record_completion`, offered until the database takes it."""
    while True:
        try:
            return await record_completion(store, attempt_id, closing, strategy_of)
        except StoreDown as down:
            log.error("a completion code waits for the database", attempt=attempt_id, reason=str(down))
            await clock.sleep(RETRY_S)
