"""A shift on a running dialer: agents' desktops over the real WebSocket, their telephones and contacts on the lab."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import count
from typing import Any

from aiohttp import ClientSession

from dialer.domain.attempt import Attempt
from dialer.domain.ids import JobId
from dialer.domain.pacing_plan import Pacing, PacingKind
from dialer.lab.desk_client import DeskClient, DeskLost
from dialer.lab.phones import PERSON, RANGE, floor_number
from dialer.services.agents import add_agent, new_token
from tests.patience import PATIENCE_S
from tests.rig import Rig

WITHIN_S = 1.0  # after something has broken, the states are right
STAYS = "99"  # what agents' phones do: they stay up
PROGRESSIVE = Pacing(kind=PacingKind.PROGRESSIVE, wrap_up_s=30.0)
NUMBERS = count(1)


class At:
    """One agent's desktop, and what it was told."""

    def __init__(self, rig: Rig, desk: DeskClient, login: str) -> None:
        self.rig, self.desk, self.login = rig, desk, login
        state = (desk.welcome["desk"] or {}).get("state", "logged_out")
        self.state, self.line, self.pending, self.stages = str(state), "", "", list[str]()
        self.thirds, self.keys, self.notices = list[str](), list[str](), list[str]()
        self.listening, self.supervisor = list[str](), ""  # of a supervisor's own; how one takes part in this agent's talks

    async def listen(self) -> None:
        while (event := await self.desk.events.get()) is not None:
            if event["event"] == "state_changed":
                self.state, self.line, self.pending = event["state"], event["line"], event["pending"]
            elif event["event"] == "call_changed":
                self.stages.append(event["stage"])
            elif event["event"] == "caller_changed":
                self.stages.append(f"caller {event['stage']} {event['queue']} {event['number']}")
            elif event["event"] == "consult_changed":
                self.thirds.append(event["stage"])
            elif event["event"] == "key_pressed":
                self.keys.append(event["key"])
            elif event["event"] == "listening_changed":
                self.listening.append(event["stage"])
            elif event["event"] == "supervisor_changed":
                self.supervisor = event["how"]
            elif event["event"] == "notice":
                self.notices.append(event["text"])

    async def do(self, command: str, **arguments: Any) -> None:
        answer = await self.desk.ask(command, **arguments)
        assert answer["result"] == 0, (answer, self.state, self.stages, self.thirds, self.notices)

    async def until(self, condition: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
        """Wait for what must come; where a time is promised, it is one on a machine that has time for the dialer."""
        watch = self.rig.watch()
        while not condition():
            told = f"{self.stages}, {self.thirds}, {self.notices}"
            late = f"not within {within_s} s: {self.login} is {self.state}, line {self.line}, {told}"
            assert not watch.is_over(within_s), late
            await asyncio.sleep(0.01)


@asynccontextmanager
async def sitting(rig: Rig, token: str, login: str, *, force: bool = False) -> AsyncIterator[At]:
    """A desktop that is connected."""
    await rig.until(lambda: bool(rig.desk_url) and ("ready" in {state for _, state in rig.states()}), "desk and switch are up")
    async with ClientSession() as http, DeskClient.connected(http, rig.desk_url, token, force=force) as desk:
        at = At(rig, desk, login)
        listening = asyncio.create_task(at.listen())
        try:
            yield at
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def hired(rig: Rig, ending: str = STAYS, *, endpoint: str = "") -> tuple[str, str]:
    """A new agent, with a telephone of the carrier's or an endpoint of the switch: login and token."""
    login, org = f"agent-{next(NUMBERS)}", rig.store.write_now(lambda tx: tx.organisations.ensure("default"))
    await add_agent(rig.store, org, login, phone=endpoint or phone(ending))
    return login, await new_token(rig.store, org, login)


@asynccontextmanager
async def at_work(rig: Rig, ending: str = STAYS, *, endpoint: str = "") -> AsyncIterator[tuple[At, str]]:
    """An agent who is ready, with a telephone that is up; gone home afterwards."""
    login, token = await hired(rig, ending, endpoint=endpoint)
    async with sitting(rig, token, login) as at:
        for _ in range(int(PATIENCE_S / 0.1)):
            if not (await at.desk.ask("log_in"))["result"]:
                break
            await asyncio.sleep(0.1)
        await at.until(lambda: at.line == "up")
        await at.do("go_ready")
        try:
            yield at, token
        finally:
            with suppress(DeskLost):  # another desktop may have taken over
                await at.desk.ask("log_out")


def campaign(rig: Rig, login: str, people: int = 1, *, pacing: Pacing = PROGRESSIVE, numbers: Sequence[str] = ()) -> JobId:
    """People who answer after half a second, or those of the numbers, for this agent alone."""
    called = numbers or [floor_number(next(NUMBERS), 0.5, PERSON) for _ in range(people)]
    return rig.campaign(called, name=f"Floor-{next(NUMBERS)}", pacing=replace(pacing, agents=(login,)))


def phone(ending: str) -> str:
    """A telephone that nobody else has."""
    return f"{RANGE}{next(NUMBERS):05}{ending}"


async def hangs_up(rig: Rig, number: str) -> None:
    """Whoever has this number, or calls from it, puts the receiver down: by the carrier, as in life."""

    def end() -> None:
        carrier, found = rig.lab.carrier_instance, False
        for line in carrier.rx("core show channels concise").splitlines():
            name = line.partition("!")[0]
            if f"CALLED={number.lstrip('+')}" in carrier.rx(f"core show channel {name}").splitlines():
                carrier.rx(f"channel request hangup {name}")
                found = True
        assert found, f"{number} is in no call"

    await asyncio.to_thread(end)


def phone_of(rig: Rig, login: str) -> str:
    """The telephone of an agent."""
    return rig.store.read_now(lambda tx: tx.agents(None).by_login(login)).phone


async def codes(rig: Rig, job_id: JobId) -> list[Attempt]:
    """The ledger of a job whose attempts have their codes."""
    await rig.until(
        lambda: bool(rig.attempts(job_id)) and all(one.code for one in rig.attempts(job_id)), "every attempt has a code"
    )
    return rig.attempts(job_id)
