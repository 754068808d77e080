"""Agents who are programs: they take contacts, talk, choose a code and wrap up, on the same desk as people do."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from aiohttp import ClientSession

from dialer.domain.codes import MANUAL_SYSTEM_CODES
from dialer.lab.desk_client import DeskClient, DeskLost
from dialer.pacing.distributions import Bell, Distribution, Lognormal

LOG_IN_TRIES, LOG_IN_AGAIN_S = 50, 0.2  # a dialer that has just started has no floor yet
PHONE_AGAIN_S = 2.0  # after the own telephone was lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How such an agent works. Times in seconds, all divided by `speed`; shares 0 to 1."""

    talk: Distribution = Lognormal(120.0, 0.9)
    wrap: Distribution = Lognormal(20.0, 0.7)
    reads: Distribution = Bell(5.0, 2.0, 1.0, 15.0)  # about a contact that is offered
    rings: Distribution = Bell(12.0, 5.0, 3.0, 30.0)  # a contact of a manual campaign, who is called elsewhere
    reached: float = 0.5  # share of those who are called elsewhere that answer
    passed_over: float = 0.0  # share of offered contacts that are not called
    codes: Mapping[str, float] = field(default_factory=dict)  # with weights; none = the campaign's own, evenly
    speed: float = 1.0


