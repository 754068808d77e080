"""Through a real Postfix, both ways: our mails out to the world, the world's answers and Postfix's own bounces back to us."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from dialer.channels.email_config import MailSecurity, SmtpConfig
from dialer.channels.inbound_email import InboundConfig, InboundMail, LmtpListener
from dialer.channels.smtp_email import SmtpEmail
from dialer.domain.ids import new_attempt_id
from dialer.domain.message_state import MessageState, Refusal
from dialer.lab.fake_mail import FakeMail
from dialer.lab.truth_log import TruthLog
from dialer.ports import EmailOrder, GatewayState
from tests.mail_kit import ANSWERS, CONTENT, SENDER, VALUES
from tests.message_kit import CLOCK, Desk
from tests.patience import until
from tests.postfix_kit import postfix

pytestmark = pytest.mark.integration


def order(name: str) -> EmailOrder:
    return EmailOrder(attempt_id=new_attempt_id(), address=f"{name}@lab.test", content=CONTENT, values=VALUES, name="Zoë")


async def test_mails_leave_and_answers_and_bounces_come_back_through_a_real_mail_server() -> None:
    desk = Desk()
    listener = LmtpListener(InboundMail(InboundConfig(gateway="smtp", answers=ANSWERS), CLOCK, desk.take))
    await listener.start()
    world = FakeMail(truth=TruthLog(), by_smtp=True)
    await world.start()
    with ExitStack() as stack:
        server = postfix(world=world.port, domain=ANSWERS.domain, lmtp=listener.port)
        port = await asyncio.to_thread(stack.enter_context, server)
        world.answers_to = ("127.0.0.1", port)
        config = SmtpConfig(name="smtp", host="127.0.0.1", port=port, security=MailSecurity.NONE, sender=SENDER, answers=ANSWERS)
        gateway = SmtpEmail(config, CLOCK)
        await gateway.start()
        await until(lambda: gateway.state() is GatewayState.READY)
        desk.refuse_next = 1  # the first that comes back: Postfix keeps it, and brings it again
        plain, answered, refused = order("person-45"), order("person-41"), order("person-48")
        accepted = await asyncio.gather(*(gateway.send(one) for one in (plain, answered, refused)))
        assert all(one.provider_ids for one in accepted)
        await until(lambda: len(world.kept) == 2, within_s=30)
        await until(lambda: desk.received() and desk.updates(), within_s=30)
        await gateway.stop()
    await world.stop()
    await listener.stop()
    assert {one.to: one.sender.startswith("bounce+") for one in world.kept} == {plain.address: True, answered.address: True}
    (answer,), (bounce,) = desk.received(), desk.updates()
    assert (answer.text, answer.attempt_id, answer.automatic) == ("1", answered.attempt_id, False)
    assert (bounce.state, bounce.refusal, bounce.code) == (MessageState.BOUNCED, Refusal.ADDRESS, "5.1.1")
    assert bounce.attempt_id == refused.attempt_id
    assert desk.refused == 1
