"""What a running job asks again and again is answered by an index on both databases: its cost does not grow with the lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from dialer.domain.attempt import Attempt, AttemptState
from dialer.domain.campaign import Campaign
from dialer.domain.contact import NewContact
from dialer.domain.filter import Sort
from dialer.domain.ids import CampaignId, JobId, OrgId, new_attempt_id
from dialer.services.knobs import parse_filter
from dialer.store.attempts import Closing
from dialer.store.store import Store, Tx
from dialer.store.tables import jobs

pytestmark = [pytest.mark.integration, pytest.mark.row(81)]

NOW = datetime.now(UTC)
PEOPLE = 600
FILTER = parse_filter(["age # >= 20"])
ORDER = Sort(attribute="age", descending=True, numeric=True)


def half_way(tx: Tx, org_id: OrgId, order: Sort | None) -> JobId:
    """Make a job that has come to the middle of its list: contacts done, waiting, claimed and in a call."""
    people = tx.contact_lists(org_id).create("people", ["age"])
    rows = [NewContact(user_contact_id=f"p{index}", attributes={"age": str(index % 90)}) for index in range(PEOPLE)]
    tx.contacts(org_id).upsert_batch(people.id, rows)
    new = Campaign(id=CampaignId(0), org_id=org_id, name="C", strategy="x", contact_lists=("people",), filter=FILTER, sort=order)
    campaign = tx.campaigns(org_id).create(new)
    job_id = tx.jobs(org_id).create(campaign, strategy_text="x", list_ids=[people.id], by="test").id
    claims = tx.job_contacts.claim_due(job_id, limit=PEOPLE // 3, now=NOW, owner="n", lease_until=NOW)
    for index, one in enumerate(claims):
        if index % 10 == 0:
            tx.job_contacts.schedule(job_id, one.contact_id, due_at=NOW + timedelta(seconds=index), because="busy")
        elif index % 10 > 1 and index > 20:
            tx.job_contacts.finish(job_id, one.contact_id, at=NOW, because="done", last_code="Call Busy")
    made = [
        Attempt(
            id=new_attempt_id(),
            org_id=org_id,
            job_id=job_id,
            contact_id=one.contact_id,
            handler="initial",
            address_name="mobile",
            address=f"+4930{index:07d}",
            trunk="trunk",
            switch="switch",
            node="n",
            nonce="0",
            state=AttemptState.INTENT,
            intent_at=NOW,
        )
        for index, one in enumerate(claims)
    ]
    tx.attempts.begin(made)
    for ended in made[8:]:
        tx.attempts.close(ended.id, Closing(code="Call Busy", source="network", system_code="Call Busy", ended_at=NOW))
    return job_id


def claim_anew(tx: Tx, job_id: JobId) -> None:
    """Claim as a job that begins does, and put back how far it had come."""
    walk = tx.connection.scalar(sa.select(jobs.c.walk).where(jobs.c.id == job_id))
    tx.connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(walk=sa.null()))
    tx.job_contacts.claim_due(job_id, limit=5, now=NOW, owner="n", lease_until=NOW)
    tx.connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(walk=walk))


QUESTIONS: dict[str, Callable[[Tx, OrgId, JobId], Any]] = {
    "first claim": lambda tx, _, job: claim_anew(tx, job),
    "claim": lambda tx, _, job: tx.job_contacts.claim_due(job, limit=50, now=NOW, owner="n", lease_until=NOW),
    "claim what is due": lambda tx, _, job: tx.job_contacts.claim_due(
        job, limit=5, now=NOW + timedelta(days=1), owner="n", lease_until=NOW
    ),
    "claim for one channel": lambda tx, _, job: tx.job_contacts.claim_due(
        job, limit=5, now=NOW + timedelta(days=1), owner="n", lease_until=NOW, handlers=["letter", "wait"]
    ),
    "more contacts?": lambda tx, _, job: tx.job_contacts.has_untouched(job),
    "anybody not done?": lambda tx, _, job: tx.job_contacts.has_unfinished(job),
    "expired leases": lambda tx, _, job: tx.job_contacts.release(now=NOW, expired_only=True),
    "claims of a dead process": lambda tx, _, job: tx.job_contacts.release(now=NOW),
    "the job's claims": lambda tx, _, job: tx.job_contacts.release(now=NOW, job_id=job),
    "calls without attempt": lambda tx, _, job: tx.job_contacts.mend_calls_without_attempt(NOW),
    "who was overlooked": lambda tx, _, job: tx.job_contacts.overlooked(job),
    "open attempts of a switch": lambda tx, _, job: tx.attempts.open(switch="switch"),
    "open attempts of a job": lambda tx, _, job: tx.attempts.open(job_id=job),
    "open attempts": lambda tx, _, job: tx.attempts.open(),
    "live calls of numbers": lambda tx, org, job: tx.attempts.addresses_in_use(org, ["+49300000001", "+49300000002"]),
    "a contact by the user's id": lambda tx, org, job: tx.contacts(org).called("p17"),
}


@pytest.mark.parametrize("analyzed", [False, True], ids=["new", "analyzed"])
@pytest.mark.parametrize("order", [None, ORDER, replace(ORDER, descending=False, numeric=False)], ids=["imported", "down", "up"])
def test_nothing_that_a_running_job_asks_reads_a_whole_table(
    store: Store, org_id: OrgId, order: Sort | None, analyzed: bool
) -> None:
    job_id = store.write_now(lambda tx: half_way(tx, org_id, order))
    if analyzed:
        store.write_now(lambda tx: tx.connection.exec_driver_sql("ANALYZE"))

    def work(tx: Tx) -> dict[str, list[str]]:
        bad: dict[str, list[str]] = {}
        for name, ask in QUESTIONS.items():
            with recorded(tx.connection) as asked:
                ask(tx, org_id, job_id)
            if found := [plan for one in asked for plan in costly(tx.connection, *one)]:
                bad[name] = found
        return bad

    bad = store.write_now(work)
    assert not bad, "\n".join(f"{name}:\n  " + "\n  ".join(plans) for name, plans in bad.items())


@contextmanager
def recorded(connection: sa.Connection) -> Iterator[list[tuple[str, Any]]]:
    """Give every statement, with its parameters, that is executed in the block; but inserts, which read nothing."""
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if not many and not statement.startswith("INSERT"):
            asked.append((statement, parameters))

    event.listen(connection, "after_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(connection, "after_cursor_execute", note)


SMALL = ("jobs", "contact_lists", "campaigns", "organisations")  # tables that do not grow with the lists
LIVE = ("ix_job_contacts_lease", "uq_attempts_live_contact", "uq_attempts_live_address")  # of what is going on at this moment


def costly(connection: sa.Connection, statement: str, parameters: Any) -> list[str]:
    """Give a plan that reads a whole table, sorts more than it gives, or hashes all that the job has ever taken."""
    if connection.dialect.name == "sqlite":
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
        bad = any(line.startswith("SCAN") and not _named(line, SMALL + LIVE) for line in plan)
        bad = bad or ("LIMIT" in statement and any("TEMP B-TREE" in line for line in plan))
    else:
        for way in ("seqscan", "bitmapscan", "sort"):  # in a small table they are right; the question is what else there is
            connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        plan = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
        bad = any("Seq Scan" in line and not _named(line, SMALL) for line in plan)
        bad = bad or any("hashed SubPlan" in line for line in plan)
        bad = bad or ("LIMIT" in statement and any("Sort" in line for line in plan))
    return ["\n".join([" ".join(statement.split())[:300], *plan])] if bad else []


def _named(line: str, names: tuple[str, ...]) -> bool:
    return any(name in line.split() for name in names)
