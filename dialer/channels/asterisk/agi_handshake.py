"""Read who is calling: the header block that Asterisk sends when it connects, or nonsense from somebody else."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import dataclass

MAX_HEADERS = 16 * 1024  # bytes
ATTEMPT = re.compile(r"[0-9a-z]{26}", re.ASCII)
NONCE = re.compile(r"[A-Za-z0-9_-]{8,128}", re.ASCII)
SCRIPT = "call"


class NotOurs(Exception):
    """Whoever connected is not an Asterisk that treats a call of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgiRequest:
    """The call that wants its app. `rest` are bytes that came after the headers (a HANGUP at most)."""

    attempt_id: str
    nonce: str
    amd_status: str
    amd_cause: str
    rest: bytes = b""


async def read_request(conn: socket.socket) -> AgiRequest:
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


def parse_request(block: bytes, rest: bytes = b"") -> AgiRequest:
    """Read the headers. Raises NotOurs where they do not name an attempt and its nonce in their only form."""
    headers = {}
    for line in block.decode("utf-8", errors="replace").split("\n"):
        name, _, value = line.partition(":")
        headers[name.strip()] = value.strip()
    request = AgiRequest(
        attempt_id=headers.get("agi_arg_1", ""),
        nonce=headers.get("agi_arg_2", ""),
        amd_status=headers.get("agi_arg_3", "")[:40],
        amd_cause=headers.get("agi_arg_4", "")[:80],
        rest=rest[:MAX_HEADERS],
    )
    if headers.get("agi_network_script") != SCRIPT or not ATTEMPT.fullmatch(request.attempt_id):
        raise NotOurs("the script or the attempt id is not one of ours")
    if not NONCE.fullmatch(request.nonce):
        raise NotOurs("the nonce has another form than ours")
    return request
