"""What happens to an agent's desk without the agent having asked for it. What concerns a call that is over changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from dialer.domain.agent_commands import BlendIn, GoNotReady, LogOut
from dialer.domain.desk_call import DeskCall, DeskCaller, Person
from dialer.domain.ids import AttemptId, OfferId


@dataclass(frozen=True, slots=True)
class LegUp:
    """The agent's telephone was answered, and stays up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegDown:
    """The agent's telephone was hung up, or not answered."""

    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A contact is reserved for this agent, who is to read about it first: preview, manual, a callback."""

    call: DeskCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """A contact has answered, and this agent is to have it."""

    call: DeskCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """This agent asks to rest, to go home or to take callers while calls ring that count on them: so it is when none does."""

    asked: LogOut | GoNotReady | BlendIn
    until: datetime  # when the last of these calls is over at the latest


@dataclass(frozen=True, slots=True)
class Unneeded:
    """No call that rings counts any more on this agent, who is kept for some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The attempt to call the contact that was offered has begun. Told before anything is waited for."""

    attempt_id: AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Agent and contact hear each other."""

    attempt_id: AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkFound:
    """The dialer began anew while this agent had the contact: it is before them again. `up`: on the line, which is still up."""

    call: DeskCall
    up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailed:
    """The contact was not reached: `code` says why. `closed`: that code is on record already, no call left (DNC, hours)."""

    code: str
    attempt_id: AttemptId | None = None
    closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactGone:
    """The contact has hung up, or the call has ended some other way."""

    attempt_id: AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHeard:
    """The contact has pressed a key."""

    attempt_id: AttemptId
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConsultAnswered:
    """The third person has answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThirdGone:
    """The third person did not answer, or has hung up; after a transfer: before the contact was joined with them."""

    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consulted:
    """Another agent asks this one for advice about a call of theirs."""

    call: Person
    by: str  # that agent's login


@dataclass(frozen=True, slots=True)
class ConferenceBegan:
    """The agent who asked for advice has brought the contact in."""


@dataclass(frozen=True, slots=True)
class CallGiven:
    """The agent who asked for advice has handed the call over: it is this agent's from now on."""


@dataclass(frozen=True, slots=True)
class ConsultOver:
    """Nobody asks this agent for advice any more."""


@dataclass(frozen=True, slots=True)
class TimeIsUp:
    """The moment `Desk.due_at` has come."""


@dataclass(frozen=True, slots=True)
class SocketLost:
    """The desk has lost its connection to us."""


@dataclass(frozen=True, slots=True)
class SocketBack:
    """The desk is connected again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerOffered:
    """A queue offers a caller to this agent."""

    caller: DeskCaller


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerJoined:
    """Caller and agent hear each other."""

    offer: OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerFound:
    """The agent's telephone is up and talks with a caller: it did so when an earlier dialer died."""

    caller: DeskCaller


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerGone:
    """The caller has hung up, or is in the queue again."""

    offer: OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class Blended:
    """The dialer sends the agent over to the callers of queues, or back to contacts."""

    inbound: bool
    because: str


Happening: TypeAlias = (
    LegUp
    | LegDown
    | Offered
    | Assigned
    | Awaited
    | Unneeded
    | Placed
    | Joined
    | TalkFound
    | CallFailed
    | ContactGone
    | KeyHeard
    | ConsultAnswered
    | ThirdGone
    | Consulted
    | ConferenceBegan
    | CallGiven
    | ConsultOver
    | TimeIsUp
    | SocketLost
    | SocketBack
    | CallerOffered
    | CallerJoined
    | CallerGone
    | CallerFound
    | Blended
)
