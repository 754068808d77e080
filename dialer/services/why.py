"""Answer "why is this contact not being called now, and when will it be?"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dialer.domain.attempt import Attempt
from dialer.domain.callback import Callback, CallbackLimits
from dialer.domain.campaign import Job, JobState
from dialer.domain.condition import Attributes
from dialer.domain.contact import Contact
from dialer.domain.gates import Gate, GateFacts, gates
from dialer.domain.ids import JobId, OrgId
from dialer.domain.node_status import GatewayStatus, JobStatus, NodeStatus, SwitchStatus
from dialer.domain.progress import Progress
from dialer.domain.rules import Kind
from dialer.domain.strategy import DONE, INITIAL, WAIT, Handler, MessageHandler, Strategy
from dialer.errors import NotFound
from dialer.services.callback_steps import for_callback, limits_for
from dialer.services.contact_steps import known_of
from dialer.services.rules import rules_now
from dialer.store.job_contacts import JobContact
from dialer.store.store import Store, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """One contact in one job: the gates in order, and what has been tried so far."""

    contact: Contact
    job: Job
    gates: tuple[Gate, ...]
    attempts: tuple[Attempt, ...]

    @property
    def because(self) -> str:
        """The first gate that is shut, in one line; or that all are open."""
        shut = next((gate for gate in self.gates if gate.verdict != "pass"), None)
        return "every gate is open: it is called next" if shut is None else f"{shut.name}: {shut.because}"


async def why_not_called(
    store: Store,
    org_id: OrgId,
    user_contact_id: str,
    *,
    strategy_of: Callable[[JobId, str], Strategy],
    now: datetime,
    job_id: JobId | None = None,
) -> list[Why]:
    """The answer for every job that has the contact: those that are not over, or `job_id`, or else the latest one.

    `user_contact_id` may also be a number in E.164. Raises NotFound when no such contact, or no job with it, exists.
    """

    def work(tx: Tx) -> list[Why]:
        contacts = tx.contacts(org_id).called(user_contact_id) or tx.contacts(org_id).with_number(user_contact_id)
        if not contacts:
            raise NotFound(f"no contact has the id or the number {user_contact_id!r}")
        answers = [
            _why(tx, job, contact, strategy_of, now) for contact in contacts for job in _jobs_of(tx, org_id, contact, job_id)
        ]
        if not answers:
            raise NotFound(f"no job calls the contact list of {user_contact_id!r}")
        return answers

    return await store.read(work)


def _jobs_of(tx: Tx, org_id: OrgId, contact: Contact, job_id: JobId | None) -> list[Job]:
    list_name = tx.contact_lists(org_id).get(contact.list_id).name
    jobs = [job for job in tx.jobs(org_id).all() if list_name in job.definition.contact_lists]
    if job_id is not None:
        return [job for job in jobs if job.id == job_id]
    return [job for job in jobs if job.state is not JobState.COMPLETED] or jobs[:1]


def _why(tx: Tx, job: Job, contact: Contact, strategy_of: Callable[[JobId, str], Strategy], now: datetime) -> Why:
    place = tx.job_contacts.get(job.id, contact.id)
    values = {address.value for address in contact.addresses}
    mine = [one for one in tx.attempts.of_contact(contact.id) if one.job_id == job.id]
    own = {one.address for one in mine if one.code is None}
    known = known_of(
        tx.contacts(job.org_id).attributes_of([contact.id])[contact.id],
        contact.addresses,
        last_code=place.last_code if place else None,
        attempts=place.attempts if place else 0,
    )
    callback = tx.callbacks(job.org_id).pending_of(job.id, [contact.id]).get(contact.id)
    limits = limits_for(tx, job)[0] if callback is not None else CallbackLimits()
    kind = Kind.CALLBACK if callback is not None and callback.is_due(now) else Kind.CAMPAIGN
    handler = _handler(strategy_of(job.id, job.strategy_text), place, known)
    nodes = tx.node_statuses.all()
    seen, switch = _seen(nodes, job.id, now)
    gateway, written_by = _gateway(nodes, handler, now)
    facts = GateFacts(
        now=now,
        job_state=job.state,
        job_because=job.because,
        place=place.state if place else None,
        place_because=place.because if place else "",
        left_out="" if place is not None or tx.job_contacts.fits(job.id, contact.id) else job.calls_whom,
        excluded_until=tx.contact_rules(job.org_id).excluded([contact.id], now=now).get(contact.id),
        due_at=place.due_at if place else None,
        lease_until=place.lease_until if place else None,
        last_code=place.last_code if place else None,
        callback=_said(callback),
        callback_at=callback.at if callback else None,
        handler=handler
        if callback is None or kind is not Kind.CALLBACK
        else for_callback(handler, callback, contact.addresses, limits),
        attributes=known,
        address_index=place.address_index if place else 0,
        addresses=contact.addresses,
        on_dnc=tx.dnc(job.org_id).listed_for({contact.id: contact.addresses}, campaign_id=job.campaign_id, now=now)[contact.id],
        held=rules_now(tx, job.org_id, job.campaign_id, {contact.id: contact.addresses}, now).held(contact.id, handler, kind),
        busy={
            address
            for channel, address in tx.attempts.addresses_in_use(job.org_id, values)
            if channel is handler.channel and address not in own
        },
        trunk=seen.trunk if seen else job.definition.trunk,
        switch_state=switch.state,
        switch_because=switch.because,
        trunk_room=seen.room if seen else 0,
        gateway=gateway,
        gateway_state=written_by.state,
        gateway_because=written_by.because,
        gateway_room=written_by.room,
        ports_in_use=seen.in_flight if seen else 0,
        max_ports=job.pace.max_ports,
        pace=seen.because if seen else "",
        pace_open=seen.open if seen else True,
    )
    return Why(contact=contact, job=job, gates=tuple(gates(facts)), attempts=tuple(mine))


def _said(callback: Callback | None) -> str:
    if callback is None:
        return ""
    local = callback.at.astimezone(ZoneInfo(callback.zone))
    until = "" if callback.expires_at is None else f", expires {callback.expires_at:%Y-%m-%d %H:%M} UTC"
    return f"{callback} at {local:%Y-%m-%d %H:%M} in {callback.zone}{until}"


def _handler(strategy: Strategy, place: JobContact | None, known: Attributes) -> Handler:
    """The handler that has the contact, or will have it next."""
    state = place.handler if place else INITIAL
    if place is not None and state == WAIT:
        waits_in = strategy.handler(Progress.from_json(place.progress).waits_in)
        state = waits_in.state if waits_in.wait.then == DONE else waits_in.wait.then
    state, _ = strategy.enter(state, known)
    return strategy.handlers[0] if state == DONE else strategy.handler(state)


def _gateway(nodes: Sequence[NodeStatus], handler: Handler, now: datetime) -> tuple[str, GatewayStatus]:
    """The gateway of a handler that writes, and what the running node says of it."""
    named = handler.gateway if isinstance(handler, MessageHandler) else ""
    fresh = [node for node in nodes if node.fresh(now)]
    for node in fresh:
        for name, one in node.gateways.items():
            if named == name or (not named and one.channel == handler.channel):
                return name, one
    because = "(the settings of the running dialer have none)" if fresh else "(no dialer is running: `dialer serve`)"
    return named, GatewayStatus(channel=handler.channel, state="unknown", room=0, because=because)


def _seen(nodes: Sequence[NodeStatus], job_id: JobId, now: datetime) -> tuple[JobStatus | None, SwitchStatus]:
    """What the running node says of the job and of its switch."""
    fresh = [node for node in nodes if node.fresh(now)]
    if not fresh:
        return None, SwitchStatus(state="unknown", because="(no dialer is running: `dialer serve`)")
    for node in fresh:
        if (job := node.jobs.get(int(job_id))) is not None:
            return job, node.switches.get(job.switch, SwitchStatus(state="unknown"))
    states = [switch for node in fresh for switch in node.switches.values()]
    down = next((one for one in states if one.state != "ready"), None)
    return None, down or SwitchStatus(state="ready")
