"""What an agent writes about the contact before them: notes, attributes, the DNC list, callbacks."""

from __future__ import annotations

from datetime import datetime

from dialer.domain.agent import Agent
from dialer.domain.agent_commands import ScheduleCallback
from dialer.domain.callback import Callback
from dialer.domain.channel import Channel, by_name
from dialer.domain.contact import Contact
from dialer.domain.desk_call import DeskCall
from dialer.errors import BadInput, Forbidden
from dialer.services.callback_promise import Wanted, promise
from dialer.services.completion import StrategyOf
from dialer.services.dnc import add_to_dnc
from dialer.services.pdc_call import check_text
from dialer.services.pdc_contacts import set_attribute_in
from dialer.store.store import Store, Tx
from pdc import PdcError


async def check_address(store: Store, agent: Agent, call: DeskCall, wanted: str) -> None:
    """Whether the contact can be called there: at one of its numbers, given as it is or by its name.

    Raises BadInput: nobody is called elsewhere than the agent said. NotFound, StoreDown.
    """
    contact = await store.read(lambda tx: tx.contacts(agent.org_id).get(call.contact_id))
    numbers = by_name(contact.addresses, Channel.VOICE)
    if wanted.casefold() not in {word for name, one in numbers.items() for word in (name, one.value)}:
        raise BadInput(f"the contact has no number {wanted!r}", where="address", mend=f"one of: {', '.join(numbers)}")


async def add_note(store: Store, agent: Agent, call: DeskCall, text: str) -> None:
    """Write something down about the contact. Raises BadInput, NotFound, StoreDown."""
    _check_text(text)

    def work(tx: Tx) -> None:
        tx.contacts(agent.org_id).get(call.contact_id, with_addresses=False)
        tx.contact_notes(agent.org_id).add(call.contact_id, text, by=agent.login, attempt_id=call.attempt_id)

    await store.write(work)


async def correct_contact(
    store: Store, agent: Agent, call: DeskCall, attribute: str, value: str, *, now: datetime, may_unmask: bool = False
) -> None:
    """Write one attribute of the contact anew, in the form of its type.

    Raises BadInput; Forbidden for a masked one that this agent may not see; NotFound, StoreDown.
    """
    _check_text(value)

    def work(tx: Tx) -> None:
        definition = tx.contact_rules(agent.org_id).definitions().get(attribute)
        if definition is not None and definition.masked and not may_unmask:
            raise Forbidden(f"{attribute} is masked: who may not see it cannot correct it ([agents] unmask in the settings)")
        try:
            set_attribute_in(tx, agent.org_id, call.contact_id, attribute, value, now=now)
        except PdcError as mistake:
            raise BadInput(str(mistake), where=attribute) from mistake

    await store.write(work)


async def bar_number(store: Store, agent: Agent, call: DeskCall, number: str, *, reason: str, region: str) -> str:
    """Put a number, or that of the call, on the organisation's DNC list; returns it in E.164. Raises BadInput, StoreDown."""
    wanted = number or call.address
    if not wanted:
        raise BadInput("no number was called yet", where="number", mend="say which")
    why = reason or f"asked {agent.login} not to be called"
    kept, _ = await add_to_dnc(store, agent.org_id, wanted, reason=why, region=region)
    return kept


async def promise_callback(
    store: Store, agent: Agent, call: DeskCall, wanted: ScheduleCallback, *, strategy_of: StrategyOf, now: datetime
) -> Callback:
    """Promise the contact a call, of whatever type; one of the personal types is this agent's where no other is named.

    `at` of what is returned is the moment that was given: later than wanted in a crowd. Raises BadInput, NotFound,
    CallbackRefused, StoreDown.
    """

    def work(tx: Tx) -> Callback:
        found = tx.contacts(agent.org_id).get(call.contact_id)
        whose = wanted.agent or (agent.login if wanted.type.is_personal else "")
        if wanted.agent:
            whose = tx.agents(agent.org_id).by_login(wanted.agent).login
        asked = Wanted(
            at=wanted.at,
            zone=wanted.zone or _zone_of(found, call.address),
            expires_at=wanted.expires_at,
            number=wanted.number,
            note=wanted.note,
            type=wanted.type,
            agent=whose,
            on_request=True,
        )
        return promise(
            tx,
            call.job_id,
            call.contact_id,
            asked,
            strategy_of=strategy_of,
            now=now,
            by=agent.login,
            on_attempt=call.attempt_id,
        )

    return await store.write(work)


def _zone_of(contact: Contact, address: str) -> str:
    """Where the clocks are that the contact has in mind."""
    zones = [zone for one in contact.addresses if one.value == address for zone in one.zones]
    zones += [zone for one in contact.addresses for zone in one.zones]
    return contact.time_zone or next(iter(zones), "UTC")


def _check_text(text: str) -> None:
    try:
        check_text(text)
    except PdcError as mistake:
        raise BadInput(str(mistake), where="text") from mistake
