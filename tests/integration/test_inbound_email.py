"""Mails come in by LMTP and from a mailbox over IMAP: kept before they are answered for, refused where nobody can read them."""

from __future__ import annotations

import asyncio
import contextlib
import re
import smtplib
import socket
from collections.abc import AsyncIterator
from email.message import EmailMessage

import pytest

from dialer.channels.email_config import MailSecurity
from dialer.channels.imap_poll import ImapConfig, ImapPoller
from dialer.channels.inbound_email import InboundConfig, InboundMail, LmtpListener
from dialer.domain.ids import AttemptId, new_attempt_id
from dialer.domain.mail_token import TokenUse, signed_address
from dialer.ports import GatewayState
from tests.mail_kit import ANSWERS
from tests.message_kit import CLOCK, Desk
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.integration

MAILBOX = "donate@example.org"


def reply_address(attempt_id: AttemptId, use: TokenUse = TokenUse.REPLY) -> str:
    return signed_address(use, attempt_id, ANSWERS.domain, ANSWERS.keys[0])


def answer(text: str, to: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = "zoe@lab.test", to, "Re", f"<{new_attempt_id()}@lab.test>"
    mail.set_content(text)
    return mail.as_bytes()


def inbound(desk: Desk, **more: int) -> InboundMail:
    return InboundMail(InboundConfig(gateway="smtp", answers=ANSWERS, mailboxes=(MAILBOX,), **more), CLOCK, desk.take)


# -- LMTP ------------------------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def lmtp(desk: Desk, **more: int) -> AsyncIterator[LmtpListener]:
    listener = LmtpListener(inbound(desk, **more))
    await listener.start()
    try:
        yield listener
    finally:
        await listener.stop()


async def talk(port: int, *lines: str | bytes) -> list[str]:
    """Say LMTP line by line; the last line of every answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = []

    async def hear() -> None:
        while True:
            async with asyncio.timeout(PATIENCE_S):
                line = (await reader.readline()).decode().rstrip()
            if line[3:4] != "-":
                heard.append(line)
                return

    await hear()
    for line in lines:
        writer.write(line if isinstance(line, bytes) else f"{line}\r\n".encode())
        await hear()
    rest = asyncio.create_task(reader.read(4096))
    done, _pending = await asyncio.wait({rest}, timeout=0.1)
    heard += rest.result().decode().split("\r\n")[:-1] if done else []
    rest.cancel()
    writer.close()
    return heard


async def test_each_recipient_of_one_mail_has_an_answer_of_their_own() -> None:
    desk = Desk()
    first, second = new_attempt_id(), new_attempt_id()
    async with lmtp(desk) as listener:
        heard = await talk(
            listener.port,
            "LHLO mx",
            "MAIL FROM:<zoe@lab.test>",
            f"RCPT TO:<{reply_address(first)}>",
            f"RCPT TO:<{reply_address(second)}>",
            "RCPT TO:<stranger@mail.example.org>",
            f"RCPT TO:<reply+{'0' * 42}@mail.example.org>",
            f"RCPT TO:<{MAILBOX.upper()}>",
            "DATA",
            answer("1", "x").replace(b"\n", b"\r\n") + b".\r\n",
        )
    assert [line[:3] for line in heard] == ["220", "250", "250", "250", "250", "550", "550", "250", "354", "250", "250", "250"]
    assert [(one.attempt_id, one.text) for one in desk.received()] == [(first, "1"), (second, "1"), (None, "1")]


async def test_a_listener_that_is_stopped_at_any_moment_of_a_talk_leaves_nothing_under_way() -> None:
    for moment in range(30):  # turns of the loop
        before, listener = asyncio.all_tasks(), LmtpListener(inbound(Desk()))
        await listener.start()
        with socket.create_connection(("127.0.0.1", listener.port)) as client:  # the kernel takes it, and the loop does later
            client.sendall(b"LHLO there\r\n")
            for _ in range(moment):
                await asyncio.sleep(0)
            await listener.stop()
            assert asyncio.all_tasks() == before
            client.settimeout(PATIENCE_S)
            with contextlib.suppress(ConnectionResetError):
                while client.recv(4096):
                    pass


async def test_a_mail_that_could_not_be_kept_comes_again_and_an_unreadable_one_does_not() -> None:
    desk = Desk(refuse_next=1)
    to = reply_address(new_attempt_id())

    def send(port: int, octets: bytes) -> None:
        with contextlib.closing(smtplib.LMTP("127.0.0.1", port)) as client:
            client.sendmail("zoe@lab.test", [to], octets)

    async with lmtp(desk, max_octets=20_000) as listener:
        with pytest.raises(smtplib.SMTPDataError) as later:
            await asyncio.to_thread(send, listener.port, answer("1", to))
        assert later.value.smtp_code == 451
        assert desk.heard == []
        parts = (b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (number, number) for number in range(50))
        deep = b"From: a@b.test\r\n" + b"".join(parts)
        with pytest.raises(smtplib.SMTPDataError) as never:
            await asyncio.to_thread(send, listener.port, deep)
        assert never.value.smtp_code == 550
        with pytest.raises(smtplib.SMTPResponseException) as big:
            await asyncio.to_thread(send, listener.port, answer("x" * 30_000, to))
        assert big.value.smtp_code == 552
        await asyncio.to_thread(send, listener.port, answer("1", to))
    assert len(desk.received()) == 1


async def test_what_concerns_none_of_our_mails_is_taken_and_forgotten() -> None:
    desk = Desk()
    async with lmtp(desk) as listener:
        octets = b"From: list@lab.test\r\nList-Id: <a.b>\r\n\r\nnews\r\n.\r\n"
        heard = await talk(listener.port, "LHLO mx", "MAIL FROM:<list@lab.test>", f"RCPT TO:<{MAILBOX}>", "DATA", octets)
    assert heard[-1].startswith("250")
    assert desk.heard == []


# -- IMAP ------------------------------------------------------------------------------------------------------------------------


class Mailbox:
    """As much of an IMAP server as a mailbox needs that is read by `imaplib`."""

    def __init__(self) -> None:
        self.mails: dict[int, bytes] = {}
        self.seen: set[int] = set()
        self.logins = 0
        self.fetched: list[int] = []
        self.port = 0
        self.hung_up = 0
        self.muted = 0
        self.mute_at = "never"  # the command that gets no answer
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    def put(self, octets: bytes) -> int:
        number = len(self.mails) + 7
        self.mails[number] = octets
        return number

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._come_in, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            await asyncio.gather(*self._serving)

    def _come_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK ready\r\n")
        with contextlib.suppress(ConnectionError):
            while line := (await reader.readline()).decode().strip():
                tag, _, command = line.partition(" ")
                if command.startswith(self.mute_at):
                    self.muted += 1
                    continue
                for told in self._answers(command):
                    writer.write(told)
                no = command.startswith("LOGIN") and "secret" not in command
                writer.write(f"{tag} {'NO' if no else 'OK'} done\r\n".encode())
        self.hung_up += 1
        writer.close()

    def _answers(self, command: str) -> list[bytes]:
        if command.startswith("CAPABILITY"):
            return [b"* CAPABILITY IMAP4rev1\r\n"]
        if command.startswith("LOGIN"):
            self.logins += 1
        if command.startswith("SELECT"):
            return [f"* {len(self.mails)} EXISTS\r\n".encode()]
        if command.startswith("UID SEARCH UNSEEN"):
            return [f"* SEARCH {' '.join(str(one) for one in self.mails if one not in self.seen)}\r\n".encode()]
        if found := re.match(r"UID FETCH ([\d,]+) \(RFC822.SIZE\)", command):
            uids = [int(one) for one in found[1].split(",")]
            return [f"* {uid - 6} FETCH (UID {uid} RFC822.SIZE {len(self.mails[uid])})\r\n".encode() for uid in uids]
        if found := re.match(r"UID FETCH (\d+) \(BODY.PEEK\[\]\)", command):
            uid = int(found[1])
            self.fetched.append(uid)
            octets = self.mails[uid]
            return [f"* {uid - 6} FETCH (UID {uid} BODY[] {{{len(octets)}}}\r\n".encode() + octets + b")\r\n"]
        if found := re.match(r"UID STORE (\d+) \+FLAGS", command):
            self.seen.add(int(found[1]))
        return []


@contextlib.asynccontextmanager
async def polled(desk: Desk, box: Mailbox, password: str, *, timeout_s: float = 2.0, **more: int) -> AsyncIterator[ImapPoller]:
    await box.start()
    config = ImapConfig(
        host="127.0.0.1",
        port=box.port,
        security=MailSecurity.NONE,
        username="me",
        password=password,
        every_s=0.05,
        timeout_s=timeout_s,
    )
    poller = ImapPoller(config, inbound(desk, **more), CLOCK)
    await poller.start()
    try:
        yield poller
    finally:
        await poller.stop()
        await box.stop()


async def test_new_mails_of_a_mailbox_are_kept_and_then_marked_as_seen() -> None:
    desk, box = Desk(refuse_next=1), Mailbox()
    attempt_id = new_attempt_id()
    forwarded = b"Delivered-To: " + reply_address(attempt_id).encode() + b"\nReturn-Path: <zoe@lab.test>\n" + answer("1", "x@y.z")
    first = box.put(forwarded.replace(b"\n", b"\r\n"))
    second = box.put(answer("2", f"Blood Service <{MAILBOX}>").replace(b"\n", b"\r\n"))
    large = box.put(answer("x" * 30_000, MAILBOX))
    async with polled(desk, box, "secret", max_octets=20_000) as poller:
        await until(lambda: box.seen == {first, second, large})
        assert poller.state is GatewayState.READY
        third = box.put(answer("3", MAILBOX))
        await until(lambda: third in box.seen)
    assert sorted((one.text, one.attempt_id) for one in desk.received() if one.text != "1") == [("2", None), ("3", None)]
    assert [(one.attempt_id, one.automatic) for one in desk.received() if one.text == "1"] == [(attempt_id, False)]
    assert desk.refused == 1
    assert large not in box.fetched


async def test_a_refused_login_is_told_and_a_server_that_is_away_is_found_again() -> None:
    box = Mailbox()
    async with polled(Desk(), box, "wrong") as poller:
        await until(lambda: poller.state is GatewayState.REFUSED)
        await asyncio.sleep(0.2)
        assert box.logins == 1
    async with polled(Desk(), box, "secret") as poller:
        await until(lambda: poller.state is GatewayState.READY)
        await box.stop()
        await until(lambda: poller.state is GatewayState.CONNECTING)
        await box.start()
        await until(lambda: poller.state is GatewayState.READY)


async def test_who_is_stopped_while_a_server_says_nothing_hangs_up() -> None:
    box = Mailbox()
    box.put(answer("1", MAILBOX).replace(b"\n", b"\r\n"))
    box.mute_at = "UID FETCH"
    async with polled(Desk(), box, "secret", timeout_s=PATIENCE_S) as poller:
        await until(lambda: box.muted)
        await poller.stop()
    assert (box.logins, box.hung_up, box.seen) == (1, 1, set())
