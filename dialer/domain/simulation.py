"""Walk people who do not exist through a strategy, in a time that does not pass, to see where it takes them."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dialer.domain.address_choice import Allowed, pick_address
from dialer.domain.channel import Channel
from dialer.domain.codes import SystemCode
from dialer.domain.condition import Attributes
from dialer.domain.contact import Address
from dialer.domain.next_step import Done, Goto, NextStep, Outcome, Stay, step_after, waited_out
from dialer.domain.progress import Progress
from dialer.domain.restriction import RestrictionKind, restricted_by
from dialer.domain.strategy import DONE, INITIAL, WAIT, Handler, Strategy

# What a list of people in the telephone network gives when it is called once: a middle of the road, to be replaced by one's own.
USUAL_OUTCOMES: Mapping[str, float] = {
    SystemCode.ANSWER_HUMAN: 0.30,
    SystemCode.ANSWER_MACHINE: 0.25,
    SystemCode.RING_NO_ANSWER: 0.25,
    SystemCode.CALL_BUSY: 0.08,
    SystemCode.DISCONNECTED_BY_USER: 0.05,
    SystemCode.INVALID_NUMBER: 0.03,
    SystemCode.CALL_REJECTED: 0.02,
    SystemCode.NETWORK_CONGESTION: 0.02,
}
USUAL_ACTIONS: Mapping[str, float] = {SystemCode.ACTION_COMPLETED.value: 1.0}
USUAL_TEXTS: Mapping[str, float] = {SystemCode.SMS_DELIVERED: 0.93, SystemCode.SMS_FAILED: 0.05, SystemCode.SMS_REJECTED: 0.02}
USUAL_MAILS: Mapping[str, float] = {SystemCode.EMAIL_SENT: 0.96, SystemCode.EMAIL_BOUNCED: 0.04}
HORIZON = timedelta(days=30)  # who is not done by then is counted as still waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Who is called, from when on, and how attempts end. `zones` and `attributes`: of each contact one is drawn."""

    contacts: int = 1000
    starts_at: datetime
    outcomes: Mapping[str, float] = field(default_factory=lambda: dict(USUAL_OUTCOMES))  # code -> weight
    zones: Sequence[str] = ("UTC",)
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    call_s: float = 30.0
    actions: Mapping[str, float] = field(default_factory=lambda: dict(USUAL_ACTIONS))  # how custom actions end: code -> weight
    texts: Mapping[str, float] = field(default_factory=lambda: dict(USUAL_TEXTS))
    mails: Mapping[str, float] = field(default_factory=lambda: dict(USUAL_MAILS))

    def outcomes_on(self, channel: Channel) -> Mapping[str, float]:
        """How attempts on a channel end."""
        of_channel = {Channel.CUSTOM: self.actions, Channel.SMS: self.texts, Channel.EMAIL: self.mails}
        return of_channel.get(channel, self.outcomes)


@dataclass(slots=True)
class Report:
    """What came of it. Each contact is counted once in `ends`."""

    contacts: int
    codes: Counter[str] = field(default_factory=Counter)  # attempts by their code
    ends: Counter[str] = field(default_factory=Counter)  # contacts by their last code; "" = never attempted
    handlers: Counter[str] = field(default_factory=Counter)  # attempts by handler
    attempts: Counter[int] = field(default_factory=Counter)  # calls of a contact -> contacts
    unfinished: int = 0
    put_off: int = 0  # how often a window or a temporary restriction made a contact wait
    last_call_at: datetime | None = None

    @property
    def calls(self) -> int:
        """Attempts that would have been made."""
        return sum(count * contacts for count, contacts in self.attempts.items())


@dataclass(slots=True)
class _Person:
    addresses: tuple[Address, ...]
    known: Attributes
    handler: str = INITIAL
    address_index: int = 0
    progress: Progress = field(default_factory=Progress)
    calls: int = 0
    last_code: str = ""


