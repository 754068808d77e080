"""What agents choose and write while they work: which campaign, inbound or not, notes, and codes that act."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dialer.domain.agent_commands import AddNote, BlendIn, BlendOut, ChangeContact, PreferJobs, Release, WrapUp
from dialer.domain.agent_events import CallStage, ContactChanged
from dialer.domain.campaign import JobContactState
from dialer.domain.codes import CustomCode, NextAction
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.desk import Refused
from dialer.domain.ids import OrgId
from dialer.domain.pacing_plan import AbandonBudget, Pacing, PacingKind
from dialer.services import jobs
from dialer.services.agent_card import card_of
from dialer.services.agent_floor import Done
from dialer.services.agents import change_agent
from dialer.services.campaigns import NewCampaign, create_campaign, save_strategy
from dialer.services.codes import create_code
from dialer.services.dnc import list_dnc
from dialer.store.store import Store
from dialer.testing.agents import FakeAgentVoice
from dialer.testing.voice import FakeCallee, FakeVoice
from tests.engine_kit import ON_SQLITE, FastClock, completed, running, until
from tests.floor_kit import ANSWERS, PROGRESSIVE, STRATEGY, at_work, attempts, crew, dismiss, hire, make_job, number, wires

pytestmark = [pytest.mark.integration, ON_SQLITE]


def org_of(store: Store) -> OrgId:
    return store.write_now(lambda tx: tx.organisations.ensure("default"))


@pytest.mark.row(63)
async def test_so_many_lines_ring_for_each_agent_who_is_free_and_no_more(store: Store) -> None:
    clock = FastClock(factor=20)
    # Nobody is called ahead of the agents before somebody has answered, whatever the budget.
    job_id = make_job(store, 41, replace(PROGRESSIVE, lines_per_agent=1.5, budget=AbandonBudget(percent=100.0)))
    staff = await hire(store, 10)
    silent = FakeCallee(ring_s=0.1, answer_s=None)
    voice = FakeVoice(clock, callees={number(0): ANSWERS}, default=silent)
    async with running(store, voice, clock=clock, agents=FakeAgentVoice(clock, voice)) as engine:
        _, tasks = await crew(engine, staff, clock, talk_s=1.0)
        await until(lambda: "Sale" in {one.code for one in attempts(store, job_id)})
        await until(lambda: len(voice.calls) == 15)
        since, most = clock.monotonic_s(), 0
        while clock.monotonic_s() < since + 30:  # a round of ringing, and more
            most = max(most, len(voice.calls))
            await clock.sleep(0.5)
        assert most == 15
        assert len(voice.placed) > 25
        await dismiss(tasks)


@pytest.mark.row(131)
async def test_who_takes_inbound_calls_gets_no_contacts_until_blended_out(store: Store) -> None:
    clock, voice, agents = wires(factor=6)
    job_id = make_job(store, 2, PROGRESSIVE)
    staff = await hire(store, 1)
    async with at_work(store, clock, voice, agents, staff, talk_s=2.0) as (_, (worker,)):
        await until(lambda: worker.seen[CallStage.JOINED] == 1)
        await worker.say(BlendIn())
        await until(lambda: [one.code for one in attempts(store, job_id)] == ["Sale"])
        asked = clock.monotonic_s()
        await until(lambda: clock.monotonic_s() > asked + 5)
        assert len(voice.placed) == 1, "nobody is called for an agent who takes inbound calls"
        await worker.say(BlendOut())
        await until(completed(store, job_id))


@pytest.mark.row(132)
async def test_notes_and_corrections_are_kept_and_told_to_the_desk_with_the_script(store: Store) -> None:
    clock, voice, agents = wires(factor=6)
    job_id = make_job(store, 1, Pacing(kind=PacingKind.PROGRESSIVE, script="Good morning"))
    staff = await hire(store, 1)
    async with at_work(store, clock, voice, agents, staff, talk_s=15.0) as (engine, (worker,)):
        await until(lambda: worker.seen[CallStage.JOINED] == 1)
        await worker.say(AddNote(text="has moved"))
        await worker.say(ChangeContact(attribute="city", value="Izmir"))
        assert isinstance(await worker.say(ChangeContact(attribute="shoe_size", value="43")), Refused)
        await until(lambda: sum(isinstance(one, ContactChanged) for one in worker.told) == 2)
        desk = await engine.floor.desk(worker.agent.id)
        assert desk is not None
        assert desk.call is not None
        card = await card_of(store, worker.agent, desk.call)
        assert (card.script, card.attributes["city"], [one.text for one in card.notes]) == (
            "Good morning",
            "Izmir",
            ["has moved"],
        )
        await worker.say(Release())
        await worker.say(WrapUp(code="Sale"))
        await until(completed(store, job_id))


@pytest.mark.row(133)
async def test_agents_get_contacts_of_their_campaigns_alone_and_of_those_they_prefer_first(store: Store) -> None:
    clock, voice, agents = wires(factor=6)
    one, two = make_job(store, 4, PROGRESSIVE, name="One"), make_job(store, 4, PROGRESSIVE, name="Two", first=10)
    (ann,) = await hire(store, 1, prefix="ann", campaigns=["One"])
    (bob,) = await hire(store, 1, prefix="bob")
    await change_agent(store, org_of(store), "bob0", preferred=["Two"])
    async with at_work(store, clock, voice, agents, [ann, bob], talk_s=2.0) as (_, (at_ann, at_bob)):
        await until(lambda: bool(at_ann.told and at_bob.told))
        assert "at most 20" in str(await at_bob.say(PreferJobs(campaigns=tuple(f"c{n}" for n in range(21)))))
        assert "do not work for Two" in str(await at_ann.say(PreferJobs(campaigns=("Two",))))
        assert isinstance(await at_ann.say(PreferJobs(campaigns=("One",))), Done)
        await until(completed(store, one))
        await until(completed(store, two))
    assert {attempt.agent for attempt in attempts(store, two)} == {"bob0"}
    assert attempts(store, one)[0].agent == "ann0"
    assert store.read_now(lambda tx: tx.agents(None).get(ann.id)).preferred == ("One",)


async def test_an_agent_for_whom_a_call_is_out_changes_campaigns_only_when_nobody_is_left_alone(store: Store) -> None:
    clock, voice, agents = wires(factor=6, default=FakeCallee(ring_s=0.1, answer_s=4.0))
    one, two = make_job(store, 2, PROGRESSIVE, name="One"), make_job(store, 2, PROGRESSIVE, name="Two", first=10)
    (ann,) = await hire(store, 1, prefix="ann", campaigns=["One"])
    (bob,) = await hire(store, 1, prefix="bob")
    await change_agent(store, org_of(store), "bob0", preferred=["One"])
    async with at_work(store, clock, voice, agents, [ann, bob], talk_s=4.0) as (_, workers):
        await until(lambda: len(voice.calls) == 2)  # one rings for each of them
        await workers[1].say(PreferJobs(campaigns=("Two",)))
        await until(completed(store, one))
        await until(completed(store, two))
    assert [attempt.code for job in (one, two) for attempt in attempts(store, job)] == ["Sale"] * 4


TWO_NUMBERS = STRATEGY.replace(
    'addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]',
    'addresses: [{attribute: mobile, from: "00:00", to: "24:00"}, {attribute: home, from: "00:00", to: "24:00"}]',
)


@pytest.mark.row(137)
@pytest.mark.parametrize("action", [NextAction.STOP, NextAction.SCHEDULE, NextAction.REMOVE_NUMBER, NextAction.BLOCK_NUMBER])
async def test_the_code_that_an_agent_chooses_acts_as_it_is_defined(store: Store, action: NextAction) -> None:
    clock, org = FastClock(factor=6), org_of(store)
    person = NewContact(
        user_contact_id="p",
        addresses=tuple(
            NewAddress(name=name, value=f"+493000000{end}", zones=("UTC",)) for name, end in (("mobile", 1), ("home", 2))
        ),
    )
    store.write_now(lambda tx: tx.contacts(org).upsert_batch(tx.contact_lists(org).ensure("P", []).id, [person]))
    await save_strategy(store, org, TWO_NUMBERS)
    for code in (CustomCode(name="Acts", next_action=action), CustomCode(name="Sale")):
        await create_code(store, org, code)
    new = NewCampaign(
        name="Acting",
        strategy="floor_test",
        contact_lists=("P",),
        codes=("Acts", "Sale"),
        pacing=Pacing(kind=PacingKind.PROGRESSIVE),
    )
    await create_campaign(store, org, new)
    job = await jobs.start_campaign(store, org, "Acting", by="test")
    staff = await hire(store, 1)
    voice = FakeVoice(clock, default=ANSWERS)
    date = clock.now() + timedelta(days=2)
    async with running(store, voice, clock=clock, agents=FakeAgentVoice(clock, voice)) as engine:
        (worker,), tasks = await crew(engine, staff, clock, talk_s=1.0, writes=False)
        await until(lambda: worker.seen[CallStage.GONE] == 1)
        await worker.say(WrapUp(code="acts", next_at=date if action is NextAction.SCHEDULE else None))
        if action in (NextAction.REMOVE_NUMBER, NextAction.BLOCK_NUMBER):
            await until(lambda: worker.seen[CallStage.GONE] == 2)
            await worker.say(WrapUp(code="Sale"))
        if action is not NextAction.SCHEDULE:
            await until(completed(store, job.id))
        else:
            await until(lambda: attempts(store, job.id)[0].code == "Acts")
        await dismiss(tasks)
    first, *rest = attempts(store, job.id)
    assert (first.code, first.code_source, first.agent, first.address) == ("Acts", "agent", "agent0", "+4930000001")
    names = {one.name for one in store.read_now(lambda tx: tx.contacts(org).get(first.contact_id)).addresses}
    place = store.read_now(lambda tx: tx.job_contacts.get(job.id, first.contact_id))
    assert place is not None
    match action:
        case NextAction.STOP:
            assert (rest, place.state) == ([], JobContactState.FINISHED)
        case NextAction.SCHEDULE:
            assert (rest, place.state, place.due_at) == ([], JobContactState.SCHEDULED, date)
        case NextAction.REMOVE_NUMBER:
            assert ([one.address for one in rest], names) == (["+4930000002"], {"home"})
        case NextAction.BLOCK_NUMBER:
            assert [one.address for one in rest] == ["+4930000002"]
            assert [one.value for one in await list_dnc(store, org)] == ["+4930000001"]
