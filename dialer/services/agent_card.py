"""What an agent sees of the contact before them, and of nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dialer.domain.agent import Agent
from dialer.domain.callback import CallbackState
from dialer.domain.desk_call import DeskCall
from dialer.domain.history import NO_HISTORY
from dialer.services.contact_cards import visible
from dialer.store.contact_notes import Note
from dialer.store.store import Store, Tx

ATTEMPTS_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PromisedCall:
    """A callback that is pending."""

    at: datetime
    by: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAttempt:
    """An earlier attempt to reach the contact, in whatever job."""

    at: datetime
    code: str
    agent: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCard:
    """The contact of one call. Addresses are in full, as the agent may have to dial them; masked attributes stay masked,
    but for those who may see them."""

    contact_id: str  # the user's own id
    contact_list: str
    campaign: str
    language: str
    time_zone: str
    addresses: Mapping[str, str]  # by name: "mobile"
    address: str  # which of them the call is for; "" = not chosen yet
    attributes: Mapping[str, str]
    history: Mapping[str, str]
    notes: tuple[Note, ...]  # the latest first
    callbacks: tuple[PromisedCall, ...]
    codes: tuple[str, ...]  # from which the agent chooses
    attempts: tuple[PastAttempt, ...] = ()  # that are over, the latest first
    script: str = ""  # what the campaign's agents are to say


async def card_of(store: Store, agent: Agent, call: DeskCall, *, may_unmask: bool = False) -> AgentCard:
    """The contact of the call that is at this agent's desk. Raises NotFound for one who was deleted meanwhile.

    That somebody who may has seen masked attributes is put on record.
    """

    def work(tx: Tx) -> AgentCard:
        org = agent.org_id
        contact = tx.contacts(org).get(call.contact_id)
        history = tx.contact_history.of([contact.id]).get(contact.id, NO_HISTORY)
        promised = tx.callbacks(org).of_contact(contact.id)
        definitions = tx.contact_rules(org).definitions()
        hidden = [name for name in contact.attributes if name in definitions and definitions[name].masked]
        if may_unmask and hidden:
            tx.unmaskings(org).add(f"contact {contact.user_contact_id} at the desk: {', '.join(hidden)}", by=agent.login)
        past = [one for one in tx.attempts.of_contact(contact.id, limit=ATTEMPTS_SHOWN) if one.code is not None]
        return AgentCard(
            contact_id=contact.user_contact_id,
            contact_list=tx.contact_lists(org).get(contact.list_id).name,
            campaign=call.campaign,
            language=contact.language,
            time_zone=contact.time_zone,
            addresses={one.name: one.value for one in contact.addresses},
            address=call.address,
            attributes=visible(contact.attributes, definitions, unmasked=may_unmask),
            history=history.attributes(),
            notes=tuple(tx.contact_notes(org).of(contact.id)),
            callbacks=tuple(
                PromisedCall(at=one.at, by=one.created_by, note=one.note)
                for one in promised
                if one.state is CallbackState.PENDING
            ),
            codes=call.rules.codes,
            attempts=tuple(
                PastAttempt(at=one.intent_at, code=one.code or "", agent=one.agent, note=one.app_note or "") for one in past
            ),
            script=call.rules.script,
        )

    return await (store.write(work) if may_unmask else store.read(work))
