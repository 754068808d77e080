"""What it costs a job in the middle of its list to claim the next 100 contacts, by the size of the list, on both databases."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.databases import opened, postgres
from bench.huge_list import CHUNK, FILTER, ORDER, new_database, put_people, say, skip_row_checks
from dialer.domain.campaign import Campaign, Job, JobContactState
from dialer.domain.ids import CampaignId, ContactListId, JobId, OrgId
from dialer.services.launching import claim_contacts
from dialer.store.contact_filter import fits, sort_key
from dialer.store.store import Store, Tx
from dialer.store.tables import contacts, job_contacts, jobs

Measured = tuple[dict[int, float], dict[int, float]]  # milliseconds by size, before and after the statistics

CLAIM = 100
WARM_UP, ROUNDS = 1, 11  # twice; a list of 10^4 has no more to give from its middle on
BYTES_PER_CONTACT = 1000  # of disk, for a contact with its indexes and its place in the job, generously

MIDDLE = 58.0  # by age, half of the list is older: 80 ages from 18 on


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A list of one size, with a job that has come to its middle."""

    size: int
    store: Store
    job_id: JobId


async def fill(store: Store, size: int) -> JobId:
    """Make the list, and a running job whose walk stands at its middle: those before it are done, as far as they fit."""
    began = time.monotonic()
    await asyncio.to_thread(store.migrate)
    org = await store.write(lambda tx: tx.organisations.ensure("default"))
    people = await store.write(lambda tx: tx.contact_lists(org).create("People", ["city", "age"]).id)
    await put_people(store, org, people, size)
    filled = time.monotonic()
    await store.index_order(ORDER)
    job = await store.write(lambda tx: _start(tx, org))
    indexed = time.monotonic()
    await claim_contacts(store, job.id, limit=1, owner="bench", lease_s=600, now=datetime.now(UTC))  # the walk begins
    await store.write(lambda tx: tx.connection.execute(sa.delete(job_contacts)))
    for first in range(1, size + 1, CHUNK):
        await store.write(partial(_finish_older, job.id, people, first))
    await store.write(lambda tx: _move_walk(tx, job.id))
    dialect = store.url.get_backend_name()
    say(
        f"{dialect}: {size:,} contacts in {filled - began:.1f} s, the campaign's index in {indexed - filled:.1f} s, "
        f"half a job in {time.monotonic() - indexed:.1f} s"
    )
    return job.id


def _start(tx: Tx, org: OrgId) -> Job:
    tx.strategies(org).add_version("bench", "-")
    new = Campaign(
        id=CampaignId(0), org_id=org, name="Bench", strategy="bench", contact_lists=("People",), filter=FILTER, sort=ORDER
    )
    campaign = tx.campaigns(org).create(new)
    lists = tx.campaigns(org).list_ids(campaign.id)
    return tx.jobs(org).create(campaign, strategy_text="-", list_ids=lists, by="bench")


def _finish_older(job_id: JobId, list_id: ContactListId, first: int, tx: Tx) -> None:
    assert ORDER is not None
    dialect = tx.connection.dialect.name
    skip_row_checks(tx)
    constant = {"state": JobContactState.FINISHED.value, "because": "", "handler": "initial", "address_index": 0, "attempts": 1}
    empty = sa.cast(sa.literal("{}"), sa.JSON) if dialect == "postgresql" else sa.literal("{}")
    values: dict[str, Any] = {
        "job_id": sa.literal(job_id, sa.BigInteger()),
        "contact_id": contacts.c.id,
        "list_id": contacts.c.list_id,
        "progress": empty,
        **{name: sa.literal(value) for name, value in constant.items()},
    }
    older = sa.select(*values.values()).where(
        contacts.c.list_id == list_id,
        contacts.c.id.between(first, first + CHUNK - 1),
        fits(FILTER, dialect),
        sort_key(ORDER, dialect) > MIDDLE,
    )
    tx.connection.execute(sa.insert(job_contacts).from_select(list(values), older))


