"""A few connections to a mail server, each used for one mail after another."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiosmtplib
from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from dialer.channels.deadlines import Deadlines
from dialer.channels.email_config import MailSecurity, SmtpConfig
from dialer.channels.smtp_codes import LOGIN, Stage, verdict
from dialer.channels.smtp_line import LineLost, MailLine
from dialer.channels.window import Window
from dialer.domain.message_state import Refusal
from dialer.errors import MaybeSent, NotSent, Rejected
from dialer.ports import Clock

COMPLETED, WILL_FORWARD, START_INPUT, CLOSING = 250, 251, 354, 421
WANTED = {Stage.SENDER: (COMPLETED,), Stage.RECIPIENT: (COMPLETED, WILL_FORWARD), Stage.DATA: (START_INPUT,)}
RESET_S = 2.0  # how long the way back after a refusal may take
_ADDRESS = re.compile(r"[^\s<>\x00-\x20\x7f]+\Z")


class LoginRefused(NotSent):
    """Our name or password is not accepted: a human must mend it."""


class Unreachable(NotSent):
    """There is no connection to the mail server."""


@dataclass(slots=True, kw_only=True)
class Connection:
    """One connection, what its server can do, and how much it was used."""

    line: MailLine
    largest: int  # octets of a mail; 0: no limit known
    wide: bool  # it takes addresses in other scripts (SMTPUTF8)
    pipelining: bool  # it takes several commands at once (RFC 2920)
    used_s: float
    mails: int = 0
    waited: bool = False  # for a mail, as an idle one: its server may have closed it meanwhile


class SmtpPool:
    """At most so many connections at once; one that did not end a mail in order is not used again."""

    def __init__(self, config: SmtpConfig, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self._deadlines = Deadlines()
        self._places = Window(config.connections, self._deadlines)
        self._idle: list[Connection] = []
        self.busy = 0  # mails in our hands, those that wait for a connection included

    async def send(self, sender: str, recipient: str, mail: bytes) -> str:
        """Hand over one mail to one recipient; the server's last words. `mail` has its dots doubled, and no last one.

        Raises NotSent, Rejected, MaybeSent.
        """
        async with self._place():
            while True:
                connection = await self._take()
                try:
                    words = await self._transact(connection, sender, recipient, mail)
                except _Gone as gone:
                    connection.line.close()
                    if not connection.waited:
                        raise NotSent(str(gone), retry_after_s=1.0) from gone
                    continue  # the server closed it while it was idle: nothing has left, and another one is tried
                except (Rejected, NotSent):
                    if await self._reset(connection):
                        self._give_back(connection)
                    raise
                except BaseException:  # a doubt, or we are being stopped: nobody knows what this connection expects next
                    connection.line.close()
                    raise
                self._give_back(connection)
                return words

    async def open(self) -> Connection:
        """A new connection, logged in. Raises Unreachable, LoginRefused."""
        config = self._config
        smtp = SMTP(
            hostname=config.host,
            port=config.port,
            use_tls=config.security is MailSecurity.TLS,
            start_tls=config.security is MailSecurity.STARTTLS,
            username=config.username or None,
            password=config.password or None,
            cert_bundle=config.ca_file or None,
            local_hostname=config.hello or config.answers.domain,
            timeout=config.connect_timeout_s,
        )
        try:
            async with asyncio.timeout(2 * config.connect_timeout_s):
                await smtp.connect()
                await smtp.ehlo()  # what it can do is asked before the first mail, and again after TLS has begun
        except asyncio.CancelledError:
            smtp.close()
            raise
        except aiosmtplib.SMTPAuthenticationError as exc:
            smtp.close()
            raise LoginRefused(f"the mail server refused our login: {exc.message}", retry_after_s=config.refused_retry_s) from exc
        except (SMTPException, OSError, TimeoutError, ValueError) as exc:
            smtp.close()
            if isinstance(exc, SMTPResponseException) and exc.code in LOGIN:
                raise LoginRefused(str(exc.message), retry_after_s=config.refused_retry_s) from exc
            raise Unreachable(f"no connection to the mail server: {exc}", retry_after_s=config.backoff_first_s) from exc
        if not isinstance(smtp.transport, asyncio.Transport):  # it was closed in this very moment
            raise Unreachable("the mail server closed the connection", retry_after_s=config.backoff_first_s)
        return Connection(
            line=MailLine(smtp.transport, self._deadlines),
            largest=_size_limit(smtp),
            wide=smtp.supports_extension("smtputf8"),
            pipelining=smtp.supports_extension("pipelining"),
            used_s=self._clock.monotonic_s(),
        )

    def keep(self, connection: Connection) -> None:
        """Put a connection among the idle ones."""
        connection.used_s, connection.waited = self._clock.monotonic_s(), True
        self._idle.append(connection)

    async def close(self) -> None:
        """Say goodbye on all idle connections."""
        idle, self._idle = self._idle, []
        for one in idle:
            with contextlib.suppress(LineLost, TimeoutError):
                one.line.write(b"QUIT\r\n", answers=1)
                await one.line.answer(1.0)
            one.line.close()

    async def _transact(self, connection: Connection, sender: str, recipient: str, mail: bytes) -> str:
        wide = not recipient.isascii()
        if wide and not connection.wide:
            raise Rejected("the mail server takes no addresses in other scripts", refusal=Refusal.ADDRESS)
        if connection.largest and len(mail) > connection.largest:
            raise Rejected(f"{len(mail)} octets, and the mail server takes {connection.largest}", refusal=Refusal.CONTENT)
        if not (_ADDRESS.match(sender) and _ADDRESS.match(recipient)):
            raise Rejected("an address that a mail server could read as more", refusal=Refusal.ADDRESS)
        commands = {
            Stage.SENDER: f"MAIL FROM:<{sender}>{' SMTPUTF8' if wide else ''}\r\n".encode(),
            Stage.RECIPIENT: f"RCPT TO:<{recipient}>\r\n".encode(),
            Stage.DATA: b"DATA\r\n",
        }
        try:
            await self._begin(connection, commands)
        except LineLost as lost:
            raise _Gone(f"the mail server closed the connection: {lost}") from lost
        except TimeoutError as silent:
            connection.line.close()
            raise NotSent("the mail server did not answer in time", retry_after_s=self._config.later_s) from silent
        return await self._hand_over(connection.line, mail)

    async def _begin(self, connection: Connection, commands: dict[Stage, bytes]) -> None:
        """Until the server wants the mail. Nothing of it has left, whatever happens here.

        Raises what a refusal means, _Gone, LineLost, TimeoutError.
        """
        line = connection.line
        if connection.pipelining:
            line.write(b"".join(commands.values()), answers=len(commands))
        for stage, command in commands.items():
            if not connection.pipelining:
                line.write(command, answers=1)
            answer = await line.answer(self._config.answer_timeout_s)
            if answer.code == CLOSING:
                raise _Gone(f"the mail server answered 421 {answer.text}")
            if answer.code not in WANTED[stage]:
                raise verdict(stage, answer.code, answer.text, later_s=self._config.later_s)

    async def _hand_over(self, line: MailLine, mail: bytes) -> str:
        """The mail and its last dot. From the first octet on, a connection that breaks leaves it in doubt."""
        try:
            line.write(mail + b".\r\n", answers=1)
            answer = await line.answer(self._config.final_timeout_s)
        except (LineLost, TimeoutError) as doubt:
            line.close()
            raise MaybeSent(f"the mail server did not say whether it took the mail: {doubt or 'no answer in time'}") from doubt
        if answer.code != COMPLETED:
            raise verdict(Stage.FINAL, answer.code, answer.text, later_s=self._config.later_s)
        return answer.text

    async def _reset(self, connection: Connection) -> bool:
        """Forget a mail that was refused in the middle, so that the next one can go."""
        line = connection.line
        try:
            while line.owed:  # to the commands that were written together with the refused one
                if (await line.answer(RESET_S)).code == START_INPUT:
                    raise LineLost("it wants the mail all the same")  # and would take whatever we write for its first line
            line.write(b"RSET\r\n", answers=1)
            if (await line.answer(RESET_S)).code == COMPLETED:
                return True
        except (LineLost, TimeoutError):
            pass
        line.close()
        return False

    @contextlib.asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        self.busy += 1
        try:
            try:
                await self._places.enter(self._config.turn_timeout_s)
            except TimeoutError:
                raise NotSent("all connections to the mail server are in use", retry_after_s=1.0) from None
            try:
                yield
            finally:
                self._places.leave()
        finally:
            self.busy -= 1

    async def _take(self) -> Connection:
        now = self._clock.monotonic_s()
        while self._idle:
            one = self._idle.pop()
            if one.line.usable and now - one.used_s < self._config.idle_s and one.mails < self._config.messages_per_connection:
                return one
            one.line.close()
        return await self.open()

    def _give_back(self, connection: Connection) -> None:
        connection.mails += 1
        self.keep(connection)


class _Gone(Exception):
    """The connection ended before the mail was begun."""


def _size_limit(smtp: SMTP) -> int:
    """What the server said that it takes (RFC 1870); 0: no limit known."""
    said = smtp.esmtp_extensions.get("size", "")
    return int(said) if said.isdecimal() else 0
