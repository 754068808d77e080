"""A mail server for the laboratory: it keeps mails, bounces and answers them, and misbehaves where it is asked to."""

from __future__ import annotations

import asyncio
import contextlib
import re
import smtplib
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as MAIL
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from dialer.closing import accept_no_more
from dialer.domain.message_state import MessageState
from dialer.lab.mail_answers import bounce_of, reply_to
from dialer.lab.message_behaviours import GatewayFault, MessageBehaviour, message_behaviour_of
from dialer.lab.truth_log import TruthLog
from dialer.smtp_connection import KnownConnection, end_all
from dialer.tasks import Tasks

STEP_S = 0.03
SLOW_S = 2.0
HANG_S = 3600.0
TRIES = 20  # of one answer
BOUNCES: dict[MessageState | None, str] = {
    MessageState.UNDELIVERED: "no mailbox",
    MessageState.FAILED: "rejected",
    MessageState.EXPIRED: "delayed",
}
_ATTEMPT = re.compile(r"<([0-9a-z]{26})@")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMail:
    """One mail that was accepted."""

    sender: str  # of the envelope
    to: str
    octets: bytes

    @property
    def parsed(self) -> EmailMessage:
        return message_from_bytes(self.octets, policy=MAIL)


class FakeMail:
    """`await start()`, then send mail to 127.0.0.1 and `port`. `faults` (by address) goes before what the mailbox's name says.

    Answers and bounces go by LMTP to `answers_to`, where that is set; by SMTP where another mail server is between.
    """

    def __init__(
        self,
        *,
        truth: TruthLog,
        answers_to: tuple[str, int] | None = None,
        by_smtp: bool = False,
        folder: Path | None = None,
        step_s: float = STEP_S,
        slow_s: float = SLOW_S,
        smtputf8: bool = True,
        pipelining: bool = True,
        size_limit: int = 10_000_000,
    ) -> None:
        self.truth, self.answers_to, self.folder, self.step_s = truth, answers_to, folder, step_s
        self.slow_s = slow_s
        self._client = smtplib.SMTP if by_smtp else smtplib.LMTP
        self.faults: dict[str, GatewayFault] = {}
        self.kept: list[KeptMail] = []
        self.connections = 0
        self.port = 0
        self._smtputf8, self._pipelining, self._size_limit = smtputf8, pipelining, size_limit
        self._tries: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self._open: set[KnownConnection] = set()
        self._tasks = Tasks()

    @property
    def open(self) -> int:
        """How many connections there are now."""
        return len(self._open)

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
        self._server = await asyncio.get_running_loop().create_server(self._protocol, "127.0.0.1", port or self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close all connections and end."""
        if self._server is not None:
            await accept_no_more(self._server)
        await end_all(self._open)
        await self._tasks.stop()
        if self._server is not None:
            await self._server.wait_closed()

    def cut(self) -> None:
        """Break every connection without a word."""
        for one in self._open:
            one.cut()

    def _protocol(self) -> KnownConnection:
        self.connections += 1
        return KnownConnection(
            self,
            self._open,
            hostname="mx.lab.test",
            ident="lab",
            enable_SMTPUTF8=self._smtputf8,
            data_size_limit=self._size_limit,
            timeout=60,
        )

    # -- what aiosmtpd asks ------------------------------------------------------------------------------------------------------

    async def handle_EHLO(self, server: SMTP, session: Session, envelope: Envelope, hostname: str, said: list[str]) -> list[str]:
        """Say what it can do. It reads one command after another from its buffer, so that they may come together (RFC 2920)."""
        session.host_name = hostname
        return [*said[:-1], "250-PIPELINING", said[-1]] if self._pipelining else said

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        """Take an address, or refuse it."""
        row = message_behaviour_of(address)
        self._tries[address] += 1
        match self.faults.get(address, row.fault):
            case GatewayFault.REFUSED:
                answer = f"550 5.1.1 <{address}>: no such user"
            case GatewayFault.BARRED:
                answer = "550 5.7.1 the recipient does not want mail from you"
            case GatewayFault.BUSY_ONCE if self._tries[address] == 1:
                answer = "451 4.7.1 greylisted, try again later"
            case GatewayFault.ERROR_BEFORE:
                if server.transport is not None:
                    asyncio.get_running_loop().call_later(0.01, server.transport.close)
                answer = "421 4.3.0 closing"
            case _:
                envelope.rcpt_tos.append(address)
                return "250 2.1.5 ok"
        self.truth.write("email", "refused", attempt_id="", to=address, status=int(answer[:3]))
        return answer

    async def handle_DATA(self, server: KnownConnection, session: Session, envelope: Envelope) -> str:
        """Take a mail; what follows is by the first recipient."""
        content, to = envelope.original_content, envelope.rcpt_tos[0]
        octets = content if content is not None else b""
        row = message_behaviour_of(to)
        fault = self.faults.get(to, row.fault)
        if fault is GatewayFault.ERROR_AFTER:
            self.truth.write("email", "refused", attempt_id=attempt_in(octets), to=to, status=451)
            return "451 4.3.0 local error"
        mail = KeptMail(sender=envelope.mail_from or "", to=to, octets=octets)
        self.kept.append(mail)
        if self.folder is not None:
            (self.folder / f"{len(self.kept):06}.eml").write_bytes(octets)
        facts = {"id": f"{len(self.kept)}", "attempt_id": attempt_in(octets), "to": to, "sender": mail.sender, "person": row.name}
        self.truth.write("email", "accepted", **facts)
        self._spawn(self._after(mail, row))
        match fault:
            case GatewayFault.HANG_AFTER:
                await asyncio.sleep(HANG_S)
            case GatewayFault.RESET_AFTER:
                server.cut()
            case GatewayFault.SLOW:
                await asyncio.sleep(self.slow_s)
        return f"250 2.0.0 queued as {len(self.kept)}"

    # -- what people and servers write back ------------------------------------------------------------------------------------

    async def _after(self, mail: KeptMail, row: MessageBehaviour) -> None:
        if self.answers_to is None:
            return
        await asyncio.sleep(self.step_s)
        if (kind := BOUNCES.get(row.state)) is not None:
            await self.answer("", mail.sender, bounce_of(mail.parsed, mail.sender, mail.to, kind))
            self.truth.write("email", "told", attempt_id=attempt_in(mail.octets), to=mail.to, bounce=kind)
        if row.replies:
            parsed = mail.parsed
            to = str(parsed.get("Reply-To") or parsed["From"])
            await self.answer(mail.to, to, reply_to(parsed, mail.to, row.replies, automatic=row.automatic))
            self.truth.write("email", "replied", attempt_id=attempt_in(mail.octets), sender=mail.to, to=to, text=row.replies)

    async def answer(self, sender: str, to: str, octets: bytes) -> None:
        """Deliver a mail to our user's side, again until it is taken or refused for good."""
        assert self.answers_to is not None, "nobody waits for answers"  # noqa: S101
        for _ in range(TRIES):
            try:
                return await asyncio.to_thread(_deliver, self._client, self.answers_to, sender, to, octets)
            except smtplib.SMTPResponseException as refused:
                if refused.smtp_code >= 500:
                    return
            except smtplib.SMTPRecipientsRefused:
                return
            except (OSError, smtplib.SMTPException):
                pass
            await asyncio.sleep(2 * self.step_s)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.start(work, name="fake-mail")


def attempt_in(octets: bytes) -> str:
    """The dialer's own id, which it writes into the Message-ID."""
    for line in octets[:8192].splitlines():
        if line.lower().startswith(b"message-id:"):
            found = _ATTEMPT.search(line.decode(errors="replace"))
            return found[1] if found else ""
    return ""


def _deliver(client: type[smtplib.SMTP], where: tuple[str, int], sender: str, to: str, octets: bytes) -> None:
    with contextlib.closing(client(*where)) as server:
        server.sendmail(sender, [to], octets)
        with contextlib.suppress(smtplib.SMTPException):  # it is delivered, whatever becomes of the goodbye
            server.quit()
