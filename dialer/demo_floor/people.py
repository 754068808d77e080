"""The agents and the people of a floor, and the campaign that brings them together, as an operator would create them."""

from __future__ import annotations

import numpy as np

from dialer.demo_floor.order import MACHINE_RINGS, FloorOrder
from dialer.domain.campaign import Pace, PaceUnit
from dialer.domain.codes import CustomCode
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import OrgId
from dialer.lab.phones import AGENT, MACHINE, PERSON, RANGE, floor_number, moody_number
from dialer.lab.shift import Seat
from dialer.services.agents import add_agent, new_token
from dialer.services.campaigns import NewCampaign, create_campaign, save_strategy
from dialer.services.codes import create_code
from dialer.store.store import Store, Tx

CAMPAIGN, CONTACT_LIST, STRATEGY = "Floor", "People", "floor_demo"
CODES = {"Agreed": 1.0, "Refused": 3.0}  # with the weights by which agents choose
BUSY, NOBODY, DECLINES = "10", "11", "14"  # endings of numbers (dialer.lab.phones)
STRATEGY_TEXT = """\
strategy: {name}
status: completed
handlers:
  - state: initial
    call:
      ring_timeout_s: {ring_timeout_s:g}
      detect_machine: false
      addresses: [{{attribute: mobile, from: "00:00", to: "24:00"}}]
      results: {{otherwise: done}}
"""


async def hire(store: Store, org: OrgId, order: FloorOrder) -> list[Seat]:
    """The agents, each with a token and a telephone that has a voice."""
    seats = []
    for number in range(1, order.agents + 1):
        phone = f"{RANGE}{number:05}{AGENT}"
        agent = await add_agent(store, org, f"agent-{number}", phone=phone)
        seats.append(Seat(token=await new_token(store, org, agent.login), phone=phone))
    return seats


async def make_campaign(store: Store, org: OrgId, order: FloorOrder) -> None:
    """The list, the strategy and the campaign."""
    for code in CODES:
        await create_code(store, org, CustomCode(name=code, is_closure=True))
    people = people_of(order)

    def fill(tx: Tx) -> None:
        made = tx.contact_lists(org).create(CONTACT_LIST, ["mobile"])
        tx.contacts(org).upsert_batch(made.id, people, on_duplicate="update")

    await store.write(fill)
    text = STRATEGY_TEXT.format(name=STRATEGY, ring_timeout_s=order.ring_timeout_s)
    await save_strategy(store, org, text, "floor_demo.yaml")
    await create_campaign(
        store,
        org,
        NewCampaign(
            name=CAMPAIGN,
            strategy=STRATEGY,
            contact_lists=(CONTACT_LIST,),
            codes=tuple(CODES),
            pace=Pace(calls=order.cps, per=PaceUnit.SECOND, max_ports=200),
            pacing=order.campaign_pacing,
        ),
    )


def people_of(order: FloorOrder) -> list[NewContact]:
    """Twice as many as the shift can call, in an order of chance; moody where they are to answer otherwise one day."""
    chance = np.random.default_rng([order.seed, 0])
    endings = [PERSON, MACHINE, BUSY, DECLINES, NOBODY]
    persons = 0.0 if order.changes_answers else order.persons
    shares = [persons, order.machines, order.busy, order.failed]
    count = int(2 * order.cps * order.minutes * 60) + 100
    people = []
    for index, ending in enumerate(chance.choice(endings, size=count, p=[*shares, max(0.0, 1 - sum(shares))])):
        rings_s = (MACHINE_RINGS if ending == MACHINE else order.person_rings).draw(chance)
        if ending == NOBODY and order.changes_answers:
            number = moody_number(index, int(chance.integers(100)), rings_s)
        else:
            number = floor_number(index, rings_s, str(ending))
        address = NewAddress(name="mobile", value=number, zones=("UTC",))
        people.append(NewContact(user_contact_id=f"p-{index}", time_zone="UTC", attributes={}, addresses=(address,)))
    return people


def percent_of_moody(order: FloorOrder, share: float) -> int:
    """How many percent of the moody must answer for this share of all calls to be answered by persons."""
    moody = 1 - order.machines - order.busy - order.failed
    return min(100, round(100 * share / moody))
