"""Supervisors at agents' sides: a telephone of theirs that hears an agent's talks, whispers to the agent, or barges in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial

import structlog

from dialer.domain.agent import PHONE, STALE_S, Agent, AgentState
from dialer.domain.agent_events import ListeningStage
from dialer.domain.desk import Desk, Leg, Refused
from dialer.domain.ids import AgentId, LegId, new_leg_id
from dialer.domain.supervisor_commands import BargeIn, ListenTo, StopListening, SupervisorCommand, Whisper
from dialer.engine.floor.ground import Ground
from dialer.engine.floor.listening import Listening, whom
from dialer.engine.floor.listening_news import ListeningNews
from dialer.engine.floor.listening_record import ListeningRecord
from dialer.engine.floor.seat import Seat
from dialer.engine.floor.view import at_work
from dialer.errors import NotFound, StoreDown, WireError
from dialer.ports_agents import AgentVoiceEvent, AgentVoiceKind, FloorSeen, LegOrder, LegState, Missing, SpyMode
from dialer.services.agent_floor import BUSY, AtWork, Done
from dialer.services.listenings import Listened
from dialer.store.store import Tx

log = structlog.get_logger()

TICK_S = 0.5  # how soon an end is on record
RECHECK_S = 60.0  # who is no supervisor any more listens no longer than so
WIRE_S = 8.0  # less than a command's answer is waited for
HOW: dict[type, SpyMode] = {ListenTo: SpyMode.LISTEN, Whisper: SpyMode.WHISPER, BargeIn: SpyMode.BARGE}
GONE_S = 0.1  # after which the switch has forgotten the ears of those who left: a packet of the agent's must have come
VOICES = (AgentState.TALKING, AgentState.CONSULT, AgentState.CONFERENCE)
NO_ANSWER, ONE_DOWN = "the switch did not answer in time", "one of the telephones is down"


class Listenings:
    """All of them on one floor. A supervisor listens to one agent at a time; an agent may have several supervisors."""

    def __init__(self, ground: Ground) -> None:
        self._ground, self._record = ground, ListeningRecord(ground.store, ground.clock)
        self._news = ListeningNews(ground.audience, ground.clock, agents_know=ground.options.tell_of_listening)
        self._of: dict[AgentId, Listening] = {}
        self._rechecked_s = ground.clock.monotonic_s()
        self._open = False

    def listens(self, agent_id: AgentId) -> bool:
        """Whether this supervisor is, or is about to be, at an agent's side."""
        return agent_id in self._of

    def at(self, seat: Seat) -> dict[str, str]:
        """The supervisors at an agent's side, and how they take part."""
        return {one.supervisor.login: one.how.value for one in self._of.values() if one.seat is seat and one.began}

    # ── what supervisors ask ──────────────────────────────────────────────────────────────────────────────────────────

    async def at_work(self, agent_id: AgentId) -> list[AtWork] | Refused:
        """Who of the organisation is at work."""
        found = await self._supervisor(agent_id)
        return found if isinstance(found, Refused) else at_work(self._ground.seats, self._ground.jobs, self.at, found.org_id)

    async def _supervisor(self, agent_id: AgentId) -> Agent | Refused:
        """Who asks, as the database knows them now; or why they may not."""
        try:
            found = await self._ground.store.read(partial(_agent, agent_id))
        except (NotFound, StoreDown) as why:
            return Refused(str(why))
        if not (found.supervisor and found.active):
            return Refused(f"{found.login} is no supervisor", f"dialer agent change {found.login} --supervisor")
        return found

    async def command(self, agent_id: AgentId, command: SupervisorCommand) -> Done | Refused:
        """Carry out a command, or say why not."""
        if not self._open:
            return BUSY
        supervisor = await self._supervisor(agent_id)
        if isinstance(supervisor, Refused):
            return supervisor
        held = self._of.get(agent_id)
        if isinstance(command, StopListening):
            if held is None:
                return Refused("you listen to nobody")
            self._end(held, "")
            return Done()
        seat = whom(supervisor, command.agent, held, self._ground.seats)
        if isinstance(seat, Refused):
            return seat
        if held is not None:
            return await self._change(held, seat, HOW[type(command)])
        return await self._ring(supervisor, seat, HOW[type(command)], command.phone or supervisor.phone)

    # ── coming and going ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _ring(self, supervisor: Agent, seat: Seat, how: SpyMode, phone: str) -> Done | Refused:
        ground, own = self._ground, self._ground.seats.get(supervisor.id)
        if own is not None and own.desk.state is not AgentState.LOGGED_OUT:
            return Refused("you are logged in as an agent", "log out first")
        if not phone:
            return Refused("you have no telephone", f"name one, or dialer agent change {supervisor.login} --phone")
        if not PHONE.fullmatch(phone):
            return Refused(f"{phone[:80]!r} is no telephone", "a SIP endpoint's name, or a number")
        if seat.leg_id is None:
            return Refused(f"{seat.desk.agent.login} has no telephone")
        held = self._of[supervisor.id] = Listening(
            supervisor=supervisor, seat=seat, agent_leg=seat.leg_id, how=how, leg_id=new_leg_id(), switch=seat.switch
        )
        trunk = ground.options.leg_trunk if phone.startswith("+") else ""
        async with held.lock:  # an answer that is quicker than this is looked at afterwards
            try:
                async with asyncio.timeout(WIRE_S):
                    await ground.agents.ring(LegOrder(leg_id=held.leg_id, phone=phone, switch=held.switch, trunk=trunk))
            except (WireError, TimeoutError) as trouble:
                self._end(held, str(trouble) or NO_ANSWER)
                return Refused(f"your telephone cannot be rung: {str(trouble) or NO_ANSWER}")
            if not held.over:
                self._news.tell(held, ListeningStage.RINGING)
        return Done()

    async def _begin(self, held: Listening) -> None:
        """The supervisor's telephone was answered."""
        async with held.lock:
            if held.over or held.began:
                return
            if because := await self._hear(held):
                self._end(held, because)
            elif not held.over:
                held.began = True
                self._news.tell(held, ListeningStage.BEGAN)
                self._news.inform(held, held.how.value)

    async def _change(self, held: Listening, seat: Seat, how: SpyMode) -> Done | Refused:
        """Another way, or another agent, without hanging up."""
        async with held.lock:
            if held.over:
                return Refused("you listen to nobody any more", "name an agent")
            if (seat, how) == (held.seat, held.how):
                return Done()
            if seat.leg_id is None or seat.switch != held.switch:
                return Refused(f"{seat.desk.agent.login} has no telephone on the same switch", "stop listening first")
            before = held.record
            held.seat, held.agent_leg, held.how = seat, seat.leg_id, how
            because = await self._hear(held) if held.began else ""
            self._record.end(before, because)
            if because:
                self._end(held, because)
                return Refused(because, "you listen to nobody now")
            if not held.over:
                self._news.tell(held, ListeningStage.CHANGED)
                self._news.inform(held, how.value if held.began else "")
            return Done()

    async def _hear(self, held: Listening) -> str:
        """Put it on record, then let the supervisor hear; returns why not."""
        ground, call = self._ground, held.seat.desk.call
        if held.seat.leg_id != held.agent_leg or held.seat.desk.leg is not Leg.UP:
            return f"the telephone of {held.agent} is down"
        new = Listened(
            at=ground.clock.now(),
            supervisor=held.supervisor.login,
            agent=held.agent,
            how=held.how.value,
            attempt_id=None if call is None else call.attempt_id,
        )
        try:
            held.record = await self._record.begin(held.supervisor.org_id, new)
            async with asyncio.timeout(WIRE_S):
                missing = None if held.over else await ground.agents.spy(held.leg_id, held.agent_leg, held.how)
        except StoreDown as down:
            return f"it cannot be put on record: {down}"
        except (WireError, TimeoutError) as trouble:
            return str(trouble) or NO_ANSWER
        if held.over:  # meanwhile
            self._record.end(held.record, "")
        return "" if missing is None else ONE_DOWN

    async def _anew(self, seat: Seat) -> None:
        """Somebody else is on the agent's line: all who listen go, and begin anew (docs/agent-legs.md).

        Ears that stay take the next person's packets for old ones where their numbers are lower, and one that stays deafens all.
        """
        async with AsyncExitStack() as locks:
            there = [one for one in self._of.values() if one.seat is seat]
            for held in there:
                await locks.enter_async_context(held.lock)
            there = [one for one in there if one.began and not one.over and one.seat is seat]
            for held in there:
                held.parks += 1
                await self._asked(held, self._ground.agents.park(held.leg_id))
            await self._ground.clock.sleep(GONE_S)
            for held in there:
                if not held.over:
                    await self._asked(held, self._ground.agents.spy(held.leg_id, held.agent_leg, held.how))

    async def _asked(self, held: Listening, asked: Awaitable[Missing | None]) -> None:
        try:
            async with asyncio.timeout(WIRE_S):
                because = "" if await asked is None else ONE_DOWN
        except (WireError, TimeoutError) as trouble:
            because = str(trouble) or NO_ANSWER
        if because:
            self._end(held, because)

    def _end(self, held: Listening, because: str, *, up: bool = True) -> None:
        """The supervisor leaves; `up`: their telephone is hung up."""
        if held.over:
            return
        held.over = True
        self._of.pop(held.supervisor.id, None)
        self._record.end(held.record, because)
        self._news.tell(held, ListeningStage.ENDED, because)
        self._news.inform(held, "")
        if up:
            self._ground.begin(self._drop(held.leg_id), "hang up a supervisor")

    async def _drop(self, leg_id: LegId) -> None:
        try:
            async with asyncio.timeout(WIRE_S):
                await self._ground.agents.drop(leg_id)
        except (WireError, TimeoutError) as trouble:  # found, and hung up, when the switch is looked at again
            log.warning("a supervisor's telephone stays up", leg=leg_id, reason=str(trouble))

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────────────

    def heard(self, event: AgentVoiceEvent) -> bool:
        """A switch tells something; True where it was of a supervisor's own telephone."""
        for one in list(self._of.values()):
            if one.agent_leg == event.leg_id and event.kind is AgentVoiceKind.LEG_DOWN:
                self._end(one, f"the telephone of {one.agent} is down")
        held = next((one for one in self._of.values() if one.leg_id == event.leg_id), None)
        match event.kind:
            case AgentVoiceKind.LEG_DOWN if held is not None:
                self._end(
                    held, "your telephone is down" + ("" if event.cause in (None, 16) else f" (cause {event.cause})"), up=False
                )
            case AgentVoiceKind.LEG_PARKED if held is not None:
                self._parked(held)
            case _:
                pass
        return held is not None

    def looked(self, switch: str, seen: FloorSeen) -> set[LegId]:
        """What a switch has, after a lost link; returns the telephones of supervisors that are to stay."""
        states = {leg.leg_id: leg.state for leg in seen.legs}
        for held in [one for one in self._of.values() if one.switch == switch]:
            if held.leg_id not in states:
                self._end(held, "your telephone was lost with the link to the switch", up=False)
            elif held.agent_leg not in states:
                self._end(held, f"the telephone of {held.agent} was lost with the link to the switch")
            elif states[held.leg_id] is LegState.PARKED:
                self._parked(held)
        return {one.leg_id for one in self._of.values()}

    def _parked(self, held: Listening) -> None:
        """The supervisor's telephone was answered; or what it heard is not there any more."""
        if held.parks:
            held.parks -= 1
        elif held.began:
            self._end(held, f"there is nothing more to hear of {held.agent}")
        else:
            self._ground.begin(self._begin(held), "bring a supervisor to an agent's side")

    def moved(self, seat: Seat, before: Desk) -> None:
        """An agent's desk is another now: whoever listens is told."""
        desk = seat.desk
        if desk.state is before.state:
            return
        for held in [one for one in self._of.values() if one.seat is seat]:
            self._news.moved(held)
        if desk.state in VOICES and any(one.seat is seat and one.began for one in self._of.values()):
            self._ground.begin(self._anew(seat), "let supervisors hear who has come")

    def desktop(self, agent_id: AgentId, *, there: bool) -> None:
        """A desktop of this person is there, or is not any more."""
        if (held := self._of.get(agent_id)) is not None:
            held.lost_at = None if there else held.lost_at or self._ground.clock.now()

    async def run(self) -> None:
        """Keep the record, and end what nobody may or wants to hear any more, until cancelled."""
        clock, self._open = self._ground.clock, True
        while True:
            stale = clock.now() - timedelta(seconds=STALE_S)
            for held in [one for one in self._of.values() if one.lost_at is not None and one.lost_at <= stale]:
                self._end(held, "your desktop was silent")
            if clock.monotonic_s() - self._rechecked_s >= RECHECK_S:
                self._rechecked_s = clock.monotonic_s()
                await self._recheck()
            await self._record.write()
            await clock.sleep(TICK_S)

    async def _recheck(self) -> None:
        for held in list(self._of.values()):
            try:
                known = await self._ground.store.read(partial(_agent, held.supervisor.id))
            except StoreDown:  # asked again in a while
                return
            if not (known.supervisor and known.active):
                self._end(held, f"{known.login} is no supervisor any more")

    async def leave(self) -> None:
        """The dialer stops: supervisors' telephones are hung up, and it is on record."""
        self._open = False
        for held in list(self._of.values()):
            self._end(held, "the dialer stops", up=False)
            await self._drop(held.leg_id)
        await self._record.write()


def _agent(agent_id: AgentId, tx: Tx) -> Agent:
    return tx.agents(None).get(agent_id)
