"""What an agent sees of the contact, and writes about it, while it is before them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.agent import Agent, AgentRules
from dialer.domain.agent_commands import ScheduleCallback
from dialer.domain.attributes import AttributeType
from dialer.domain.callback import Callback, CallbackLimits, CallbackType
from dialer.domain.desk_call import CallKind, DeskCall
from dialer.domain.ids import ContactId, OrgId
from dialer.errors import BadInput, CallbackRefused, Forbidden, NotFound
from dialer.services import agent_contact as desk
from dialer.services.agent_card import card_of
from dialer.services.agents import add_agent
from dialer.services.callbacks import set_callback_limits
from dialer.services.contact_cards import cards_of, list_unmaskings
from dialer.services.contacts import define_attribute, delete_contact
from dialer.services.dnc import list_dnc
from dialer.services.strategy_shelf import StrategyShelf
from dialer.store.store import Store
from tests.launch_kit import Launch

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def talk(store: Store, org_id: OrgId) -> tuple[Launch, Agent, DeskCall]:
    """Give an agent who talks to the first contact of a job."""
    launch = await Launch.ready(store, org_id, count=3)
    (attempt, *_) = (await launch.run(NOW, 1)).to_place
    ann = await add_agent(store, org_id, "ann")
    call = DeskCall(
        job_id=launch.job.id,
        contact_id=ContactId(attempt.contact_id),
        campaign=launch.job.campaign_name,
        kind=CallKind.PACED,
        rules=AgentRules(codes=("Interested",)),
        attempt_id=attempt.id,
        address=attempt.address,
    )
    return launch, ann, call


async def test_a_note_is_kept_with_the_contact_and_goes_with_it(talk: tuple[Launch, Agent, DeskCall]) -> None:
    launch, ann, call = talk
    await desk.add_note(launch.store, ann, call, "has moved to Izmir")
    await desk.add_note(launch.store, ann, call, "call after six")
    card = await card_of(launch.store, ann, call)
    assert [(one.by, one.text, one.attempt_id) for one in card.notes] == [
        ("ann", "call after six", call.attempt_id),
        ("ann", "has moved to Izmir", call.attempt_id),
    ]
    (shown,) = await cards_of(launch.store, launch.org_id, "d0", unmasked=False)
    assert shown.notes == card.notes
    assert (card.codes, card.attempts) == (("Interested",), ())
    with pytest.raises(BadInput, match="control"):
        await desk.add_note(launch.store, ann, call, "a\x07b")
    await launch.end(launch.attempts()[0].id, "Interested", NOW)
    assert [one.code for one in (await card_of(launch.store, ann, call)).attempts] == ["Interested"]
    await delete_contact(launch.store, launch.org_id, "Donors", card.contact_id)
    assert (await card_of(launch.store, ann, call)).notes == ()


async def test_a_masked_attribute_is_seen_and_corrected_by_those_who_may_alone_and_each_look_is_on_record(
    talk: tuple[Launch, Agent, DeskCall],
) -> None:
    launch, ann, call = talk
    await desk.correct_contact(launch.store, ann, call, "city", "Ankara", now=NOW)
    assert (await card_of(launch.store, ann, call)).attributes["city"] == "Ankara"
    await define_attribute(launch.store, launch.org_id, "city", kind=AttributeType.STRING, masked=True)
    assert (await card_of(launch.store, ann, call)).attributes["city"] != "Ankara"
    with pytest.raises(Forbidden, match="masked"):
        await desk.correct_contact(launch.store, ann, call, "city", "Bursa", now=NOW)
    assert await list_unmaskings(launch.store, launch.org_id) == []
    await desk.correct_contact(launch.store, ann, call, "city", "Bursa", now=NOW, may_unmask=True)
    assert (await card_of(launch.store, ann, call, may_unmask=True)).attributes["city"] == "Bursa"
    (look,) = await list_unmaskings(launch.store, launch.org_id)
    assert (look.by, look.what) == ("ann", "contact d0 at the desk: city")
    with pytest.raises(BadInput, match="no attribute"):
        await desk.correct_contact(launch.store, ann, call, "shoe_size", "43", now=NOW)


async def test_a_number_is_barred_by_the_agent(talk: tuple[Launch, Agent, DeskCall]) -> None:
    launch, ann, call = talk
    assert await desk.bar_number(launch.store, ann, call, "", reason="", region="US") == call.address
    assert await desk.bar_number(launch.store, ann, call, "(202) 555-0123", reason="asked", region="US") == "+12025550123"
    listed = {one.value: one.reason for one in await list_dnc(launch.store, launch.org_id)}
    assert listed == {call.address: "asked ann not to be called", "+12025550123": "asked"}
    with pytest.raises(BadInput, match="say which"):
        await desk.bar_number(launch.store, ann, replace(call, address=""), "", reason="", region="US")


@pytest.mark.parametrize("kind", list(CallbackType))
async def test_an_agent_promises_a_callback_of_each_type(talk: tuple[Launch, Agent, DeskCall], kind: CallbackType) -> None:
    launch, ann, call = talk
    wanted = ScheduleCallback(at=NOW + HOUR, type=kind, note="after lunch")
    made = await desk.promise_callback(launch.store, ann, call, wanted, strategy_of=StrategyShelf(), now=NOW)
    assert (made.type, made.agent, made.at, made.created_by) == (kind, "ann" if kind.is_personal else "", NOW + HOUR, "ann")
    await launch.end(launch.attempts()[0].id, "Interested", NOW)
    place = launch.place("d0")
    assert place is not None
    assert place.due_at == NOW + HOUR


async def test_a_callback_says_when_it_is_put_off_and_why_it_is_refused(talk: tuple[Launch, Agent, DeskCall]) -> None:
    launch, ann, call = talk

    async def promise(wanted: ScheduleCallback) -> Callback:
        return await desk.promise_callback(launch.store, ann, call, wanted, strategy_of=StrategyShelf(), now=NOW)

    with pytest.raises(NotFound, match="no agent"):
        await promise(ScheduleCallback(at=NOW + HOUR, agent="nobody"))
    with pytest.raises(BadInput, match="at"):
        await promise(ScheduleCallback(at=NOW - HOUR))
    six = datetime(2026, 5, 11, 18)  # noqa: DTZ001  as the clocks of the zone show it
    made = await promise(ScheduleCallback(at=six, zone="Europe/Istanbul", type=CallbackType.CAMPAIGN))
    assert made.at == datetime(2026, 5, 11, 15, tzinfo=UTC)
    await set_callback_limits(launch.store, launch.org_id, CallbackLimits(most=0))
    with pytest.raises(CallbackRefused):
        await promise(ScheduleCallback(at=NOW + HOUR))
