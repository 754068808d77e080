"""The PDC verbs that reach beyond the call, inside a dialer with its database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.ids import AttemptId, OrgId
from dialer.engine.engine import StrategyShelf
from dialer.services.pdc import DirectPdc
from dialer.store.store import Store
from pdc import BadValue, SessionKey, UnknownAttribute, UnknownContact
from tests.launch_kit import Launch

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)


class Nobody:
    """No engine listens."""

    def session_opened(self, attempt_id: AttemptId, amd_status: str, amd_cause: str, *, treated: bool) -> None:
        """Nothing."""

    def session_ended(self, attempt_id: AttemptId) -> None:
        """Nothing."""


@pytest.mark.row(21, 22, 25)
async def test_an_app_bars_a_number_adds_a_friend_and_counts(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id)
    (attempt,) = (await launch.run(NOW, 1)).to_place
    key = SessionKey(attempt_id=attempt.id, nonce=attempt.nonce)
    pdc = DirectPdc(store, strategy_of=StrategyShelf(), listener=Nobody(), now=lambda: NOW)
    assert not await pdc.is_dnc(key)
    await pdc.add_dnc(key, "+15550100001", "asked for it")
    assert await pdc.is_dnc(key, "+15550100001")
    store.write_now(lambda tx: tx.contact_lists(org_id).create("Friends", ["city"]))
    await pdc.save_contact(key, "friend", phones={"mobile": "+12125550177"}, attributes={"city": "Izmir"}, list_name="friends")
    await pdc.add_to_job(key, "friend", list_name="Friends")
    await pdc.add_to_job(key, "friend", list_name="Friends")
    placed = (await launch.run(datetime.now(UTC) + timedelta(hours=1))).to_place
    assert {one.number for one in placed} == {"+12125550177", "+15550100002"}
    await pdc.remove_dnc(key, "+15550100001")
    assert not await pdc.is_dnc(key, "+15550100001")
    await pdc.delete_contact(key, "d2")
    await pdc.delete_contact(key, "d2")
    for wrong, raises in ((pdc.add_to_job(key, "d2"), UnknownContact), (pdc.delete_contact(key, "d0"), BadValue),
                          (pdc.save_contact(key, "x", phones={}, attributes={"shoe": "1"}), UnknownAttribute),
                          (pdc.save_contact(key, "x", phones={"mobile": "twelve"}), BadValue)):  # fmt: skip
        with pytest.raises(raises):
            await wrong
    await asyncio.gather(*(pdc.count(key, "donors") for _ in range(100)))
    assert await pdc.count(key, "donors", -1) == 99
    assert await pdc.count(key, "donors", 5, assign=True) == 5
    assert await pdc.count(key, "donors", 2, once="a") == 7
    assert await pdc.count(key, "donors", 2, once="a") == 7
