"""The octets of one connection to a message centre: whole units in, as soon as they are here, and units out, many at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

from dialer.smpp_pdu import Malformed, Pdu, Pdus


class Wire(asyncio.Protocol):
    """Units are taken where the loop reads them: a task in between would cost them one more turn of the loop.

    `ended` says why the connection is over, `heard_s` when something came last.
    """

    def __init__(self, take: Callable[[Pdu, Wire], bool], now_s: Callable[[], float]) -> None:
        """`take` returns False where it can take no more: then nothing is read until `go_on`."""
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.heard_s = now_s()
        self._take, self._now_s, self._pdus = take, now_s, Pdus()
        self._untaken: deque[Pdu] = deque()
        self._unsent: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    def write(self, pdu: Pdu) -> None:
        """Units leave at the end of this turn of the loop, all in one: a call to the kernel costs more than to make a unit."""
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(pdu.encode())

    def end(self, why: str, *, politely: bool = False) -> None:
        """Nothing more is taken or written; `politely`: what was written before still leaves."""
        if not self.ended.done():
            self.ended.set_result(why)
        if self._transport is not None:
            if politely:
                self._flush()
                self._transport.close()
            else:
                self._transport.abort()
        self._transport = None

    def go_on(self) -> None:
        """Take what came while no more could be taken."""
        while self._untaken and not self.ended.done():
            if not self._take(self._untaken[0], self):
                return
            self._untaken.popleft()
        if self._transport is not None:
            self._transport.resume_reading()

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self._transport is not None and unsent:
            self._transport.write(b"".join(unsent))

    # -- what the loop calls -----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, octets: bytes) -> None:
        self.heard_s = self._now_s()
        try:
            for pdu in self._pdus.take(octets):
                if self._untaken or self.ended.done() or not self._take(pdu, self):
                    self._untaken.append(pdu)
        except Malformed as exc:
            self.end(f"what came is no SMPP: {exc}")
        if self._untaken and self._transport is not None:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.end("the message centre closed the connection")
