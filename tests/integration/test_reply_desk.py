"""Our own answers leave once at most, whatever happens on the way; and message apps deal with answers like apps with calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from dialer.domain.ids import OrgId
from dialer.domain.received import AnswerState, InboxState, Received
from dialer.engine.message_gateway import MessageGateway
from dialer.engine.replies import ReplyDesk
from dialer.errors import MaybeSent, Rejected
from dialer.ivr.message import Message, MessageApp
from dialer.ivr.outcome import Outcome
from dialer.message_apps import SHIPPED_MESSAGE_APPS
from dialer.ports import MessageReceived, SmsOrder
from dialer.store.store import Store
from dialer.testing.messages import FakeMessages, FakeReader
from pdc import UnknownAttribute
from tests.engine_kit import ON_SQLITE, until
from tests.patience import PATIENCE_S
from tests.reply_kit import GATEWAY, NOW, OURS, RULES, Writing
from tests.still_clock import StillClock

pytestmark = [pytest.mark.integration, ON_SQLITE]

D0 = "+15550100000"


class Desk:
    """A desk with a gateway whose other end the test knows."""

    def __init__(self, writing: Writing, apps: dict[str, MessageApp] | None = None, limit_s: float = 5.0) -> None:
        self.writing, self.clock = writing, StillClock(NOW)
        self.ended: list[str] = []
        self.gateway: FakeMessages[SmsOrder] = FakeMessages(self.clock, self._sink, name=GATEWAY)
        self.desk = ReplyDesk(
            store=writing.store,
            clock=self.clock,
            rules=RULES,
            gateways={GATEWAY: MessageGateway(port=self.gateway, clock=self.clock, sender=OURS)},
            apps={**SHIPPED_MESSAGE_APPS, **(apps or {})},
            app_limit_s=limit_s,
        )
        self.desk.belongs_to(writing.strategy_of, lambda completed: self.ended.append(completed.attempt.id))

    async def _sink(self, news: Any) -> None:
        """Nobody looks at the news of answers."""

    async def says(self, contact: str, text: str) -> Received:
        """Somebody writes, and all that follows is done."""
        news = MessageReceived(
            gateway=GATEWAY,
            provider_id=f"in{time.monotonic_ns()}",
            sender=f"+1555010000{contact[1:]}",
            recipient=OURS,
            text=text,
            at=self.clock.now(),
        )
        await self.desk.take(news)
        await until(lambda: not self.desk.at_work)
        return self.writing.kept()[-1]


@pytest.fixture
async def writing(store: Store, org_id: OrgId) -> Writing:
    """Three people who have been written to."""
    return await Writing.delivered(store, org_id)


async def test_a_confirmation_leaves_once_from_the_number_that_was_written_to(writing: Writing) -> None:
    desk = Desk(writing)
    await desk.gateway.start()
    await desk.says("d0", "STOP")
    for _ in range(3):
        await desk.desk.answer()
    (sent,) = desk.gateway.sent
    assert (sent.number, sent.sender) == (D0, OURS)
    assert sent.text.startswith("Blood Service: you will get no more")
    (kept,) = writing.kept()
    assert (kept.answer_state, kept.answer_id) == (AnswerState.SENT, sent.attempt_id)
    assert writing.attempt("d0").id != sent.attempt_id, "an answer is no attempt"


@pytest.mark.parametrize(
    ("refuses", "taken", "ends"),
    [
        (MaybeSent("cut"), True, AnswerState.UNKNOWN),
        (Rejected("no"), False, AnswerState.FAILED),
        (RuntimeError("a mistake of ours"), False, AnswerState.UNKNOWN),
    ],
)
async def test_an_answer_that_may_have_left_is_not_sent_again(
    writing: Writing, refuses: Any, taken: bool, ends: AnswerState
) -> None:
    desk = Desk(writing)
    await desk.gateway.start()
    desk.gateway.readers = {D0: FakeReader(refuses=refuses, sends_all_the_same=taken)}
    await desk.says("d0", "STOP")
    await desk.desk.answer()
    desk.gateway.readers = {}
    desk.clock.at = NOW + timedelta(minutes=2)
    await desk.desk.answer()
    assert len(desk.gateway.sent) == taken
    assert writing.kept()[0].answer_state is ends


async def test_an_answer_that_surely_did_not_leave_is_tried_again_for_five_minutes(writing: Writing) -> None:
    desk = Desk(writing)  # its gateway is down
    await desk.says("d0", "STOP")
    await desk.desk.answer()
    assert writing.kept()[0].answer_state is AnswerState.DUE
    await desk.gateway.start()
    await desk.desk.answer()
    assert desk.gateway.sent == [], "not before a pause"
    desk.clock.at = NOW + timedelta(seconds=6)
    await desk.desk.answer()
    assert len(desk.gateway.sent) == 1
    await desk.gateway.stop()
    await desk.says("d1", "STOP")
    desk.clock.at = NOW + timedelta(minutes=6)
    await desk.desk.answer()
    assert writing.kept()[1].answer_state is AnswerState.FAILED


async def test_an_answer_that_was_being_sent_when_the_dialer_died_counts_as_sent(writing: Writing) -> None:
    desk = Desk(writing)
    await desk.gateway.start()
    await desk.says("d0", "STOP")
    await writing.store.write(lambda tx: tx.received(None).claim_answers(NOW, limit=9))  # and then it dies
    again = Desk(writing)
    await again.gateway.start()
    task = asyncio.create_task(again.desk.run())
    await until(lambda: writing.kept()[0].answer_state is not AnswerState.SENDING)
    task.cancel()
    assert writing.kept()[0].answer_state is AnswerState.UNKNOWN
    assert again.gateway.sent == []


# ── apps ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def keeps(message: Message) -> Outcome:
    """As an app of a third party would."""
    await message.pdc.set_attribute("city", f"{message.text} of {message.contact.user_contact_id}")
    await message.pdc.note("kept")
    return Outcome("Interested")


def says_nothing(message: Message) -> None:
    """A plain function."""


async def opts_out(message: Message) -> None:
    await message.pdc.opt_out("said so in so many words")


def raises(message: Message) -> str:
    raise ValueError("a bug")


def hangs(message: Message) -> str:
    time.sleep(1)
    return "Interested"


def no_such_code(message: Message) -> str:
    return "Nobody Knows It"


def returns_a_number(message: Message) -> Any:
    return 7


async def asks_for_what_is_not_there(message: Message) -> str:
    try:
        await message.pdc.get_attribute("shoe size")
    except UnknownAttribute:
        return "Not Interested"
    return "Interested"


@pytest.mark.row(113)
async def test_an_app_has_the_message_and_the_pdc_and_says_the_code(writing: Writing) -> None:
    kept = await Desk(writing, {"app": keeps}).says("d0", "app")
    assert (kept.code, kept.inbox, kept.note) == ("Interested", InboxState.NONE, "")
    assert writing.attribute("d0") == "app of d0"
    assert (writing.attempt("d0").code, writing.attempt("d0").code_source) == ("Interested", "reply")


async def test_the_shipped_app_keeps_the_words_and_gives_its_code(writing: Writing) -> None:
    kept = await Desk(writing, {"app": SHIPPED_MESSAGE_APPS["keep_answer"]}).says("d0", "app!")
    assert (kept.code, writing.attribute("d0")) == ("Interested", "app!")


@pytest.mark.parametrize(
    ("app", "code", "waits", "told"),
    [
        (says_nothing, "SMS Delivered", False, ""),
        (opts_out, "Opted Out", False, ""),
        (asks_for_what_is_not_there, "Not Interested", False, ""),
        (raises, "SMS Delivered", True, "ValueError: a bug"),
        (hangs, "SMS Delivered", True, "not done within 0.3 s"),
        (no_such_code, "SMS Delivered", True, "no completion code 'Nobody Knows It'"),
        (returns_a_number, "SMS Delivered", True, "it returned 7"),
        (None, "SMS Delivered", True, "it is not installed"),
    ],
)
async def test_what_an_app_fails_at_waits_for_a_person(
    writing: Writing, app: Callable[..., Any] | None, code: str, waits: bool, told: str
) -> None:
    limit_s = 0.3 if app is hangs else PATIENCE_S
    desk = Desk(writing, {} if app is None else {"app": app}, limit_s=limit_s)
    kept = await desk.says("d0", "app")
    assert writing.attempt("d0").code == code
    assert kept.inbox is (InboxState.OPEN if waits else InboxState.NONE)
    assert told in kept.note
    assert writing.on_dnc(D0) is (app is opts_out)


async def test_a_strategy_whose_app_is_not_installed_is_told_of(writing: Writing) -> None:
    assert Desk(writing).desk.cannot(writing.strategy) == "the message app 'app' is not installed (installed: keep_answer)"
    assert Desk(writing, {"app": keeps}).desk.cannot(writing.strategy) == ""
