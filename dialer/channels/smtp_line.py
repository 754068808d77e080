"""A connection to a mail server that has let us in: commands go out, and their answers come back in the same order."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from typing import NamedTuple

from dialer.channels.deadlines import Deadlines

LONGEST_ANSWER = 32_768  # octets: whoever says more than that before coming to an end speaks no SMTP
_CODE = re.compile(rb"[0-9]{3}(?![0-9])")


class Answer(NamedTuple):
    """What a mail server says to one command."""

    code: int
    text: str  # without the codes; the lines of a long one with a line feed between them


class LineLost(Exception):
    """The connection has ended, or the server is out of step with us: nothing more is to be had from it."""


class MailLine(asyncio.Protocol):
    """Speaks for a transport from now on, in the place of whoever opened it. For one task at a time.

    A command costs one write and one future: the library that logs us in starts a timer and takes a lock for each, and loses the
    answers to commands that are written together.
    """

    def __init__(self, transport: asyncio.Transport, deadlines: Deadlines) -> None:
        self._transport, self._deadlines = transport, deadlines
        self._answers: deque[Answer] = deque()
        self._owed = 0  # answers to what was written, which are not here yet
        self._waiter: asyncio.Future[None] | None = None
        self._rest = b""  # the beginning of a line
        self._lines: list[str] = []  # the beginning of an answer
        self._unfinished = 0  # octets of both
        self._ended = ""  # why nothing more comes
        transport.set_protocol(self)

    @property
    def owed(self) -> int:
        """How many answers are yet to be read."""
        return self._owed + len(self._answers)

    @property
    def usable(self) -> bool:
        """Whether it is open, and nothing is owed."""
        return not (self._ended or self.owed or self._transport.is_closing())

    def write(self, octets: bytes, *, answers: int) -> None:
        """Send whole commands, or a mail, to which so many answers are owed. Raises LineLost, and nothing is sent then."""
        if self._ended or self._transport.is_closing():
            raise LineLost(self._ended or "the connection is closed")
        self._owed += answers
        self._transport.write(octets)  # what the other side does not take yet is kept: one mail, which is in our hands anyway

    async def answer(self, timeout_s: float) -> Answer:
        """The next answer that is owed. Raises LineLost, TimeoutError."""
        if not self._answers:
            if self._ended:
                raise LineLost(self._ended)
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._deadlines.wait(self._waiter, timeout_s)
            finally:
                self._waiter = None
        return self._answers.popleft()

    def close(self) -> None:
        """Send what is on its way out, and no more. Harmless when it is closed already."""
        self._end("the connection is closed")

    # -- what asyncio calls --------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """A part of an answer, or several."""
        if self._ended:
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if not _CODE.match(line):
                self._end(f"no answer of a mail server: {line[:80]!r}")
                return
            self._lines.append(line[4:].strip().decode(errors="replace"))
            self._unfinished += len(line)
            if line[3:4] != b"-":
                self._complete(int(line[:3]))
        if self._unfinished + len(self._rest) > LONGEST_ANSWER:
            self._end("an answer of a mail server without an end")
        if self._answers:
            self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """It is over."""
        self._end(f"the connection was lost: {error}" if error else "the connection was closed")

    def _complete(self, code: int) -> None:
        if self._owed:
            self._owed -= 1
            self._answers.append(Answer(code, "\n".join(self._lines)))
        else:  # mostly a goodbye, 421; taken for the answer to a later command, it would say of a mail what is not true
            self._end(f"the mail server said unasked: {code} {' '.join(self._lines)}"[:300])
        self._lines, self._unfinished = [], 0

    def _end(self, why: str) -> None:
        self._ended = self._ended or why
        self._transport.close()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is None or self._waiter.done():
            return
        if self._answers:
            self._waiter.set_result(None)
        else:
            self._waiter.set_exception(LineLost(self._ended))
