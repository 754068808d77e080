"""A few connections to a mail server, each used for one mail after another."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiosmtplib
from aiosmtplib import SMTP, SMTPException, SMTPResponseException, SMTPServerDisconnected

from dialer.channels.email_config import MailSecurity, SmtpConfig
from dialer.channels.smtp_codes import LOGIN, Stage, verdict
from dialer.domain.message_state import Refusal
from dialer.errors import MaybeSent, NotSent, Rejected
from dialer.ports import Clock

START_INPUT, COMPLETED = 354, 250


class LoginRefused(NotSent):
    """Our name or password is not accepted: a human must mend it."""


class Unreachable(NotSent):
    """There is no connection to the mail server."""


@dataclass(slots=True)
class Connection:
    """One connection, and how much it was used."""

    smtp: SMTP
    used_s: float
    mails: int = 0


class SmtpPool:
    """At most so many connections at once; one that did not end a mail in order is not used again."""

    def __init__(self, config: SmtpConfig, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self._places = asyncio.Semaphore(config.connections)
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
                    connection.smtp.close()
                    if connection.mails == 0:
                        raise NotSent(str(gone), retry_after_s=1.0) from gone
                    continue  # the server closed it while it was idle: nothing has left, and another one is tried
                except (Rejected, NotSent):
                    if await self._reset(connection):
                        self._give_back(connection)
                    raise
                except BaseException:  # a doubt, or we are being stopped: nobody knows what this connection expects next
                    connection.smtp.close()
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
        except aiosmtplib.SMTPAuthenticationError as exc:
            smtp.close()
            raise LoginRefused(f"the mail server refused our login: {exc.message}", retry_after_s=config.refused_retry_s) from exc
        except (SMTPException, OSError, TimeoutError, ValueError) as exc:
            smtp.close()
            if isinstance(exc, SMTPResponseException) and exc.code in LOGIN:
                raise LoginRefused(str(exc.message), retry_after_s=config.refused_retry_s) from exc
            raise Unreachable(f"no connection to the mail server: {exc}", retry_after_s=config.backoff_first_s) from exc
        return Connection(smtp, self._clock.monotonic_s())

    def keep(self, connection: Connection) -> None:
        """Put a connection that `open` made among the idle ones."""
        connection.used_s = self._clock.monotonic_s()
        self._idle.append(connection)

    async def close(self) -> None:
        """Say goodbye on all idle connections."""
        idle, self._idle = self._idle, []
        for one in idle:
            with contextlib.suppress(SMTPException, OSError, TimeoutError):
                await one.smtp.quit(timeout=1.0)
            one.smtp.close()

    async def _transact(self, connection: Connection, sender: str, recipient: str, mail: bytes) -> str:
        smtp, timeout_s, stage = connection.smtp, self._config.answer_timeout_s, Stage.SENDER
        wide = not recipient.isascii()
        if wide and not smtp.supports_extension("smtputf8"):
            raise Rejected("the mail server takes no addresses in other scripts", refusal=Refusal.ADDRESS)
        largest = _size_limit(smtp)
        if largest and len(mail) > largest:
            raise Rejected(f"{len(mail)} octets, and the mail server takes {largest}", refusal=Refusal.CONTENT)
        try:
            options = ["SMTPUTF8"] if wide else []
            await smtp.mail(sender, options=options, encoding="utf-8" if wide else "ascii", timeout=timeout_s)
            stage = Stage.RECIPIENT
            await smtp.rcpt(recipient, encoding="utf-8" if wide else "ascii", timeout=timeout_s)
            stage = Stage.DATA
            started = await smtp.execute_command(b"DATA", timeout=timeout_s)
            if started.code != START_INPUT:
                raise verdict(stage, started.code, started.message, later_s=self._config.later_s)
        except SMTPResponseException as refused:
            if refused.code == 421:  # "closing"
                raise _Gone(f"the mail server answered 421 {refused.message}") from refused
            raise verdict(stage, refused.code, refused.message, later_s=self._config.later_s) from refused
        except (SMTPServerDisconnected, OSError) as lost:
            raise _Gone(f"the mail server closed the connection: {lost}") from lost
        except (SMTPException, TimeoutError) as silent:
            smtp.close()
            raise NotSent(f"the mail server did not answer: {silent}", retry_after_s=self._config.later_s) from silent
        return await self._hand_over(smtp, mail)

    async def _hand_over(self, smtp: SMTP, mail: bytes) -> str:
        """The mail and its last dot. From the first octet on, a connection that breaks leaves it in doubt."""
        protocol = smtp.protocol
        try:
            if protocol is None:
                raise SMTPServerDisconnected("the connection is closed")
            protocol.write(mail + b".\r\n")
            answer = await protocol.read_response(timeout=self._config.final_timeout_s)
        except (SMTPException, OSError, TimeoutError) as doubt:
            smtp.close()
            raise MaybeSent(f"the mail server did not say whether it took the mail: {doubt}") from doubt
        if answer.code != COMPLETED:
            raise verdict(Stage.FINAL, answer.code, answer.message, later_s=self._config.later_s)
        return answer.message

    async def _reset(self, connection: Connection) -> bool:
        """Forget a mail that was refused in the middle, so that the next one can go."""
        try:
            await connection.smtp.rset(timeout=2.0)
        except (SMTPException, OSError, TimeoutError):
            connection.smtp.close()
            return False
        return True

    @contextlib.asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        self.busy += 1
        try:
            try:
                await asyncio.wait_for(self._places.acquire(), self._config.turn_timeout_s)
            except TimeoutError:
                raise NotSent("all connections to the mail server are in use", retry_after_s=1.0) from None
            try:
                yield
            finally:
                self._places.release()
        finally:
            self.busy -= 1

    async def _take(self) -> Connection:
        now = self._clock.monotonic_s()
        while self._idle:
            one = self._idle.pop()
            if (
                one.smtp.is_connected
                and now - one.used_s < self._config.idle_s
                and one.mails < self._config.messages_per_connection
            ):
                return one
            one.smtp.close()
        return await self.open()

    def _give_back(self, connection: Connection) -> None:
        connection.used_s = self._clock.monotonic_s()
        connection.mails += 1
        self._idle.append(connection)


class _Gone(Exception):
    """The connection ended before the mail was begun."""


def _size_limit(smtp: SMTP) -> int:
    """What the server said that it takes (RFC 1870); 0: no limit known."""
    said = smtp.esmtp_extensions.get("size", "")
    return int(said) if said.isdecimal() else 0