def _move_walk(tx: Tx, job_id: JobId) -> None:
    walk: dict[str, Any] = tx.connection.scalar(sa.select(jobs.c.walk).where(jobs.c.id == job_id)) or {}
    tx.connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(walk={**walk, "key": MIDDLE, "key_id": 2**40}))


async def measure(lists: Sequence[Filled]) -> Measured:
    """As the lists were imported, and again when the database has looked at its tables, as a server does by itself in the end."""
    say(f"claims from lists of {', '.join(f'{one.size:,}' for one in lists)} contacts")
    new = await _claims(lists)
    for one in lists:
        await one.store.write(lambda tx: tx.connection.exec_driver_sql("ANALYZE"))
    return new, await _claims(lists)


async def _claims(lists: Sequence[Filled]) -> dict[int, float]:
    """The median in milliseconds by size. The sizes take turns: what else the machine does meets all of them."""
    took: dict[int, list[float]] = {one.size: [] for one in lists}
    for turn in range(WARM_UP + ROUNDS):
        for one in lists:
            began = time.monotonic()
            found = await claim_contacts(one.store, one.job_id, limit=CLAIM, owner="bench", lease_s=600, now=datetime.now(UTC))
            if turn >= WARM_UP:
                took[one.size].append(time.monotonic() - began)
            if len(found) != CLAIM:
                raise SystemExit(f"{len(found)} of {CLAIM} contacts were claimed from {one.size}")
    return {size: round(statistics.median(times) * 1000, 2) for size, times in took.items()}


async def _sqlite(folder: Path, sizes: Sequence[int]) -> Measured:
    async with contextlib.AsyncExitStack() as stack:
        lists = []
        for size in sizes:
            store = await stack.enter_async_context(opened(f"sqlite:///{folder}/{size}.sqlite3"))
            lists.append(Filled(size=size, store=store, job_id=await fill(store, size)))
        return await measure(lists)


async def _postgresql(folder: Path, sizes: Sequence[int]) -> Measured:
    with postgres(folder) as url:
        async with contextlib.AsyncExitStack() as stack:
            lists = []
            for size in sizes:
                store = await stack.enter_async_context(opened(new_database(url, f"list_{size}")))
                lists.append(Filled(size=size, store=store, job_id=await fill(store, size)))
            return await measure(lists)


async def run(sizes: Sequence[int], databases: Sequence[str]) -> dict[str, Any]:
    """One database after the other, each in a folder that is deleted before the next."""
    figures: dict[str, Any] = {}
    for name in databases:
        with tempfile.TemporaryDirectory(prefix="outdial-bench-") as path:
            free, wanted = shutil.disk_usage(path).free, sum(sizes) * BYTES_PER_CONTACT
            if free < 2 * wanted:
                raise SystemExit(f"{wanted / 1e9:.0f} GB are written to {path}, and only {free / 1e9:.0f} GB are free")
            found = await (_sqlite if name == "sqlite" else _postgresql)(Path(path), sizes)
        say(f"{name}: {found[0]} ms, with statistics {found[1]} ms")
        for key, by_size in zip(("", "_analyzed"), found, strict=True):
            figures[f"{name}{key}_ms_per_100"] = {str(size): ms for size, ms in by_size.items()}
            figures[f"{name}{key}_ratio"] = round(by_size[max(sizes)] / by_size[min(sizes)], 2)
    return figures


def main() -> None:
    """Lists of 10^4 to 10^7 contacts, or as BENCH_CLAIM_SIZES says ("10000,1000000"); a few minutes and some 10 GB of disk."""
    sizes = sorted(int(float(one)) for one in os.environ.get("BENCH_CLAIM_SIZES", "1e4,1e5,1e6,1e7").split(","))
    databases = os.environ.get("BENCH_CLAIM_DATABASES", "sqlite,postgresql").split(",")
    if sizes[0] < 10_000:
        raise SystemExit("a list of less than 10,000 has too few contacts behind its middle")
    load = round(os.getloadavg()[0], 2)
    figures = asyncio.run(run(sizes, databases))
    print(json.dumps({"bench": "claim", "load_before": load, **figures}), flush=True)


if __name__ == "__main__":
    main()
