"""A running job on a real database, walked by hand: claim, commit the intents, close the attempts, at whatever time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dialer.domain.attempt import Attempt
from dialer.domain.campaign import Job, JobState
from dialer.domain.codes import CustomCode
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import AttemptId, ContactListId, OrgId
from dialer.services.campaigns import NewCampaign, create_campaign, save_strategy
from dialer.services.codes import create_code
from dialer.services.completion import record_completion
from dialer.services.jobs import start_campaign
from dialer.services.launching import Intents, Route, claim_contacts, commit_intents
from dialer.services.strategy_shelf import StrategyShelf
from dialer.store.attempts import Closing
from dialer.store.job_contacts import JobContact
from dialer.store.store import Store, Tx
from tests.campaign_texts import STRATEGY

ROUTE = Route(trunk="trunk", switch="switch", node="test")


@dataclass
class Launch:
    """The job "Blood" over the list "Donors": d0, d1, d2, customers K-0, K-1, K-2, mobile +1555010000N."""

    store: Store
    org_id: OrgId
    job: Job

    @classmethod
    async def ready(
        cls, store: Store, org_id: OrgId, *, strategy: str = STRATEGY, name: str = "Blood", count: int = 3, **how: Any
    ) -> Launch:
        """Define it and start it; `how` are further fields of NewCampaign."""

        def people(tx: Tx) -> None:
            rows = [
                NewContact(
                    user_contact_id=f"d{index}",
                    attributes={"city": "Ankara", "customer_id": f"K-{index}"},
                    addresses=(NewAddress(name="mobile", value=f"+1555010{index:04d}", zones=("UTC",)),),
                )
                for index in range(count)
            ]
            made = tx.contact_lists(org_id).ensure("Donors", ["city", "customer_id"])
            tx.contacts(org_id).upsert_batch(made.id, rows)

        await store.write(people)
        await save_strategy(store, org_id, strategy)
        if not store.read_now(lambda tx: tx.codes(org_id).find("Interested")):
            await create_code(store, org_id, CustomCode(name="Interested"))
        new = NewCampaign(name=name, strategy="ask", contact_lists=("Donors",), codes=("Interested",))
        await create_campaign(store, org_id, replace(new, **how))
        job = await start_campaign(store, org_id, name, by="test")
        await store.write(lambda tx: tx.jobs(None).set_state(job.id, JobState.RUNNING, because="test", by="test"))
        return cls(store=store, org_id=org_id, job=job)

    async def claim(self, now: datetime, limit: int = 10) -> list[JobContact]:
        """Take those who are due."""
        return await claim_contacts(self.store, self.job.id, limit=limit, owner="test", lease_s=30, now=now)

    async def commit(self, claims: Sequence[JobContact], now: datetime) -> Intents:
        """Ask the law and write the intents."""
        strategy = StrategyShelf()(self.job.id, self.job.strategy_text)
        return await commit_intents(self.store, self.job, strategy, claims, ROUTE, now=now)

    async def run(self, now: datetime, limit: int = 10) -> Intents:
        """Both."""
        return await self.commit(await self.claim(now, limit), now)

    async def end(self, attempt_id: AttemptId, code: str, at: datetime) -> None:
        """A call has ended."""
        closing = Closing(code=code, source="network", system_code=code, ended_at=at)
        await record_completion(self.store, attempt_id, closing, StrategyShelf())

    def attempts(self) -> list[Attempt]:
        """The job's attempts, in order."""
        return self.store.read_now(lambda tx: tx.attempts.of_job(self.job.id))

    def codes(self) -> dict[str, str | None]:
        """The latest code of each contact that has an attempt; None while it lives."""

        def work(tx: Tx) -> dict[str, str | None]:
            names = {one.id: one.user_contact_id for one in tx.contacts(self.org_id).page(self._list_id(tx), limit=1000)}
            return {names[one.contact_id]: one.code for one in tx.attempts.of_job(self.job.id) if one.contact_id in names}

        return dict(sorted(self.store.read_now(work).items()))

    def ended(self) -> int:
        """Contacts whose latest attempt has ended."""
        return sum(code is not None for code in self.codes().values())

    def place(self, user_contact_id: str) -> JobContact | None:
        """Where a contact stands in the job."""

        def work(tx: Tx) -> JobContact | None:
            contact = tx.contacts(self.org_id).find(self._list_id(tx), user_contact_id)
            return None if contact is None else tx.job_contacts.get(self.job.id, contact.id)

        return self.store.read_now(work)

    def _list_id(self, tx: Tx) -> ContactListId:
        return tx.contact_lists(self.org_id).by_name("Donors").id
