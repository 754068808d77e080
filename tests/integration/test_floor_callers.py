"""Agents hold and pass on callers of queues where a wire breaks in the wrong moment: no caller stays on hold alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from dialer.domain.agent import AgentState
from dialer.domain.agent_commands import BlendIn, CompleteTransfer, Consult, Hold, Resume, StartConference, WrapUp
from dialer.domain.agent_events import CallerChanged, Notice
from dialer.domain.desk_call import DeskCaller
from dialer.domain.ids import ConsultId, LegId, PersonId
from dialer.domain.inbound_plan import InboundPlan
from dialer.domain.pacing_plan import Pacing
from dialer.engine.engine import Engine
from dialer.errors import MaybeSent
from dialer.ports import SwitchState
from dialer.ports_agents import AgentVoiceKind, ContactState, LegOrder, Missing
from dialer.store.store import Store
from dialer.testing.agents import FakeAgentVoice
from dialer.testing.queues import FakeQueues
from dialer.testing.voice import FakeCallee, FakeVoice
from tests.engine_kit import ON_SQLITE, FastClock, running, until
from tests.floor_kit import ANSWERS, PROGRESSIVE, Worker, crew, dismiss, hire, make_job

pytestmark = [pytest.mark.integration, ON_SQLITE]

PLAN = replace(PROGRESSIVE, inbound=InboundPlan(queues=("support",), levels=(1, 1, 1)))
EXPERT, PLACE = "+4930999", ("switch", "support")


class Broken(FakeAgentVoice):
    """The connection breaks while a caller is passed on: nobody knows whether it was done, and it was not."""

    async def transfer(self, person: PersonId, consult_id: ConsultId) -> Missing | None:
        raise MaybeSent("the connection was lost")


@dataclass
class Talk:
    engine: Engine
    voice: FakeVoice
    agents: FakeAgentVoice
    queues: FakeQueues
    worker: Worker

    @property
    def state(self) -> AgentState:
        return self.engine.floor.seats[self.worker.agent.id].desk.state

    @property
    def caller(self) -> DeskCaller:
        found = self.engine.floor.seats[self.worker.agent.id].desk.caller
        assert found is not None
        return found

    @property
    def on_switch(self) -> ContactState:
        return self.agents.contacts[self.caller.offer].state

    def stages(self) -> list[str]:
        return [one.stage.value for one in self.worker.told if isinstance(one, CallerChanged)]

    async def asked(self) -> None:
        """A third person has answered."""
        await self.worker.say(Consult(number=EXPERT))
        await until(lambda: self.caller.third is not None and self.caller.third.up)


@asynccontextmanager
async def talk(store: Store, *, pacing: Pacing = PLAN, agents: type[FakeAgentVoice] = FakeAgentVoice) -> AsyncIterator[Talk]:
    """An agent who talks with a caller."""
    clock = FastClock(factor=6)
    make_job(store, 1, pacing)
    staff = await hire(store, 1)
    voice = FakeVoice(clock, default=ANSWERS)
    phones = agents(clock, voice)
    queues = FakeQueues(clock, voice, agents=phones)
    queues.call_in("support", number="+15557000001")
    async with running(store, voice, clock=clock, agents=phones, queues=queues) as engine:
        (worker,), tasks = await crew(engine, staff, clock)
        made = Talk(engine, voice, phones, queues, worker)
        await until(lambda: worker.agent.id in engine.floor.seats and made.state is AgentState.READY)
        await worker.say(BlendIn())
        await until(lambda: made.state is AgentState.TALKING)
        yield made
        await dismiss(tasks)
    await queues.stop()


@pytest.mark.row(126, 131)
async def test_a_caller_is_held_for_no_longer_than_the_switch_allows(store: Store) -> None:
    async with talk(store) as on:
        await on.worker.say(Hold())
        await until(lambda: on.on_switch is ContactState.HELD)
        on.agents.say(AgentVoiceKind.CONTACT_WAITING, "switch", offer=on.caller.offer, again=True)  # as after ten minutes
        await until(lambda: on.on_switch is ContactState.TALKING)
        assert on.state is AgentState.TALKING
        assert on.stages() == ["joined", "held", "resumed"]
        await on.asked()
        on.agents.say(AgentVoiceKind.CONTACT_WAITING, "switch", offer=on.caller.offer, again=True)
        await until(lambda: on.state is AgentState.TALKING and on.on_switch is ContactState.TALKING)
        await until(lambda: not on.agents.thirds)


@pytest.mark.row(128, 131)
async def test_a_caller_is_passed_on_and_the_agent_is_free_for_the_next(store: Store) -> None:
    async with talk(store) as on:
        await on.asked()
        await on.worker.say(StartConference())
        await on.worker.say(CompleteTransfer())
        await until(lambda: not on.queues.offers)
        assert on.state is AgentState.WRAP_UP
        assert not on.queues.waiting[PLACE], "the caller talks with the third person"
        assert len(on.agents.thirds) == 1
        on.queues.call_in("support", number="+15557000002")
        await on.worker.say(WrapUp())
        await until(lambda: on.state is AgentState.TALKING)
        assert on.caller.number == "+15557000002"


@pytest.mark.row(128, 131)
async def test_a_caller_goes_to_somebody_who_still_rings_and_the_agent_is_free_at_once(store: Store) -> None:
    async with talk(store) as on:
        on.voice.callees[EXPERT] = FakeCallee(ring_s=0.1, answer_s=6.0)
        offer = on.caller.offer
        await on.worker.say(Consult(number=EXPERT))
        await on.worker.say(CompleteTransfer())
        await on.worker.say(WrapUp())
        on.queues.call_in("support", number="+15557000002")
        assert on.state is AgentState.READY
        await until(lambda: len(on.agents.thirds) == 1)
        assert on.agents.contacts[offer].state is ContactState.HELD
        await until(lambda: offer not in on.agents.contacts)
        await until(lambda: on.state is AgentState.TALKING)
        assert on.caller.number == "+15557000002"
        assert [one.up for one in on.agents.thirds.values()] == [True]
        assert not on.queues.waiting[PLACE]


async def test_a_third_person_who_hangs_up_while_a_caller_is_passed_on_leaves_the_caller_with_the_agent(store: Store) -> None:
    async with talk(store) as on:
        await on.asked()
        for consult_id, third in list(on.agents.thirds.items()):
            assert third.order.trunk == on.engine.floor.ground.options.leg_trunk
            on.agents.hang_up_third(consult_id)
        await on.worker.say(CompleteTransfer())
        await until(lambda: on.state is AgentState.TALKING and on.on_switch is ContactState.TALKING)


@pytest.mark.parametrize("wrap_up_s", [30.0, 0.0])
async def test_a_caller_who_was_perhaps_not_passed_on_is_with_the_agent_or_in_the_queue(store: Store, wrap_up_s: float) -> None:
    async with talk(store, pacing=replace(PLAN, wrap_up_s=wrap_up_s), agents=Broken) as on:
        await on.asked()
        offer = on.caller.offer
        await on.worker.say(CompleteTransfer())
        if wrap_up_s:
            await until(lambda: on.state is AgentState.TALKING and on.on_switch is ContactState.TALKING)
            assert on.caller.offer == offer
        else:  # the desk had gone on: it gets the caller anew, from the queue
            await until(lambda: on.state is AgentState.TALKING and on.caller.offer != offer)
            assert offer not in on.agents.contacts
        assert [one.text for one in on.worker.told if isinstance(one, Notice)][-1:] == [
            "the caller was perhaps not passed on: the connection was lost"
        ]


async def test_an_agent_whose_telephone_breaks_on_hold_leaves_the_caller_in_the_queue(store: Store) -> None:
    async with talk(store) as on:
        await on.worker.say(Hold())
        await until(lambda: on.on_switch is ContactState.HELD)
        leg_id = on.engine.floor.seats[on.worker.agent.id].leg_id
        assert leg_id is not None
        on.agents.hang_up_phone(leg_id)
        await until(lambda: len(on.queues.waiting[PLACE]) == 1)
        await until(lambda: on.state is AgentState.NOT_READY)


async def test_a_held_caller_is_still_held_by_the_agent_when_a_lost_link_is_back_and_a_hold_that_did_not_end_does(
    store: Store,
) -> None:
    async with talk(store) as on:
        await on.worker.say(Hold())
        await until(lambda: on.on_switch is ContactState.HELD)
        on.voice.turn("switch", SwitchState.DOWN, because="a cable")
        on.voice.turn("switch", SwitchState.RECONCILING)
        await until(lambda: on.voice.state_of("switch") is SwitchState.READY)
        assert (on.state, on.on_switch) == (AgentState.HELD, ContactState.HELD)
        on.voice.turn("switch", SwitchState.DOWN, because="a cable")
        await on.worker.say(Resume())  # which reaches no switch
        await until(lambda: "the caller is perhaps still on hold" in str(on.worker.told))
        on.voice.turn("switch", SwitchState.RECONCILING)
        await until(lambda: on.on_switch is ContactState.TALKING)


async def test_whom_an_agent_held_when_the_dialer_died_is_in_the_queue_again(store: Store) -> None:
    clock = FastClock(factor=6)
    make_job(store, 1, PLAN)
    voice = FakeVoice(clock, default=ANSWERS)
    agents = FakeAgentVoice(clock, voice)
    queues = FakeQueues(clock, voice, agents=agents)
    await voice.start()
    await agents.ring(LegOrder(leg_id=LegId("oldleg"), phone="6001", switch="switch"))
    await until(lambda: bool(agents.unread))
    await queues.enter("switch", "support", LegId("oldleg"), "ann@1", paused=False)
    queues.call_in("support")
    (offer,) = queues.offers
    assert await queues.take("switch", offer, LegId("oldleg"))
    assert await agents.hold(offer) is None
    queues.unread.clear()  # all that was told to the one who is dead
    agents.unread.clear()
    async with running(store, voice, clock=clock, agents=agents, queues=queues):
        await until(lambda: offer not in agents.contacts)
        await until(lambda: len(queues.waiting[PLACE]) == 1)
    await queues.stop()
