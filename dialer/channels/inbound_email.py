"""Take the mails that come to us: a mail server hands them over by LMTP, and is answered when they are kept."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import Envelope, Session

from dialer.channels.email_config import MailAddresses, is_address
from dialer.channels.inbound_parse import Nobodys, Unreadable, read_mail
from dialer.closing import accept_no_more
from dialer.domain.mail_token import TokenUse, read_address
from dialer.domain.message_names import GATEWAY
from dialer.errors import BadInput
from dialer.ports import Clock, InboundSink
from dialer.smtp_connection import KnownConnection, end_all

log = structlog.get_logger()

LINE_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundConfig:
    """What is common to all ways in. `gateway` is the one whose mails are answered."""

    gateway: str
    answers: MailAddresses
    mailboxes: tuple[str, ...] = ()  # further addresses of ours, such as the one that our mails are from
    max_octets: int = 5_000_000

    def __post_init__(self) -> None:
        if not GATEWAY.match(self.gateway):
            raise BadInput(f"{self.gateway!r}", where="the name of a gateway", mend="letters, digits, dash and underscore")
        for one in self.mailboxes:
            if not is_address(one):
                raise BadInput(f"{one!r} is no address", where="mailboxes")

    def is_ours(self, address: str) -> bool:
        """Whether mail to it is for us. Of the signed addresses only those that we signed: others do not exist."""
        if any(read_address(use, address, self.answers.keys) for use in TokenUse):
            return True
        return address.lower() in {one.lower() for one in self.mailboxes}


class InboundMail:
    """What becomes of one mail, whichever way it came."""

    def __init__(self, config: InboundConfig, clock: Clock, sink: InboundSink) -> None:
        self.config, self._clock, self._sink = config, clock, sink
        # Of our own: the loop's common threads may all be waiting for us. Made on first use, ended with the last reference.
        self._threads = ThreadPoolExecutor(1, thread_name_prefix=f"inbound-{config.gateway}")

    async def take(self, octets: bytes, *, recipient: str, sender: str) -> None:
        """Keep what it means. Raises Unreadable (refuse it for good) and whatever the sink raises (let it come again)."""
        try:
            # Off the event loop: patterns over somebody else's text.
            reading = partial(
                read_mail,
                octets,
                gateway=self.config.gateway,
                recipient=recipient,
                sender=sender,
                answers=self.config.answers,
                now=self._clock.now(),
            )
            found = await asyncio.get_running_loop().run_in_executor(self._threads, reading)
        except Unreadable as odd:
            log.warning("a mail that cannot be read", gateway=self.config.gateway, octets=len(octets), why=str(odd))
            raise
        if isinstance(found, Nobodys):
            log.info("a mail that concerns no message of ours", gateway=self.config.gateway, why=found.because)
            return
        await self._sink(found)


class LmtpListener:
    """An LMTP server for the mail server beside us: one answer for each recipient (RFC 2033), after the mail is kept."""

    def __init__(self, inbound: InboundMail, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Port 0: any free one; `port` says which when it is started."""
        self._inbound, self._host, self.port = inbound, host, port
        self._server: asyncio.Server | None = None
        self._open: set[KnownConnection] = set()

    async def start(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(self._connection, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close. What was not answered yet comes again later: the mail server keeps it."""
        if self._server is None:
            return
        await accept_no_more(self._server)
        await end_all(self._open)
        await self._server.wait_closed()

    def _connection(self) -> _Connection:
        return _Connection(self._inbound, self._open)


class _Connection(KnownConnection, LMTP):
    """One connection; also its own handler."""

    def __init__(self, inbound: InboundMail, known: set[KnownConnection]) -> None:
        super().__init__(
            self,
            known,
            hostname=inbound.config.answers.domain,
            ident="Outdial",
            data_size_limit=inbound.config.max_octets,
            enable_SMTPUTF8=True,
            timeout=LINE_TIMEOUT_S,
        )
        self._inbound = inbound

    async def handle_RCPT(self, server: LMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        """An address that we did not make does not exist."""
        if not self._inbound.config.is_ours(address):
            return "550 5.1.1 no such address here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: LMTP, session: Session, envelope: Envelope) -> str:
        """One answer for each recipient, in their order."""
        octets = envelope.original_content or b""
        answers = [await self._taken(octets, one, envelope.mail_from or "") for one in envelope.rcpt_tos]
        return "\r\n".join(answers)

    async def _taken(self, octets: bytes, recipient: str, sender: str) -> str:
        try:
            await self._inbound.take(octets, recipient=recipient, sender=sender)
        except Unreadable:
            return "550 5.6.0 this mail cannot be read"
        except Exception:
            log.exception("a mail could not be kept", gateway=self._inbound.config.gateway)
            return "451 4.3.0 try again later"
        return "250 2.0.0 ok"
