"""What goes out to one desktop: in order, never more than it reads, and with a word of goodbye."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

WAITING = 256  # messages for a desktop that does not read; what is left out is told when it comes back
SEND_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Goodbye:
    """Why a connection is ended, and what its program can do about it."""

    code: int  # of the WebSocket's close frame
    error: str
    because: str
    mend: str = ""

    def as_text(self) -> str:
        """The last message."""
        return json.dumps({"type": "bye", "error": self.error, "because": self.because, "mend": self.mend})


TOO_SLOW = Goodbye(
    code=4008,
    error="too_slow",
    because="messages are not read as quickly as they come",
    mend="connect again with session and after",
)
STOPPING = Goodbye(code=1001, error="stopping", because="the dialer stops", mend="connect again in a few seconds")


class Line:
    """The outgoing side of one connection."""

    def __init__(self, socket: web.WebSocketResponse, *, peer: str, since: datetime) -> None:
        self.peer, self.since = peer, since
        self._socket = socket
        self._queue: asyncio.Queue[str | None] = asyncio.Queue(WAITING + 1)  # None: nothing comes any more
        self._goodbye: Goodbye | None = None

    @property
    def ends(self) -> bool:
        """Whether goodbye is said, or will be."""
        return self._goodbye is not None

    def send(self, text: str) -> None:
        """Send it when its turn comes. A desktop that does not read is cut off; its session keeps what it misses."""
        if self.ends:
            return
        if self._queue.qsize() >= WAITING:
            while not self._queue.empty():
                self._queue.get_nowait()
            self.end(TOO_SLOW)
            return
        self._queue.put_nowait(text)

    def end(self, goodbye: Goodbye) -> None:
        """Say goodbye after what is waiting. The first goodbye holds."""
        if self._goodbye is None:
            self._goodbye = goodbye
            self._queue.put_nowait(None)

    async def write(self) -> Goodbye:
        """Send until the end, and say goodbye; with what the socket is to be closed."""
        try:
            while (text := await self._queue.get()) is not None:
                await self._say(text)
            goodbye = self._goodbye or STOPPING
            await self._say(goodbye.as_text())
        except (TimeoutError, ConnectionError):  # it does not read, or is gone: closing is all that is left
            goodbye = self._goodbye or TOO_SLOW
        return goodbye

    async def close(self, goodbye: Goodbye) -> None:
        """Close the socket, and hear that the other side does (RFC 6455, 7.1.1), for a moment. Nobody may be reading it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SEND_S):
                await self._socket.close(code=goodbye.code, message=goodbye.error.encode())

    async def _say(self, text: str) -> None:
        async with asyncio.timeout(SEND_S):
            await self._socket.send_str(text)
