"""A desktop asks who is before the agent, and is shown that contact and nobody else."""

from __future__ import annotations

import json

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from dialer.domain.agent import AgentRules, AgentState
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.desk_call import CallKind, DeskCall
from dialer.domain.ids import AttemptId, ContactId, JobId, OrgId
from dialer.engine.clock import SystemClock
from dialer.lab.desk_client import DeskClient
from dialer.services.agents import add_agent, add_reason, change_agent, new_token
from dialer.services.contacts import define_attribute
from dialer.services.organisations import create_organisation
from dialer.store.store import Store, Tx
from dialer.web.agent_desk import DeskOptions, make_agent_desk_app
from dialer.web.agent_questions import DeskBooks
from tests.desk_floor import DeskFloor
from tests.engine_kit import until

pytestmark = pytest.mark.integration


def contact_in(store: Store, org_id: OrgId) -> ContactId:
    def work(tx: Tx) -> ContactId:
        people = tx.contact_lists(org_id).create("People", ["mobile", "city", "card"])
        new = NewContact(
            user_contact_id="c-7",
            language="tr",
            time_zone="Europe/Istanbul",
            attributes={"city": "Ankara", "card": "4111222233334444"},
            addresses=(NewAddress(name="mobile", value="+905321234567", zones=("Europe/Istanbul",)),),
        )
        tx.contacts(org_id).upsert_batch(people.id, [new], on_duplicate="update")
        (found,) = tx.contacts(org_id).called("c-7")
        tx.contact_notes(org_id).add(found.id, "call after work", by="bob")
        return found.id

    return store.write_now(work)


def before_ann(contact_id: ContactId) -> DeskCall:
    return DeskCall(
        job_id=JobId(1),
        contact_id=contact_id,
        campaign="Spring",
        kind=CallKind.PACED,
        rules=AgentRules(codes=("Sold", "Not sold")),
        attempt_id=AttemptId("0" * 26),
        address="+905321234567",
    )


async def test_an_agent_sees_the_contact_before_them_and_only_as_long(store: Store, org_id: OrgId) -> None:
    await define_attribute(store, org_id, "card", masked=True)
    contact_id = contact_in(store, org_id)
    await add_reason(store, org_id, "Lunch")
    ann = await add_agent(store, org_id, "ann")
    token = await new_token(store, org_id, "ann")
    books = DeskBooks.reading(store)
    floor = DeskFloor(ann)
    async with (
        TestServer(make_agent_desk_app(floor, books, SystemClock(), DeskOptions())) as server,
        ClientSession() as http,
        DeskClient.connected(http, str(server.make_url("/")), token) as desk,
    ):
        assert (await desk.ask("reasons"))["said"] == {"reasons": ["Lunch"]}
        assert (await desk.ask("contact"))["because"] == "no contact is before you"
        await desk.ask("log_in", phone="1")
        await desk.ask("go_ready")
        floor.assign(ann, before_ann(contact_id))
        await until(lambda: floor.desks[ann.id].state is AgentState.TALKING)
        card = (await desk.ask("contact"))["said"]["contact"]
        assert (card["contact_id"], card["contact_list"], card["campaign"]) == ("c-7", "People", "Spring")
        assert (card["addresses"], card["address"]) == ({"mobile": "+905321234567"}, "+905321234567")
        assert card["attributes"]["city"] == "Ankara"
        assert "4111222233334444" not in json.dumps(card)
        assert [(note["by"], note["text"]) for note in card["notes"]] == [("bob", "call after work")]
        assert card["codes"] == ["Sold", "Not sold"]
        async with http.get(server.make_url("/agent/v1/contact"), headers={"Authorization": f"Bearer {token}"}) as answer:
            assert (await answer.json())["said"]["contact"]["contact_id"] == "c-7"
        await desk.ask("release")
        await desk.ask("wrap_up", code="Sold")
        assert (await desk.ask("contact"))["error"] == "refused"


async def test_contacts_of_another_organisation_are_nobody(store: Store, org_id: OrgId) -> None:
    contact_id = contact_in(store, org_id)
    other = await create_organisation(store, "other")
    eve = await add_agent(store, other, "eve")
    floor = DeskFloor(eve)
    token = await new_token(store, other, "eve")
    books = DeskBooks.reading(store)
    async with (
        TestServer(make_agent_desk_app(floor, books, SystemClock(), DeskOptions())) as server,
        ClientSession() as http,
        DeskClient.connected(http, str(server.make_url("/")), token) as desk,
    ):
        await desk.ask("log_in", phone="1")
        await desk.ask("go_ready")
        floor.assign(eve, before_ann(contact_id))
        assert (await desk.ask("contact"))["error"] == "refused"
        await change_agent(store, other, "eve", active=False)
        async with http.get(server.make_url("/agent/v1/desk"), headers={"Authorization": f"Bearer {token}"}) as answer:
            assert answer.status == 401
