"""A mail server that says what a test tells it to, whatever the rules of SMTP are."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dialer.channels.email_config import MailSecurity, SmtpConfig
from dialer.channels.smtp_pool import SmtpPool
from dialer.closing import accept_no_more
from tests.mail_kit import ANSWERS, SENDER
from tests.message_kit import CLOCK
from tests.patience import PATIENCE_S

USUAL = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go on", ".": "250 taken", "RSET": "250 ok", "QUIT": "221 bye"}
SILENT, CLOSES = "silent", "closes"  # instead of an answer, and from then on


@dataclass(slots=True)
class ScriptedMail:
    """`says` is its answer to a command (`.` is the end of a mail), once; then it answers as usual."""

    pipelining: bool
    says: dict[str, str] = field(default_factory=dict)
    by_octet: bool = False  # each answer leaves in as many packets as it has octets
    heard: list[str] = field(default_factory=list)  # commands
    together: list[int] = field(default_factory=list)  # how many commands each of our packets had
    taken: list[bytes] = field(default_factory=list)
    connections: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    speaking: set[asyncio.Task[Any] | None] = field(default_factory=set)

    async def speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self.writers.append(writer)
        self.speaking.add(asyncio.current_task())
        writer.write(b"220 scripted\r\n")
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            while packet := await reader.read(65536):
                commands = packet.decode().splitlines()
                self.together.append(len(commands))
                for command in commands:
                    if not await self._answer(command[:4].upper(), reader, writer):
                        return

    async def _answer(self, command: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        self.heard.append(command)
        offers = "250-PIPELINING\r\n" if self.pipelining else ""
        answer = self.says.pop(command, None) or {**USUAL, "EHLO": f"250-scripted\r\n{offers}250 HELP"}[command]
        if answer == SILENT:
            await reader.read()
        if answer in (SILENT, CLOSES):
            return False
        await self.say(writer, answer)
        if command == "DATA" and answer.startswith("354"):
            self.taken.append(await reader.readuntil(b"\r\n.\r\n"))
            return await self._answer(".", reader, writer)
        return True

    async def say(self, writer: asyncio.StreamWriter, answer: str) -> None:
        """Write an answer."""
        octets = answer.encode(errors="surrogateescape") + b"\r\n"
        for part in [bytes([one]) for one in octets] if self.by_octet else [octets]:
            writer.write(part)
            if self.by_octet:
                await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def scripted(
    *,
    pipelining: bool,
    says: Mapping[str, str] | None = None,
    by_octet: bool = False,
    connections: int = 1,
    answer_within_s: float = PATIENCE_S,
) -> AsyncIterator[tuple[ScriptedMail, SmtpPool]]:
    """Such a server, and a pool of connections to it."""
    mail = ScriptedMail(pipelining=pipelining, says=dict(says or {}), by_octet=by_octet)
    server = await asyncio.start_server(mail.speak, "127.0.0.1", 0)
    config = SmtpConfig(
        name="smtp",
        host="127.0.0.1",
        port=server.sockets[0].getsockname()[1],
        security=MailSecurity.NONE,
        sender=SENDER,
        answers=ANSWERS,
        connections=connections,
        answer_timeout_s=answer_within_s,
        final_timeout_s=answer_within_s,
    )
    pool = SmtpPool(config, CLOCK)
    try:
        yield mail, pool
    finally:
        await pool.close()
        await accept_no_more(server)
        for writer in mail.writers:
            writer.close()
        await asyncio.gather(*filter(None, mail.speaking), return_exceptions=True)
        await server.wait_closed()
