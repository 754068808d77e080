"""Read who is calling: the header block that Asterisk sends when it connects, or nonsense from somebody else."""

from __future__ import annotations

import asyncio
import itertools
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

MAX_HEADERS = 16 * 1024  # bytes
ATTEMPT = re.compile(r"[0-9a-z]{26}", re.ASCII)
NONCE = re.compile(r"[A-Za-z0-9_-]{8,128}", re.ASCII)
MAX_ARGUMENTS = 64
CALL, ENDED = "call", "ended"
VERB = re.compile(r"pdc/([a-z_]{1,40})(?:/([0-9]{1,2}))?", re.ASCII)  # with or without the number of arguments


class NotOurs(Exception):
    """Whoever connected is not an Asterisk that treats a call of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgiRequest:
    """A call that was answered and wants its app. `rest` are bytes that came after the headers (a HANGUP at most)."""

    attempt_id: str
    nonce: str
    amd_status: str
    amd_cause: str
    rest: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRequest:
    """One line of a dialplan in which a call goes on: a verb of the PDC, or "ended". Whose call it is, the channel knows."""

    verb: str
    arguments: tuple[str, ...]
    rest: bytes = b""


async def read_request(conn: socket.socket) -> AgiRequest | LineRequest:
    """Read the header block. Raises NotOurs, OSError; the caller sets the time limit."""
    loop = asyncio.get_running_loop()
    block = b""
    while (end := block.find(b"\n\n")) < 0:
        chunk = await loop.sock_recv(conn, 4096)
        block += chunk
        # Asterisk's first word is agi_network: a scanner is turned away at its first bytes, and never waited for.
        if not chunk or len(block) > MAX_HEADERS or not (block.startswith(b"agi_") or b"agi_".startswith(block)):
            raise NotOurs("no AGI headers")
    return parse_request(block[:end], block[end + 2 :])


def parse_request(block: bytes, rest: bytes = b"") -> AgiRequest | LineRequest:
    """Read the headers. Raises NotOurs where they ask for nothing of ours, or do not prove a call in the only form."""
    headers: dict[str, str] = {}
    for line in block.decode("utf-8", errors="replace").split("\n"):
        name, _, value = line.partition(":")
        headers.setdefault(name.strip(), value.strip())  # a line break inside of an argument can replace no header before it
    script, rest = headers.get("agi_network_script", ""), rest[:MAX_HEADERS]
    if script == CALL:
        attempt_id, nonce = headers.get("agi_arg_1", ""), headers.get("agi_arg_2", "")
        check_key(attempt_id, nonce)
        amd_status, amd_cause = headers.get("agi_arg_3", "")[:40], headers.get("agi_arg_4", "")[:80]
        return AgiRequest(attempt_id=attempt_id, nonce=nonce, amd_status=amd_status, amd_cause=amd_cause, rest=rest)
    if script == ENDED:
        return LineRequest(verb=ENDED, arguments=_arguments(headers), rest=rest)
    if (found := VERB.fullmatch(script)) is not None:
        return LineRequest(verb=found[1], arguments=_arguments(headers, least=int(found[2] or MAX_ARGUMENTS)), rest=rest)
    raise NotOurs("the script is not one of ours")


def check_key(attempt_id: str, nonce: str) -> None:
    """Raises NotOurs where an attempt's id or its nonce has another form than ours. Whether they are true, the PDC knows."""
    if not ATTEMPT.fullmatch(attempt_id) or not NONCE.fullmatch(nonce):
        raise NotOurs("the attempt id or the nonce has another form than ours")


def _arguments(headers: Mapping[str, str], *, least: int = MAX_ARGUMENTS) -> tuple[str, ...]:
    """What was given; what is empty behind the first `least` was not."""
    names = itertools.takewhile(headers.__contains__, (f"agi_arg_{place}" for place in range(1, MAX_ARGUMENTS + 1)))
    given = [headers[name] for name in names]
    while len(given) > least and not given[-1]:
        given.pop()
    return tuple(given)
