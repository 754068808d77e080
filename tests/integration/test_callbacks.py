"""Callbacks on a real database: promised, kept at their time, beaten by no retry, and never left over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.callback import Callback, CallbackLimits, CallbackState
from dialer.domain.campaign import JobContactState, JobState
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import OrgId
from dialer.domain.rules import Kind, Rule
from dialer.errors import BadInput, CallbackRefused, Conflict, NotFound
from dialer.services.callback_promise import Wanted
from dialer.services.callbacks import (
    add_callback,
    call_back_now,
    callback_limits,
    cancel_callback,
    edit_callback,
    list_callbacks,
    set_callback_limits,
)
from dialer.services.pdc import DirectPdc
from dialer.services.rules import create_rule
from dialer.services.strategy_shelf import StrategyShelf
from dialer.services.why import why_not_called
from dialer.store.store import Store
from pdc import SessionKey, SessionPdc
from tests.launch_kit import Launch
from tests.pdc_bench import Nobody

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BUSY = "Call Busy"


async def one_call(store: Store, org_id: OrgId) -> tuple[Launch, SessionPdc, DirectPdc]:
    """Call d0, and give the call to an app."""
    launch = await Launch.ready(store, org_id, count=1)
    (attempt,) = (await launch.run(NOW, 1)).to_place
    pdc = DirectPdc(store, strategy_of=StrategyShelf(), listener=Nobody(), now=lambda: NOW)
    return launch, pdc.on(SessionKey(attempt_id=attempt.id, nonce=attempt.nonce)), pdc


async def promise(launch: Launch, at: datetime, now: datetime = NOW, **more: object) -> Callback:
    wanted = replace(Wanted(at=at), **more)  # type: ignore[arg-type]  # whatever a test wants of it
    return await add_callback(launch.store, launch.org_id, "d0", wanted, strategy_of=StrategyShelf(), now=now, by="somebody")


def kept(launch: Launch) -> Sequence[Callback]:
    return launch.store.read_now(lambda tx: tx.callbacks(launch.org_id).all(pending_only=False))


def due(launch: Launch) -> datetime | None:
    place = launch.place("d0")
    assert place is not None
    return place.due_at


@pytest.mark.row(24, 53)
async def test_a_callback_of_the_call_goes_before_its_retry_and_is_kept_at_its_time(store: Store, org_id: OrgId) -> None:
    launch, call, _ = await one_call(store, org_id)
    await call.schedule_callback(NOW + 2 * HOUR)
    await call.schedule_callback(NOW + HOUR, note="after lunch")  # the last word counts
    await call.schedule_callback(NOW + HOUR, note="after lunch")
    await launch.end(launch.attempts()[0].id, BUSY, NOW)
    place = launch.place("d0")
    assert place is not None
    assert (place.due_at, "callback" in place.because, place.progress) == (NOW + HOUR, True, {})
    (answer,) = await why_not_called(store, org_id, "d0", strategy_of=StrategyShelf(), now=NOW)
    gate = next(one for one in answer.gates if one.name == "callback")
    assert (gate.verdict, gate.until) == ("wait", NOW + HOUR)
    assert not (await launch.run(NOW + HOUR / 2)).to_place
    (again,) = (await launch.run(NOW + HOUR)).to_place
    (callback,) = kept(launch)
    assert (callback.state, callback.attempt_id, callback.note) == (CallbackState.PENDING, again.id, "after lunch")
    await launch.end(again.id, BUSY, NOW + HOUR)
    (callback,) = kept(launch)
    assert (callback.state, callback.because) == (CallbackState.DONE, "called: Call Busy")
    assert due(launch) == NOW + HOUR + timedelta(seconds=30), "after the callback the strategy's retry counts as ever"


async def test_a_call_that_never_left_keeps_the_promise_open(store: Store, org_id: OrgId) -> None:
    launch, call, _ = await one_call(store, org_id)
    await call.schedule_callback(NOW + HOUR)
    await launch.end(launch.attempts()[0].id, "Disconnected By User", NOW)
    (again,) = (await launch.run(NOW + HOUR)).to_place
    await launch.end(again.id, "Not Launched", NOW + HOUR)
    (callback,) = kept(launch)
    assert (callback.state, callback.attempt_id) == (CallbackState.PENDING, None)
    (third,) = (await launch.run(NOW + HOUR + timedelta(seconds=6))).to_place
    assert kept(launch)[0].attempt_id == third.id


async def test_the_call_back_can_promise_another_one(store: Store, org_id: OrgId) -> None:
    launch, call, pdc = await one_call(store, org_id)
    await call.schedule_callback(NOW + HOUR)
    await launch.end(launch.attempts()[0].id, BUSY, NOW)
    (again,) = (await launch.run(NOW + HOUR)).to_place
    await pdc.on(SessionKey(attempt_id=again.id, nonce=again.nonce)).schedule_callback(NOW + 3 * HOUR)
    await launch.end(again.id, BUSY, NOW + HOUR)
    assert [one.state for one in sorted(kept(launch), key=lambda one: one.id)] == [CallbackState.DONE, CallbackState.PENDING]
    assert due(launch) == NOW + 3 * HOUR


@pytest.mark.row(110)
async def test_an_expired_callback_is_closed_and_the_last_code_says_what_follows(store: Store, org_id: OrgId) -> None:
    launch, call, _ = await one_call(store, org_id)
    await call.schedule_callback(NOW + HOUR, expires=NOW + 2 * HOUR)
    await launch.end(launch.attempts()[0].id, BUSY, NOW)
    late = NOW + 3 * HOUR
    assert not (await launch.run(late)).to_place
    (callback,) = kept(launch)
    assert callback.state is CallbackState.EXPIRED
    assert "14:00" in callback.because
    assert due(launch) == late + timedelta(seconds=30), "the retry of Call Busy"
    assert (await launch.run(late + timedelta(seconds=30))).to_place


async def test_one_who_opted_out_is_promised_nothing_any_more(store: Store, org_id: OrgId) -> None:
    launch, call, _ = await one_call(store, org_id)
    await call.schedule_callback(NOW + HOUR)
    await launch.end(launch.attempts()[0].id, "Opted Out", NOW)
    assert (kept(launch)[0].state, kept(launch)[0].because) == (CallbackState.CANCELLED, "opted out")
    place = launch.place("d0")
    assert place is not None
    assert place.state is JobContactState.FINISHED
    with pytest.raises(CallbackRefused):
        await promise(launch, NOW + HOUR)


async def test_the_law_holds_for_callbacks_too(store: Store, org_id: OrgId) -> None:
    launch, call, _ = await one_call(store, org_id)
    await call.schedule_callback(NOW + HOUR)
    await launch.end(launch.attempts()[0].id, BUSY, NOW)
    store.write_now(lambda tx: tx.dnc(org_id).add("+15550100000", reason="asked for it"))
    assert not (await launch.run(NOW + HOUR)).to_place
    assert launch.codes() == {"d0": "Restricted DNC"}
    assert kept(launch)[0].state is CallbackState.CANCELLED


async def test_a_rule_that_exempts_callbacks_lets_them_through(store: Store, org_id: OrgId) -> None:
    launch, call, _ = await one_call(store, org_id)
    await create_rule(store, org_id, Rule(name="once a day", max_attempts=1, window_s=86400, exempt=(Kind.CALLBACK,)))
    await call.schedule_callback(NOW + HOUR)
    await launch.end(launch.attempts()[0].id, BUSY, NOW)
    (again,) = (await launch.run(NOW + HOUR)).to_place
    await launch.end(again.id, BUSY, NOW + HOUR)
    assert not (await launch.run(NOW + HOUR + timedelta(seconds=40))).to_place, "the retry is no callback"


async def test_a_callback_can_go_to_another_of_the_contacts_numbers(store: Store, org_id: OrgId) -> None:
    launch, _, _ = await one_call(store, org_id)
    home = NewContact(user_contact_id="d0", addresses=(NewAddress(name="home", value="+15550190000", zones=("UTC",)),))
    store.write_now(lambda tx: tx.contacts(org_id).upsert_batch(tx.contact_lists(org_id).by_name("Donors").id, [home]))
    with pytest.raises(BadInput, match="no number of this contact"):
        await promise(launch, NOW + HOUR, number="+15550199999")
    await promise(launch, NOW + HOUR, number="+15550190000")
    await launch.end(launch.attempts()[0].id, BUSY, NOW)
    (again,) = (await launch.run(NOW + HOUR)).to_place
    assert (again.address, again.address_name) == ("+15550190000", "home")


@pytest.mark.row(109)
async def test_a_callback_is_given_in_local_time_listed_edited_called_now_and_cancelled(store: Store, org_id: OrgId) -> None:
    launch, _, _ = await one_call(store, org_id)
    await launch.end(launch.attempts()[0].id, BUSY, NOW)  # a retry is due in 30 s
    made = await promise(launch, datetime(2026, 5, 11, 18), zone="Europe/Istanbul", note="at home")  # noqa: DTZ001  local time
    assert (made.at, due(launch)) == (NOW + 3 * HOUR, NOW + 3 * HOUR)
    ((listed, contact, campaign),) = await list_callbacks(store, org_id, campaign="Blood")
    assert (listed, contact, campaign) == (made, "d0", "Blood")
    edited = await edit_callback(store, org_id, made.id, now=NOW, at=datetime(2026, 5, 11, 19), note="")  # noqa: DTZ001  local time
    assert (edited.at, edited.note, due(launch)) == (NOW + 4 * HOUR, "", NOW + 4 * HOUR)
    await call_back_now(store, org_id, made.id, now=NOW + HOUR)
    assert due(launch) == NOW + HOUR
    await cancel_callback(store, org_id, made.id, strategy_of=StrategyShelf(), now=NOW, by="somebody")
    assert due(launch) == NOW + timedelta(seconds=30), "the retry, as it was scheduled before"
    with pytest.raises(Conflict):
        await call_back_now(store, org_id, made.id, now=NOW)
    with pytest.raises(NotFound):
        await add_callback(store, org_id, "nobody", Wanted(at=NOW + HOUR), strategy_of=StrategyShelf(), now=NOW, by="somebody")
    for wrong in (Wanted(at=NOW - HOUR), Wanted(at=NOW + HOUR, expires_at=NOW), Wanted(at=NOW + HOUR, zone="Mars/Base")):
        with pytest.raises(BadInput):
            await add_callback(store, org_id, "d0", wrong, strategy_of=StrategyShelf(), now=NOW, by="somebody")


async def test_a_contact_that_was_done_is_brought_back_and_done_again_when_cancelled(store: Store, org_id: OrgId) -> None:
    launch, _, _ = await one_call(store, org_id)
    await launch.end(launch.attempts()[0].id, "Disconnected By User", NOW)
    made = await promise(launch, NOW + HOUR)
    place = launch.place("d0")
    assert place is not None
    assert (place.state, place.finished_at) == (JobContactState.SCHEDULED, None)
    assert store.read_now(lambda tx: tx.job_contacts.has_unfinished(launch.job.id)), "the job goes on for it"
    await cancel_callback(store, org_id, made.id, strategy_of=StrategyShelf(), now=NOW, by="somebody")
    place = launch.place("d0")
    assert place is not None
    assert place.state is JobContactState.FINISHED


@pytest.mark.row(108)
async def test_limits_of_the_organisation_hold_unless_the_campaign_has_its_own(store: Store, org_id: OrgId) -> None:
    launch, _, _ = await one_call(store, org_id)
    await set_callback_limits(store, org_id, CallbackLimits(most=0))
    with pytest.raises(CallbackRefused, match="0 of 0"):
        await promise(launch, NOW + HOUR)
    await set_callback_limits(store, org_id, CallbackLimits(most=3, min_interval_s=7200), campaign="Blood")
    assert await callback_limits(store, org_id, campaign="Blood") == CallbackLimits(most=3, min_interval_s=7200)
    await promise(launch, NOW + HOUR)
    await promise(launch, NOW + HOUR + timedelta(minutes=1))  # the same promise, moved
    await launch.end(launch.attempts()[0].id, BUSY, NOW)
    (again,) = (await launch.run(NOW + 2 * HOUR)).to_place
    await launch.end(again.id, BUSY, NOW + 2 * HOUR)
    with pytest.raises(CallbackRefused, match="less than 120 minutes"):
        await promise(launch, NOW + 3 * HOUR, NOW + 2 * HOUR)
    await set_callback_limits(store, org_id, None, campaign="Blood")
    await set_callback_limits(store, org_id, None)
    await promise(launch, NOW + 3 * HOUR, NOW + 2 * HOUR)


async def test_a_job_that_is_over_leaves_no_callback_pending(store: Store, org_id: OrgId) -> None:
    launch, _, _ = await one_call(store, org_id)
    await launch.end(launch.attempts()[0].id, BUSY, NOW)
    await promise(launch, NOW + HOUR)
    job_id = launch.job.id
    store.write_now(lambda tx: tx.jobs(None).set_state(job_id, JobState.STOPPING, because="stopped", by="test"))
    store.write_now(lambda tx: tx.jobs(None).set_state(job_id, JobState.COMPLETED, because="stopped", by="test"))
    (callback,) = kept(launch)
    assert (callback.state, callback.because) == (CallbackState.CANCELLED, "the job is over: stopped")
    with pytest.raises(NotFound):
        await promise(launch, NOW + HOUR)


async def test_a_deleted_contact_is_promised_nothing(store: Store, org_id: OrgId) -> None:
    launch, _, _ = await one_call(store, org_id)
    await launch.end(launch.attempts()[0].id, BUSY, NOW)
    made = await promise(launch, NOW + HOUR)
    store.write_now(lambda tx: tx.contact_rules(org_id).remove([made.contact_id]))
    assert (kept(launch)[0].state, kept(launch)[0].because) == (CallbackState.CANCELLED, "the contact was deleted")
