"""Whatever happens to jobs, in whatever order: after every commit the laws hold, and in the end every job comes to its end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from dialer.store.store import Store
from tests.job_laws import check
from tests.job_world import CAMPAIGNS, CODES, FILTERS, LISTS, OWN, World

pytestmark = [pytest.mark.integration, pytest.mark.row(77)]

WALKS = int(os.environ.get("OUTDIAL_WALKS", "4"))  # how many worlds; a night's worth of them finds more
STEPS = 60

NODES, NAMES, WHICH = st.sampled_from(["n1", "n2"]), st.sampled_from(sorted(CAMPAIGNS)), st.integers(0, 11)
SECONDS = st.sampled_from([0, 5, 45, 600, 4000, 30_000])
LATER = st.sampled_from([0, 0, 0, 1, 5, 5, 20, 45, 45, 700, 30_000])  # most things happen one soon after the other

# What may happen, each with what it is given; what happens most in life comes up most.
HAPPENS: list[tuple[str, dict[str, st.SearchStrategy[Any]]]] = [
    ("nothing", {}),  # the first one: a failing program is reduced to it wherever an event does not matter
    *[("claim", {"node": NODES, "which": WHICH, "limit": st.integers(1, 6)})] * 7,
    *[("dial", {"node": NODES})] * 8,
    *[("end", {"which": WHICH, "code": st.sampled_from([*CODES, *OWN, "Interested"])})] * 10,
    ("start", {"name": NAMES}),
    *[("look_after", {})] * 2,
    *[("sweep", {})] * 2,
    *[("promise", {"which": WHICH, "in_s": SECONDS, "expires_s": SECONDS, "by_app": st.booleans()})] * 3,
    *[("touch_callback", {"which": WHICH, "how": st.sampled_from(["cancel", "now", "move"]), "in_s": SECONDS})] * 2,
    ("crash", {"node": NODES}),
    ("restart", {}),
    ("operate", {"name": NAMES, "how": st.sampled_from(["pause", "resume", "resume", "stop"])}),
    (
        "edit",
        {"name": NAMES, "chosen": st.sampled_from(["", *FILTERS]), "lists": st.sampled_from([(), LISTS, LISTS[:1], LISTS[1:]])},
    ),
    ("recycle", {"name": NAMES, "code": st.sampled_from(["Call Busy", "Interested", "Unknown", "Disconnected by User"])}),
    ("delete", {"which": WHICH}),
    ("people", {"list_name": st.sampled_from(LISTS), "count": st.integers(1, 3)}),
    ("change", {"which": WHICH, "age": st.sampled_from(["19", "30", "45", "x"])}),
    ("exclude", {"which": WHICH, "ends": st.booleans()}),
    ("list_number", {"which": WHICH, "off": st.booleans()}),
    ("add_to_job", {"name": NAMES, "which": WHICH}),
    ("late_code", {"which": WHICH, "code": st.sampled_from([*OWN, "Call Busy"])}),
]
EVENT = st.one_of([st.tuples(st.just(name), st.fixed_dictionaries(given_)) for name, given_ in HAPPENS])
PROGRAM = st.lists(st.tuples(EVENT, LATER), min_size=STEPS // 2, max_size=STEPS)


def live_through(store: Store, program: list[tuple[tuple[str, dict[str, Any]], int]]) -> None:
    """Let it all happen, look at the laws after each commit, and bring every job to its end."""
    with asyncio.Runner() as runner:
        world = World(store, runner)
        store._now = lambda: world.now
        world.settle()
        for name in CAMPAIGNS:
            world.start(name)
        check(world)
        for (what, how), later_s in program:
            world.now += timedelta(seconds=later_s)
            if what != "nothing":
                note(f"{world.now:%d %H:%M:%S} {what} {how}")
            getattr(world, what)(**how)
            for line in world.log:
                note(line)
            world.log.clear()
            check(world)
        bring_to_end(world)


def bring_to_end(world: World) -> None:
    """Nobody is lost: with nodes that go on dialling, every job ends within a bounded time."""
    for name in CAMPAIGNS:
        world.operate(name, "resume")
    for _ in range(60):
        for which in range(len(world.open_jobs())):
            world.claim("n1", which, 50)
        world.dial("n1")
        while world.live():
            world.end(0, "Disconnected by User" if len(world.codes) % 3 else "Call Busy")
        world.now += timedelta(hours=3)
        world.sweep()
        world.look_after()
        check(world)
        if not world.open_jobs():
            return
    for job in world.open_jobs():
        note(f"{job}\n{world.store.read_now(lambda tx: tx.jobs(None).totals(world.open_jobs()[0].id))}")
    raise AssertionError(f"jobs that never end: {[job.campaign_name for job in world.open_jobs()]}")


def explored(examples: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=examples,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        database=None,
    )


def test_after_every_commit_the_laws_hold_on_sqlite(sqlite_template: bytes, sqlite_file: Path, sqlite_url: str) -> None:
    @explored(WALKS)
    @given(PROGRAM)
    def live(program: list[tuple[tuple[str, dict[str, Any]], int]]) -> None:
        for old in sqlite_file.parent.iterdir():
            old.unlink()
        sqlite_file.write_bytes(sqlite_template)
        store = Store(sqlite_url, group_commit_s=0.0)
        try:
            live_through(store, program)
        finally:
            store.close_now()

    live()


def test_after_every_commit_the_laws_hold_on_postgresql(postgres_copy_url: str) -> None:
    store = Store(postgres_copy_url, group_commit_s=0.0)
    keep = {"alembic_version"}

    @explored(max(1, WALKS // 3))
    @given(PROGRAM)
    def live(program: list[tuple[tuple[str, dict[str, Any]], int]]) -> None:
        names = [name for name in sa.inspect(store._write_engine).get_table_names() if name not in keep]
        store.write_now(lambda tx: tx.connection.exec_driver_sql(f"TRUNCATE {', '.join(names)} RESTART IDENTITY"))
        store._started.clear()
        live_through(store, program)

    try:
        live()
    finally:
        store.close_now()
