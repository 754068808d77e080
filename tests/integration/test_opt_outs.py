"""STOP, START and HELP: before everything else, for every channel, confirmed once, and law from the moment they are on disk."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dialer.domain.campaign import JobContactState
from dialer.domain.ids import OrgId
from dialer.domain.received import AnswerState, InboxState, TakenFor
from dialer.domain.strategy import Result
from dialer.services.dnc import add_to_dnc
from dialer.services.launching import commit_intents
from dialer.store.store import Store
from tests.engine_kit import ON_SQLITE
from tests.launch_kit import ROUTE
from tests.reply_kit import NOW, RULES, Writing, writes

pytestmark = pytest.mark.integration

D0 = "+15550100000"


@pytest.mark.row(114)
async def test_stop_is_on_the_dnc_list_with_the_message_and_confirmed_once(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    heard = await writing.says("d0", "Stop!")
    assert writing.on_dnc(D0)
    assert heard.message is not None
    assert heard.message.taken_for is TakenFor.OPT_OUT
    assert heard.message.answer == "Blood Service: you will get no more messages from us. Reply START to have them again."
    assert (heard.message.answer_state, heard.message.answer_to) == (AnswerState.DUE, D0)
    assert writing.attempt("d0").code == "Opted Out"
    place = writing.launch.place("d0")
    assert place is not None
    assert place.state is JobContactState.FINISHED
    again = await writing.says("d0", "STOP")
    assert again.message is not None
    assert again.message.answer_state is AnswerState.NONE, "one confirmation"


async def test_stop_wins_over_whatever_the_contact_said_before_and_wherever_it_stands(store: Store, org_id: OrgId) -> None:
    rows = {**writes().results, "interested": Result(next_state="second")}
    writing = await Writing.delivered(store, org_id, writes(results=rows), writes("second"))
    await writing.says("d0", "1")  # due in the second handler
    await writing.says("d0", "stop")
    await writing.says("d1", "2")  # done
    await writing.says("d1", "stop")
    assert [writing.attempt(one).code for one in ("d0", "d1")] == ["Opted Out", "Opted Out"]
    assert await writing.send(NOW + timedelta(minutes=5)) == []
    counts = store.read_now(lambda tx: tx.jobs(None).code_counts(writing.launch.job.id))
    assert {code: count for code, count in counts.items() if count} == {"Opted Out": 2, "SMS Delivered": 1}


@ON_SQLITE
async def test_nothing_that_is_queued_for_an_address_leaves_once_its_stop_is_on_disk(store: Store, org_id: OrgId) -> None:
    writing = await Writing.ready(store, org_id)
    claims = await writing.launch.claim(NOW)  # taken up, not yet written to
    heard = await writing.says("d0", "STOP")
    assert heard.message is not None
    intents = await commit_intents(store, writing.launch.job, writing.strategy, claims, ROUTE, now=NOW + timedelta(minutes=2))
    assert D0 not in [one.address for one in intents.to_place]
    assert writing.launch.codes()["d0"] == "Restricted DNC"


async def test_stop_from_a_number_that_nobody_wrote_to_binds_all_organisations(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    other = await store.write(lambda tx: tx.organisations.ensure("Other"))
    await writing.says("+15559999999", "stop")
    assert writing.on_dnc("+15559999999")
    assert writing.on_dnc("+15559999999", other)
    await writing.says("d0", "stop")
    assert not writing.on_dnc(D0, other), "the other organisation has never written to it"


async def test_our_answers_are_claimed_once_and_what_was_claimed_before_a_crash_is_lost(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    for contact in ("d0", "d1", "d2"):
        await writing.says(contact, "STOP")
    later = NOW + timedelta(minutes=2)
    first = await store.write(lambda tx: tx.received(None).claim_answers(later, limit=2))
    second = await store.write(lambda tx: tx.received(None).claim_answers(later, limit=9))
    assert [len(first), len(second)] == [2, 1]
    assert {one.id for one in first}.isdisjoint({one.id for one in second})
    assert await store.write(lambda tx: tx.received(None).lose_answers()) == 3
    assert await store.write(lambda tx: tx.received(None).claim_answers(later, limit=9)) == []


async def test_start_takes_out_what_a_stop_put_in_and_nothing_else(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    await writing.says("d0", "stop")
    heard = await writing.says("d0", "START")
    assert not writing.on_dnc(D0)
    assert heard.message is not None
    assert heard.message.answer.startswith("Blood Service: you will get our messages again")
    await add_to_dnc(store, org_id, "+15550100001", reason="a lawyer wrote")
    refused = await writing.says("d1", "start")
    assert writing.on_dnc("+15550100001")
    assert refused.message is not None
    assert (refused.message.answer_state, refused.message.inbox) == (AnswerState.NONE, InboxState.OPEN)
    assert "a lawyer wrote" in refused.message.note


async def test_help_is_answered_with_the_organisations_text_and_not_for_ever(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    writing.rules = replace(RULES, helps={"default": "Blood Service, 1 High Street, help@example.org. STOP to end."})
    answers = [(await writing.says("d0", "help")).message for _ in range(4)]
    assert [one.answer for one in answers if one] == ["Blood Service, 1 High Street, help@example.org. STOP to end."] * 2 + [
        ""
    ] * 2
    assert writing.attempt("d0").code == "SMS Delivered", "the question stays open"


@ON_SQLITE
async def test_a_stop_after_a_start_counts_also_where_the_provider_gives_no_ids(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    for minute, (words, listed) in enumerate((("STOP", True), ("START", False), ("STOP", True), ("START", True))):
        await writing.says("d0", words, provider_id="", at=NOW + timedelta(minutes=minute))
        assert writing.on_dnc(D0) is listed, "the same START again is the START before"


@ON_SQLITE
async def test_two_machines_cannot_keep_each_other_talking(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    for _ in range(10):
        await writing.says("d0", "STOP")
        await writing.says("d0", "START")
    assert sum(one.answer_state is AnswerState.DUE for one in writing.kept()) == 4
    assert not writing.on_dnc(D0)


@ON_SQLITE
async def test_an_opt_out_is_answered_in_the_contacts_language(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    heard = await writing.says("d0", "Arrêt")
    assert heard.message is not None
    assert heard.message.answer.startswith("Blood Service: you"), "the contact's own goes before the word's"
    stranger = await writing.says("+15559999999", "Arrêt")
    assert stranger.message is not None
    assert stranger.message.answer.startswith("Blood Service : vous")


@ON_SQLITE
async def test_a_providers_own_confirmation_is_not_repeated(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    writing.rules = replace(RULES, confirm=False)
    heard = await writing.says("d0", "STOP")
    assert heard.message is not None
    assert heard.message.answer_state is AnswerState.NONE
    assert writing.on_dnc(D0)
