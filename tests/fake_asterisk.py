"""The switch's end of FastAGI calls: what an Asterisk would say, with a contact that presses keys, hangs up or says nothing."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from dialer.domain.ids import new_attempt_id

HEADERS = """agi_network: yes
agi_network_script: {script}
agi_request: agi://127.0.0.1/{script}
agi_channel: PJSIP/carrier-00000001
agi_language: en
agi_type: PJSIP
agi_uniqueid: {attempt}
agi_version: 22.10.1
agi_callerid: unknown
agi_calleridname: unknown
agi_context: outdial
agi_extension: s
agi_priority: 5
agi_enhanced: 0.0
agi_accountcode:
agi_threadid: 140000000000000
"""
CALL_ARGUMENTS = """agi_arg_1: {attempt}
agi_arg_2: {nonce}
agi_arg_3: {amd_status}
agi_arg_4: {amd_cause}
"""


@dataclass(slots=True, kw_only=True)
class SwitchCall:
    """One answered call. `keys`: one entry for each question, "" for silence; afterwards silence for ever."""

    nonce: str
    attempt_id: str = field(default_factory=new_attempt_id)
    script: str = "call"
    arguments: Sequence[str] | None = None  # of a line of a dialplan; None: those of a call that wants its app
    amd_status: str = ""
    amd_cause: str = ""
    keys: Sequence[str] = ()
    key_delay_s: float = 0.0
    hang_up_at: int | None = None  # the contact hangs up while this command (counted from 0) is carried out
    missing: Sequence[str] = ()  # parts of paths that the switch cannot play
    variables: dict[str, str] = field(default_factory=dict)
    commands: list[list[str]] = field(default_factory=list)
    raw: bytes = b""
    up: bool = True
    hung_up_by_app: bool = False

    def played(self) -> list[str]:
        """The paths that were played or asked with."""
        return [words[2] for words in self.commands if words[:2] in (["STREAM", "FILE"], ["GET", "DATA"])]

    async def run(self, address: tuple[str, int]) -> SwitchCall:
        """Connect, and answer commands until the other side is through."""
        reader, writer = await asyncio.open_connection(*address)
        try:
            writer.write(self._headers())
            waiting = list(self.keys)
            while line := await reader.readline():
                self.raw += line
                words = shlex.split(line.decode())
                self.commands.append(words)
                if self.up and self.hang_up_at == len(self.commands) - 1:
                    self.up = False
                    writer.write(b"HANGUP\n")  # in-band, between the command and its reply, as Asterisk does it
                writer.write(await self._reply(words, waiting) + b"\n")
                if words == ["HANGUP"]:
                    self.up, self.hung_up_by_app = False, True
                    break
        except (ConnectionError, BrokenPipeError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        return self

    def _headers(self) -> bytes:
        known = {"attempt": self.attempt_id, "nonce": self.nonce, "amd_status": self.amd_status, "amd_cause": self.amd_cause}
        if self.arguments is None:
            arguments = CALL_ARGUMENTS.format(**known)
        else:
            arguments = "".join(f"agi_arg_{place}: {text}\n" for place, text in enumerate(self.arguments, start=1))
        return (HEADERS.format(script=self.script, **known) + arguments + "\n").encode()

    async def _reply(self, words: list[str], waiting: list[str]) -> bytes:
        verb = " ".join(words[:2])
        if verb == "GET VARIABLE":
            value = self.variables.get(words[2])
            return f"200 result=1 ({value})".encode() if value is not None else b"200 result=0"
        if verb == "SET VARIABLE":
            self.variables[words[2]] = words[3]
        if not self.up:
            return (
                b"511 Command Not Permitted on a dead channel or intercept routine" if verb == "SAY DIGITS" else b"200 result=-1"
            )
        if verb in ("STREAM FILE", "GET DATA") and any(part in words[2] for part in self.missing):
            return b"200 result=-1 endpos=0" if verb == "STREAM FILE" else b"200 result=-1"
        if verb == "GET DATA":
            if self.key_delay_s:
                await asyncio.sleep(self.key_delay_s)  # it takes a person so long
            keys = waiting.pop(0) if waiting else ""
            return f"200 result={keys.rstrip('#')}".encode() + (b"" if keys else b" (timeout)")
        if verb == "STREAM FILE":
            return b"200 result=0 endpos=8000"
        return b"200 result=0" if words[0] in ("EXEC", "NOOP", "WAIT", "SAY") else b"200 result=1"