def simulate(strategy: Strategy, scene: Scene, rng: random.Random) -> Report:
    """Every contact from the first handler to its end. The same strategy, scene and seed give the same report."""
    report = Report(contacts=scene.contacts)
    people = [_person(strategy, scene, rng, number) for number in range(scene.contacts)]
    due = [(scene.starts_at, number) for number in range(scene.contacts)]
    heapq.heapify(due)
    while due:
        now, number = heapq.heappop(due)
        person = people[number]
        until = None if now > scene.starts_at + HORIZON else _turn(strategy, scene, rng, person, report, now)
        if until is not None:
            heapq.heappush(due, (until, number))
            continue
        report.unfinished += now > scene.starts_at + HORIZON
        report.ends[person.last_code] += 1
        report.attempts[person.calls] += 1
    return report


def _turn(
    strategy: Strategy, scene: Scene, rng: random.Random, person: _Person, report: Report, now: datetime
) -> datetime | None:
    """One look at a contact that is due; when the next one is due, None when it is done."""
    if person.handler == WAIT:
        return _follow(person, waited_out(strategy, person.progress, now), now)
    known = {**person.known, "last_code": person.last_code, "attempts": str(person.calls)}
    person.handler, _ = strategy.enter(person.handler, known)
    if person.handler == DONE:
        return None
    handler = strategy.handler(person.handler)
    held = restricted_by(handler.restrictions, known)
    if held is not None and held.kind is RestrictionKind.TEMPORARY:
        report.put_off += 1
        return scene.starts_at + HORIZON + timedelta(seconds=1)  # nothing in a simulation changes what is known of a contact
    if held is not None:
        return _uncalled(handler, person, report, SystemCode.RESTRICTED_OTHER.value, now)
    choice = pick_address(handler, person.address_index, person.addresses, (), (), now)
    if isinstance(choice, Allowed):
        person.address_index = choice.index
        return _call(handler, scene, rng, person, report, now)
    if choice.code is not None:
        return _uncalled(handler, person, report, str(choice.code), now)
    report.put_off += 1
    return choice.until


def _call(handler: Handler, scene: Scene, rng: random.Random, person: _Person, report: Report, now: datetime) -> datetime | None:
    outcomes = scene.outcomes_on(handler.channel)
    code = rng.choices(list(outcomes), weights=list(outcomes.values()))[0]
    person.calls += 1
    report.last_call_at = max(now, report.last_call_at or now)
    return _ended(handler, person, report, code, now + timedelta(seconds=scene.call_s))


def _uncalled(handler: Handler, person: _Person, report: Report, code: str, now: datetime) -> datetime | None:
    if handler.result_for(code) is not None:
        return _ended(handler, person, report, code, now)
    _count(handler, person, report, code)
    return None


def _ended(handler: Handler, person: _Person, report: Report, code: str, now: datetime) -> datetime | None:
    _count(handler, person, report, code)
    return _follow(person, step_after(handler, Outcome(code=code, address_index=person.address_index), person.progress, now), now)


def _count(handler: Handler, person: _Person, report: Report, code: str) -> None:
    person.last_code = code
    report.codes[code] += 1
    report.handlers[handler.state] += 1


def _follow(person: _Person, step: NextStep, now: datetime) -> datetime | None:
    if isinstance(step, Done):
        return None
    person.progress = step.progress
    if isinstance(step, Goto | Stay):
        person.handler = WAIT if isinstance(step, Stay) else step.state
        person.address_index = 0
        return step.until if isinstance(step, Stay) else now
    person.address_index = step.address_index
    return step.due


def _person(strategy: Strategy, scene: Scene, rng: random.Random, number: int) -> _Person:
    zone = rng.choice(list(scene.zones))
    names = dict.fromkeys(rule.name.casefold() for handler in strategy.handlers for rule in handler.addresses)
    mailed = [one for one in strategy.handlers if one.channel is Channel.EMAIL]
    mailboxes = {rule.name.casefold() for handler in mailed for rule in handler.addresses}
    addresses = tuple(
        Address(name=name, value=f"p{number}@{index}.example", zones=(zone,), channel="email")
        if name in mailboxes
        else Address(name=name, value=f"+1555{index:02d}{number:07d}", zones=(zone,))
        for index, name in enumerate(names)
    )
    known = {name.casefold(): rng.choice(list(values)) for name, values in scene.attributes.items()}
    return _Person(
        addresses=addresses,
        known={
            "contact_id": str(number),
            "time_zone": zone,
            "language": "en",
            **{one.name: one.value for one in addresses},
            **known,
        },
    )
