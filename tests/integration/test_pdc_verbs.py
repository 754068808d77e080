"""The PDC verbs that reach beyond the call, inside a dialer with its database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.ids import OrgId
from dialer.engine.engine import StrategyShelf
from dialer.services.pdc import DirectPdc
from dialer.store.store import Store
from pdc import BadValue, SessionKey, UnknownAttribute, UnknownContact
from tests.launch_kit import Launch
from tests.pdc_bench import Nobody

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)


@pytest.mark.row(21, 22, 25)
async def test_an_app_bars_a_number_adds_a_friend_and_counts(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id)
    (attempt,) = (await launch.run(NOW, 1)).to_place
    key = SessionKey(attempt_id=attempt.id, nonce=attempt.nonce)
    pdc = DirectPdc(store, strategy_of=StrategyShelf(), listener=Nobody(), now=lambda: NOW).on(key)
    assert not await pdc.is_dnc()
    await pdc.add_dnc("+15550100001", "asked for it")
    assert await pdc.is_dnc("+15550100001")
    store.write_now(lambda tx: tx.contact_lists(org_id).create("Friends", ["city"]))
    await pdc.save_contact("friend", phones={"mobile": "+12125550177"}, attributes={"city": "Izmir"}, list_name="friends")
    await pdc.add_to_job("friend", list_name="Friends")
    await pdc.add_to_job("friend", list_name="Friends")
    placed = (await launch.run(datetime.now(UTC) + timedelta(hours=1))).to_place
    assert {one.number for one in placed} == {"+12125550177", "+15550100002"}
    await pdc.remove_dnc("+15550100001")
    assert not await pdc.is_dnc("+15550100001")
    await pdc.delete_contact("d2")
    await pdc.delete_contact("d2")
    for wrong, raises in ((pdc.add_to_job("d2"), UnknownContact), (pdc.delete_contact("d0"), BadValue),
                          (pdc.save_contact("x", phones={}, attributes={"shoe": "1"}), UnknownAttribute),
                          (pdc.save_contact("x", phones={"mobile": "twelve"}), BadValue)):  # fmt: skip
        with pytest.raises(raises):
            await wrong
    await asyncio.gather(*(pdc.count("donors") for _ in range(100)))
    assert await pdc.count("donors", -1) == 99
    assert await pdc.count("donors", 5, assign=True) == 5
    assert await pdc.count("donors", 2, once="a") == 7
    assert await pdc.count("donors", 2, once="a") == 7
