"""Keep what each agent was told, numbered, so that a desktop that was cut off misses nothing."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import structlog

from dialer.domain.agent import Agent
from dialer.domain.agent_events import AgentEvent, as_kept
from dialer.domain.ids import AgentId
from dialer.ports import Clock
from dialer.services.agent_floor import AgentFloor
from dialer.tasks import Tasks
from dialer.web.agent_line import STOPPING, Goodbye, Line
from dialer.web.agent_wire import Answer, Hello, event_json, plain

log = structlog.get_logger()

KEPT_EVENTS = 1000
KEPT_ANSWERS = 64
FULL = Goodbye(code=1013, error="full", because="as many agents are connected as this dialer takes", mend="try again later")
TAKEN_OVER = Goodbye(
    code=4001, error="taken_over", because="another program has connected as this agent, with force", mend="do not connect again"
)
BROKEN = Goodbye(code=1011, error="failed", because="the dialer could not go on", mend="connect again in a few seconds")


class Session:
    """One agent's desk as a program is told of it. It outlives a lost connection, for a while."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.id = secrets.token_urlsafe(24)
        self.seq = 0  # of the last event
        self.line: Line | None = None  # whose it is now
        self.welcomed = False  # the line has been told where things stand: from then on it is told events
        self.answers: OrderedDict[int | str, tuple[str, asyncio.Task[Answer]]] = OrderedDict()
        self.presence = asyncio.Lock()  # the floor is told of comings and goings in their order
        self.tasks: list[asyncio.Task[None]] = []  # the listener, and what ends a session that nobody resumes
        self._told: deque[tuple[int, str]] = deque(maxlen=KEPT_EVENTS)

    def tell(self, event: AgentEvent) -> None:
        """Number an event, keep it, and send it where somebody is connected."""
        self.seq += 1
        self._told.append((self.seq, self._text(as_kept(event))))
        if self.line is not None and self.welcomed:
            self.line.send(self._text(event))

    def _text(self, event: AgentEvent) -> str:
        return json.dumps({"type": "event", "seq": self.seq, **event_json(event)}, ensure_ascii=False)

    def since(self, after: int) -> tuple[str, ...] | None:
        """The events after a number; None when some of them are not kept any more, or there never was such a number."""
        first = self._told[0][0] if self._told else self.seq + 1
        if not first - 1 <= after <= self.seq:
            return None
        return tuple(text for seq, text in self._told if seq > after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long a session is kept for a desktop that was cut off, and how many there may be."""

    keep_s: float = 60.0
    most: int = 2000


class Sessions:
    """All sessions of this node: one for each agent at most, and in each one connection at most."""

    def __init__(self, floor: AgentFloor, clock: Clock, bounds: Bounds) -> None:
        self._floor, self._clock, self._bounds = floor, clock, bounds
        self._sessions: dict[AgentId, Session] = {}
        self._tasks = Tasks()

    def of(self, agent_id: AgentId) -> Session | None:
        """The session of an agent."""
        return self._sessions.get(agent_id)

    async def join(self, agent: Agent, hello: Hello, line: Line) -> Session | Goodbye:
        """Make a connection its agent's: its first message is where things stand, then comes what it missed, then what happens.

        Another connection of the same agent is in the way, unless this one resumes its session or comes with force.
        """
        old = self._sessions.get(agent.id)
        resumes = old is not None and bool(hello.session) and secrets.compare_digest(old.id, hello.session)
        if old is not None and old.line is not None and not resumes and not hello.force:
            return Goodbye(
                code=4409,
                error="connected_already",
                because=f"{agent.login} is connected from {old.line.peer} since {old.line.since:%H:%M:%S} UTC",
                mend="end that connection, or say hello with force: true to take over",
            )
        if old is None and len(self._sessions) >= self._bounds.most:
            return FULL
        missed = old.since(hello.after) if old is not None and resumes else None
        session = old if old is not None and missed is not None else self._begun(agent)
        after = hello.after if missed is not None else session.seq
        if old is not None:
            self._cut_off(old, session)
        session.line, session.welcomed = line, False
        try:
            async with session.presence:
                await self._floor.socket_back(agent.id)
            desk = await self._floor.desk(agent.id)
        except BaseException:
            self.leave(agent.id, line)
            raise
        if session.line is not line:
            return TAKEN_OVER
        welcome = {"session": session.id, "seq": after, "resumed": missed is not None, "agent": agent.login, "desk": plain(desk)}
        line.send(json.dumps({"type": "welcome", **welcome}, ensure_ascii=False))
        for text in session.since(after) or ():
            line.send(text)
        session.welcomed = True
        return session

    def leave(self, agent_id: AgentId, line: Line) -> None:
        """A connection is gone. Its session waits for it to come back."""
        session = self._sessions.get(agent_id)
        if session is None or session.line is not line:
            return
        session.line, session.welcomed = None, False
        session.tasks.append(self.spawn(self._expire(session), name=f"agent {agent_id}: session ends"))
        self.spawn(self._lost(session), name=f"agent {agent_id}: connection lost")

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Let something go on that does not depend on the connection it came from."""
        return self._tasks.start(work, name=name)

    def say_goodbye(self) -> None:
        """The server stops: every connection is told."""
        for session in self._sessions.values():
            if session.line is not None:
                session.line.end(STOPPING)

    async def close(self) -> None:
        """End what goes on."""
        self._sessions.clear()
        await self._tasks.stop()

    def _begun(self, agent: Agent) -> Session:
        session = self._sessions[agent.id] = Session(agent)
        events = self._floor.listen(agent.id)  # now: what happens from here on is not in the desk that is read after it
        session.tasks.append(self.spawn(self._listen(session, events), name=f"agent {agent.id}: listener"))
        return session

    def _cut_off(self, old: Session, new: Session) -> None:
        """Whoever was connected before is told; a session that is not resumed ends."""
        if old.line is not None:
            old.line.end(TAKEN_OVER)
        keep = old.tasks[:1] if old is new else []
        for task in old.tasks[len(keep) :]:
            task.cancel()
        old.tasks = keep
        old.line = None

    async def _listen(self, session: Session, told: AsyncGenerator[AgentEvent, None]) -> None:
        goodbye = STOPPING
        try:
            async with aclosing(told) as events:
                async for event in events:
                    session.tell(event)
        except Exception:  # the outer edge of what the floor tells: it may not take the server along
            log.exception("an agent can be told no more events", agent=session.agent.login)
            goodbye = BROKEN
        if self._sessions.get(session.agent.id) is session:
            del self._sessions[session.agent.id]
        if session.line is not None:
            session.line.end(goodbye)

    async def _lost(self, session: Session) -> None:
        async with session.presence:
            if self._has_nobody(session.agent.id):
                await self._floor.socket_lost(session.agent.id)

    def _has_nobody(self, agent_id: AgentId) -> bool:
        session = self._sessions.get(agent_id)
        return session is None or session.line is None

    async def _expire(self, session: Session) -> None:
        await self._clock.sleep(self._bounds.keep_s)
        if self._sessions.get(session.agent.id) is session and session.line is None:
            del self._sessions[session.agent.id]
            session.tasks[0].cancel()
