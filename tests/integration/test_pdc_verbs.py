"""The PDC verbs that reach beyond the call, inside a dialer with its database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.ids import OrgId
from dialer.domain.phone_checks import PhoneFormat, RejectPattern
from dialer.services.contacts import change_phone_checks
from dialer.services.pdc import DirectPdc
from dialer.services.strategy_shelf import StrategyShelf
from dialer.store.store import Store
from pdc import BadValue, SessionKey, UnknownAttribute, UnknownContact
from tests.launch_kit import Launch
from tests.pdc_bench import Nobody, over_http

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)


@pytest.mark.row(20, 21, 22)
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
    assert {one.address for one in placed} == {"+12125550177", "+15550100002"}
    await pdc.remove_dnc("+15550100001")
    assert not await pdc.is_dnc("+15550100001")
    await pdc.delete_contact("d2")
    await pdc.delete_contact("d2")
    for wrong, raises in ((pdc.add_to_job("d2"), UnknownContact), (pdc.delete_contact("d0"), BadValue),
                          (pdc.save_contact("x", phones={}, attributes={"shoe": "1"}), UnknownAttribute),
                          (pdc.save_contact("x", phones={"mobile": "twelve"}), BadValue)):  # fmt: skip
        with pytest.raises(raises):
            await wrong


@pytest.mark.row(25)
async def test_a_hundred_callers_at_once_count_up_down_and_anew_over_http_and_none_is_lost(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id)
    keys = [SessionKey(attempt_id=one.id, nonce=one.nonce) for one in (await launch.run(NOW, 3)).to_place]
    pdc = DirectPdc(store, strategy_of=StrategyShelf(), listener=Nobody(), now=lambda: NOW)
    async with over_http(pdc) as http:
        calls = [http.on(keys[n % len(keys)]) for n in range(100)]  # three calls of one campaign
        seen = await asyncio.gather(*(call.count("donors", 3 if n % 5 else -2) for n, call in enumerate(calls)))
        assert await calls[0].counters() == {"donors": 80 * 3 - 20 * 2}
        assert len(set(seen)) > 90, "each caller is told the value that it made"
        told = await asyncio.gather(*(call.count("litres", n, assign=True) for n, call in enumerate(calls)))
        assert told == list(range(100))
        assert (await calls[1].counters())["litres"] in range(100)


@pytest.mark.row(25, 26)
async def test_one_request_by_two_nodes_at_once_counts_once(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id)
    (attempt,) = (await launch.run(NOW, 1)).to_place
    key = SessionKey(attempt_id=attempt.id, nonce=attempt.nonce)
    other = Store(store.url.render_as_string(hide_password=False))
    try:
        nodes = [DirectPdc(one, strategy_of=StrategyShelf(), listener=Nobody(), now=lambda: NOW) for one in (store, other)]
        for n in range(10):
            assert await asyncio.gather(*(node.on(key).count("donors", once=f"request {n}") for node in nodes)) == [n + 1] * 2
    finally:
        await other.close()


@pytest.mark.row(20)
async def test_a_number_gets_its_countrys_prefix_and_the_zone_that_it_tells(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id)
    (attempt,) = (await launch.run(NOW, 1)).to_place
    pdc = DirectPdc(store, strategy_of=StrategyShelf(), listener=Nobody(), now=lambda: NOW)
    call = pdc.on(SessionKey(attempt_id=attempt.id, nonce=attempt.nonce))
    await change_phone_checks(
        store,
        org_id,
        add_pattern=RejectPattern(pattern="212555*", calling_code="1"),
        add_format=PhoneFormat(calling_code="43", min_length=9, max_length=13, prefix="1"),
    )
    await call.set_phone("home", "+4312345678")  # eight digits behind +43: too short without the prefix
    await call.set_phone("work", "+13035550177")
    for wrong in (call.set_phone("home", "+12125550177"), call.set_phone("home", "+43123456", check_patterns=False)):
        with pytest.raises(BadValue):
            await wrong
    await call.set_phone("mobile", "+12125550177", check_patterns=False)
    await call.set_phone("fax", "+43123456", check_formats=False)
    numbers = {one.name: (one.number, tuple(one.zones)) for one in await call.phones()}
    assert numbers == {
        "mobile": ("+12125550177", ("America/New_York",)),
        "home": ("+43112345678", ("Europe/Vienna",)),
        "work": ("+13035550177", ("America/Denver",)),
        "fax": ("+43123456", ("Europe/Vienna",)),
    }
