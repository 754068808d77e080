"""Third persons and telephones where a wire breaks in the wrong moment: nobody is left on hold, taken for busy, or not ready."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from dialer.domain.agent import AgentState, KeysTold
from dialer.domain.agent_commands import CompleteTransfer, Consult, DialPreview, GoNotReady, Hold, Redial, Release, WrapUp
from dialer.domain.agent_events import CallChanged, CallStage, ConsultChanged, JobDetached, KeyPressed, Notice
from dialer.domain.codes import SystemCode
from dialer.domain.desk_call import DeskCall, Third
from dialer.domain.desk_tasks import PlaceCall
from dialer.domain.ids import AttemptId, JobId
from dialer.domain.pacing_plan import Pacing, PacingKind
from dialer.engine.calls import TALK_MOST
from dialer.engine.engine import Engine
from dialer.engine.floor.agent_dialling import AgentDialling
from dialer.errors import MaybeSent
from dialer.ports import Clock, SwitchState
from dialer.ports_agents import ContactState, LegOrder, LegState
from dialer.store.store import Store
from dialer.testing.agents import FakeAgentVoice
from dialer.testing.voice import FakeCallee, FakeVoice
from tests.engine_kit import ON_SQLITE, FastClock, running, until
from tests.floor_kit import ANSWERS, Worker, attempts, dismiss, hire, make_job

pytestmark = [pytest.mark.integration, ON_SQLITE]

TALKS = Pacing(kind=PacingKind.PROGRESSIVE, wrap_up_s=30.0, keys=KeysTold.SHOWN)
EXPERT, CALLER_ID = "+4930999", "+4930111"


class Doubtful(FakeAgentVoice):
    """Of the first telephone that it rings nobody knows whether the switch was asked."""

    asked = 0

    async def ring(self, order: LegOrder) -> None:
        self.asked += 1
        await super().ring(order)
        if self.asked == 1:
            raise MaybeSent("the connection was lost")


class SlowPhones(FakeAgentVoice):
    """Telephones that ring for three seconds."""

    def __init__(self, clock: Clock, voice: FakeVoice) -> None:
        super().__init__(clock, voice, default=FakeCallee(ring_s=None, answer_s=3.0))


class Listens(Worker):
    """Does nothing by itself."""

    async def react(self, event: CallChanged) -> None:
        pass


@dataclass
class Shift:
    engine: Engine
    voice: FakeVoice
    agents: FakeAgentVoice
    job_id: JobId
    workers: list[Worker]

    def state(self, worker: Worker) -> AgentState:
        return self.engine.floor.seats[worker.agent.id].desk.state

    def call_of(self, worker: Worker) -> DeskCall:
        call = self.engine.floor.seats[worker.agent.id].desk.call
        assert call is not None
        return call

    def texts(self, worker: Worker) -> str:
        return "; ".join(one.text for one in worker.told if isinstance(one, Notice))


@asynccontextmanager
async def shift(
    store: Store, clock: FastClock, *, staff: int = 1, pacing: Pacing = TALKS, agents: type[FakeAgentVoice] = FakeAgentVoice
) -> AsyncIterator[Shift]:
    """Agents who talk until they are told otherwise."""
    job_id = make_job(store, 1, pacing, caller_id=CALLER_ID)
    people = await hire(store, staff)
    voice = FakeVoice(clock, default=ANSWERS)
    phones = agents(clock, voice)
    async with running(store, voice, clock=clock, agents=phones) as engine:
        workers: list[Worker] = [Listens(engine.floor, one, clock) for one in people]
        tasks = [asyncio.create_task(one.work(), name=f"worker {one.agent.login}") for one in workers]
        try:
            yield Shift(engine, voice, phones, job_id, workers)
        finally:
            await dismiss(tasks)


async def talking(on: Shift) -> Worker:
    """The agent who has the contact."""
    await until(lambda: any(one.seen[CallStage.JOINED] for one in on.workers))
    return next(one for one in on.workers if one.seen[CallStage.JOINED])


async def asked(on: Shift, ann: Worker, **whom: str) -> None:
    """A third person has answered her."""
    await ann.say(Consult(**whom))
    await until(lambda: on.call_of(ann).third == Third(**whom, up=True))


async def test_a_third_person_who_hangs_up_while_the_contact_is_passed_on_leaves_nobody_on_hold(store: Store) -> None:
    async with shift(store, FastClock(factor=6)) as on:
        ann = await talking(on)
        await asked(on, ann, number=EXPERT)
        for consult_id, third in list(on.agents.thirds.items()):
            assert third.order.caller_id == CALLER_ID  # as the contacts of the campaign see it
            on.agents.hang_up_third(consult_id)
        await ann.say(CompleteTransfer())
        await until(lambda: on.state(ann) is AgentState.TALKING)
        await until(lambda: [bool(one.legs) for one in on.agents.contacts.values()] == [True])


async def test_who_was_on_hold_for_as_long_as_the_switch_allows_is_back_and_the_desk_says_so(store: Store) -> None:
    async with shift(store, FastClock(factor=6)) as on:
        ann = await talking(on)
        (contact,) = on.agents.contacts
        await ann.say(Hold())
        await until(lambda: on.agents.contacts[contact].state is ContactState.HELD)
        on.agents.wait(contact, again=True)  # as after ten minutes
        await until(lambda: on.state(ann) is AgentState.TALKING)
        assert ann.seen[CallStage.RESUMED] == 1
        await asked(on, ann, number=EXPERT)
        on.agents.wait(contact, again=True)
        await until(lambda: on.state(ann) is AgentState.TALKING)
        await until(lambda: not on.agents.thirds and on.agents.contacts[contact].state is ContactState.TALKING)


async def test_an_agent_is_told_why_a_colleague_cannot_be_asked_and_why_a_campaign_is_left(store: Store) -> None:
    async with shift(store, FastClock(factor=6), staff=2) as on:
        ann = await talking(on)
        bob = next(one for one in on.workers if one is not ann)
        await bob.say(GoNotReady(reason="Lunch"))
        for whom in (bob.agent.login, "nobody"):
            await ann.say(Consult(agent=whom))
            await until(lambda: on.state(ann) is AgentState.TALKING)
        await bob.leave()
        await until(lambda: any(isinstance(one, JobDetached) for one in bob.told))
        said = [one.because for one in ann.told if isinstance(one, ConsultChanged) and one.stage == "failed"]
        assert said == [f"{bob.agent.login} is not free: not ready", "no agent 'nobody' is at work"]
        assert [one.because for one in bob.told if isinstance(one, JobDetached)] == ["you have logged out"]


async def test_a_colleague_whom_no_wire_reaches_is_free_again_and_so_is_the_one_who_asked(store: Store) -> None:
    async with shift(store, FastClock(factor=6), staff=2) as on:
        ann = await talking(on)
        bob = next(one for one in on.workers if one is not ann)
        await until(lambda: on.state(bob) is AgentState.READY)
        on.voice.turn("switch", SwitchState.DOWN, because="a cable")
        await ann.say(Consult(agent=bob.agent.login))
        await until(lambda: on.state(ann) is AgentState.TALKING)
        assert on.state(bob) is AgentState.READY
        assert "perhaps not on hold" in on.texts(ann)


async def test_a_contact_passed_to_a_colleague_whose_telephone_breaks_in_that_moment_gets_somebody_else(store: Store) -> None:
    async with shift(store, FastClock(factor=6), staff=2) as on:
        ann = await talking(on)
        bob = next(one for one in on.workers if one is not ann)
        await until(lambda: on.state(bob) is AgentState.READY)
        await asked(on, ann, agent=bob.agent.login)
        leg = on.engine.floor.seats[bob.agent.id].leg_id
        assert leg is not None
        on.agents.hang_up_phone(leg)
        await ann.say(CompleteTransfer())
        await until(lambda: on.state(ann) is AgentState.TALKING)  # she was free at once, and is the next
        assert ann.seen[CallStage.JOINED] == 2
        await ann.say(Release())
        await ann.say(WrapUp(code="Sale"))
        await until(lambda: [one.code for one in attempts(store, on.job_id)] == ["Sale"])


async def test_a_telephone_that_was_answered_while_the_link_was_down_is_up_when_it_is_back(store: Store) -> None:
    clock = FastClock(factor=6)
    async with shift(store, clock, agents=SlowPhones) as on:
        (ann,) = on.workers
        await until(lambda: bool(on.agents.legs))
        on.voice.turn("switch", SwitchState.DOWN, because="a cable")
        await until(lambda: [one.state for one in on.agents.legs.values()] == [LegState.PARKED])
        assert on.state(ann) is AgentState.NOT_READY
        on.voice.turn("switch", SwitchState.RECONCILING)
        await talking(on)


async def test_a_telephone_that_may_have_been_rung_is_given_up_and_rung_anew_and_its_agent_is_told_why(store: Store) -> None:
    async with shift(store, FastClock(factor=6), agents=Doubtful) as on:
        ann = await talking(on)
        assert len(on.agents.legs) == 1
        assert "rung as soon as it can be: the connection was lost" in on.texts(ann)


async def test_a_call_that_is_given_up_before_it_has_an_id_is_hung_up_and_can_be_made_again(store: Store) -> None:
    pacing = Pacing(kind=PacingKind.PREVIEW, wrap_up_s=None)
    async with shift(store, FastClock(factor=4), pacing=pacing) as on:
        (ann,) = on.workers
        await until(lambda: ann.seen[CallStage.OFFERED] == 1)
        await ann.say(DialPreview())
        await ann.say(Release())  # before it is answered, and before its attempt has an id
        await until(lambda: on.call_of(ann).attempt_id is not None)
        await ann.say(Redial())
        await until(lambda: ann.seen[CallStage.JOINED] == 1)
        first, second = attempts(store, on.job_id)
        assert (first.code, second.again_after, second.code) == (SystemCode.CALL_CANCELLED, first.id, None)


async def test_who_cannot_be_called_again_yet_is_not_and_the_agent_is_told_why(store: Store) -> None:
    async with shift(store, FastClock(factor=6)) as on:
        ann = await talking(on)
        place, call = on.engine.floor.jobs.placers[on.job_id], on.call_of(ann)
        dialling = getattr(place, "__self__", None)
        assert isinstance(dialling, AgentDialling)
        dialling.redial_wait_s = 0.05
        await place(on.engine.floor.seats[ann.agent.id], PlaceCall(call=call, again_after=call.attempt_id))  # it is not over
        await until(lambda: "the call before has no code on record yet" in on.texts(ann))
        assert len(attempts(store, on.job_id)) == 1


async def test_keys_of_a_contact_are_told_to_the_agent_who_has_them(store: Store) -> None:
    async with shift(store, FastClock(factor=6)) as on:
        ann = await talking(on)
        on.agents.press(next(iter(on.agents.contacts)), "42")
        await until(lambda: [one.key for one in ann.told if isinstance(one, KeyPressed)] == ["4", "2"])


async def test_a_call_is_waited_for_until_its_code_is_on_disk_and_a_talk_may_last_longer_than_other_calls(store: Store) -> None:
    clock = FastClock(factor=6)
    async with shift(store, clock) as on:
        ann = await talking(on)
        (attempt,) = attempts(store, on.job_id)
        calls = on.engine.calls
        assert not await calls.until_closed(attempt.id, 0.05)
        assert calls.expired(timedelta(0)) == []
        assert calls.expired(TALK_MOST) == []
        await ann.say(Release())
        await ann.say(WrapUp(code="Sale"))
        assert await calls.until_closed(attempt.id, 5.0)
        assert [one.code for one in attempts(store, on.job_id)] == ["Sale"]
        assert await calls.until_closed(AttemptId("never-was"), 0.0)
