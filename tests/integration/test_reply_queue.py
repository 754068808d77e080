"""Many people write at one moment: opt-outs are kept before all others, and no message takes another with it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from dialer.domain.ids import JobId, OrgId
from dialer.domain.strategy import Strategy
from dialer.engine.replies import ReplyDesk
from dialer.engine.reply_queue import AT_ONCE, MOST
from dialer.ports import MessageReceived
from dialer.store.store import Store
from tests.engine_kit import ON_SQLITE
from tests.reply_kit import GATEWAY, NOW, OURS, RULES, Writing
from tests.still_clock import StillClock

pytestmark = [pytest.mark.integration, ON_SQLITE]

D0, D1 = "+15550100000", "+15550100001"


def said(sender: str, text: str, provider_id: str = "") -> MessageReceived:
    """One message of somebody; its id is made of what it says, if none is given."""
    return MessageReceived(
        gateway=GATEWAY, provider_id=provider_id or f"{sender} {text}", sender=sender, recipient=OURS, text=text, at=NOW
    )


async def at_one_moment(writing: Writing, news: Sequence[MessageReceived], broken: JobId | None = None) -> list[object]:
    """All of it comes at once, in this order; what each gateway is told. The strategy of a `broken` job cannot be read."""

    def strategy_of(job_id: JobId, text: str) -> Strategy:
        if job_id == broken:
            raise ZeroDivisionError("a mistake of ours")
        return writing.strategy

    desk = ReplyDesk(store=writing.store, clock=StillClock(NOW), rules=RULES, gateways={}, apps={})
    desk.belongs_to(strategy_of, lambda completed: None)
    return list(await asyncio.gather(*(desk.take(one) for one in news), return_exceptions=True))


@pytest.mark.row(114)
async def test_an_opt_out_is_kept_before_everything_that_came_with_it(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    strangers = [said(f"+1444555{index:04}", "who is going to win?") for index in range(6 * MOST)]
    await at_one_moment(writing, [*strangers, said(D0, "STOP")])
    kept = writing.kept()
    assert len(kept) == 6 * MOST + 1
    assert [one.sender for one in kept].index(D0) < MOST * AT_ONCE, "no more than are written already go before it"
    assert writing.on_dnc(D0)
    assert writing.attempt("d0").code == "Opted Out"


async def test_what_one_person_writes_is_kept_in_its_order(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    strangers = [said(f"+1444555{index:04}", "who is going to win?") for index in range(3 * MOST)]
    both = [said(D0, "1"), said(D0, "STOP"), said(D1, "STOP"), said(D1, "START")]
    await at_one_moment(writing, [*strangers, *both])
    kept = [one for one in writing.kept() if one.sender in (D0, D1)]
    assert [(one.sender, one.text) for one in kept] == [(one.sender, one.text) for one in both]
    assert (writing.attempt("d0").code, writing.attribute("d0")) == ("Opted Out", "1")
    assert (writing.on_dnc(D0), writing.on_dnc(D1)) == (True, False)


async def test_the_same_message_twice_at_one_moment_is_one(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    told = await at_one_moment(writing, [said(D0, "1", "SM1")] * 3 + [said(D1, "STOP", "SM2")] * 3)
    assert told == [None] * 6, "each gateway is told that we have it"
    assert sorted(one.text for one in writing.kept()) == ["1", "STOP"]
    assert (writing.attempt("d0").code, writing.attempt("d1").code) == ("Interested", "Opted Out")
    counts = store.read_now(lambda tx: tx.attempts.code_counts(writing.launch.job.id))
    assert counts == {"Interested": 1, "Opted Out": 1, "SMS Delivered": 1}


async def test_two_answers_of_one_person_at_one_moment_count_as_one_after_the_other(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    await at_one_moment(writing, [said(D0, "2"), said(D0, "1"), said(D1, "1")])
    assert (writing.attempt("d0").code, writing.attempt("d1").code) == ("Not Interested", "Interested")
    assert [one.note for one in writing.kept() if one.sender == D0][1].endswith("did not wait for an answer (any more)")


async def test_a_message_that_cannot_be_kept_takes_no_other_with_it(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    other = await Writing.ready(store, org_id, name="Second", sender="+15550188888")
    await other.send()
    news = [said(D1, "1"), replace(said(D0, "1"), recipient=other.sender), said("+15550100002", "2")]
    told = await at_one_moment(writing, news, broken=other.launch.job.id)
    assert [type(one) for one in told] == [type(None), ZeroDivisionError, type(None)]
    assert {one.sender for one in writing.kept()} == {D1, "+15550100002"}
    assert writing.attempt("d1").code == "Interested"


async def test_a_gateway_that_is_stopped_leaves_no_message_half_kept(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    desk = ReplyDesk(store=writing.store, clock=StillClock(NOW), rules=RULES, gateways={}, apps={})
    desk.belongs_to(writing.strategy_of, lambda completed: None)
    before = asyncio.all_tasks()
    told = [asyncio.create_task(desk.take(said(D0, text))) for text in ("1", "STOP")]
    await asyncio.sleep(0)
    for one in told:
        one.cancel()
    await asyncio.wait(told)
    assert all(one.cancelled() for one in told), "they are not told that we have it"
    assert asyncio.all_tasks() == before
    assert [one.text for one in writing.kept()] == ["1", "STOP"]
    assert writing.on_dnc(D0)
