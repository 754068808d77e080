"""Email gateways with a listener for what comes back: what a test has sent, what it was told, and what really happened."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dialer.channels.email_config import MailAddresses, MailSecurity, SmtpConfig
from dialer.channels.inbound_email import InboundConfig, InboundMail, LmtpListener
from dialer.channels.smtp_email import SmtpEmail
from dialer.domain.email_content import EmailContent
from dialer.domain.ids import AttemptId, new_attempt_id
from dialer.domain.message_state import MessageState
from dialer.domain.message_template import MessageTemplate
from dialer.lab.fake_mail import FakeMail
from dialer.lab.message_behaviours import GatewayFault
from dialer.lab.truth_log import TruthLog
from dialer.ports import Accepted, EmailOrder, EmailPort
from dialer.testing.messages import FakeMessages
from tests.message_kit import CLOCK, SLOW_S, ByEnding, Desk
from tests.patience import PATIENCE_S, until

ANSWERS = MailAddresses(domain="mail.example.org", keys=(b"k" * 32,))
SENDER = "Blood Service <donate@example.org>"
CONTENT = EmailContent(
    subject=MessageTemplate("Will you come, ${first_name}?"),
    text=MessageTemplate("Hello ${first_name},\n\nwe need you in ${city}.\n"),
    html=MessageTemplate("<p>Hello <b>${first_name}</b>,</p><p>we need you in ${city}.</p>"),
)
VALUES = {"first_name": "Zoë", "city": "Köln"}


@dataclass(slots=True)
class EmailLine:
    """One email gateway that is up, its desk, and what its other end knows."""

    port: EmailPort
    desk: Desk
    taken: Callable[[AttemptId], int]
    plan: Callable[[str, GatewayFault], None]
    provider: Any = None
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    def order(self, ending: str, **more: Any) -> EmailOrder:
        """To a mailbox of its own whose name ends so."""
        settings: dict[str, Any] = {"content": CONTENT, "values": VALUES, "name": "Zoë Müller", **more}
        address = settings.pop("address", f"person-{secrets.token_hex(4)}x{ending}@lab.test")
        return EmailOrder(attempt_id=new_attempt_id(), address=address, **settings)

    async def send(self, order: EmailOrder) -> Accepted:
        return await self.port.send(order)

    def states(self, order: EmailOrder) -> list[MessageState]:
        """All news of a mail."""
        return [one.state for one in self.desk.updates() if one.attempt_id == order.attempt_id]


@contextlib.asynccontextmanager
async def fake_mail_line(**_changes: Any) -> AsyncIterator[EmailLine]:
    """The fake of the tests, whose people do what the laboratory's do."""
    desk, plans = Desk(), dict[str, GatewayFault]()
    port = FakeMessages[EmailOrder](CLOCK, desk.take, readers=ByEnding(plans), can_look_up=False)
    await port.start()
    try:
        yield EmailLine(
            port=port,
            desk=desk,
            taken=lambda attempt_id: sum(one.attempt_id == attempt_id for one in port.sent),
            plan=plans.__setitem__,
        )
    finally:
        await port.stop()


@contextlib.asynccontextmanager
async def smtp_line(*, mail: dict[str, Any] | None = None, **changes: Any) -> AsyncIterator[EmailLine]:
    """Our SMTP gateway and our LMTP listener, with the laboratory's mail server between them."""
    desk, truth = Desk(), TruthLog()
    listener = LmtpListener(InboundMail(InboundConfig(gateway="smtp", answers=ANSWERS), CLOCK, desk.take))
    await listener.start()
    server = FakeMail(truth=truth, answers_to=("127.0.0.1", listener.port), slow_s=SLOW_S, **(mail or {}))
    await server.start()
    settings: dict[str, Any] = {
        "name": "smtp",
        "host": "127.0.0.1",
        "port": server.port,
        "security": MailSecurity.NONE,
        "sender": SENDER,
        "answers": ANSWERS,
        "connections": 3,
        "answer_timeout_s": PATIENCE_S,
        "final_timeout_s": PATIENCE_S,
        "backoff_first_s": 0.02,
        "stop_timeout_s": PATIENCE_S,
        **changes,
    }
    port = SmtpEmail(SmtpConfig(**settings), CLOCK)
    await port.start()
    try:
        yield EmailLine(
            port=port,
            desk=desk,
            taken=lambda attempt_id: len(truth.accepted(attempt_id)),
            plan=server.faults.__setitem__,
            provider=server,
        )
    finally:
        await port.stop()
        await server.stop()
        await listener.stop()


SILENCE: dict[str, Any] = {"final_timeout_s": 1.0}  # for a line on which somebody does not answer
EMAIL_LINES = {"fake": fake_mail_line, "smtp": smtp_line}
__all__ = ["ANSWERS", "CONTENT", "EMAIL_LINES", "SENDER", "SILENCE", "VALUES", "EmailLine", "smtp_line", "until"]
