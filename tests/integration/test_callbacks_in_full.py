"""Callbacks in full: for whom the job has not come to yet, who keeps them, in which hours, and how many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.callback import Callback, CallbackLimits, CallbackState, CallbackType
from dialer.domain.campaign import JobContactState
from dialer.domain.ids import OrgId
from dialer.errors import BadInput, CallbackRefused, Conflict, NotFound
from dialer.services.callback_promise import Wanted
from dialer.services.callbacks import (
    add_callback,
    call_back_now,
    cancel_callback,
    change_callback_limits,
    edit_callback,
    set_callback_limits,
)
from dialer.services.knobs import parse_filter, parse_sort
from dialer.services.pdc import DirectPdc
from dialer.services.strategy_shelf import StrategyShelf
from dialer.services.why import why_not_called
from dialer.store.store import Store
from pdc import SessionKey
from tests.campaign_texts import STRATEGY
from tests.launch_kit import Launch
from tests.pdc_bench import Nobody

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


async def promise(launch: Launch, contact: str, at: datetime, now: datetime = NOW, **more: object) -> Callback:
    wanted = replace(Wanted(at=at), **more)  # type: ignore[arg-type]  # whatever a test wants of it
    about = {"strategy_of": StrategyShelf(), "now": now, "by": "somebody", "job_id": launch.job.id}
    return await add_callback(launch.store, launch.org_id, contact, wanted, **about)  # type: ignore[arg-type]


def kept(launch: Launch) -> Sequence[Callback]:
    return sorted(launch.store.read_now(lambda tx: tx.callbacks(launch.org_id).all(pending_only=False)), key=lambda one: one.id)


def stands(launch: Launch, contact: str) -> tuple[JobContactState, datetime | None]:
    place = launch.place(contact)
    assert place is not None
    return place.state, place.due_at


def everybody(launch: Launch) -> int:
    """Count the job's contacts, each in the one place where it stands."""
    return launch.store.read_now(lambda tx: tx.jobs(None).totals(launch.job.id)).contacts


@pytest.mark.parametrize("sort", ["", "contact_id desc"])
async def test_a_contact_to_whom_the_job_has_not_come_is_promised_a_call_and_called_once(
    store: Store, org_id: OrgId, sort: str
) -> None:
    launch = await Launch.ready(store, org_id, count=6, sort=parse_sort(sort))
    assert len((await launch.run(NOW, 2)).to_place) == 2
    await promise(launch, "d3", NOW + 2 * HOUR)
    assert stands(launch, "d3") == (JobContactState.SCHEDULED, NOW + 2 * HOUR)
    assert everybody(launch) == 6
    (answer,) = await why_not_called(store, org_id, "d3", strategy_of=StrategyShelf(), now=NOW)
    assert next(gate.until for gate in answer.gates if gate.name == "callback") == NOW + 2 * HOUR
    for attempt in launch.attempts():
        await launch.end(attempt.id, "Interested", NOW)
    rest = (await launch.run(NOW + HOUR)).to_place
    assert len(rest) == 3, "everybody else, in their turn"
    for attempt in rest:
        await launch.end(attempt.id, "Interested", NOW + HOUR)
    (called,) = (await launch.run(NOW + 2 * HOUR)).to_place
    assert called.address == "+15550100003"
    await launch.end(called.id, "Interested", NOW + 2 * HOUR)
    assert not (await launch.run(NOW + 9 * HOUR)).to_place
    assert [one.state for one in kept(launch)] == [CallbackState.DONE]
    assert everybody(launch) == 6


async def test_a_contact_whom_the_filter_leaves_out_is_promised_nothing_until_it_fits(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id, filter=parse_filter(["city = Bursa"]))
    with pytest.raises(NotFound):
        await promise(launch, "d1", NOW + HOUR)
    assert launch.place("d1") is None
    assert not (await launch.run(NOW)).to_place  # all three are looked at and left out
    (contact,) = store.read_now(lambda tx: tx.contacts(org_id).called("d1"))
    store.write_now(lambda tx: tx.contacts(org_id).set_attribute(contact.id, "city", "Bursa"))
    await promise(launch, "d1", NOW + HOUR)
    assert everybody(launch) == 3
    assert len((await launch.run(NOW + HOUR)).to_place) == 1


async def test_a_job_that_has_the_contact_goes_before_one_that_will_come_to_it(store: Store, org_id: OrgId) -> None:
    first = await Launch.ready(store, org_id)
    await Launch.ready(store, org_id, name="Other")
    wanted = Wanted(at=NOW + HOUR)
    with pytest.raises(Conflict, match="name one"):
        await add_callback(store, org_id, "d1", wanted, strategy_of=StrategyShelf(), now=NOW, by="somebody")
    await first.run(NOW)
    made = await add_callback(store, org_id, "d1", wanted, strategy_of=StrategyShelf(), now=NOW, by="somebody")
    assert made.job_id == first.job.id


