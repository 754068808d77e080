"""One desktop on its WebSocket: hello, welcome, then commands one way and events the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import WSMsgType, web

from dialer.domain.agent import Agent
from dialer.errors import StoreDown
from dialer.ports import Clock
from dialer.web.agent_limits import address_of
from dialer.web.agent_line import Goodbye, Line
from dialer.web.agent_sessions import BROKEN, Session, Sessions
from dialer.web.agent_wire import MAX_BYTES, Answer, Hello, Result, Said, Unreadable, read_command, read_hello

log = structlog.get_logger()

COMMANDS_WAITING = 16
NO_HELLO = Goodbye(
    code=4400,
    error="no_hello",
    because="nothing was said in time",
    mend='say {"hello": 1, "token": "..."} as soon as the socket is open',
)
NOT_TEXT = Goodbye(code=1003, error="not_text", because="messages are JSON, in text frames")
TOO_MANY = Answer(
    result=Result.TOO_MANY,
    because="more commands than are taken at once",
    mend="wait for the answers to those that are under way",
)

SignIn = Callable[[web.Request, str], Awaitable[Agent | Goodbye]]
CarryOut = Callable[[Session, Said], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often each side shows that it is there. Seconds."""

    hello_s: float = 5.0  # from the open socket until it has said who it is
    beat_s: float = 10.0  # a ping and a beat this often; a desktop that does not answer within half of it is gone
    recheck_s: float = 60.0  # a token that was taken back ends its connection within so long


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSocket:
    """What every connection of a desktop is given."""

    sessions: Sessions
    sign_in: SignIn
    carry_out: CarryOut
    clock: Clock
    rhythm: Rhythm

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """From the open socket to its end. The session outlives it."""
        socket = web.WebSocketResponse(heartbeat=self.rhythm.beat_s, max_msg_size=MAX_BYTES, timeout=1.0, compress=False)
        await socket.prepare(request)
        line = Line(socket, peer=address_of(request), since=self.clock.now())
        writer = asyncio.create_task(line.write(), name="agent socket: writer")
        try:
            welcomed = await self._welcomed(request, socket, line)
            if isinstance(welcomed, Goodbye):
                line.end(welcomed)
            else:
                session, token = welcomed
                await self._converse(session, socket, line, writer, lambda: self.sign_in(request, token))
            if line.ends:
                await line.close(await writer)
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return socket

    async def _welcomed(self, request: web.Request, socket: web.WebSocketResponse, line: Line) -> tuple[Session, str] | Goodbye:
        try:
            async with asyncio.timeout(self.rhythm.hello_s):
                first = await socket.receive()
        except TimeoutError:
            return NO_HELLO
        if first.type is not WSMsgType.TEXT:
            return NOT_TEXT
        try:
            hello: Hello = read_hello(first.data)
        except Unreadable as wrong:
            return Goodbye(code=4400, error="bad_hello", because=wrong.because, mend=wrong.mend)
        try:
            agent = await self.sign_in(request, hello.token)
            joined = agent if isinstance(agent, Goodbye) else await self.sessions.join(agent, hello, line)
        except Exception:  # the outer edge of a connection: its program is told, whatever it was
            log.exception("a desktop could not be connected", peer=line.peer)
            return BROKEN
        if isinstance(joined, Goodbye):
            return joined
        log.info("an agent's desktop is connected", agent=joined.agent.login, peer=line.peer)
        return joined, hello.token

    async def _converse(
        self,
        session: Session,
        socket: web.WebSocketResponse,
        line: Line,
        writer: asyncio.Task[Goodbye],
        sign_in_again: Callable[[], Awaitable[Agent | Goodbye]],
    ) -> None:
        """Until the desktop is gone, or has been told goodbye. Nobody reads the socket any more then: it can be closed."""
        said: asyncio.Queue[Said] = asyncio.Queue(COMMANDS_WAITING)
        reader = asyncio.create_task(_read(socket, line, said), name="agent socket: reader")
        others = [
            reader,
            asyncio.create_task(self._obey(session, line, said), name="agent socket: commands"),
            asyncio.create_task(self._beat(session, line), name="agent socket: beats"),
            asyncio.create_task(self._recheck(sign_in_again, line), name="agent socket: token"),
        ]
        try:
            await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
            if reader.done():
                reader.result()  # a mistake of ours is no silent end
        finally:
            self.sessions.leave(session.agent.id, line)
            how = "told goodbye" if line.ends else socket.close_code
            log.info("an agent's desktop is gone", agent=session.agent.login, peer=line.peer, how=how)
            for one in others:
                one.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    async def _obey(self, session: Session, line: Line, said: asyncio.Queue[Said]) -> None:
        """One command after the other, in the order in which they came."""
        while True:
            command = await said.get()
            line.send(_answered(command.id, await self.carry_out(session, command)))

    async def _beat(self, session: Session, line: Line) -> None:
        """Scripts in a browser see no pings: they are told that we are there, and which event was the last."""
        while True:
            await self.clock.sleep(self.rhythm.beat_s)
            line.send(json.dumps({"type": "beat", "seq": session.seq, "at": self.clock.now().isoformat(timespec="milliseconds")}))

    async def _recheck(self, sign_in_again: Callable[[], Awaitable[Agent | Goodbye]], line: Line) -> None:
        """A token that was taken back, or whose agent may work no more, is of no use from then on."""
        while True:
            await self.clock.sleep(self.rhythm.recheck_s)
            try:
                found = await sign_in_again()
            except StoreDown:  # asked again in a while: a database that is away throws nobody out
                continue
            if isinstance(found, Goodbye):
                line.end(found)
                return


async def _read(socket: web.WebSocketResponse, line: Line, said: asyncio.Queue[Said]) -> None:
    """What the desktop says, until it is gone."""
    async for message in socket:
        if message.type is not WSMsgType.TEXT:
            line.end(NOT_TEXT)
            continue
        try:
            command = read_command(message.data)
        except Unreadable as wrong:
            line.send(_answered(wrong.id, Answer(result=Result.BAD_INPUT, because=wrong.because, mend=wrong.mend)))
            continue
        try:
            said.put_nowait(command)
        except asyncio.QueueFull:
            line.send(_answered(command.id, TOO_MANY))


def _answered(id: int | str | None, answer: Answer) -> str:
    said: dict[str, Any] = {"type": "answer", "id": id, **answer.as_json()}
    return json.dumps(said, ensure_ascii=False)
