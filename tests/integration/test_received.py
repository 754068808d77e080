"""What people write back is kept once, opt-outs go before everything, and the strategy's table says what an answer means."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from dialer.domain.campaign import JobContactState, JobState
from dialer.domain.codes import SystemCode
from dialer.domain.ids import OrgId
from dialer.domain.message_state import MessageState
from dialer.domain.received import AnswerState, InboxState, TakenFor
from dialer.domain.reply import Replies, ReplyRow
from dialer.domain.strategy import Result
from dialer.domain.wording import Wish
from dialer.ports import MessageReceived
from dialer.services.incoming import read_incoming
from dialer.services.launching import Intents, commit_intents
from dialer.services.received import receive
from dialer.store.store import Store
from tests.engine_kit import ON_SQLITE
from tests.launch_kit import ROUTE
from tests.reply_kit import GATEWAY, NOW, OURS, RULES, TABLE, Writing, writes

pytestmark = pytest.mark.integration

D0 = "+15550100000"


@pytest.mark.row(113)
async def test_a_reply_sets_the_attribute_and_the_code_and_moves_the_contact(store: Store, org_id: OrgId) -> None:
    rows = {**writes().results, "interested": Result(next_state="second")}
    writing = await Writing.delivered(store, org_id, writes(results=rows), writes("second"))
    heard = await writing.says("d0", "1")
    assert heard.message is not None
    assert (heard.message.taken_for, heard.message.code, heard.message.inbox) == (TakenFor.REPLY, "Interested", InboxState.NONE)
    attempt = writing.attempt("d0")
    assert (attempt.code, attempt.code_source, attempt.system_code) == ("Interested", "reply", "SMS Delivered")
    assert heard.message.attempt_id == attempt.id
    assert writing.attribute("d0") == "1"
    place = writing.launch.place("d0")
    assert place is not None
    assert (place.state, place.handler) == (JobContactState.SCHEDULED, "second")
    assert [one.address for one in await writing.send(NOW + timedelta(minutes=2))] == [D0], "it is written to by the next handler"


@ON_SQLITE
async def test_what_no_row_matches_gets_the_default_code_and_waits_for_a_person(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    heard = await writing.says("d0", "who knows")
    assert heard.message is not None
    assert (heard.message.taken_for, heard.message.code) == (TakenFor.NOT_UNDERSTOOD, "No Match")
    assert heard.message.inbox is InboxState.OPEN
    again = await writing.says("d0", "Yes!")
    assert again.message is not None
    assert again.message.code == "Interested", "the row of No Match let the contact go on waiting"


@ON_SQLITE
async def test_result_processors_hear_of_a_code_that_an_answer_gives_once(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id, writes(processor="crm"), finish_after={"Interested": 1})
    heard = await writing.says("d0", "1")
    assert heard.completed is not None
    assert heard.completed.result is not None
    assert (heard.completed.result.code, heard.completed.result.source) == ("Interested", "reply")
    assert heard.completed.job_finished_because == "1 × Interested"
    stop = await writing.says("d0", "STOP")
    assert stop.completed is not None
    assert (await writing.says("d0", "STOP")).completed is None


@ON_SQLITE
async def test_a_row_without_a_code_keeps_the_contact_waiting(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    await writing.says("d0", "Friday suits me")
    assert writing.attribute("d0") == "Friday"
    place = writing.launch.place("d0")
    assert place is not None
    assert place.handler == "wait"


async def test_the_same_message_twice_is_one_message(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    await writing.says("d0", "1", provider_id="SM1")
    assert (await writing.says("d0", "1", provider_id="SM1", at=NOW + timedelta(days=8))).message is None, "replayed next week"
    await writing.says("d1", "2", provider_id="")
    assert (await writing.says("d1", "2", provider_id="", at=NOW + timedelta(minutes=2))).message is None
    assert len(writing.kept()) == 2


@ON_SQLITE
async def test_the_same_words_in_answer_to_another_message_are_another_answer(store: Store, org_id: OrgId) -> None:
    rows = {**writes().results, "interested": Result(next_state="second")}
    writing = await Writing.delivered(store, org_id, writes(results=rows), writes("second"))
    await writing.says("d0", "1", provider_id="")
    later = NOW + timedelta(minutes=2)
    (second,) = await writing.send(later)
    await writing.arrives(second, later)
    heard = await writing.says("d0", "1", provider_id="", at=later + timedelta(minutes=1))
    assert heard.message is not None
    assert heard.message.attempt_id == second.id


@ON_SQLITE
async def test_an_answer_before_the_news_of_delivery_ends_the_attempt(store: Store, org_id: OrgId) -> None:
    writing = await Writing.ready(store, org_id)
    first, *_ = await writing.send()
    heard = await writing.says("d0", "1")
    assert heard.completed is not None
    await writing.arrives(first)
    assert writing.attempt("d0").code == "Interested"


@ON_SQLITE
async def test_an_answer_that_comes_when_the_contact_has_gone_on_is_kept_for_a_person(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    await writing.says("d0", "1")
    heard = await writing.says("d0", "2")
    assert heard.message is not None
    assert (heard.message.taken_for, heard.message.inbox, heard.message.code) == (TakenFor.REPLY, InboxState.OPEN, "")
    assert "did not wait" in heard.message.note
    assert writing.attempt("d0").code == "Interested"


@ON_SQLITE
async def test_an_answer_after_its_time_is_not_taken_for_one(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id, writes(replies=replace(TABLE, within_s=60.0)))
    heard = await writing.says("d0", "1", at=NOW + timedelta(days=1))
    assert heard.message is not None
    assert (heard.message.taken_for, heard.message.inbox) == (TakenFor.NOT_UNDERSTOOD, InboxState.OPEN)
    assert heard.message.attempt_id == writing.attempt("d0").id
    assert writing.attempt("d0").code == "SMS Delivered"


@ON_SQLITE
async def test_a_stranger_is_answered_by_a_person(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    heard = await writing.says("+4930123456", "Who wants to know?")
    assert heard.message is not None
    assert (heard.message.taken_for, heard.message.inbox, heard.message.org_id) == (TakenFor.UNMATCHED, InboxState.OPEN, org_id)


@ON_SQLITE
async def test_a_machines_message_is_kept_and_never_answered(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    attempt = writing.attempt("d0")
    for text in ("I am out of office until Monday", "1", "HELP", "START"):
        heard = await writing.says("ann@example.org", text, automatic=True, attempt_id=attempt.id)
        assert heard.message is not None
        assert (heard.message.taken_for, heard.message.answer_state) == (TakenFor.AUTOMATIC, AnswerState.NONE)
    assert writing.attempt("d0").code == "SMS Delivered"


@ON_SQLITE
async def test_a_number_without_its_plus_sign_is_the_same_number(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    news = MessageReceived(gateway=GATEWAY, provider_id="", sender="15550100000", recipient="15550199999", text="1", at=NOW)
    (heard,) = await receive(store, [read_incoming(news, RULES.wording)], RULES, writing.strategy_of)
    assert heard.message is not None
    assert (heard.message.sender, heard.message.code) == (D0, "Interested")


@ON_SQLITE
async def test_a_national_number_is_that_of_its_country(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    for sender, national in (("5550100000", True), ("0115550100001", False)):
        news = MessageReceived(
            gateway=GATEWAY, provider_id=sender, sender=sender, recipient=OURS, text="STOP", at=NOW, national=national
        )
        await receive(store, [read_incoming(news, RULES.wording)], RULES, writing.strategy_of)
    german = MessageReceived(gateway=GATEWAY, provider_id="x", sender="01701234567", recipient=OURS, text="STOP", at=NOW)
    assert read_incoming(german, RULES.wording, region="DE").message.sender == "+491701234567"
    assert writing.attempt("d0").code == SystemCode.OPTED_OUT
    assert writing.on_dnc("+15550100000")


@ON_SQLITE
async def test_what_the_provider_takes_for_an_opt_out_is_one_in_whatever_words(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    await writing.says("d0", "basta cosi", asks=Wish.STOP)
    assert writing.on_dnc("+15550100000")
    await writing.says("d0", "di nuovo", asks=Wish.START)
    assert not writing.on_dnc("+15550100000")
    await writing.says("d1", "STOP", asks=Wish.HELP)  # it says so itself
    assert writing.on_dnc("+15550100001")


@ON_SQLITE
async def test_a_mail_whose_subject_is_the_word_is_an_opt_out_whatever_stands_below(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    await writing.says("zoe@example.org", "Zoe Miller, 1 High Street", subject="Unsubscribe")
    assert writing.on_dnc("zoe@example.org")
    assert writing.kept()[-1].taken_for is TakenFor.OPT_OUT
    await writing.says("ann@example.org", "I will come", subject="Re: Stop by on Monday")
    assert writing.kept()[-1].taken_for is TakenFor.UNMATCHED


@ON_SQLITE
async def test_an_answer_that_fits_and_may_be_an_opt_out_is_shown_to_a_person(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    await writing.says("d0", "yes\nbut stop texting me at night")
    one = writing.kept()[-1]
    assert (one.code, one.inbox, one.note) == ("Interested", InboxState.OPEN, "may be meant as an opt-out")


@ON_SQLITE
async def test_what_came_with_a_message_that_nobody_understood_is_told(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    await writing.says("d0", "", attached=2)
    one = writing.kept()[-1]
    assert (one.taken_for, one.note) == (TakenFor.NOT_UNDERSTOOD, "2 files came with it, and are not kept")


async def test_of_two_messages_from_two_of_our_numbers_the_one_that_was_answered_counts(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    second = await Writing.ready(store, org_id, name="Second", sender="+15550188888")
    for attempt in await second.send():
        await second.arrives(attempt)
    heard = await writing.says("d0", "1")
    assert heard.message is not None
    assert heard.message.attempt_id == writing.attempt("d0").id
    other = await writing.says("d1", "1", recipient="+15550188888")
    assert other.message is not None
    assert other.message.attempt_id == second.attempt("d1").id


@ON_SQLITE
async def test_a_codes_fault_does_not_lose_the_answer(store: Store, org_id: OrgId) -> None:
    odd = Replies(rows=(ReplyRow(words=("1",), code="Nobody Knows It", set={"nothing": "x", "city": "Bursa"}),))
    writing = await Writing.delivered(store, org_id, writes(replies=odd))
    heard = await writing.says("d0", "1")
    assert heard.message is not None
    assert heard.message.inbox is InboxState.OPEN
    assert "nothing" in heard.message.note
    assert "Nobody Knows It" in heard.message.note
    assert writing.attribute("d0") == "Bursa"


@ON_SQLITE
async def test_what_could_harm_a_database_or_a_terminal_is_taken_out(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    await writing.says("d0", "a\x00b\x1b[31m\ud800 " + "x" * 50_000, subject="a\r\nBcc: x", provider_id="\x00" * 5000)
    (kept,) = writing.kept()
    assert kept.text.startswith("a b [31m?")
    assert len(kept.text) == 20_000
    assert kept.subject == "a Bcc: x"


# ── mails ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@ON_SQLITE
async def test_a_mail_says_itself_what_it_answers_and_its_senders_name_is_worth_nothing(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    attempt = writing.attempt("d0")
    signed = await writing.says("anybody@example.org", "1", attempt_id=attempt.id)
    assert signed.message is not None
    assert (signed.message.code, signed.message.attempt_id) == ("Interested", attempt.id)
    unsigned = await writing.says("ann@example.org", "1")
    assert unsigned.message is not None
    assert unsigned.message.taken_for is TakenFor.UNMATCHED


@ON_SQLITE
async def test_an_opt_out_by_mail_bars_the_address_that_was_written_to(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    heard = await writing.says("alias@example.org", "unsubscribe", attempt_id=writing.attempt("d0").id, automatic=True)
    assert writing.on_dnc(D0)
    assert not writing.on_dnc("alias@example.org")
    assert heard.message is not None
    assert heard.message.answer_state is AnswerState.NONE, "a mail program pressed the button: nobody is answered"
    confirmed = await writing.says("alias@example.org", "stop", attempt_id=writing.attempt("d1").id)
    assert confirmed.message is not None
    assert confirmed.message.answer_to == "+15550100001", "not to whom the mail says that it is from"


@ON_SQLITE
async def test_who_answers_our_confirmation_of_an_opt_out_with_start_has_messages_again(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    stop = await writing.says("Ann@example.org", "stop", attempt_id=writing.attempt("d0").id)
    assert stop.message is not None
    assert writing.on_dnc(D0)
    start = await writing.says("ann@example.org", "START", attempt_id=stop.message.answer_id)
    assert start.message is not None
    assert start.message.attempt_id == writing.attempt("d0").id
    assert not writing.on_dnc(D0)


@ON_SQLITE
async def test_a_mail_with_a_made_up_sender_bars_at_most_and_frees_nobody(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    stop = await writing.says("victim@example.org", "unsubscribe")
    start = await writing.says("victim@example.org", "start")
    assert writing.on_dnc("victim@example.org")
    for one in (stop.message, start.message):
        assert one is not None
        assert one.answer_state is AnswerState.NONE
    assert start.message is not None
    assert start.message.inbox is InboxState.OPEN


@ON_SQLITE
async def test_a_mail_without_a_text_is_read_by_its_subject(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    heard = await writing.says("ann@example.org", "", subject="Unsubscribe", attempt_id=writing.attempt("d0").id)
    assert heard.message is not None
    assert heard.message.taken_for is TakenFor.OPT_OUT


# ── together ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@ON_SQLITE
async def test_the_goal_counts_replies_too(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id, finish_after={"Interested": 2})
    await writing.says("d0", "1")
    assert store.read_now(lambda tx: tx.jobs(None).get(writing.launch.job.id)).state is JobState.RUNNING
    await writing.says("d1", "yes")
    ended = store.read_now(lambda tx: tx.jobs(None).get(writing.launch.job.id))
    assert (ended.state, ended.because) == (JobState.STOPPING, "2 × Interested")


@ON_SQLITE
@pytest.mark.parametrize("reply", ["1", "gibberish"])
async def test_news_and_answers_of_a_message_end_in_the_same_state_in_whatever_order_they_come(
    store: Store, org_id: OrgId, reply: str
) -> None:
    """What is told of a message, its answer, and an opt-out: in all orders, and each of them a second time, early or late."""
    orders = [[*order, *order] for order in permutations(("sent", "delivered", "reply", "stop"))]
    orders += [[what for what in order for _ in range(2)] for order in permutations(("sent", "delivered", "reply", "stop"))]
    writing = await Writing.ready(store, org_id, count=len(orders))
    attempts = await writing.send(limit=len(orders))
    assert len(attempts) == len(orders)
    ends = set()
    for number, order in enumerate(orders):
        contact = f"d{number}"
        for what in order:
            if what in ("sent", "delivered"):
                await writing.told(writing.attempt(contact), MessageState(what))
            else:
                await writing.says(contact, "STOP" if what == "stop" else reply, provider_id=f"{number} {what}", at=NOW)
        attempt, place = writing.attempt(contact), writing.launch.place(contact)
        assert place is not None
        told = sorted((one.taken_for, one.text) for one in writing.kept() if one.attempt_id == attempt.id)
        kept = writing.attribute(contact), writing.on_dnc(attempt.address), writing.message_of(attempt.id).state
        ends.add((attempt.code, attempt.system_code, place.state, *kept, tuple(told)))
    assert len(ends) == 1, ends
    (end,) = ends
    assert end[:3] == ("Opted Out", "SMS Delivered", JobContactState.FINISHED)
    assert end[4:6] == (True, MessageState.DELIVERED)


@ON_SQLITE
async def test_without_an_opt_out_the_answer_counts_in_whatever_order_news_and_answer_come(store: Store, org_id: OrgId) -> None:
    orders = [[*order, *order] for order in permutations(("sent", "delivered", "reply"))]
    writing = await Writing.ready(store, org_id, count=len(orders))
    await writing.send(limit=len(orders))
    for number, order in enumerate(orders):
        for what in order:
            if what == "reply":
                await writing.says(f"d{number}", "1", provider_id=f"{number}", at=NOW)
            else:
                await writing.told(writing.attempt(f"d{number}"), MessageState(what))
    ends = {(one.code, one.system_code, one.code_source) for one in writing.launch.attempts()}
    assert ends == {("Interested", "SMS Delivered", "reply")}


@pytest.mark.parametrize("first", ["stop", "intent"])
async def test_an_opt_out_and_an_intent_at_the_same_moment_are_one_after_the_other(
    store: Store, org_id: OrgId, first: str
) -> None:
    writing = await Writing.ready(store, org_id, count=8)
    claims = await writing.launch.claim(NOW)
    stops = [writing.says(f"d{number}", "STOP") for number in range(8)]
    intent = commit_intents(store, writing.launch.job, writing.strategy, claims, ROUTE, now=NOW)
    both = [*stops[:4], intent, *stops[4:]] if first == "intent" else [*stops, intent]
    done = await asyncio.gather(*both)
    (intents,) = (one for one in done if isinstance(one, Intents))
    launched = {one.address for one in intents.to_place}
    listed = {one.sender for one in writing.kept()}
    assert listed == {f"+1555010000{number}" for number in range(8)}
    before = listed if first == "stop" else {f"+1555010000{number}" for number in range(4)}
    assert not launched & before, "an opt-out that was on disk first is kept"
