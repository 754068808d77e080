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
from dialer.domain.simulated_replies import ARRIVED, Answering
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
    answering: Answering | None = None  # None: nobody answers a message

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
    replies: Counter[tuple[str, str]] = field(default_factory=Counter)  # answers by their text, and what came of them
    put_off: int = 0  # how often a window or a temporary restriction made a contact wait
    last_call_at: datetime | None = None

    @property
    def calls(self) -> int:
        """Attempts that would have been made."""
        return sum(count * contacts for count, contacts in self.attempts.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    """An answer on its way to us: to the message that was a contact's `call`, and ended with `code`."""

    text: str
    handler: str
    call: int
    code: str
    after_s: float


@dataclass(slots=True)
class _Person:
    addresses: tuple[Address, ...]
    known: Attributes
    handler: str = INITIAL
    address_index: int = 0
    progress: Progress = field(default_factory=Progress)
    calls: int = 0
    last_code: str = ""
    moves: int = 0  # what was planned before the last of them does not come about
    done: bool = False
    until: datetime | None = None  # after an answer
    coming: list[tuple[datetime, _Reply]] = field(default_factory=list)  # drawn, and not yet in the calendar


def simulate(strategy: Strategy, scene: Scene, rng: random.Random) -> Report:
    """Every contact from the first handler to its end. The same strategy, scene and seed give the same report."""
    report = Report(contacts=scene.contacts)
    people = [_person(strategy, scene, rng, number) for number in range(scene.contacts)]
    replies: list[_Reply] = []
    # When, whose turn it is, the move after which it was planned; and which reply comes, -1 = none.
    calendar = [(scene.starts_at, number, 0, -1) for number in range(scene.contacts)]
    heapq.heapify(calendar)
    while calendar:
        now, number, move, reply = heapq.heappop(calendar)
        person, late = people[number], now > scene.starts_at + HORIZON
        if reply >= 0:
            if late or not _answered(strategy, scene, person, replies[reply], report, now):
                continue
            until = person.until
        elif move != person.moves or person.done:
            continue
        else:
            until = None if late else _turn(strategy, scene, rng, person, report, now)
            report.unfinished += late
        person.moves += 1
        person.done = until is None
        if until is not None:
            heapq.heappush(calendar, (until, number, person.moves, -1))
        for at, one in person.coming:
            replies.append(one)
            heapq.heappush(calendar, (at, number, 0, len(replies) - 1))
        person.coming.clear()
    for person in people:
        report.ends[person.last_code] += 1
        report.attempts[person.calls] += 1
    return report


def _answered(strategy: Strategy, scene: Scene, person: _Person, reply: _Reply, report: Report, now: datetime) -> bool:
    """An answer has come; whether it moves the contact, and then `until` says to when. An opt-out always does."""
    if scene.answering is None:
        return False
    handler = strategy.handler(reply.handler)
    meant = scene.answering.meaning(handler, reply.text, waited_s=reply.after_s)
    person.known = {**person.known, **{name.casefold(): value for name, value in meant.values.items()}}
    stops = meant.code == SystemCode.OPTED_OUT
    waits = person.handler == WAIT and person.progress.waits_in == reply.handler and person.calls == reply.call
    because = meant.because or ("" if stops or (waits and not person.done) else "the campaign had gone on")
    report.replies[reply.text, because or meant.code] += 1
    if because:
        return False
    report.codes[reply.code] -= 1
    report.codes[meant.code] += 1
    person.last_code = meant.code
    if stops:
        person.until = None
        return True
    person.handler = reply.handler
    person.until = _follow(person, step_after(handler, Outcome(code=meant.code), Progress(), now), now)
    return True


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
    if scene.answering is not None and code in ARRIVED and (said := scene.answering.drawn(handler.channel, rng)) is not None:
        text, after_s = said
        reply = _Reply(text=text, handler=handler.state, call=person.calls, code=code, after_s=after_s)
        person.coming.append((now + timedelta(seconds=scene.call_s + after_s), reply))
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
