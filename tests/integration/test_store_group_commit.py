"""What is written together is committed together, and nobody is told that it is on disk before it is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from dialer.domain.ids import OrgId
from dialer.errors import BadInput, Conflict, NotFound, StoreDown
from dialer.store.store import READERS, Store, Tx
from tests.export_kit import AT, called_job
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration


def _listing(org_id: OrgId, number: str) -> Callable[[Tx], bool]:
    return lambda tx: tx.dnc(org_id).add(number)


async def test_writes_that_come_together_share_one_transaction(store: Store) -> None:
    seen = await asyncio.gather(*(store.write(lambda tx: tx) for _ in range(50)))
    assert len({id(tx) for tx in seen}) < 10


async def test_a_unit_that_raises_undoes_nothing_of_its_neighbours(store: Store, org_id: OrgId) -> None:
    def bad(tx: Tx) -> None:
        tx.dnc(org_id).add("+15550100666")
        raise Conflict("no")

    def broken(tx: Tx) -> None:
        tx.connection.execute(sa.text("INSERT INTO organisations (name) VALUES ('half')"))

    numbers = [f"+155501001{index:02d}" for index in range(20)]
    work: list[Callable[[Tx], object]] = [_listing(org_id, number) for number in numbers]
    work[7:7] = [bad]
    work[12:12] = [broken]
    answers = await asyncio.gather(*(store.write(one) for one in work), return_exceptions=True)
    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [Conflict, sa.exc.IntegrityError]
    assert await store.read(lambda tx: tx.dnc(org_id).listed([*numbers, "+15550100666"])) == set(numbers)


@pytest.mark.parametrize("together", [False, True])  # True: others are committed with it
async def test_what_happened_in_a_unit_that_raises_is_never_written(store: Store, org_id: OrgId, together: bool) -> None:
    mine = (await called_job(store, org_id)).attempts()[0].id

    def happened(kind: str) -> Callable[[Tx], list[str]]:
        def work(tx: Tx) -> list[str]:
            tx.attempts.add_events([(mine, AT, kind, {})])
            if kind == "bad":
                raise Conflict("no")
            return [kind for _, kind, _ in tx.attempts.events_of(mine)]

        return work

    before = store.read_now(lambda tx: tx.attempts.events_of(mine))
    if together:
        one, bad, two = await asyncio.gather(
            *(store.write(happened(kind)) for kind in ("one", "bad", "two")), return_exceptions=True
        )
        assert isinstance(bad, Conflict)
    else:
        one = await store.write(happened("one"))
        with pytest.raises(Conflict):
            await store.write(happened("bad"))
        two = await store.write(happened("two"))
    known = [kind for _, kind, _ in before]
    assert (one, two) == ([*known, "one"], [*known, "one", "two"])
    assert [kind for _, kind, _ in store.read_now(lambda tx: tx.attempts.events_of(mine))] == two


async def test_what_a_write_returned_is_seen_by_the_next_read(store: Store, org_id: OrgId) -> None:
    for index in range(20):
        number = f"+155501002{index:02d}"
        assert await store.write(_listing(org_id, number))
        assert await store.read(lambda tx: tx.dnc(org_id).count()) == index + 1


async def test_a_reader_cannot_write(store: Store, org_id: OrgId) -> None:
    with pytest.raises((StoreDown, sa.exc.DBAPIError), match=r"(?i)read.?only"):
        await store.read(lambda tx: tx.dnc(org_id).add("+15550100"))
    assert await store.read(lambda tx: tx.dnc(org_id).count()) == 0


async def test_a_write_that_is_cancelled_before_its_turn_does_not_run(store: Store, org_id: OrgId) -> None:
    busy, go_on = threading.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        busy.set()
        go_on.wait(10)

    holding = asyncio.create_task(store.write(hold))
    await asyncio.to_thread(busy.wait, 10)
    waiting = asyncio.create_task(store.write(lambda tx: tx.dnc(org_id).add("+15550100")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    await holding
    assert await store.read(lambda tx: tx.dnc(org_id).count()) == 0


async def test_closing_commits_what_is_queued_and_refuses_what_comes_later(database_url: str) -> None:
    first = Store(database_url)
    first.migrate()
    org_id = await first.write(lambda tx: tx.organisations.ensure("default"))
    writes = [asyncio.create_task(first.write(_listing(org_id, f"+1555010{index}"))) for index in range(30)]
    await asyncio.sleep(0)
    await first.close()
    assert all(await asyncio.gather(*writes))
    with pytest.raises(StoreDown, match="closed"):
        await first.write(lambda tx: None)
    second = Store(database_url)
    assert await second.read(lambda tx: tx.dnc(org_id).count()) == 30
    await second.close()


async def test_whoever_waits_to_read_while_the_store_is_closed_is_told_so(store: Store) -> None:
    go_on = threading.Event()

    async def is_closed() -> bool:
        try:
            await store.write(lambda tx: None)
        except StoreDown:
            return True
        return False

    reading = [asyncio.create_task(store.read(lambda tx: go_on.wait(PATIENCE_S))) for _ in range(READERS)]
    waiting = asyncio.create_task(store.read(lambda tx: None))
    await asyncio.sleep(0)
    closing = asyncio.create_task(store.close())
    while not await is_closed():
        pass
    go_on.set()
    with pytest.raises(StoreDown, match="closed"):
        await waiting
    assert all(await asyncio.gather(*reading))
    await closing
    with pytest.raises(StoreDown, match="closed"):
        await store.read(lambda tx: None)


def test_a_program_without_an_event_loop_writes_and_reads_as_well(store: Store) -> None:
    created = store.write_now(lambda tx: tx.organisations.create("Red Cross"))
    assert store.read_now(lambda tx: tx.organisations.by_name("red  CROSS")) == created
    with pytest.raises(NotFound):
        store.read_now(lambda tx: tx.organisations.by_name("nobody"))


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "no address at all"])
def test_an_address_that_cannot_be_a_store_is_refused_with_the_mend(url: str) -> None:
    with pytest.raises(BadInput, match=r"database\.url.*sqlite:///"):
        Store(url)
