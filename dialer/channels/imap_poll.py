"""Fetch the mails that come to us from a mailbox, every so often: for whoever has no mail server of their own."""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parseaddr
from typing import Concatenate, ParamSpec, TypeVar

import structlog

from dialer.channels.email_config import MailSecurity
from dialer.channels.inbound_email import InboundMail
from dialer.channels.inbound_parse import Unreadable
from dialer.channels.mail_policy import LENIENT
from dialer.errors import BadInput
from dialer.ports import Clock, GatewayState

P = ParamSpec("P")
T = TypeVar("T")
log = structlog.get_logger()

BATCH = 50  # mails whose sizes are asked for at once
STOP_S = 2.0  # what is under way with the server when we are stopped gets so long
TRACES = ("Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc")  # of whom a mail was for, the surest first
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")
_UID = re.compile(rb"UID (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapConfig:
    """One mailbox. Times in seconds."""

    host: str
    port: int = 993
    security: MailSecurity = MailSecurity.TLS
    username: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    every_s: float = 30.0
    timeout_s: float = 20.0  # for each answer of the server
    backoff_max_s: float = 300.0

    def __post_init__(self) -> None:
        if not self.host or not 0 < self.port < 65536:
            raise BadInput(f"{self.host}:{self.port}", where="host and port", mend="a name, and 1 to 65535")
        for where, text in (("username", self.username), ("password", self.password), ("folder", self.folder)):
            if not text or any(ord(mark) < 32 for mark in text):
                raise BadInput("empty, or with a control character", where=where)


class ImapPoller:
    """Reads what is new, keeps it, and then marks it as seen; a mail that could not be kept is new at the next look, too."""

    def __init__(self, config: ImapConfig, inbound: InboundMail, clock: Clock) -> None:
        self.config, self._inbound, self._clock = config, inbound, clock
        self.state = GatewayState.DOWN
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._task is None:
            self.state = GatewayState.CONNECTING
            self._task = asyncio.create_task(self._poll(), name=f"imap-{self.config.host}")

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.state = GatewayState.DOWN

    async def _poll(self) -> None:
        pause_s = self.config.every_s
        while True:
            try:
                await self._look()
            except _Refused as refused:
                self.state = GatewayState.REFUSED
                pause_s = self.config.backoff_max_s
                log.warning("a mailbox refused our login", host=self.config.host, why=str(refused))
            except (imaplib.IMAP4.error, OSError, TimeoutError, ValueError) as failed:
                self.state = GatewayState.CONNECTING
                pause_s = min(2 * pause_s, self.config.backoff_max_s)
                log.warning("a mailbox cannot be read", host=self.config.host, why=str(failed)[:200])
            except Exception:
                self.state = GatewayState.CONNECTING
                log.exception("reading a mailbox failed", host=self.config.host)
            else:
                self.state = GatewayState.READY
                pause_s = self.config.every_s
            await self._clock.sleep(pause_s)

    async def _look(self) -> None:
        """All new mails, in batches."""
        session = await self._logged_in()
        try:
            for uids in await _say(session, _new):
                for uid, size in await _say(session, _sizes, uids):
                    if await self._done_with(session, uid, size):
                        await _say(session, _seen, uid)
        finally:
            await _say(session, _log_out)

    async def _logged_in(self) -> imaplib.IMAP4:
        """A session. One that is there only after we were stopped is closed."""
        logging_in = asyncio.ensure_future(asyncio.to_thread(_log_in, self.config))
        try:
            return await asyncio.shield(logging_in)
        except asyncio.CancelledError:
            logging_in.add_done_callback(_unwanted)
            await asyncio.wait([logging_in], timeout=STOP_S)
            raise

    async def _done_with(self, session: imaplib.IMAP4, uid: bytes, size: int) -> bool:
        """Keep one mail; False: it must come again."""
        if size > self._inbound.config.max_octets:
            log.warning("a mail that is too large", gateway=self._inbound.config.gateway, octets=size)
            return True
        octets = await _say(session, _fetch, uid)
        if octets is None:  # somebody else has taken it away meanwhile
            return True
        recipient, sender = self._envelope(octets)
        try:
            await self._inbound.take(octets, recipient=recipient, sender=sender)
        except Unreadable:
            return True
        except Exception:
            log.exception("a mail could not be kept", gateway=self._inbound.config.gateway)
            return False
        return True

    def _envelope(self, octets: bytes) -> tuple[str, str]:
        """Whom it was delivered to and who sent it, by the traces that the mail server left in the header."""
        header = BytesHeaderParser(policy=LENIENT).parsebytes(octets[: 256 * 1024])
        try:
            named = [str(one) for name in TRACES for one in header.get_all(name, [])]
            addresses = [address for _name, address in getaddresses(named) if address]
            path = header.get("Return-Path")
            sender = parseaddr(str(path))[1] if path is not None else parseaddr(str(header.get("From", "")))[1]
        except (ValueError, LookupError, TypeError, AttributeError, IndexError):  # the header is judged where the mail is read
            return "", ""
        ours = next((one for one in addresses if self._inbound.config.is_ours(one)), "")
        return ours or (addresses[0] if addresses else ""), sender


class _Refused(Exception):
    """The login was refused."""


async def _say(session: imaplib.IMAP4, work: Callable[Concatenate[imaplib.IMAP4, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Say something to the server, in a thread, as the library blocks. Stopped meanwhile, hear the answer first, or hang up."""
    saying = asyncio.ensure_future(asyncio.to_thread(work, session, *args, **kwargs))
    try:
        return await asyncio.shield(saying)
    except asyncio.CancelledError:
        answered, _ = await asyncio.wait([saying], timeout=STOP_S)
        if not answered:
            with contextlib.suppress(OSError):  # the other side has hung up, too
                session.socket().shutdown(socket.SHUT_RDWR)
        await asyncio.gather(saying, return_exceptions=True)
        raise


def _log_in(config: ImapConfig) -> imaplib.IMAP4:
    context = ssl.create_default_context() if config.security is not MailSecurity.NONE else None
    if config.security is MailSecurity.TLS:
        session: imaplib.IMAP4 = imaplib.IMAP4_SSL(config.host, config.port, ssl_context=context, timeout=config.timeout_s)
    else:
        session = imaplib.IMAP4(config.host, config.port, timeout=config.timeout_s)
    try:
        if config.security is MailSecurity.STARTTLS:
            session.starttls(context)
        try:
            session.login(config.username, config.password)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as exc:
            raise _Refused(str(exc)) from exc
        kind, told = session.select('"' + config.folder.replace("\\", "\\\\").replace('"', '\\"') + '"')
        if kind != "OK":
            raise ValueError(f"the folder {config.folder!r} cannot be opened: {told!r}")
    except BaseException:
        _log_out(session)
        raise
    return session


def _unwanted(logging_in: asyncio.Future[imaplib.IMAP4]) -> None:
    if not logging_in.cancelled() and logging_in.exception() is None:
        logging_in.result().shutdown()


def _new(session: imaplib.IMAP4) -> list[list[bytes]]:
    _kind, found = session.uid("SEARCH", "UNSEEN")
    uids = found[0].split() if found and isinstance(found[0], bytes) else []
    return [uids[place : place + BATCH] for place in range(0, len(uids), BATCH)]


def _sizes(session: imaplib.IMAP4, uids: Sequence[bytes]) -> list[tuple[bytes, int]]:
    _kind, told = session.uid("FETCH", b",".join(uids).decode(), "(RFC822.SIZE)")
    lines = [line for line in told if isinstance(line, bytes)]
    found = [(_UID.search(line), _SIZE.search(line)) for line in lines]
    return [(uid[1], int(size[1])) for uid, size in found if uid and size]


def _fetch(session: imaplib.IMAP4, uid: bytes) -> bytes | None:
    """The whole mail, left as new as it was."""
    _kind, parts = session.uid("FETCH", uid.decode(), "(BODY.PEEK[])")
    return next((part[1] for part in parts if isinstance(part, tuple)), None)


def _seen(session: imaplib.IMAP4, uid: bytes) -> None:
    session.uid("STORE", uid.decode(), "+FLAGS.SILENT", "(\\Seen)")


def _log_out(session: imaplib.IMAP4) -> None:
    with contextlib.suppress(imaplib.IMAP4.error, OSError):
        try:
            session.logout()
        except (imaplib.IMAP4.error, OSError):  # no good-bye on a broken link; its socket is ours to close
            session.shutdown()
