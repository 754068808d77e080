"""What has to be done for an agent's desk. The tasks of one desk are done one after the other, in order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from dialer.domain.agent_commands import ScheduleCallback
from dialer.domain.desk_call import DeskCall, DeskCaller, Person
from dialer.domain.ids import AttemptId


class CodeFrom(StrEnum):
    """Who says how an attempt ended, where an agent had it."""

    AGENT = "agent"  # the agent chose the code
    DEFAULT = "default"  # the agent chose none in time: the campaign's default, or what the dialer knows
    NETWORK = "network"  # nobody talked: the network's own view stands


@dataclass(frozen=True, slots=True, kw_only=True)
class RingLeg:
    """Ring the agent's telephone, and keep it up."""

    phone: str


@dataclass(frozen=True, slots=True)
class DropLeg:
    """Hang the agent's telephone up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceCall:
    """Call the contact for this agent. Tell `Placed` as soon as the attempt has its id, then `Joined` or `CallFailed`."""

    call: DeskCall
    address: str = ""  # which of the contact's addresses, or its number; "" = the call's
    again_after: AttemptId | None = None  # a redial: the attempt before


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Join the contact, who waits, with the agent. Tell `Joined` or `ContactGone`."""

    call: DeskCall


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldContact:
    """Music for the contact."""

    call: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeContact:
    """The contact back to the agent."""

    call: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class PressDigits:
    """Keys towards the contact."""

    call: Person
    digits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUpContact:
    """End the call with the contact."""

    call: DeskCall


@dataclass(frozen=True, slots=True, kw_only=True)
class CallThird:
    """Call a number, or ask another agent (`Consulted`). Tell `ConsultAnswered` or `ThirdGone`."""

    call: Person
    number: str
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DropThird:
    """Let the third person go; an agent among them is told `ConsultOver`."""

    call: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferContact:
    """Join the contact with the third person, without this agent."""

    call: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinThree:
    """All three hear each other; an agent among them is told `ConferenceBegan`."""

    call: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveThree:
    """Take this agent out of the consult or conference; the others go on, their owner is told `ThirdGone`."""

    call: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveCall:
    """The third person, an agent, owns the call from now on: tell that desk `CallGiven`. The call leaves this desk.

    If that desk has left it meanwhile (it does not own the call then), nobody will say its code: it is closed with `code`.
    A caller has none, and waits in the queue again.
    """

    call: Person
    to: str  # login
    stays: bool = False  # in the conference, as the one who was asked
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAttempt:
    """Record how it ended. The call leaves the desk. Without an attempt (`call.attempt_id` None) one is recorded, never sent."""

    call: DeskCall
    code: str  # "" with NETWORK: as the network says
    source: CodeFrom
    note: str = ""
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """The agent's line was lost while the contact is on theirs: another agent within two seconds, or the message and `code`.

    The call leaves the desk.
    """

    call: DeskCall
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveBack:
    """The contact was not called: back to its job, as if it had not been offered. The call leaves the desk."""

    call: DeskCall


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepNote:
    """Write a note to the contact."""

    call: DeskCall
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectContact:
    """Change an attribute of the contact."""

    call: DeskCall
    attribute: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BarNumber:
    """Put a number on the DNC list; "" = the call's."""

    call: DeskCall
    number: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseCallback:
    """Promise the contact a call."""

    call: DeskCall
    wanted: ScheduleCallback


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepPreferred:
    """The agent's preferred campaigns have changed."""

    campaigns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeCaller:
    """Let the agent talk with the caller whom a queue offers. Tell `CallerJoined` or `CallerGone`."""

    caller: DeskCaller


@dataclass(frozen=True, slots=True, kw_only=True)
class DropCaller:
    """Not this agent, or not any more: the queue offers a caller who has talked to nobody to somebody else; a talk ends."""

    caller: DeskCaller


Task: TypeAlias = (
    RingLeg
    | DropLeg
    | PlaceCall
    | Join
    | HoldContact
    | ResumeContact
    | PressDigits
    | HangUpContact
    | CallThird
    | DropThird
    | TransferContact
    | JoinThree
    | LeaveThree
    | GiveCall
    | CloseAttempt
    | HandOver
    | GiveBack
    | KeepNote
    | CorrectContact
    | BarNumber
    | PromiseCallback
    | KeepPreferred
    | TakeCaller
    | DropCaller
)
