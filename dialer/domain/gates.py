"""Why is this contact not being called now, and when will it be? Every gate between it and a call, in order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from dialer.domain.address_choice import Allowed, Denied, against_addresses, pick_address
from dialer.domain.campaign import JobContactState, JobState
from dialer.domain.channel import Channel
from dialer.domain.condition import Attributes
from dialer.domain.contact import Address
from dialer.domain.restriction import RestrictionKind, restricted_by
from dialer.domain.rules import Held
from dialer.domain.strategy import Handler

__all__ = ["Allowed", "Denied", "Gate", "GateFacts", "gates", "pick_address"]

Verdict = Literal["pass", "wait", "block"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One condition of a call. "wait" opens by itself (at `until`, when that is known); "block" needs somebody's hand."""

    name: str
    verdict: Verdict
    because: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFacts:
    """All that decides whether a contact is called now. Times are aware UTC."""

    now: datetime
    job_state: JobState
    job_because: str = ""
    place: JobContactState | None = None  # where the contact stands in the job; None = the job has not come to it yet
    place_because: str = ""
    left_out: str = ""  # whom the job calls, where the contact is none of them
    excluded_until: datetime | None = None  # an operator's word: it is called by no campaign before
    due_at: datetime | None = None
    lease_until: datetime | None = None
    last_code: str | None = None
    callback: str = ""  # what is known of the contact's pending callback; "" = there is none
    callback_at: datetime | None = None
    handler: Handler
    attributes: Attributes = field(default_factory=dict)  # what restrictions ask for
    address_index: int = 0
    addresses: Sequence[Address] = ()
    on_dnc: Collection[str] = ()
    held: Mapping[str, Held] = field(default_factory=dict)  # what the rules across campaigns say of each number
    busy: Collection[str] = ()  # addresses in live attempts on the handler's channel, other than this contact's own
    trunk: str = ""
    switch_state: str = "ready"  # the word of ports.SwitchState
    switch_because: str = ""
    trunk_room: int = 1  # calls that the trunk could take at this moment
    gateway: str = ""  # of a handler that writes
    gateway_state: str = "ready"  # the word of ports.GatewayState
    gateway_because: str = ""
    gateway_room: int = 1  # messages that it could take within a second
    ports_in_use: int = 0
    max_ports: int = 1
    pace: str = ""  # the last reason of the job's pacer
    pace_open: bool = True


def gates(facts: GateFacts) -> list[Gate]:
    """The gates in the order in which a call passes them. The contact is called when all of them pass."""
    if facts.left_out:  # in this and the next case nothing behind the gate matters any more
        return [_job(facts), _block("filter", f"the job calls others: {facts.left_out}")]
    found = [_job(facts), *_place(facts)]
    if facts.place is JobContactState.FINISHED:
        return found
    if (until := facts.excluded_until) is not None:
        found.append(_block("exclusion", f"excluded until {until:%Y-%m-%d %H:%M} UTC: the job will leave it out"))
    found += [_restriction(facts), *_numbers(facts)]
    match facts.handler.channel:
        case Channel.VOICE:
            found.append(_switch(facts))
        case Channel.SMS | Channel.EMAIL:
            found.append(_gateway(facts))
    return [*found, _pace(facts)]


def _job(facts: GateFacts) -> Gate:
    said = f" ({facts.job_because})" if facts.job_because else ""
    match facts.job_state:
        case JobState.RUNNING:
            return _pass("job", "the job is running")
        case JobState.QUEUED:
            return _wait("job", f"the job has not begun yet{said}")
        case JobState.PAUSED:
            return _block("job", f"the job is paused{said}")
        case JobState.STOPPING:
            return _block("job", f"the job is stopping and places no new calls{said}")
        case JobState.COMPLETED:
            return _block("job", f"the job is over{said}")


def _place(facts: GateFacts) -> list[Gate]:
    now, place = facts.now, facts.place
    said = f": {facts.place_because}" if facts.place_because else ""
    if place is JobContactState.FINISHED:
        code = facts.last_code or "none"  # its name is not said twice
        said = said.replace(f": {code}: ", ": ", 1).replace(f": {code} has ", ", which has ", 1)
        return [_block("finished", f"done in this job, last code {code}{said}")]
    found = [_pass("finished", "not done yet")]
    if place is JobContactState.IN_CALL:
        found.append(_wait("in call", "in a call at this moment"))
    else:
        found.append(_pass("in call", "in no call"))
    if place is None:
        found.append(_wait("claimed", "the job has not come to this contact yet"))
    elif place is JobContactState.CLAIMED and facts.lease_until is not None and facts.lease_until < now:
        found.append(_wait("claimed", "a node took it and did not dial; it will be given back", until=now))
    elif place is JobContactState.CLAIMED:
        found.append(_wait("claimed", "taken by a node that is about to dial", until=facts.lease_until))
    else:
        found.append(_pass("claimed", "taken by no node"))
    if place is JobContactState.SCHEDULED and facts.due_at is not None and facts.due_at > now:
        found.append(_wait("due", f"scheduled for later{said}", until=facts.due_at))
    else:
        found.append(_pass("due", "its time has come"))
    if facts.callback:
        later = facts.callback_at is not None and facts.callback_at > now
        found.append(_wait("callback", facts.callback, facts.callback_at) if later else _pass("callback", facts.callback))
    return found


