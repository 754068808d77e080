"""Agents hold and pass on callers of queues where a wire breaks in the wrong moment: no caller stays on hold alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from dialer.domain.agent import AgentState
from dialer.domain.agent_commands import (
    BlendIn,
    ChangeOwner,
    CompleteTransfer,
    Consult,
    Hold,
    Release,
    Resume,
    StartConference,
    WrapUp,
)
from dialer.domain.agent_events import CallerChanged, Notice
from dialer.domain.desk_call import DeskCaller
from dialer.domain.ids import ConsultId, LegId, PersonId
from dialer.domain.inbound_plan import InboundPlan
from dialer.domain.pacing_plan import Pacing
from dialer.engine.engine import Engine
from dialer.engine.floor.takers import name_of
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
    others: list[Worker]

    def state_of(self, worker: Worker) -> AgentState:
        return self.engine.floor.seats[worker.agent.id].desk.state

    @property
    def state(self) -> AgentState:
        return self.state_of(self.worker)

    def caller_of(self, worker: Worker) -> DeskCaller:
        found = self.engine.floor.seats[worker.agent.id].desk.caller
        assert found is not None
        return found

    @property
    def caller(self) -> DeskCaller:
        return self.caller_of(self.worker)

    @property
    def on_switch(self) -> ContactState:
        return self.agents.contacts[self.caller.offer].state

    def stages(self) -> list[str]:
        return [one.stage.value for one in self.worker.told if isinstance(one, CallerChanged)]

    async def asked(self, *, colleague: str = "") -> None:
        """A third person has answered."""
        await self.worker.say(Consult(agent=colleague) if colleague else Consult(number=EXPERT))
        await until(lambda: self.caller.third is not None and self.caller.third.up)


@asynccontextmanager
async def talk(
    store: Store, *, pacing: Pacing = PLAN, agents: type[FakeAgentVoice] = FakeAgentVoice, staff: int = 1
) -> AsyncIterator[Talk]:
    """An agent who talks with a caller, and others who are free."""
    clock = FastClock(factor=6)
    crowd = await hire(store, staff)
    make_job(store, 1, replace(pacing, agents=(crowd[0].login,)))  # nobody else gets its contact
    voice = FakeVoice(clock, default=ANSWERS)
    phones = agents(clock, voice)
    queues = FakeQueues(clock, voice, agents=phones)
    queues.call_in("support", number="+15557000001")
    async with running(store, voice, clock=clock, agents=phones, queues=queues) as engine:
        (worker, *others), tasks = await crew(engine, crowd, clock)
        made = Talk(engine, voice, phones, queues, worker, others)
        await until(lambda: all(one.agent.id in engine.floor.seats for one in (worker, *others)))
        await until(lambda: all(made.state_of(one) is AgentState.READY for one in (worker, *others)))
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
        on.voice.callees[EXPERT] = FakeCallee(ring_s=0.1, answer_s=18.0)
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


# -- a colleague as the third person -------------------------------------------------------------------------------------------


@pytest.mark.row(128, 131)
async def test_a_caller_is_handed_to_a_colleague_and_the_agent_gets_the_next_one_meanwhile(store: Store) -> None:
    async with talk(store, staff=2) as on:
        (colleague,) = on.others
        offer = on.caller.offer
        await on.asked(colleague=colleague.agent.login)
        assert (on.state_of(colleague), on.on_switch) == (AgentState.CONSULT, ContactState.HELD)
        await on.worker.say(CompleteTransfer())
        assert on.state is AgentState.READY
        await until(lambda: on.state_of(colleague) is AgentState.TALKING)
        await until(lambda: on.agents.contacts[offer].state is ContactState.TALKING)
        assert on.caller_of(colleague).number == "+15557000001"
        assert [one.stage.value for one in colleague.told if isinstance(one, CallerChanged)] == ["joined"]
        on.queues.call_in("support", number="+15557000002")
        await until(lambda: on.state is AgentState.TALKING)
        assert on.caller.number == "+15557000002"
        await colleague.say(Hold())
        await until(lambda: on.agents.contacts[offer].state is ContactState.HELD)
        await colleague.say(Resume())
        await until(lambda: on.agents.contacts[offer].state is ContactState.TALKING)
        on.queues.hang_up("caller-1")
        await until(lambda: on.state_of(colleague) is AgentState.WRAP_UP)
        await colleague.say(WrapUp())
        assert on.state_of(colleague) is AgentState.READY


@pytest.mark.row(128, 131)
async def test_three_confer_about_a_caller_until_the_new_owner_goes_on_alone(store: Store) -> None:
    async with talk(store, staff=2) as on:
        (colleague,) = on.others
        offer = on.caller.offer
        await on.asked(colleague=colleague.agent.login)
        await on.worker.say(StartConference())
        await until(lambda: on.state_of(colleague) is AgentState.CONFERENCE)
        assert len(on.agents.contacts[offer].legs) == 2
        await on.worker.say(ChangeOwner())
        await until(lambda: on.caller_of(colleague).is_own)
        await on.worker.say(Release())
        await until(lambda: (on.state, on.state_of(colleague)) == (AgentState.READY, AgentState.TALKING))
        await until(lambda: len(on.agents.contacts[offer].legs) == 1)


async def test_a_caller_who_hangs_up_while_they_are_handed_over_leaves_both_agents_free(store: Store) -> None:
    async with talk(store, staff=2) as on:
        (colleague,) = on.others
        await on.asked(colleague=colleague.agent.login)
        on.queues.hang_up("caller-1")
        await on.worker.say(CompleteTransfer())
        await until(lambda: on.state_of(colleague) in (AgentState.WRAP_UP, AgentState.READY))
        await colleague.say(WrapUp())
        await until(lambda: on.state_of(colleague) is AgentState.READY)
        assert not on.queues.offers


async def test_a_caller_handed_to_a_colleague_whose_telephone_breaks_in_that_moment_is_in_the_queue_again(store: Store) -> None:
    async with talk(store, staff=2) as on:
        (colleague,) = on.others
        offer = on.caller.offer
        await on.asked(colleague=colleague.agent.login)
        leg_id = on.engine.floor.seats[colleague.agent.id].leg_id
        assert leg_id is not None
        on.agents.hang_up_phone(leg_id)
        await on.worker.say(CompleteTransfer())
        await until(lambda: on.state is AgentState.TALKING)  # with the same caller: kept, or out of the queue again
        assert on.caller.number == "+15557000001"
        await until(lambda: on.state_of(colleague) is AgentState.NOT_READY)
        assert offer not in on.agents.contacts or on.caller.offer == offer


async def test_a_caller_who_was_handed_on_is_before_their_agent_again_when_the_next_dialer_is_up(store: Store) -> None:
    clock = FastClock(factor=6)
    staff = await hire(store, 2)
    voice = FakeVoice(clock, default=ANSWERS)
    agents = FakeAgentVoice(clock, voice)
    queues = FakeQueues(clock, voice, agents=agents)
    await voice.start()
    for leg_id in (LegId("first"), LegId("second")):
        await agents.ring(LegOrder(leg_id=leg_id, phone="6001", switch="switch"))
    await until(lambda: len(agents.unread) >= 2)
    await queues.enter("switch", "support", LegId("first"), name_of(staff[0]), paused=False)
    queues.call_in("support", number="+15557000001")
    (offer,) = queues.offers
    assert await queues.take("switch", offer, LegId("first"))
    assert await agents.join(offer, LegId("second"), tone=False) is None
    await queues.give("switch", offer, name_of(staff[1]))
    queues.unread.clear()  # all that was told to the one who is dead
    agents.unread.clear()
    async with running(store, voice, clock=clock, agents=agents, queues=queues) as engine:
        workers, tasks = await crew(engine, staff, clock)
        await until(lambda: all(one.agent.id in engine.floor.seats for one in workers))
        first, second = (engine.floor.seats[one.agent.id] for one in workers)
        await until(lambda: second.desk.state is AgentState.TALKING and first.desk.state is AgentState.READY)
        assert second.desk.caller is not None
        assert (second.desk.caller.offer, second.leg_id) == (offer, LegId("second"))
        await dismiss(tasks)
    await queues.stop()
