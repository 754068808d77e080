"""A desktop without a screen: one agent's connection to the desk, which comes back by itself when it is cut off."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientError, ClientSession, ClientWebSocketResponse, WSMsgType

from dialer.errors import OutdialError

ANSWER_S = 15.0
CONNECT_S = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
FINAL = {
    "gave_up",
    "unauthorised",
    "taken_over",
    "connected_already",
    "bad_hello",
    "forbidden_origin",
}  # connecting again does not help


class DeskLost(OutdialError):
    """The desk has ended the connection for good, or a command could not be carried to it."""


class DeskClient:
    """One agent at the desk. Events are kept in `events` in their order; None is the end.

    Where a session could not be resumed there is an event of our own, `new_session`, with the desk as it is now.
    """

    def __init__(self, http: ClientSession, url: str, token: str, *, force: bool) -> None:
        self.welcome: dict[str, Any] = {}
        self.events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.error = self.because = ""  # why it ended, as a word and as a sentence
        self.connections = 0
        self._http, self._url, self._token, self._force = http, f"{url.rstrip('/')}/agent/v1/ws", token, force
        self._socket: ClientWebSocketResponse | None = None
        self._seq, self._ids = 0, 0
        self._asked: dict[int, tuple[str, asyncio.Future[dict[str, Any]]]] = {}
        self._there = asyncio.Event()  # connected for the first time, or never again

    @classmethod
    @asynccontextmanager
    async def connected(cls, http: ClientSession, url: str, token: str, *, force: bool = False) -> AsyncIterator[DeskClient]:
        """Connected for as long as the block runs. `url` is that of the desk's server. Raises DeskLost."""
        client = cls(http, url, token, force=force)
        task = asyncio.create_task(client._stay(), name="desk client")
        try:
            async with asyncio.timeout(2 * CONNECT_S):
                await client._there.wait()
            if task.done():
                await task
            if not client.welcome:
                raise DeskLost(client.because)
            yield client
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    @property
    def is_connected(self) -> bool:
        """Whether the desk is there at this moment."""
        return self._socket is not None

    async def ask(self, command: str, /, **arguments: Any) -> dict[str, Any]:
        """Send a command and give its answer. Sent again when the connection is cut off before it: the desk does it once.

        Raises DeskLost.
        """
        if self.error in FINAL:
            raise DeskLost(self.because or self.error)
        self._ids += 1
        text = json.dumps({"id": self._ids, "command": command, "arguments": arguments})
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[self._ids] = (text, answer)
        if self._socket is not None:
            with contextlib.suppress(ConnectionError):  # then it is sent when the connection is back
                await self._socket.send_str(text)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except TimeoutError as exc:
            raise DeskLost(f"{command} was not answered within {ANSWER_S:g} s") from exc

    def give_up(self) -> None:
        """Cut the connection as a crash would, and never come back."""
        self.error = "gave_up"
        self.drop()

    def drop(self) -> None:
        """Cut the connection as a crash would; it comes back by itself."""
        if self._socket is not None and self._socket._response.connection is not None:
            transport = self._socket._response.connection.transport
            if transport is not None:
                transport.abort()

    async def _stay(self) -> None:
        pause_s = FIRST_PAUSE_S
        try:
            while self.error not in FINAL:
                try:
                    async with await self._connect() as socket:
                        await self._hello(socket)
                        pause_s = FIRST_PAUSE_S
                        async for message in socket:
                            if message.type is WSMsgType.TEXT:
                                self._take(json.loads(message.data))
                except (ClientError, ConnectionError, TimeoutError, DeskLost) as exc:
                    self.because = str(exc) if isinstance(exc, DeskLost) else f"no desk answers at {self._url}"
                    if not self.welcome:
                        return  # it was never there: no use in waiting
                finally:
                    self._socket = None
                await asyncio.sleep(pause_s)
                pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
        finally:
            self._there.set()
            self.events.put_nowait(None)
            self._give_up(self.because)

    async def _connect(self) -> ClientWebSocketResponse:
        async with asyncio.timeout(CONNECT_S):
            return await self._http.ws_connect(self._url, heartbeat=20)

    async def _hello(self, socket: ClientWebSocketResponse) -> None:
        known = {"session": self.welcome["session"], "after": self._seq} if self.welcome else {}
        await socket.send_json({"hello": 1, "token": self._token, "force": self._force, **known})
        said = await socket.receive_json(timeout=CONNECT_S)
        if said["type"] == "bye":
            self.error = said["error"]
            raise DeskLost(f"{said['because']} ({said['mend']})")
        if self.welcome and not said["resumed"]:  # such as after a restart of the dialer: events were missed
            self._give_up("the session was lost")
            self.events.put_nowait({"event": "new_session", "desk": said["desk"]})
        self.welcome, self._seq, self._socket = said, said["seq"], socket
        self.connections += 1
        self.error = self.because = ""
        self._there.set()
        for text, _ in self._asked.values():
            await socket.send_str(text)

    def _take(self, said: dict[str, Any]) -> None:
        match said["type"]:
            case "event":
                self._seq = said["seq"]
                self.events.put_nowait(said)
            case "answer":
                _, answer = self._asked.pop(said["id"], ("", None))
                if answer is not None and not answer.done():
                    answer.set_result(said)
            case "bye":
                self.error, self.because = said["error"], said["because"]

    def _give_up(self, because: str) -> None:
        for _, answer in self._asked.values():
            if not answer.done():
                answer.set_exception(DeskLost(because))
        self._asked.clear()
