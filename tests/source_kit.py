"""Data sources for tests: people in files, definitions, and the process that reads them."""

from __future__ import annotations

import asyncio
import csv
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from dialer.domain.data_source import DataSource, FilePlace, ImportRun, Place
from dialer.domain.ids import OrgId, SourceId
from dialer.domain.imports import ImportOptions
from dialer.engine.importer import WORKER, RunOrder
from dialer.services.data_sources import Reachable, add_source
from dialer.store.store import Store
from tests.forked import Forked
from tests.patience import PATIENCE_S

EVERYTHING = Reachable(servers=["partner"], databases=["crm"], programs=["people"])
OWNER = "test:1"
LEASE = timedelta(seconds=15)


def people(count: int, *, bad_every: int = 0) -> list[list[str]]:
    """Rows of a CSV file with a header; every so many rows one without a number that can be used."""
    bad = [bool(bad_every) and n % bad_every == 0 for n in range(count)]
    return [["id", "name", "mobile"], *([f"p{n}", f"Ada {n}", "x" if bad[n] else f"+1202{2000000 + n}"] for n in range(count))]


def write_people(path: Path, count: int, *, bad_every: int = 0) -> Path:
    """A CSV file of them."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(people(count, bad_every=bad_every))
    return path


async def add(store: Store, org_id: OrgId, place: Place | Path, **changes: Any) -> DataSource:
    """A data source called "Daily" that imports into the list "People"."""
    where = FilePlace(path=str(place)) if isinstance(place, Path) else place
    given: dict[str, Any] = {"name": "Daily", "list_name": "People", "created_by": "test", **changes}
    return await add_source(store, DataSource(id=SourceId(0), org_id=org_id, place=where, **given), EVERYTHING)


def in_batches_of(size: int, **changes: Any) -> ImportOptions:
    """Options with small batches."""
    return ImportOptions(batch_size=size, **changes)


async def claim(store: Store, owner: str = OWNER) -> ImportRun:
    """The run that is to be carried out, under a name."""
    run = await store.write(lambda tx: tx.import_runs(None).claim(owner, lease=LEASE))
    assert run is not None
    return run


async def let_go(store: Store, run: ImportRun) -> None:
    """What the engine does when a process has died."""
    await store.write(lambda tx: tx.import_runs(None).release(run.id, run.owner))


async def read_in_a_process(
    store: Store, run: ImportRun, folder: Path, access: Mapping[str, Any] | None = None, *, fail: str = "", python_path: str = ""
) -> int:
    """Carry the run out in a process of its own; returns how it ended. `fail` is a failpoint."""
    order = RunOrder(
        database_url=store.url.render_as_string(hide_password=False),
        run_id=run.id,
        owner=run.owner,
        folder=str(folder),
        access=access or {},
        log_level="warning",
    )
    environment = {**os.environ, "OUTDIAL_FAIL": fail, "PYTHONPATH": python_path}
    process = Forked(WORKER, env=environment)
    process.tell(order.to_line())
    return await asyncio.to_thread(process.wait, PATIENCE_S)


def ids_on(store: Store, org_id: OrgId, list_name: str = "People") -> list[str]:
    """The ids of the contacts of a list, as they are called."""
    found = store.read_now(lambda tx: tx.contact_lists(org_id).by_name(list_name))
    return [one.user_contact_id for one in store.read_now(lambda tx: tx.contacts(org_id).page(found.id, limit=100_000))]


def refused_in(path: Path | None) -> list[str]:
    """The rows that a file of refused rows names."""
    assert path is not None
    with path.open(newline="", encoding="utf-8") as file:
        return list(dict.fromkeys(row["row"] for row in csv.DictReader(file)))
