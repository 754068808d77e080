"""How soon a job on a million contacts places its first call, and whether it holds its memory while it goes through them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from bench.databases import opened, postgres
from bench.huge_list import FILTER, ORDER, new_database, put_people, say
from dialer.domain.campaign import Pace, PaceUnit
from dialer.domain.ids import OrgId
from dialer.engine.clock import SystemClock
from dialer.engine.engine import Engine, EngineOptions
from dialer.engine.trunk import Trunk
from dialer.services.campaigns import NewCampaign, create_campaign, save_strategy
from dialer.services.jobs import campaign_status, gate_totals, start_campaign
from dialer.store.store import Store
from dialer.testing.voice import FakeCallee, FakeVoice

SETTLED = 20_000  # calls after which the engine remembers as many ended ones as it ever does: memory is compared from here
PAGE = os.sysconf("SC_PAGE_SIZE")

STRATEGY = """\
strategy: bench
status: completed
handlers:
  - state: initial
    call:
      ring_timeout_s: 15
      detect_machine: false
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      results: {otherwise: done, Call Busy: {retry: {count: 1, intervals_s: [86400]}}}
"""
BUSY = FakeCallee(ring_s=0.05, answer_s=None, hangup_s=0.2, cause=17, tech_cause=486)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstCall:
    """Times from the commit that starts the campaign; memory of the whole process, from the settled state to the end."""

    first_call_s: float
    calls_per_s: float
    rss_mb: float
    rss_growth_mb: float
    status_ms: float  # `dialer campaign status`, in the middle of it
    gates_ms: float  # `dialer campaign gates`


class CountingVoice(FakeVoice):
    """A network that counts the orders and forgets them: a dialer that keeps nothing is not blamed for what its test keeps."""

    ordered = 0

    async def place(self, order: object) -> None:
        await super().place(order)  # type: ignore[arg-type]  # the port's own type
        self.ordered += 1
        self.placed.clear()


@contextlib.asynccontextmanager
async def running(store: Store, voice: FakeVoice) -> AsyncIterator[None]:
    """An engine that has come to rest when the block begins."""
    clock = SystemClock()
    engine = Engine(
        store=store,
        voice=voice,
        clock=clock,
        trunks=[Trunk(name="trunk", caller_id="")],
        options=EngineOptions(node="bench", drain_s=1.0),
    )
    engine.treatment_ready()
    task = asyncio.create_task(engine.run(), name="engine")
    try:
        await until(lambda: voice.room("trunk") > 0, 30)
        await asyncio.sleep(2)
        yield
    finally:
        engine.drain()
        await task


async def until(condition: Callable[[], bool], within_s: float) -> None:
    """Wait, bounded, until something is so."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {within_s:.0f} s")
        await asyncio.sleep(0.01)


async def measure(store: Store, contacts: int, calls: int, per_s: float) -> FirstCall:
    """One job with a filter and an order, on a list of so many."""
    began = time.monotonic()
    await asyncio.to_thread(store.migrate)
    org = await store.write(lambda tx: tx.organisations.ensure("default"))
    await _define(store, org, contacts, per_s)
    say(f"{store.url.get_backend_name()}: {contacts:,} contacts and a campaign in {time.monotonic() - began:.1f} s")
    voice = CountingVoice(SystemClock(), default=BUSY, max_channels=5000)
    async with running(store, voice):
        await start_campaign(store, org, "Bench", by="bench")
        started = time.monotonic()
        await until(lambda: voice.ordered > 0, 120)
        first_call_s = time.monotonic() - started
        await until(lambda: voice.ordered >= SETTLED, 3600)
        before, before_s = rss_mb(), time.monotonic()
        await until(lambda: voice.ordered >= calls, 3600)
        took_s = time.monotonic() - before_s
        after = rss_mb()
        status_ms = await _took_ms(campaign_status(store, org, "Bench"))
        gates_ms = await _took_ms(gate_totals(store, org, "Bench", now=datetime.now(UTC)))
    return FirstCall(
        first_call_s=round(first_call_s, 2),
        calls_per_s=round((calls - SETTLED) / took_s, 1),
        rss_mb=round(after, 1),
        rss_growth_mb=round(after - before, 1),
        status_ms=status_ms,
        gates_ms=gates_ms,
    )


async def _define(store: Store, org: OrgId, contacts: int, per_s: float) -> None:
    people = await store.write(lambda tx: tx.contact_lists(org).create("People", ["city", "age"]).id)
    await put_people(store, org, people, contacts, numbers=True)
    await save_strategy(store, org, STRATEGY)
    new = NewCampaign(
        name="Bench",
        strategy="bench",
        contact_lists=("People",),
        filter=FILTER,
        sort=ORDER,
        pace=Pace(calls=per_s, per=PaceUnit.SECOND, max_ports=2000),
    )
    await create_campaign(store, org, new)


async def _took_ms(what: object) -> float:
    began = time.monotonic()
    await what  # type: ignore[misc]  # whatever it returns
    return round((time.monotonic() - began) * 1000, 1)


def rss_mb() -> float:
    """What this process has of the machine's memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


async def _both(contacts: int, calls: int, per_s: float, databases: list[str]) -> dict[str, FirstCall]:
    results = {}
    with tempfile.TemporaryDirectory(prefix="outdial-bench-") as name:
        folder = Path(name)
        if "sqlite" in databases:
            async with opened(f"sqlite:///{folder}/outdial.sqlite3") as store:
                results["sqlite"] = await measure(store, contacts, calls, per_s)
        if "postgresql" in databases:
            with postgres(folder) as url:
                async with opened(new_database(url, "bench")) as store:
                    results["postgresql"] = await measure(store, contacts, calls, per_s)
    return results


def main() -> None:
    """A million contacts, 42,000 calls at up to 500 a second, or as BENCH_CONTACTS, BENCH_CALLS and BENCH_RATE say."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    contacts, calls = (
        int(float(os.environ.get(f"BENCH_{name}", default))) for name, default in (("CONTACTS", "1e6"), ("CALLS", "24e3"))
    )
    databases = os.environ.get("BENCH_DATABASES", "sqlite,postgresql").split(",")
    load = round(os.getloadavg()[0], 2)
    results = asyncio.run(_both(contacts, calls, float(os.environ.get("BENCH_RATE", "500")), databases))
    figures = {f"{database}_{name}": value for database, one in results.items() for name, value in asdict(one).items()}
    print(json.dumps({"bench": "first_call", "contacts": contacts, "calls": calls, "load_before": load, **figures}), flush=True)


if __name__ == "__main__":
    main()
