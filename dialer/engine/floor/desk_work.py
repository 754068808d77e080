"""Carry out what an agent's desk asks for: telephones, calls, third persons, codes, and what is written down about contacts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

import structlog

from dialer.domain.agent import AgentState
from dialer.domain.agent_events import ContactChanged, Notice
from dialer.domain.attempt import DEFAULT
from dialer.domain.codes import SystemCode
from dialer.domain.desk import Refused
from dialer.domain.desk_call import DeskCall, DeskCaller, Person
from dialer.domain.desk_happenings import (
    CallerGone,
    CallFailed,
    ContactGone,
    Joined,
    LegDown,
    ThirdGone,
)
from dialer.domain.desk_tasks import (
    BarNumber,
    CallThird,
    CloseAttempt,
    CorrectContact,
    DropCaller,
    DropLeg,
    DropThird,
    GiveBack,
    GiveCall,
    HandOver,
    HangUpContact,
    HoldContact,
    Join,
    JoinThree,
    KeepNote,
    KeepPreferred,
    LeaveThree,
    PlaceCall,
    PressDigits,
    PromiseCallback,
    ResumeContact,
    RingLeg,
    TakeCaller,
    Task,
    TransferContact,
)
from dialer.engine.call import Call, Said
from dialer.engine.floor.callers import Callers
from dialer.engine.floor.desk_endings import DeskEndings, live_call
from dialer.engine.floor.desk_phones import DeskPhones
from dialer.engine.floor.desk_thirds import DeskThirds, attempt_of, id_of
from dialer.engine.floor.desks import Desks
from dialer.engine.floor.ground import Ground
from dialer.engine.floor.matching import Matching
from dialer.engine.floor.seat import Seat
from dialer.errors import OutdialError, WireError
from dialer.ports_agents import Missing
from dialer.services import agent_contact
from dialer.services.agents import prefer_campaigns

log = structlog.get_logger()

WIRE_S = 10.0  # nothing that is asked of a switch for an agent takes longer
UNLIMITED = (RingLeg, CloseAttempt, GiveBack)  # these wait for a switch, or for the database, with limits of their own
ANSWERED = (KeepNote, CorrectContact, BarNumber, PromiseCallback, KeepPreferred)  # the agent waits for these, and is told


_WISHES: Mapping[type[Task], str] = {
    HoldContact: "the {person} is perhaps not on hold",
    ResumeContact: "the {person} is perhaps still on hold",
    PressDigits: "the keys were perhaps not pressed",
    HangUpContact: "the {person} is perhaps not hung up",
    JoinThree: "the conference has perhaps not begun",
    TransferContact: "the {person} was perhaps not passed on",
}  # what an agent is told when a wire did not do it


class DeskWork:
    """Does the tasks of all desks, each desk's in their order."""

    def __init__(
        self, ground: Ground, desks: Desks, *, endings: DeskEndings, phones: DeskPhones, callers: Callers, matching: Matching
    ) -> None:
        self._ground, self._desks, self._endings, self._phones, self._callers = ground, desks, endings, phones, callers
        self._thirds = DeskThirds(ground, desks, matching, callers, self.missed)

    def answers(self, task: Task) -> bool:
        """Whether the agent is told what came of it."""
        return isinstance(task, ANSWERED)

    async def answer(self, seat: Seat, task: Task) -> dict[str, object] | Refused:
        """Carry out something of which the agent is told, or say why not."""
        ground, agent = self._ground, seat.desk.agent
        try:
            match task:
                case KeepNote(call=call, text=text):
                    await agent_contact.add_note(ground.store, agent, call, text)
                    self._tell_changed(seat, call)
                case CorrectContact(call=call, attribute=attribute, value=value):
                    unmask = agent.login.casefold() in ground.options.unmask
                    await agent_contact.correct_contact(
                        ground.store, agent, call, attribute, value, now=ground.clock.now(), may_unmask=unmask
                    )
                    self._tell_changed(seat, call)
                case BarNumber(call=call, number=number, reason=reason):
                    region = ground.options.region
                    kept = await agent_contact.bar_number(ground.store, agent, call, number, reason=reason, region=region)
                    return {"number": kept}
                case PromiseCallback(call=call, wanted=wanted):
                    made = await agent_contact.promise_callback(
                        ground.store, agent, call, wanted, strategy_of=ground.strategy_of, now=ground.clock.now()
                    )
                    return {"callback": int(made.id), "at": made.at}
                case KeepPreferred(campaigns=campaigns):
                    await prefer_campaigns(ground.store, agent.org_id, agent.id, campaigns)
        except OutdialError as why:
            return Refused(str(why))
        return {}

    async def serve(self, seat: Seat) -> None:
        """Do what one desk asks for until cancelled, one task after the other."""
        while True:
            task = await seat.tasks.get()
            try:
                await self.do(seat, task)
            except Exception:  # the outer edge of one desk's task: its trouble may not end another's
                log.exception("a desk's task failed", agent=seat.desk.agent.login, task=type(task).__name__)

    async def do(self, seat: Seat, task: Task) -> None:
        """Carry out one task; what comes of it is told to the desk."""
        limit = None if isinstance(task, UNLIMITED) else WIRE_S * 3
        try:
            async with asyncio.timeout(limit):
                await self._do(seat, task)
        except (WireError, TimeoutError) as trouble:
            log.warning("a desk's wish met a wire", agent=seat.desk.agent.login, task=type(task).__name__, reason=str(trouble))
            self._failed(seat, task, str(trouble) or "no answer in time")

    async def leave(self, seats: Iterable[Seat]) -> None:
        """The dialer stops: who is still writing gets the code of a wrap-up that ended in time; the telephones are hung up."""
        ground = self._ground
        for seat in seats:
            call = seat.desk.call
            if call is not None and seat.desk.state is AgentState.WRAP_UP and (live := live_call(ground.calls, call)):
                code = (call.rules.default_code if call.joined_at else "") or call.fallback
                ground.calls.finish(live, Said(code=code, source=DEFAULT, agent=seat.desk.agent.login))
            if seat.leg_id is not None and not seat.desk.is_engaged:
                try:
                    async with asyncio.timeout(1.0):
                        await ground.agents.drop(seat.leg_id)
                except (WireError, TimeoutError):
                    pass  # it is found, and dropped, when the dialer looks at the switch again

    # ── one by one ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _do(self, seat: Seat, task: Task) -> None:
        ground = self._ground
        match task:
            case RingLeg(phone=phone):
                await self._phones.ring(seat, phone)
            case DropLeg():
                await self._phones.drop(seat)
            case PlaceCall():
                await self._place(seat, task)
            case Join(call=call):
                await self._join(seat, call)
            case HoldContact(call=call):
                self.missed(seat, call, await ground.agents.hold(id_of(call)))
            case ResumeContact(call=call):
                if seat.leg_id is not None:
                    self.missed(seat, call, await ground.agents.resume(id_of(call), seat.leg_id))
            case PressDigits(call=call, digits=digits):
                for start in range(0, len(digits), 32):
                    self.missed(seat, call, await ground.agents.send_digits(id_of(call), digits[start : start + 32]))
            case HangUpContact(call=call):
                live = live_call(ground.calls, call) or self._just_placed(seat, call)
                if live is not None and not live.off_line:
                    ground.calls.hang_up_asked(live.attempt.id)
                    await ground.voice.hang_up(live.attempt.id, live.attempt.switch)
            case CallThird():
                await self._thirds.ask(seat, task)
            case DropThird(call=call):
                await self._thirds.drop(seat, call)
            case TransferContact(call=call):
                await self._thirds.transfer(seat, call)
            case JoinThree(call=call):
                await self._thirds.join_three(seat, call)
            case LeaveThree(call=call):
                if seat.leg_id is not None:
                    await ground.agents.park(seat.leg_id)
                if (owner := ground.seats.colleague(call.asked_by, seat)) is not None:
                    self._desks.apply(owner, ThirdGone())
            case GiveCall():
                await self._thirds.give(seat, task)
            case CloseAttempt():
                await self._endings.close(seat, task)
            case HandOver(call=call, code=code):
                self._endings.hand_over(seat, call, code)
            case GiveBack(call=call):
                await self._endings.give_back(call)
            case TakeCaller() | DropCaller():
                await self._callers.do(seat, task)
            case _:
                await self.answer(seat, task)

    async def _join(self, seat: Seat, call: DeskCall) -> None:
        ground, attempt_id = self._ground, attempt_of(call)
        live, leg = ground.calls.get(attempt_id), seat.leg_id
        if live is None or live.off_line:
            self._desks.apply(seat, ContactGone(attempt_id=attempt_id))
        elif leg is None:
            self._desks.apply(seat, LegDown())
        else:
            tone = ground.jobs[call.job_id].job.definition.pacing.zip_tone if call.job_id in ground.jobs else True
            missing = await ground.agents.join(attempt_id, leg, tone=tone)
            if missing is None:
                self._joined(seat, call)
            else:
                self.missed(seat, call, missing)

    def _joined(self, seat: Seat, call: DeskCall) -> None:
        ground, attempt_id = self._ground, attempt_of(call)
        if (live := ground.calls.get(attempt_id)) is not None:
            live.said = None
            ground.calls.joined(live, ground.clock.now(), seat.desk.agent.login)
            ground.jobs.note_answer(live)
        self._desks.apply(seat, Joined(attempt_id=attempt_id))
        if live is None or live.off_line:  # the contact was quicker than the tone
            self._desks.apply(seat, ContactGone(attempt_id=attempt_id))

    def missed(self, seat: Seat, call: Person, missing: Missing | None) -> None:
        """Who was to be there was not."""
        if missing is Missing.CONTACT and isinstance(call, DeskCaller):
            self._desks.apply(seat, CallerGone(offer=call.offer))
        elif missing is Missing.CONTACT and isinstance(call, DeskCall):
            self._desks.apply(seat, ContactGone(attempt_id=attempt_of(call)))
        elif missing is Missing.LEG:
            self._desks.apply(seat, LegDown())
        elif missing is Missing.THIRD:
            self._desks.apply(seat, ThirdGone())

    async def _place(self, seat: Seat, task: PlaceCall) -> None:
        ground, call = self._ground, task.call
        place = ground.jobs.placers.get(call.job_id)
        if place is None:
            self._desks.apply(seat, CallFailed(code=SystemCode.JOB_STOPPED.value, closed=True))
            return
        await place(seat, task)

    # ── what went wrong ───────────────────────────────────────────────────────────────────────────────────────────────

    def _failed(self, seat: Seat, task: Task, because: str) -> None:
        """A wire did not do what was asked: the desk goes on without."""
        ground = self._ground
        match task:
            case RingLeg() if seat.leg_id is not None:
                self._desks.leg_down(seat.leg_id, because)
            case RingLeg():
                self._desks.apply(seat, LegDown(because=because))
            case Join():
                self._desks.apply(seat, LegDown(because=because))
            case CallThird():
                self._desks.apply(seat, ThirdGone(because=because))
            case TakeCaller(caller=caller):
                self._desks.apply(seat, CallerGone(offer=caller.offer))
            case PlaceCall(call=call) if call.attempt_id is None:
                self._desks.apply(seat, CallFailed(code=SystemCode.NETWORK_ERROR.value, closed=True))
            case HoldContact() | ResumeContact() | PressDigits() | HangUpContact() | JoinThree() | TransferContact():
                wish = _WISHES[type(task)].format(person="caller" if isinstance(task.call, DeskCaller) else "contact")
                self._desks.tell(seat, Notice(at=ground.clock.now(), text=f"{wish}: {because}"))
                if isinstance(task, TransferContact):
                    self._desks.apply(seat, ThirdGone(because=because))
                    if isinstance(task.call, DeskCaller):  # held by nobody, if this desk has gone on
                        ground.begin(self._thirds.left_on_hold(seat, task.call), "put a caller back")
            case _:
                pass

    def _just_placed(self, seat: Seat, call: DeskCall) -> Call | None:
        """The call that the agent gave up before its attempt had an id."""
        now = seat.desk.call
        same = now is not None and (now.job_id, now.contact_id) == (call.job_id, call.contact_id)
        return live_call(self._ground.calls, now) if now is not None and same and call.attempt_id is None else None

    def _tell_changed(self, seat: Seat, call: DeskCall) -> None:
        self._desks.tell(seat, ContactChanged(at=self._ground.clock.now(), contact_id=call.contact_id))
