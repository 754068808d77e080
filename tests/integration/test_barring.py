"""An opt-out binds before its message is kept: whatever happens in between, it is carried out once and confirmed once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from dialer.domain.ids import OrgId
from dialer.domain.received import AnswerState
from dialer.engine.replies import ReplyDesk
from dialer.ports import MessageReceived
from dialer.services.barring import bar_at_once
from dialer.services.incoming import read_incoming
from dialer.store.store import Store
from tests.reply_kit import GATEWAY, NOW, OURS, RULES, Writing
from tests.still_clock import StillClock

pytestmark = pytest.mark.integration

D0, D1, STRANGER = "+15550100000", "+15550100001", "+14445550000"


def said(sender: str, text: str, provider_id: str) -> MessageReceived:
    return MessageReceived(gateway=GATEWAY, provider_id=provider_id, sender=sender, recipient=OURS, text=text, at=NOW)


async def told(writing: Writing, *news: MessageReceived) -> None:
    """All of it comes at one moment."""
    desk = ReplyDesk(store=writing.store, clock=StillClock(NOW), rules=RULES, gateways={}, apps={})
    desk.belongs_to(writing.strategy_of, lambda completed: None)
    await asyncio.gather(*(desk.take(one) for one in news))


async def barred(store: Store, news: Sequence[MessageReceived]) -> int:
    """As the dialer does first; how many of them were not barred before."""
    return len(await bar_at_once(store, [read_incoming(one, RULES.wording) for one in news]))


@pytest.mark.row(114)
async def test_each_who_opts_out_is_barred_and_confirmed_once(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    await told(writing, said(D0, "STOP", "1"), said(D0, "stop!", "2"), said(D1, "STOP", "3"), said(STRANGER, "STOP", "4"))
    due = [one.sender for one in writing.kept() if one.answer_state is AnswerState.DUE]
    assert sorted(due) == [STRANGER, D0, D1]
    assert [writing.on_dnc(one) for one in (D0, D1, STRANGER)] == [True, True, True]
    assert (writing.attempt("d0").code, writing.attempt("d1").code) == ("Opted Out", "Opted Out")


async def test_a_dialer_that_dies_between_barring_and_keeping_has_barred(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    news = [said(D0, "STOP", "1"), said(STRANGER, "STOP", "2")]
    assert await barred(store, news) == 2
    assert [writing.on_dnc(one) for one in (D0, STRANGER)] == [True, True]
    assert writing.kept() == []
    await told(writing, *news)  # nobody had told the provider that we have it
    assert sorted(one.sender for one in writing.kept()) == [STRANGER, D0]
    assert writing.attempt("d0").code == "Opted Out"
    assert await barred(store, news) == 0


async def test_an_opt_out_that_is_told_again_after_a_start_bars_nobody(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    stop = said(D0, "STOP", "1")
    await told(writing, stop)
    await told(writing, said(D0, "START", "2"))
    await told(writing, stop)
    assert await barred(store, [stop]) == 0
    assert not writing.on_dnc(D0)


async def test_of_stop_and_start_at_one_moment_the_later_one_counts(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    await told(writing, said(D0, "STOP", "1"), said(D0, "START", "2"), said(D1, "START", "3"), said(D1, "STOP", "4"))
    assert (writing.on_dnc(D0), writing.on_dnc(D1)) == (False, True)
