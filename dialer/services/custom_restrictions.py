"""Ask other people's programs whom not to attempt: before the transaction of the intent, and not longer than agreed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog

from dialer.domain.campaign import Job
from dialer.domain.condition import Attributes
from dialer.domain.ids import ContactId
from dialer.domain.restriction import CustomRestriction, HeldBack, RestrictionJudge, RestrictionRequest
from dialer.domain.strategy import Handler, Strategy
from dialer.services.entering import Judged, handler_ahead, known_of_claim
from dialer.services.plugin_threads import PluginThreads, TooLong
from dialer.store.job_contacts import JobContact
from dialer.store.store import Store, Tx

log = structlog.get_logger()

LIMIT_S = 3.0  # for one answer
PLACES = 32  # questions at once on one node


class CustomRestrictions:
    """The installed custom restrictions by name."""

    def __init__(self, known: Mapping[str, RestrictionJudge], *, limit_s: float = LIMIT_S, places: int = PLACES) -> None:
        self._known, self._limit_s = dict(known), limit_s
        self._threads = PluginThreads(places)

    def cannot(self, strategy: Strategy) -> str:
        """Which restriction of a strategy is missing; "" = none is."""
        for handler in strategy.handlers:
            for one in handler.custom_restrictions:
                if one.name not in self._known:
                    known = ", ".join(sorted(self._known)) or "none"
                    return f"the custom restriction {one.name!r} is not installed (installed: {known})"
        return ""

    async def judge(
        self, store: Store, job: Job, strategy: Strategy, claims: Sequence[JobContact], now: datetime
    ) -> dict[ContactId, Judged]:
        """What the custom restrictions say of these contacts, each by those of the handler that it comes to.

        Who got no answer in time is held back for a while. Raises StoreDown.
        """

        def work(tx: Tx) -> list[tuple[JobContact, Handler, Attributes]]:
            ids = [claim.contact_id for claim in claims]
            attributes, addresses = tx.contacts(job.org_id).attributes_of(ids), tx.contacts(job.org_id).addresses_of(ids)
            found = []
            for claim in claims:
                known = known_of_claim(claim, attributes, addresses.get(claim.contact_id, ()))
                handler = handler_ahead(strategy, claim, known, now)
                if handler is not None and handler.custom_restrictions:
                    found.append((claim, handler, known))
            return found

        asked = await store.read(work)
        said = await asyncio.gather(*(self._ask_all(job, handler, known) for _, handler, known in asked))
        return {
            claim.contact_id: Judged(handler=handler.state, held=held)
            for (claim, handler, _), held in zip(asked, said, strict=True)
        }

    async def _ask_all(self, job: Job, handler: Handler, known: Attributes) -> tuple[HeldBack, ...]:
        answers = [await self._ask(job, handler, one, known) for one in handler.custom_restrictions]
        return tuple(one for one in answers if one is not None)

    async def _ask(self, job: Job, handler: Handler, restriction: CustomRestriction, known: Attributes) -> HeldBack | None:
        request = RestrictionRequest(
            restriction=restriction.name,
            campaign=job.campaign_name,
            job_id=int(job.id),
            handler=handler.state,
            contact_id=known.get("contact_id", ""),
            known=known,
        )
        try:
            async with asyncio.timeout(2 * self._limit_s):  # with the wait for a place: others may hang and keep theirs
                said = await self._threads.run(self._known[restriction.name], request, limit_s=self._limit_s)
        except (TooLong, TimeoutError) as trouble:
            log.error("a custom restriction takes too long", restriction=restriction.name)
            return restriction.failed(str(trouble) or "its places are taken by questions that hang")
        except Exception as trouble:  # the outer edge of another's program
            log.exception("a custom restriction failed", restriction=restriction.name)
            return restriction.failed(f"{type(trouble).__name__}: {trouble}")
        return restriction.judged(said)
