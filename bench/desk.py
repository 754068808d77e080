"""Five hundred desktops at once: how long an event takes to reach them, a command to be answered, and what the server spends."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime

from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector
from aiohttp.test_utils import TestServer

from dialer import logs
from dialer.domain.agent import Agent
from dialer.domain.agent_commands import Command
from dialer.domain.agent_events import AgentEvent, Notice
from dialer.domain.desk import Desk, Refused
from dialer.domain.desk_call import DeskCall
from dialer.domain.ids import AgentId, OrgId
from dialer.domain.supervisor_commands import SupervisorCommand
from dialer.engine.clock import SystemClock
from dialer.services.agent_card import AgentCard
from dialer.services.agent_floor import AtWork, Done
from dialer.web.agent_desk import DeskOptions, make_agent_desk_app
from dialer.web.agent_questions import DeskBooks

DESKTOPS = 500
EVENTS_PER_S = 500  # a floor of this size with a change of state each second for each agent: far more than people do
COMMANDS_PER_S = 100


class EchoFloor:
    """Does at once whatever is asked, and tells what it is given to tell."""

    def __init__(self) -> None:
        self.queues: dict[AgentId, asyncio.Queue[AgentEvent]] = {}

    async def command(self, agent_id: AgentId, command: Command | SupervisorCommand) -> Done | Refused:
        return Done()

    @property
    def listenings(self) -> EchoFloor:
        return self

    async def at_work(self, agent_id: AgentId) -> list[AtWork]:
        return []

    async def listen(self, agent_id: AgentId) -> AsyncGenerator[AgentEvent, None]:
        queue = self.queues.setdefault(agent_id, asyncio.Queue())
        while True:
            yield await queue.get()

    async def socket_lost(self, agent_id: AgentId) -> None:
        """Nobody minds."""

    async def socket_back(self, agent_id: AgentId) -> None:
        """Nobody minds."""

    async def desk(self, agent_id: AgentId) -> Desk | None:
        return None


class Desktops:
    """The clients, in the same process: what they spend counts, too."""

    def __init__(self) -> None:
        self.event_s: list[float] = []
        self.answer_s: list[float] = []
        self._asked: dict[int, float] = {}

    async def connect(self, http: ClientSession, url: str, agents: Sequence[Agent]) -> list[ClientWebSocketResponse]:
        """All of them, as after a restart of the dialer."""
        sockets = await asyncio.gather(*(http.ws_connect(url) for _ in agents))
        for one, socket in zip(agents, sockets, strict=True):
            await socket.send_json({"hello": 1, "token": one.login})
        for socket in sockets:
            assert (await socket.receive_json())["type"] == "welcome"
        return sockets

    async def read(self, socket: ClientWebSocketResponse) -> None:
        """Note when things come."""
        while True:
            said = await socket.receive_json()
            if said["type"] == "event":
                self.event_s.append(time.perf_counter() - float(said["text"]))
            elif said["type"] == "answer":
                self.answer_s.append(time.perf_counter() - self._asked.pop(said["id"]))

    async def ask(self, socket: ClientWebSocketResponse, number: int) -> None:
        """One command."""
        self._asked[number] = time.perf_counter()
        await socket.send_json({"id": number, "command": "go_ready", "arguments": {}})


async def run(seconds: float) -> dict[str, float | int]:
    """Connect, then events and commands at their rates."""
    agents = [Agent(id=AgentId(number), org_id=OrgId(1), login=f"agent-{number}") for number in range(1, DESKTOPS + 1)]
    by_token = {one.login: one for one in agents}
    floor, desktops = EchoFloor(), Desktops()

    async def identify(token: str) -> Agent | None:
        return by_token.get(token)

    async def contact(agent: Agent, call: DeskCall) -> AgentCard:
        raise AssertionError("nobody asks")

    async def reasons(agent: Agent) -> list[str]:
        return []

    app = make_agent_desk_app(floor, DeskBooks(identify=identify, contact=contact, reasons=reasons), SystemClock(), DeskOptions())
    async with TestServer(app) as server, ClientSession(connector=TCPConnector(limit=0)) as http:
        began = time.perf_counter()
        sockets = await desktops.connect(http, str(server.make_url("/agent/v1/ws")), agents)
        connected_s = time.perf_counter() - began
        readers = [asyncio.create_task(desktops.read(socket)) for socket in sockets]
        began, cpu = time.perf_counter(), time.process_time()
        count = int(seconds * EVENTS_PER_S)
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / EVENTS_PER_S - time.perf_counter()))
            told = Notice(at=datetime.now(UTC), text=repr(time.perf_counter()))
            floor.queues[agents[number % DESKTOPS].id].put_nowait(told)
            if number % (EVENTS_PER_S // COMMANDS_PER_S) == 0:
                await desktops.ask(sockets[number % DESKTOPS], number)
        spent = (time.process_time() - cpu) / (time.perf_counter() - began)
        await asyncio.sleep(0.5)
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        await asyncio.gather(*(socket.close() for socket in sockets))
    return {
        "desktops": DESKTOPS,
        "connect_all_s": round(connected_s, 2),
        "events": len(desktops.event_s),
        "lost": count - len(desktops.event_s),  # must be 0
        **_percentiles("event_ms", desktops.event_s),
        **_percentiles("answer_ms", desktops.answer_s),
        "cpu_share": round(spent, 3),  # of one core, the desktops' own work included
    }


def _percentiles(name: str, seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {f"{name}_p{share}": round(1000 * ordered[int(share / 100 * (len(ordered) - 1))], 2) for share in (50, 99, 100)}


def main() -> None:
    """Ten seconds, or as BENCH_DESK_SECONDS says."""
    logs.configure(level="error")
    load = os.getloadavg()[0]
    figures = asyncio.run(run(float(os.environ.get("BENCH_DESK_SECONDS", "10"))))
    print(json.dumps({"bench": "desk", "load_before": round(load, 2), **figures}), flush=True)


if __name__ == "__main__":
    main()