@dataclass(slots=True)
class Journal:
    """What became of one agent's shift, by the times that the desk tells."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))  # by state
    idle_waits_s: list[float] = field(default_factory=list)  # from ready to talking
    talks: int = 0
    callers: int = 0  # of queues, with whom the agent talked
    codes: Counter[str] = field(default_factory=Counter)  # as the desk recorded them
    joined_at: dict[str, datetime] = field(default_factory=dict)  # by attempt
    free: list[tuple[datetime, datetime]] = field(default_factory=list)  # from when until when ready
    refused: list[str] = field(default_factory=list)  # commands that were, and why
    state: str = ""
    since: datetime | None = None
    _ready_s: float = 0.0

    def turn(self, state: str, at: datetime) -> None:
        """The agent is in another state."""
        if self.since is not None:
            self.seconds[self.state] += (at - self.since).total_seconds()
            if self.state == "ready":
                self.free.append((self.since, at))
                self._ready_s += (at - self.since).total_seconds()
        if state == "talking" and self._ready_s:
            self.idle_waits_s.append(self._ready_s)
            self._ready_s = 0.0
        self.state, self.since = state, at

    def until_now(self) -> Journal:
        """The journal as it stands, with the state that goes on counted until now."""
        kept = replace(
            self, seconds=defaultdict(float, self.seconds), idle_waits_s=list(self.idle_waits_s), codes=Counter(self.codes)
        )
        if self.since is not None:
            kept.seconds[self.state] += (datetime.now(UTC) - self.since).total_seconds()
        return kept


class SyntheticAgent:
    """One agent at the desk. `work` until it is cancelled or the desk ends; `journal` says what was done."""

    def __init__(self, desk: DeskClient, habits: Habits, chance: np.random.Generator, *, phone: str) -> None:
        self.desk, self.journal, self._phone = desk, Journal(), phone
        self.gone = asyncio.Event()  # has logged out
        self._habits, self._chance = habits, chance
        self._hurry = self._with_caller = False
        self._next: asyncio.Task[None] | None = None  # what is done about the contact when its time has come

    @classmethod
    @asynccontextmanager
    async def seated(
        cls, http: ClientSession, url: str, token: str, habits: Habits, *, phone: str = "", seed: Sequence[int] = (1,)
    ) -> AsyncIterator[SyntheticAgent]:
        """An agent who has logged in and is ready, and logs out at the end of the block. Raises DeskLost."""
        async with DeskClient.connected(http, url, token, force=True) as desk:
            agent = cls(desk, habits, np.random.default_rng(list(seed)), phone=phone)
            await agent._comes()
            try:
                yield agent
            finally:
                with contextlib.suppress(DeskLost):
                    await desk.ask("log_out")

    async def work(self) -> None:
        """Live through the shift."""
        try:
            while (event := await self.desk.events.get()) is not None:
                match event["event"]:
                    case "new_session" if event["desk"] is None:  # the dialer began anew, and knows of nobody at work
                        self.journal.turn("logged_out", datetime.now(UTC))
                        if not self.gone.is_set():
                            self._then(self._comes())
                    case "state_changed":
                        self.journal.turn(event["state"], datetime.fromisoformat(event["at"]))
                        if event["state"] == "logged_out":
                            self.gone.set()
                        elif event["line"] == "down" and event["state"] == "not_ready" and not event["pending"]:
                            self._then(self._later(PHONE_AGAIN_S, "go_ready"))  # the telephone is rung again
                    case "call_changed":
                        self._about(event)
                    case "caller_changed":
                        self._about_caller(event)
        finally:
            self._then(None)

    async def _comes(self) -> None:
        """Log in, as soon as the floor is open, and be ready."""
        for _ in range(LOG_IN_TRIES):
            if not (await self.desk.ask("log_in", phone=self._phone, force=True))["result"]:
                break
            await asyncio.sleep(LOG_IN_AGAIN_S)
        await self._ask("go_ready")

    @property
    def is_at_work(self) -> bool:
        """Connected, and ready or with a contact."""
        return self.desk.is_connected and self.journal.state not in ("", "logged_out", "not_ready")

    async def leave(self) -> None:
        """Go home as soon as nobody is before the agent."""
        await self.desk.ask("log_out")

    async def come_back(self) -> None:
        """After having left."""
        self.gone.clear()
        await self._comes()

    async def finish(self) -> None:
        """End what is before the agent at once, and go home."""
        self._hurry = True
        await self.desk.ask("log_out")
        if self.journal.state in ("talking", "held"):
            self._then(self._later(0.0, "release"))
        elif self.journal.state == "wrap_up":
            self._then(self._wraps_up())

    def _about(self, event: dict[str, Any]) -> None:
        habits, chance = self._habits, self._chance
        match event["stage"], event["kind"]:
            case "offered", kind:
                self._then(self._reads(manual=kind == "manual"))
            case "joined", _:
                if event["attempt_id"] not in self.journal.joined_at:  # else it is a talk that outlived its dialer
                    self.journal.talks += 1
                    self.journal.joined_at[event["attempt_id"]] = datetime.fromisoformat(event["at"])
                talk_s = habits.talk.draw(chance)
                self._then(self._later(talk_s / habits.speed, "manual_release" if event["kind"] == "manual" else "release"))
            case "gone", _:
                self._then(self._wraps_up())
            case "failed", _:
                self._then(self._wraps_up())
            case "closed", _:
                self.journal.codes[event["code"]] += 1
                self._then(None)

    def _about_caller(self, event: dict[str, Any]) -> None:
        """A caller of a queue is talked to like anybody, and has no code."""
        match event["stage"]:
            case "joined":
                self.journal.callers += 1
                self._with_caller = True
                self._then(self._later(self._habits.talk.draw(self._chance) / self._habits.speed, "release"))
            case "gone":
                self._then(self._wraps_up())
            case "closed":
                self._with_caller = False
                self._then(None)

    async def _reads(self, *, manual: bool) -> None:
        """Read about the contact; then call it, or (manual) call it elsewhere and say what came of it."""
        habits, chance = self._habits, self._chance
        await self._pass(habits.reads.draw(chance))
        if chance.random() < habits.passed_over:
            await self._ask("manual_cancel" if manual else "cancel_preview")
        elif not manual:
            await self._ask("dial_preview")
        else:
            await self._pass(habits.rings.draw(chance))
            await self._ask("manual_connect" if chance.random() < habits.reached else "manual_disconnect")

    async def _wraps_up(self) -> None:
        await self._pass(self._habits.wrap.draw(self._chance))
        await self._ask("wrap_up", code="" if self._with_caller else await self._code())

    async def _code(self) -> str:
        weights = self._habits.codes
        if not weights:
            call = ((await self.desk.ask("desk")).get("said", {}).get("desk") or {}).get("call") or {}
            codes = list(call.get("rules", {}).get("codes", ()))
            own = [code for code in codes if code not in MANUAL_SYSTEM_CODES]  # nobody is opted out by a program by chance
            weights = dict.fromkeys(own or codes[:1], 1.0)
        if not weights:
            return ""
        shares = np.array(list(weights.values())) / sum(weights.values())
        return str(self._chance.choice(list(weights), p=shares))

    async def _later(self, seconds: float, command: str) -> None:
        await asyncio.sleep(seconds)
        await self._ask(command)

    async def _pass(self, seconds: float) -> None:
        await asyncio.sleep(0.0 if self._hurry else seconds / self._habits.speed)

    async def _ask(self, command: str, **arguments: Any) -> None:
        answer = await self.desk.ask(command, **arguments)
        if answer["result"]:
            self.journal.refused.append(f"{command}: {answer['because']}")

    def _then(self, what: Coroutine[Any, Any, None] | None) -> None:
        """Do this next, in place of what was to be done about the contact before."""
        if self._next is not None and self._next is not asyncio.current_task():
            self._next.cancel()
        self._next = None
        if what is not None:
            self._next = asyncio.create_task(_unless_lost(what), name="synthetic agent: next")
            self._next.add_done_callback(lambda _task: what.close())  # where it was cancelled before it had begun


async def _unless_lost(what: Coroutine[Any, Any, None]) -> None:
    """A desk that is gone tells what is to be done when it is back."""
    with contextlib.suppress(DeskLost):
        await what
