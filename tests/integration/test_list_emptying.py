"""Contact lists that are emptied while calls go on, on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.contact import NewContact
from dialer.domain.ids import OrgId
from dialer.engine.clock import SystemClock
from dialer.engine.list_emptier import ListEmptier
from dialer.services.list_emptying import empty_some
from dialer.services.pdc import DirectPdc
from dialer.services.strategy_shelf import StrategyShelf
from dialer.store.store import Store
from pdc import ListStatus, SessionKey, SessionPdc
from tests.ivr_kit import eventually
from tests.launch_kit import Launch
from tests.pdc_bench import Nobody

pytestmark = pytest.mark.integration


async def on_a_call(store: Store, org_id: OrgId) -> tuple[Launch, SessionPdc]:
    """The job of three contacts, one of whom is on the line."""
    launch = await Launch.ready(store, org_id)
    now = datetime.now(UTC)
    (attempt,) = (await launch.run(now, 1)).to_place
    pdc = DirectPdc(store, strategy_of=StrategyShelf(), listener=Nobody(), now=lambda: datetime.now(UTC))
    return launch, pdc.on(SessionKey(attempt_id=attempt.id, nonce=attempt.nonce))


async def test_nobody_of_an_emptied_list_is_dialled_and_the_one_on_the_line_goes_when_the_call_ends(
    store: Store, org_id: OrgId
) -> None:
    launch, call = await on_a_call(store, org_id)
    more = [NewContact(user_contact_id=f"more-{n}", attributes={"city": "Ankara"}) for n in range(1100)]  # three batches
    donors = store.read_now(lambda tx: tx.contact_lists(org_id).by_name("Donors").id)
    store.write_now(lambda tx: tx.contacts(org_id).upsert_batch(donors, more))
    await call.empty_list("Donors")
    assert await call.list_status() == ListStatus(name="Donors", total=1103, emptying=True)
    counts = [await empty_some(store) for _ in range(4)]
    assert counts == [500, 500, 102, 0]
    assert await call.list_status() == ListStatus(name="Donors", total=1, emptying=True)
    assert await call.get_attribute("city") == "Ankara"
    assert not (await launch.run(datetime.now(UTC) + timedelta(hours=1))).to_place
    await launch.end(launch.attempts()[0].id, "Call Busy", datetime.now(UTC))
    while await empty_some(store):
        pass
    emptied = store.read_now(lambda tx: tx.contact_lists(org_id).by_name("Donors"))
    assert emptied.emptying_since is None
    assert store.read_now(lambda tx: tx.contacts(org_id).count(donors)) == 0
    assert launch.attempts()[0].code == "Call Busy", "what was dialled stays on record"
    assert not (await launch.run(datetime.now(UTC) + timedelta(hours=1))).to_place


async def test_the_engine_empties_what_it_is_asked_to_and_what_an_earlier_one_began(store: Store, org_id: OrgId) -> None:
    launch, _ = await on_a_call(store, org_id)
    await launch.end(launch.attempts()[0].id, "Call Busy", datetime.now(UTC))
    lists = store.read_now(lambda tx: tx.contact_lists(org_id).all())
    store.write_now(lambda tx: tx.contact_lists(org_id).begin_emptying(lists[0].id))
    emptier = asyncio.create_task(ListEmptier(store=store, clock=SystemClock()).run())
    try:
        await eventually(
            lambda: store.read_now(lambda tx: tx.contact_lists(org_id).by_name("Donors")).emptying_since is None, within_s=5
        )
    finally:
        emptier.cancel()
        await asyncio.gather(emptier, return_exceptions=True)
    assert store.read_now(lambda tx: tx.contacts(org_id).count(lists[0].id)) == 0
