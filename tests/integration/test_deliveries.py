"""Attempts without a switch: what a channel says at once, later, twice or never, each gives exactly one code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from dialer.domain.attempt import Attempt, AttemptState
from dialer.domain.campaign import Job, Pace, PaceUnit
from dialer.domain.channel import Channel
from dialer.domain.codes import SystemCode
from dialer.domain.ids import OrgId, new_attempt_id
from dialer.engine.engine import Engine
from dialer.errors import MaybeSent, NotSent, Rejected, WireError
from dialer.ports import AttemptOrder, DeliveryUpdate, Receipt
from dialer.services.completion import RELAUNCHES_MAX
from dialer.services.jobs import stop_campaign
from dialer.store.store import Store
from dialer.testing import FakeChannel
from dialer.testing.voice import FakeVoice
from tests.engine_kit import ON_SQLITE, FastClock, completed, running, until
from tests.integration.test_custom_actions import FAST, made, start

pytestmark = pytest.mark.integration

CLOCK = FastClock(20)
ONE_PORT = Pace(calls=100, per=PaceUnit.SECOND, max_ports=1)


@asynccontextmanager
async def job_with(
    store: Store, org_id: OrgId, channel: FakeChannel, *, count: int = 1, pace: Pace = FAST
) -> AsyncIterator[tuple[Job, Engine]]:
    """Run a job whose attempts all go out on this channel."""
    job = await start(store, org_id, count=count, pace=pace)
    async with running(store, FakeVoice(CLOCK), clock=CLOCK, channels={Channel.CUSTOM: channel}) as engine:
        yield job, engine


def update(attempt: Attempt, code: SystemCode | None = None, state: str = "delivered") -> DeliveryUpdate:
    """Word an update of this moment."""
    return DeliveryUpdate(attempt_id=attempt.id, at=CLOCK.now(), state=state, code=code)


async def sent(store: Store, job: Job, count: int = 1) -> list[Attempt]:
    """Wait until so many attempts are on their way."""
    await until(lambda: [one.state for one in made(store, job)] == [AttemptState.SENT] * count)
    return made(store, job)


async def test_what_is_on_its_way_stays_open_until_its_end_is_told(store: Store, org_id: OrgId) -> None:
    async with job_with(store, org_id, FakeChannel(patience_s=600), count=2, pace=ONE_PORT) as (job, engine):
        first, second = await sent(store, job, 2)  # no port is held by waiting
        heard = engine.deliveries.heard
        await heard(update(first, state="queued"))
        await heard(update(first, SystemCode.MESSAGE_PLAYED))
        await heard(update(first, SystemCode.CALL_REJECTED))  # the first end is the last word
        await heard(update(second, SystemCode.CALL_REJECTED))
        await heard(DeliveryUpdate(attempt_id=new_attempt_id(), at=CLOCK.now(), state="of somebody else"))
        await until(completed(store, job.id))
    assert [(one.code, one.code_source) for one in made(store, job)] == [
        ("Message Played", "gateway"),
        ("Call Rejected", "gateway"),
    ]
    kinds = [kind for _, kind, _ in store.read_now(lambda tx: tx.attempts.events_of(first.id))]
    assert kinds == ["intent", "sent", "delivery", "final"]


async def test_an_end_that_is_never_told_is_given_up_after_the_channels_patience(store: Store, org_id: OrgId) -> None:
    async with job_with(store, org_id, FakeChannel(patience_s=10)) as (job, _):
        await until(completed(store, job.id))
    (one,) = made(store, job)
    assert (one.code, one.code_source) == ("Message Played", "reconcile")
    assert one.sent_at is not None
    assert one.ended_at is not None
    assert one.ended_at - one.sent_at >= timedelta(seconds=10)


@pytest.mark.parametrize(
    ("error", "codes"),
    [
        (NotSent("no line"), ["Not Launched"] * (RELAUNCHES_MAX + 1)),  # surely nothing left: again, but not for ever
        (Rejected("no such sender"), ["Call Rejected"]),
        (MaybeSent("the answer did not come"), ["Unknown"]),
        (None, ["Unknown"]),  # whatever else an adapter raises may have happened after it was sent
    ],
)
@ON_SQLITE
async def test_each_verdict_of_the_wire_has_its_consequence(
    store: Store, org_id: OrgId, error: WireError | None, codes: list[str]
) -> None:
    def answer(order: AttemptOrder) -> Receipt | WireError:
        if error is None:
            raise ValueError("a mistake in the adapter")
        return error

    channel = FakeChannel(answer, patience_s=1)
    async with job_with(store, org_id, channel) as (job, _):
        await until(completed(store, job.id))
    assert [one.code for one in made(store, job)] == codes
    assert len(channel.orders) == len(codes)


@ON_SQLITE
async def test_who_forces_a_job_to_stop_does_not_wait_for_what_is_on_its_way(store: Store, org_id: OrgId) -> None:
    async with job_with(store, org_id, FakeChannel(patience_s=3600)) as (job, _):
        await sent(store, job)
        await stop_campaign(store, org_id, "Blood", by="test", force=True)
        await until(completed(store, job.id))
    assert [one.code for one in made(store, job)] == ["Message Played"]


async def test_what_is_on_its_way_on_a_channel_that_the_settings_have_no_more_holds_no_job_for_ever(
    store: Store, org_id: OrgId
) -> None:
    async with job_with(store, org_id, FakeChannel(patience_s=3600)) as (job, _):
        await sent(store, job)
    async with running(store, FakeVoice(CLOCK), clock=CLOCK):
        await stop_campaign(store, org_id, "Blood", by="test", force=True)
        await until(completed(store, job.id))
    assert [one.code for one in made(store, job)] == ["Unknown"]


@ON_SQLITE
async def test_what_was_taken_before_a_restart_can_still_be_told(store: Store, org_id: OrgId) -> None:
    async with job_with(store, org_id, FakeChannel(patience_s=3600)) as (job, _):
        (one,) = await sent(store, job)
    again = FakeChannel(patience_s=3600)
    async with running(store, FakeVoice(CLOCK), clock=CLOCK, channels={Channel.CUSTOM: again}) as engine:
        await engine.deliveries.heard(update(one, SystemCode.CALL_REJECTED))
        await until(completed(store, job.id))
    assert [one.code for one in made(store, job)] == ["Call Rejected"]
    assert not again.orders
