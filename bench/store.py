"""How fast the store is: small writes that must be on disk, claims of contacts, and rows of an import, on both databases."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.bare_probe import percentile_ms
from bench.databases import opened, postgres
from dialer.domain.attempt import Attempt, AttemptState
from dialer.domain.campaign import Campaign, Pace
from dialer.domain.ids import CampaignId, ContactId, JobId, OrgId, new_attempt_id
from dialer.services.imports import import_contacts
from dialer.services.launching import claim_contacts
from dialer.store.store import Store
from dialer.store.tx import Tx

ROWS = 20_000
WRITERS = 50  # calls that write at the same time
CLAIM = 60  # contacts claimed at once, as a job with 60 calls a second does

STRATEGY = "strategy: bench\nhandlers: []\n"  # kept as text; nothing is dialled here


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreResult:
    """Each write is a transaction of its own to its caller, on disk when it returns."""

    writes_per_s: float  # many callers at once: committed in groups
    write_ms_p50: float
    write_ms_p99: float
    single_write_ms_p50: float  # one caller, one write after another
    claims_per_s: float
    import_rows_per_s: float  # a CSV file, in a process of its own


async def measure(store: Store, folder: Path, seconds: float) -> StoreResult:
    """All figures of one database."""
    store.migrate()
    org = await store.write(lambda tx: tx.organisations.ensure("default"))
    imported_s = await _import(store, org, folder)
    job_id = await store.write(lambda tx: _job(tx, org))
    claimed_s = await _claim(store, job_id)
    marks = await store.write(lambda tx: _attempts(tx, org, job_id))
    began = time.monotonic()
    waits = await _write(store, marks, seconds)
    took_s = time.monotonic() - began
    alone = await _write(store, marks[:1], seconds / 4)
    return StoreResult(
        writes_per_s=round(len(waits) / took_s, 1),
        write_ms_p50=percentile_ms(waits, 50),
        write_ms_p99=percentile_ms(waits, 99),
        single_write_ms_p50=percentile_ms(alone, 50),
        claims_per_s=round(ROWS / claimed_s, 1),
        import_rows_per_s=round(ROWS / imported_s, 1),
    )


async def _import(store: Store, org: OrgId, folder: Path) -> float:
    source = folder / "people.csv"
    lines = [f"bench-{index},Europe/Berlin,+4930{index:08d},Ada" for index in range(ROWS)]
    source.write_text("\n".join(["id,time_zone,mobile,first_name", *lines]) + "\n")
    began = time.monotonic()
    report = await import_contacts(store, org, source, "People")
    took_s = time.monotonic() - began
    if report.inserted != ROWS:
        raise SystemExit(f"the import did not take its rows: {report}")
    return took_s


async def _claim(store: Store, job_id: JobId) -> float:
    began, claimed = time.monotonic(), 0
    while found := await claim_contacts(store, job_id, limit=CLAIM, owner="bench", lease_s=600, now=datetime.now(UTC)):
        claimed += len(found)
    if claimed != ROWS:
        raise SystemExit(f"{claimed} of {ROWS} contacts were claimed")
    return time.monotonic() - began


async def _write(store: Store, attempts: list[Attempt], seconds: float) -> list[float]:
    """Each caller notes the state of its own attempt over and over: an update and an event, as a call's marks are."""
    until, waits = time.monotonic() + seconds, list[float]()

    def write(attempt: Attempt) -> Callable[[], Awaitable[None]]:
        def work(tx: Tx) -> None:
            tx.attempts.set_app_code(attempt.id, "Interested", tx.now)

        return lambda: store.write(work)

    async def caller(once: Callable[[], Awaitable[None]]) -> None:
        while (began := time.monotonic()) < until:
            await once()
            waits.append(time.monotonic() - began)

    await asyncio.gather(*(caller(write(one)) for one in attempts))
    return waits


def _job(tx: Tx, org: OrgId) -> JobId:
    tx.strategies(org).add_version("bench", STRATEGY)
    campaign = tx.campaigns(org).create(
        Campaign(id=CampaignId(0), org_id=org, name="Bench", strategy="bench", contact_lists=("People",), pace=Pace())
    )
    return tx.jobs(org).create(campaign, strategy_text=STRATEGY, list_ids=tx.campaigns(org).list_ids(campaign.id), by="bench").id


def _attempts(tx: Tx, org: OrgId, job_id: JobId) -> list[Attempt]:
    now = datetime.now(UTC) - timedelta(seconds=1)
    new = [
        Attempt(
            id=new_attempt_id(),
            org_id=org,
            job_id=job_id,
            contact_id=ContactId(index + 1),
            handler="initial",
            address_name="mobile",
            address=f"+4930{index:08d}",
            trunk="trunk",
            switch="switch",
            node="bench",
            nonce="0" * 32,
            state=AttemptState.INTENT,
            intent_at=now,
        )
        for index in range(WRITERS)
    ]
    tx.attempts.begin(new)
    return new


async def _both(seconds: float) -> dict[str, StoreResult]:
    results = {}
    with tempfile.TemporaryDirectory(prefix="outdial-bench-") as name:
        folder = Path(name)
        async with opened(f"sqlite:///{folder}/outdial.sqlite3") as store:
            results["sqlite"] = await measure(store, folder, seconds)
        with postgres(folder) as url:
            async with opened(url) as store:
                results["postgresql"] = await measure(store, folder, seconds)
    return results


def main() -> None:
    """10 s of writes on each database, or as BENCH_STORE_SECONDS says."""
    results = asyncio.run(_both(float(os.environ.get("BENCH_STORE_SECONDS", "10"))))
    figures = {f"{database}_{name}": value for database, one in results.items() for name, value in asdict(one).items()}
    print(json.dumps({"bench": "store", **figures}), flush=True)


if __name__ == "__main__":
    main()
