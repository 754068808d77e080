"""What an app may do with the campaign of its call: count, and promise callbacks."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pdc import BadValue, CallbackRefused, JobEnding, UnknownContact
from tests.pdc_bench import Bench

pytestmark = pytest.mark.contract


@pytest.mark.row(25)
async def test_counters_lose_nothing_and_a_repeated_request_counts_once(at: Bench) -> None:
    call = await at.opened()
    await asyncio.gather(*(call.pdc.count("donors") for _ in range(100)))
    assert await call.pdc.count("donors", -1) == 99
    assert await call.pdc.count("donors", 5, assign=True) == 5
    assert await call.pdc.count("donors", 2, once="a") == 7
    assert await call.pdc.count("donors", 2, once="a") == 7
    with pytest.raises(BadValue):
        await call.pdc.count("")


@pytest.mark.row(25)
async def test_all_counters_of_the_campaign_are_told(at: Bench) -> None:
    call = await at.opened()
    assert await call.pdc.counters() == {}
    await call.pdc.count("donors", 3)
    await call.pdc.count("litres", -2)
    assert await call.pdc.counters() == {"donors": 3, "litres": -2}


@pytest.mark.row(21)
async def test_the_job_calls_one_more_contact_or_list_until_it_is_ending(at: Bench) -> None:
    call = await at.opened()
    await call.pdc.save_contact("f-2", phones={"mobile": "+12125550177"}, list_name="Friends")
    await call.pdc.add_to_job("f-2", list_name="Friends")
    assert call.place.job_calls(call.key, "Friends", "f-2")
    assert not call.place.job_calls(call.key, "Friends", "f-1")
    for _ in range(2):
        await call.pdc.add_list_to_job("Friends")
        assert call.place.job_calls(call.key, "Friends", "f-1")
    with pytest.raises(UnknownContact):
        await call.pdc.add_list_to_job("Nobody's")
    call.place.end_job(call.key)
    for late in (call.pdc.add_to_job("f-1", list_name="Friends"), call.pdc.add_list_to_job("Friends")):
        with pytest.raises(JobEnding):
            await late


@pytest.mark.row(24)
async def test_a_callback_is_taken_back_as_often_as_one_likes(at: Bench) -> None:
    call = await at.opened()
    await call.pdc.cancel_callback()
    await call.pdc.schedule_callback(datetime.now(UTC) + timedelta(hours=3))
    for _ in range(2):
        await call.pdc.cancel_callback()
        assert call.place.promised(call.key) is None
    await call.pdc.schedule_callback(datetime.now(UTC) + timedelta(hours=5), note="after all")
    promised = call.place.promised(call.key)
    assert promised is not None
    assert promised[1] == "after all"


@pytest.mark.row(24)
async def test_a_callback_is_promised_replaced_and_refused_with_a_typed_error(at: Bench) -> None:
    call = await at.opened()
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)
    local = soon.astimezone(ZoneInfo("America/Denver")).replace(tzinfo=None)
    for wrong in (
        call.pdc.schedule_callback(soon - timedelta(days=1)),
        call.pdc.schedule_callback(soon, expires=soon),
        call.pdc.schedule_callback(local),
        call.pdc.schedule_callback(local, zone="Mars/Base"),
        call.pdc.schedule_callback(soon, address="+15550199"),
        call.pdc.schedule_callback(soon, note="x" * 20_000),
        call.pdc.schedule_callback(soon, type="someday"),
        call.pdc.schedule_callback(soon, type="strict_agent"),  # whose?
        call.pdc.schedule_callback(soon, type="standard", agent="ann"),
    ):
        with pytest.raises(BadValue):
            await wrong
    assert call.place.promised(call.key) is None
    assert await call.pdc.schedule_callback(soon + timedelta(hours=1)) == soon + timedelta(hours=1)
    assert await call.pdc.schedule_callback(soon, type="strict_agent", agent="ann") == soon
    for _ in range(2):
        await call.pdc.schedule_callback(
            local, zone="America/Denver", expires=local + timedelta(hours=2), address="+15550100", note="after lunch"
        )
    assert call.place.promised(call.key) == (soon, "after lunch")
    call.place.refuse_callbacks(call.key)
    with pytest.raises(CallbackRefused):
        await call.pdc.schedule_callback(soon + timedelta(hours=2))
    assert call.place.promised(call.key) == (soon, "after lunch")