async def test_one_who_was_promised_a_call_out_of_turn_is_called_at_once_when_it_is_cancelled(
    store: Store, org_id: OrgId
) -> None:
    launch = await Launch.ready(store, org_id)
    made = await promise(launch, "d2", NOW + 5 * HOUR)
    await cancel_callback(store, org_id, made.id, strategy_of=StrategyShelf(), now=NOW, by="somebody")
    assert stands(launch, "d2") == (JobContactState.SCHEDULED, NOW)
    assert len((await launch.run(NOW)).to_place) == 3


@pytest.mark.row(106)
async def test_a_strict_agent_is_looked_for_and_then_the_campaign_keeps_the_promise(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id, count=1)
    await set_callback_limits(store, org_id, CallbackLimits(tries_most=3, retry_s=600))
    made = await promise(launch, "d0", NOW + HOUR, agent="ann", type=CallbackType.STRICT_AGENT)
    assert (made.type, made.agent, made.tries) == (CallbackType.STRICT_AGENT, "ann", 0)
    for tries in (1, 2):
        at = NOW + HOUR + (tries - 1) * 10 * MINUTE
        assert not (await launch.run(at)).to_place
        (callback,) = kept(launch)
        assert (callback.tries, callback.at, callback.state) == (tries, at + 10 * MINUTE, CallbackState.PENDING)
        assert stands(launch, "d0") == (JobContactState.SCHEDULED, at + 10 * MINUTE)
    (answer,) = await why_not_called(store, org_id, "d0", strategy_of=StrategyShelf(), now=at)
    assert "for ann (not there 2 times)" in answer.because
    at = NOW + HOUR + 20 * MINUTE
    (called,) = (await launch.run(at)).to_place
    (callback,) = kept(launch)
    assert (callback.type, callback.agent, callback.tries) == (CallbackType.CAMPAIGN, "ann", 3)
    assert (callback.reassigned_at, callback.attempt_id) == (at, called.id)
    await launch.end(called.id, "Interested", at)
    assert kept(launch)[0].state is CallbackState.DONE


@pytest.mark.row(106)
@pytest.mark.parametrize("kind", [CallbackType.AGENT, CallbackType.CAMPAIGN, CallbackType.STANDARD])
async def test_where_no_agents_work_the_campaigns_app_keeps_the_other_types_at_their_time(
    store: Store, org_id: OrgId, kind: CallbackType
) -> None:
    launch = await Launch.ready(store, org_id, count=1)
    await promise(launch, "d0", NOW + HOUR, type=kind, agent="ann" if kind.is_personal else "")
    assert not (await launch.run(NOW + HOUR - MINUTE)).to_place
    assert len((await launch.run(NOW + HOUR)).to_place) == 1


async def test_who_keeps_a_callback_can_be_changed(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id, count=1)
    for wrong in ({"type": CallbackType.STRICT_AGENT}, {"type": CallbackType.STANDARD, "agent": "ann"}, {"agent": "a" * 81}):
        with pytest.raises(BadInput):
            await promise(launch, "d0", NOW + HOUR, **wrong)
    made = await promise(launch, "d0", NOW + HOUR, agent="ann")
    assert made.type is CallbackType.AGENT, "preferred, unless somebody says strict"

    async def edited(**changes: object) -> tuple[CallbackType, str]:
        now = await edit_callback(store, org_id, made.id, now=NOW, **changes)  # type: ignore[arg-type]
        return now.type, now.agent

    assert await edited(type=CallbackType.STRICT_AGENT) == (CallbackType.STRICT_AGENT, "ann")
    assert await edited(agent="bob") == (CallbackType.STRICT_AGENT, "bob")
    assert await edited(note="hello") == (CallbackType.STRICT_AGENT, "bob")
    assert await edited(agent="") == (CallbackType.CAMPAIGN, "")
    assert await edited(type=CallbackType.STANDARD) == (CallbackType.STANDARD, "")
    with pytest.raises(BadInput):
        await edited(type=CallbackType.AGENT)


DAYTIME = STRATEGY.replace('from: "00:00", to: "24:00"', 'from: "10:00", to: "16:00"')


@pytest.mark.row(110)
@pytest.mark.parametrize(
    ("hours", "on_request", "asked_for", "called_at"),
    [
        (True, True, 19, 24 + 10),  # time restriction on: the strategy opens at ten tomorrow
        (False, True, 19, 19),  # off, and the contact asked for it
        (False, False, 19, 24 + 10),  # off, but it was somebody else's idea
        (False, True, 22, 24 + 8),  # the law's hours hold whatever anybody asks for
        (False, True, 24 + 7, 24 + 8),
    ],
)
async def test_hours_of_the_strategy_may_give_way_to_a_contacts_wish_and_those_of_the_law_never(
    store: Store, org_id: OrgId, hours: bool, on_request: bool, asked_for: int, called_at: int
) -> None:
    launch = await Launch.ready(store, org_id, count=1, strategy=DAYTIME)
    await set_callback_limits(store, org_id, CallbackLimits(hours=hours), campaign="Blood")
    midnight = NOW.replace(hour=0)
    await promise(launch, "d0", midnight + asked_for * HOUR, on_request=on_request)
    looks = sorted({asked_for, called_at - 1, called_at})
    placed = [at for at in looks if (await launch.run(midnight + at * HOUR)).to_place]
    assert placed == [called_at]


