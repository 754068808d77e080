"""Desktop programs that tests drive, on the agents' desk over real sockets and a floor that only remembers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType
from aiohttp.test_utils import BaseTestServer, TestServer

from dialer.engine.clock import SystemClock
from dialer.web.agent_desk import DeskOptions, make_agent_desk_app
from dialer.web.agent_sessions import Bounds
from dialer.web.agent_socket import Rhythm
from tests.fake_floor import ANN, ANNS_TOKEN, BOB, BOBS_TOKEN, FakeFloor, Tokens
from tests.patience import PATIENCE_S

# Nobody is too slow for it, on the busiest machine; a test that is about a limit gives its own.
PATIENT_RHYTHM = Rhythm(hello_s=PATIENCE_S, beat_s=PATIENCE_S, recheck_s=0.05)
PATIENT = DeskOptions(rhythm=PATIENT_RHYTHM, bounds=Bounds(keep_s=PATIENCE_S), command_s=PATIENCE_S)
SHOWN = {"Authorization": f"Bearer {ANNS_TOKEN}"}


class Desktop:
    """An agent's program."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket, self.ids = socket, 0

    async def next(self, kind: str = "") -> dict[str, Any]:
        """The next message, of a kind if it is named; beats are passed over."""
        while True:
            message = await self.socket.receive(timeout=PATIENCE_S)
            assert message.type is WSMsgType.TEXT, message
            said: dict[str, Any] = json.loads(message.data)
            if said["type"] == kind or (not kind and said["type"] != "beat"):
                return said

    async def ask(self, command: str, /, id: int | str | None = None, **arguments: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self.ids += 1
        await self.socket.send_json({"id": id or self.ids, "command": command, "arguments": arguments})
        return await self.next("answer")

    async def closed(self) -> int:
        """Wait until the server has closed the socket."""
        while True:
            message = await self.socket.receive(timeout=PATIENCE_S)
            if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING):
                return self.socket.close_code or 0


class Served:
    """The server, its floor, and programs that connect to it."""

    def __init__(self, floor: FakeFloor, tokens: Tokens, server: BaseTestServer, client: ClientSession) -> None:
        self.floor, self.tokens, self.server, self.client = floor, tokens, server, client
        self.url = str(server.make_url("/agent/v1"))
        self.opened: list[ClientWebSocketResponse] = []

    async def open(self, **headers: str) -> Desktop:
        self.opened.append(await self.client.ws_connect(f"{self.url}/ws", headers=headers))
        return Desktop(self.opened[-1])

    async def connect(self, token: str = ANNS_TOKEN, **hello: Any) -> tuple[Desktop, dict[str, Any]]:
        """A connection that has said hello, and what it was told then."""
        desktop = await self.open()
        await desktop.socket.send_json({"hello": 1, "token": token, **hello})
        return desktop, await desktop.next()


@asynccontextmanager
async def serving(options: DeskOptions = PATIENT) -> AsyncIterator[Served]:
    floor, tokens = FakeFloor(), Tokens({ANNS_TOKEN: ANN, BOBS_TOKEN: BOB})
    app = make_agent_desk_app(floor, tokens.books, SystemClock(), options)
    async with TestServer(app) as server, ClientSession() as client:
        served = Served(floor, tokens, server, client)
        yield served
        await asyncio.gather(*(one.close() for one in served.opened))
