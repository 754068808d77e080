"""A connection to a mail server of ours: known while anything of it is under way, so that whoever stops the server ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from aiosmtpd.smtp import SMTP


class KnownConnection(SMTP):
    """One connection; it is in `known` from its beginning to the end of its last command. `handling` is what is said on it."""

    handling: asyncio.Task[None]

    def __init__(self, handler: object, known: set[KnownConnection], **how: Any) -> None:
        super().__init__(handler, **how)
        self._known = known

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        super().connection_made(transport)
        assert self._handler_coroutine is not None  # noqa: S101  it was begun just now
        self.handling = self._handler_coroutine
        self._known.add(self)
        self.handling.add_done_callback(lambda _: self._known.discard(self))

    def cut(self) -> None:
        """End it without a word."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()


async def end_all(connections: Collection[KnownConnection]) -> None:
    """Cut them, and wait until nothing of them is under way: the server itself knows of none."""
    handling = [one.handling for one in connections]
    for one in connections:
        one.cut()
    await asyncio.gather(*handling, return_exceptions=True)