def _restriction(facts: GateFacts) -> Gate:
    found = restricted_by(facts.handler.restrictions, facts.attributes)
    if found is None:
        asked = ", ".join(one.name for one in facts.handler.custom_restrictions)
        also = f"; {asked} is asked when its turn comes" if asked else ""
        return _pass("restriction", f"no restriction of the strategy applies{also}")
    if found.kind is RestrictionKind.PERMANENT:
        return _block("restriction", f"restricted: {found}")
    return _wait("restriction", f"restricted for now: {found}", facts.now + timedelta(seconds=found.recheck_s))


_ADDRESS_KINDS = (
    ("dnc", "DNC list"),
    ("rule", "rules"),
    ("in_use", "number in use"),
    ("missing", "address"),
    ("window", "calling window"),
)


def _numbers(facts: GateFacts) -> list[Gate]:
    """The rule of `pick_address`, told by kinds of obstacle: one free address opens all of them."""
    asked = (facts.handler, facts.address_index, facts.addresses, facts.on_dnc, facts.busy, facts.now, facts.held)
    choice, against = pick_address(*asked), against_addresses(*asked)
    if isinstance(choice, Allowed) or isinstance(against, Allowed):
        free = choice.address.name if isinstance(choice, Allowed) else ""
        return [_pass(name, f"free for {free}" if free else "no address is needed") for _, name in _ADDRESS_KINDS]
    found = []
    for kind, name in _ADDRESS_KINDS:
        mine = [one for one in against if one.kind == kind or (kind == "missing" and one.kind == "malformed")]
        because = "; ".join(one.because for one in mine)
        waits = [one.until for one in mine if one.until is not None]
        if not mine:
            found.append(_pass(name, "nothing against any address"))
        elif waits and choice.code is None:
            found.append(_wait(name, because, until=min(waits)))
        elif choice.until is not None:
            found.append(_pass(name, f"{because}; another address remains"))
        else:
            found.append(_block(name, because))
    return found


def _switch(facts: GateFacts) -> Gate:
    trunk = f"trunk {facts.trunk}" if facts.trunk else "the trunk"
    if facts.switch_state == "refused":
        return _block("switch", f"the switch of {trunk} refuses our login {facts.switch_because}".rstrip())
    if facts.switch_state != "ready":
        return _wait("switch", f"the switch of {trunk} is {facts.switch_state} {facts.switch_because}".rstrip())
    if facts.trunk_room <= 0:
        return _wait("switch", f"{trunk} has no room for a call at this moment")
    return _pass("switch", f"{trunk} has room")


def _gateway(facts: GateFacts) -> Gate:
    name = f"the gateway {facts.gateway}" if facts.gateway else "the gateway"
    if facts.gateway_state == "refused":
        return _block("gateway", f"{name} refuses our login {facts.gateway_because}".rstrip())
    if facts.gateway_state != "ready":
        return _wait("gateway", f"{name} is {facts.gateway_state} {facts.gateway_because}".rstrip())
    if facts.gateway_room <= 0:
        return _wait("gateway", f"{name} takes no more at this moment {facts.gateway_because}".rstrip())
    return _pass("gateway", f"{name} has room")


def _pace(facts: GateFacts) -> Gate:
    if facts.ports_in_use >= facts.max_ports:
        return _wait("pace", f"{facts.ports_in_use} of {facts.max_ports} ports in use")
    if not facts.pace_open:
        return _wait("pace", facts.pace or "the pacer holds back")
    return _pass("pace", facts.pace or "the pacer has a call to give")


def _pass(name: str, because: str) -> Gate:
    return Gate(name=name, verdict="pass", because=because)


def _wait(name: str, because: str, until: datetime | None = None) -> Gate:
    return Gate(name=name, verdict="wait", because=because, until=until)


def _block(name: str, because: str) -> Gate:
    return Gate(name=name, verdict="block", because=because)