@pytest.mark.row(108)
async def test_one_too_many_in_a_time_gets_the_next_free_moment_and_is_told_so(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id, count=8)
    await set_callback_limits(store, org_id, CallbackLimits(span_most=2, span_s=1800))
    at = NOW + HOUR
    given = [(await promise(launch, f"d{number}", at)).at for number in range(5)]
    assert given == [at, at, at + 30 * MINUTE, at + 30 * MINUTE, at + HOUR]
    assert [one.asked_at for one in kept(launch)] == [None, None, at, at, at]
    assert stands(launch, "d4") == (JobContactState.SCHEDULED, at + HOUR)
    (answer,) = await why_not_called(store, org_id, "d4", strategy_of=StrategyShelf(), now=NOW)
    assert "asked for 2026-05-11 13:00" in answer.because
    # The place of one that was taken back is free; the same promise again does not stand in its own way.
    await cancel_callback(store, org_id, kept(launch)[0].id, strategy_of=StrategyShelf(), now=NOW, by="somebody")
    assert (await promise(launch, "d1", at)).at == at
    assert (await promise(launch, "d5", at)).at == at
    # Another moment is found its place, too; at once is at once.
    last = kept(launch)[4]
    assert (await edit_callback(store, org_id, last.id, now=NOW, at=at)).at == at + HOUR
    assert (await call_back_now(store, org_id, last.id, now=NOW)).at == NOW
    with pytest.raises(CallbackRefused, match=r"at most 2 callbacks in 30 minutes.*is too late"):
        await promise(launch, "d6", at, expires_at=at + 20 * MINUTE)
    assert launch.place("d6") is None, "what was refused has changed nothing"


@pytest.mark.row(108)
async def test_a_crowd_is_counted_in_the_organisation_or_in_the_campaign_that_has_limits_of_its_own(
    store: Store, org_id: OrgId
) -> None:
    one, other = await Launch.ready(store, org_id), await Launch.ready(store, org_id, name="Other")
    await set_callback_limits(store, org_id, CallbackLimits(span_most=1, span_s=3600))
    at = NOW + HOUR
    assert (await promise(one, "d0", at)).at == at
    assert (await promise(other, "d1", at)).at == at + HOUR
    await change_callback_limits(store, org_id, campaign="Other", span_most=2, span_s=3600)
    assert (await promise(other, "d2", at)).at == at, "its own: one other of this campaign is an hour away"
    with pytest.raises(BadInput, match="how many minutes"):
        await change_callback_limits(store, org_id, campaign="Blood", span_most=2)


@pytest.mark.row(24, 108)
async def test_an_app_is_told_the_moment_that_was_given(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id)
    await set_callback_limits(store, org_id, CallbackLimits(span_most=1, span_s=600))
    pdc = DirectPdc(store, strategy_of=StrategyShelf(), listener=Nobody(), now=lambda: NOW)
    calls = [pdc.on(SessionKey(attempt_id=one.id, nonce=one.nonce)) for one in (await launch.run(NOW)).to_place]
    given = [await call.schedule_callback(NOW + HOUR, type="strict_agent", agent="ann") for call in calls]
    assert given == [NOW + HOUR, NOW + HOUR + 10 * MINUTE, NOW + HOUR + 20 * MINUTE]
    assert {(one.type, one.agent, one.on_request) for one in kept(launch)} == {(CallbackType.STRICT_AGENT, "ann", True)}


async def test_two_programs_promise_and_the_engine_walks_and_nobody_is_taken_twice_or_crowded(
    store: Store, org_id: OrgId
) -> None:
    launch = await Launch.ready(store, org_id, count=12)
    await set_callback_limits(store, org_id, CallbackLimits(span_most=1, span_s=60))
    other = Store(store.url.render_as_string(hide_password=False), group_commit_s=0)
    beside = replace(launch, store=other)
    try:
        promised = [promise(launch if number % 2 else beside, f"d{number}", NOW + HOUR) for number in range(12)]
        claimed, made = await asyncio.gather(launch.claim(NOW, 12), asyncio.gather(*promised))
    finally:
        await other.close()
    assert len({one.at for one in made}) == 12, "no two have the same minute"
    assert max(one.at for one in made) == NOW + HOUR + 11 * MINUTE
    assert everybody(launch) == 12
    assert not (await launch.commit(claimed, NOW)).to_place, "those who were claimed meanwhile wait for their callbacks"
