"""The words of the AGI protocol: build a command line that carries nothing else, read a reply whatever comes between."""

from __future__ import annotations

import asyncio
import contextlib
import re
import unicodedata
from dataclasses import dataclass

from dialer.errors import BadInput, Rejected
from dialer.ivr.driver import CallEnded, CallLost

MAX_LINE = 4096  # bytes; Asterisk's own buffer holds 8192
MAX_WORDS = 64  # Asterisk's own limit is 128
ANSWERS_WITHIN_S = 30.0  # a switch that stands still for less loses none of its calls
MAX_STRAY = 100  # lines that are no reply, before we give the connection up

PLAIN = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
REPLY = re.compile(r"(\d{3})(?: result=(\S*))?(?: ?\((.*)\))?(?: endpos=(\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgiReply:
    """One answer of the switch. `data` is what stood in brackets: a variable's value, "timeout", "dtmf"."""

    code: int
    result: str = ""
    data: str = ""
    endpos: int = 0

    @property
    def number(self) -> int:
        """The result as a number; 0 where it is none."""
        return int(self.result) if re.fullmatch(r"-?\d{1,9}", self.result, re.ASCII) else 0

    @property
    def key(self) -> str:
        """The result as the key that was pressed; "" where none was."""
        return chr(self.number) if 0 < self.number < 127 else ""


def command_line(*words: str | int) -> bytes:
    """One line, each word quoted where it has to be. Raises BadInput: a control character, or too long. Nothing is sent then."""
    if not words or len(words) > MAX_WORDS:
        raise BadInput("an AGI command has 1 to 64 words", where="agi")
    line = " ".join(_quoted(str(word)) for word in words).encode("utf-8", errors="strict") + b"\n"
    if len(line) > MAX_LINE:
        raise BadInput(f"an AGI command has at most {MAX_LINE} bytes", where="agi")
    return line


def _quoted(word: str) -> str:
    if PLAIN.fullmatch(word):
        return word
    if any(unicodedata.category(mark) in ("Cc", "Cs", "Zl", "Zp") for mark in word):
        raise BadInput("an AGI command holds no line break and no control character", where="agi")
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_reply(line: str) -> AgiReply | None:
    """Read one line of the switch; None where it is no reply."""
    found = REPLY.match(line)
    if found is None:
        return None
    return AgiReply(code=int(found[1]), result=found[2] or "", data=found[3] or "", endpos=int(found[4] or 0))


class AgiConnection:
    """One call's AGI socket: one command at a time, each with a time limit."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._turn = asyncio.Lock()
        self._owed = 0  # replies that are still to come for commands whose caller went away
        self._closed = False
        self.hung_up = False  # the switch has said that the contact is gone
        self.given_up = False  # we break the connection ourselves, under whoever uses it

    async def command(self, *words: str | int, timeout_s: float = ANSWERS_WITHIN_S, after_hangup: bool = False) -> AgiReply:
        """Send one command and wait for its reply.

        Raises CallEnded: the contact is gone, or the switch is (with `after_hangup`, a gone contact is no reason: some commands
        work on a dead channel, and a transfer's reply says how it went). Raises CallLost: no reply in time; the connection is
        closed then, so that the switch goes on with its dialplan. Raises Rejected: the switch does not know the command.
        """
        line = command_line(*words)
        async with self._turn:
            if self._closed or (self.hung_up and not after_hangup):
                raise CallEnded("the contact has hung up")
            try:
                async with asyncio.timeout(timeout_s):
                    while self._owed:
                        await self._reply(after_hangup)
                    self._writer.write(line)
                    self._owed += 1
                    reply = await self._reply(after_hangup)
            except TimeoutError as exc:
                self.close()
                raise CallLost(f"the switch did not answer {words[0]} within {timeout_s:g} s") from exc
            except (OSError, ValueError, asyncio.IncompleteReadError) as exc:
                self.close()
                raise self._broken(f"the connection to the switch broke: {exc}") from exc
        if reply.code == 511:  # not on a dead channel
            self.hung_up = True
            raise CallEnded("the contact has hung up")
        if reply.code != 200:
            raise Rejected(f"the switch refused {words[0]}: {reply.code}")
        return reply

    async def _reply(self, after_hangup: bool) -> AgiReply:
        for _ in range(MAX_STRAY):
            line = await self._line()
            if line == "HANGUP":
                self.hung_up = True
                if not after_hangup:
                    raise CallEnded("the contact has hung up")
                continue
            if line.startswith("520-"):
                while not (await self._line()).startswith("520 "):
                    pass
                self._owed -= 1
                return AgiReply(code=520)
            if (reply := parse_reply(line)) is not None:
                self._owed -= 1
                return reply
        raise ValueError("too many lines that are no reply")

    async def _line(self) -> str:
        raw = await self._reader.readline()
        if not raw.endswith(b"\n"):
            self.hung_up = True
            self.close()
            raise self._broken("the switch has closed the connection")
        return raw.decode("utf-8", errors="replace").rstrip("\r\n")

    def _broken(self, because: str) -> CallEnded:
        return CallLost("we have closed the connection to the switch") if self.given_up else CallEnded(because)

    def close(self) -> None:
        """Close the socket."""
        self._closed = True
        self._writer.close()

    async def wait_closed(self) -> None:
        """Wait until it is closed."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._writer.wait_closed()
