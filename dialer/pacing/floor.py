"""A floor of agents as a predictive pacer sees it at one moment, and the facts from which it learns."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """A call that nobody has answered, by name."""

    call: Hashable
    ordered_s: float  # how long ago it was ordered
    rung_s: float  # for how long the network has said that it rings; 0 = has not said so


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """One campaign with agents at one moment; ages are seconds. What the switch and the agents' desktops show, and no more."""

    now_s: float  # a clock that never jumps
    idle: int  # agents who wait for a call
    talking_s: Sequence[float] = ()  # how long each talking agent has been talking
    wrapping_s: Sequence[float] = ()  # how long each agent has been wrapping up
    ringing_s: Sequence[float] = ()  # how long ago each call that nobody has answered was ordered
    rings: Sequence[Ring] = ()  # the same calls, where they can be given up one by one
    detecting: Sequence[tuple[float, float]] = ()  # answered, person or machine not yet known: (rang for, answered for)
    waiting: int = 0  # persons who have answered and wait for an agent
    inbound_waiting: int = 0  # callers in the queue of a blended floor: they come first
    inbound_longest_s: float = 0.0  # how long the first of them has waited
    inbound_where: str = ""  # the queues that they wait in
    inbound_unknown: str = ""  # why nobody knows how many wait; "" = it is known
    live: float = 0.0  # persons who answered and were presented so far, in the window of the budget
    abandoned: float = 0.0  # of them, those who got no agent in time
    timed: float = 0.0  # persons of the same window who count for the service level ...
    late: float = 0.0  # ... and those of them who had no agent within its seconds; both 0 where none is asked for
    behind_s: float = 0.0  # how long ago the picture was true: the switch's events are late, or the link is down
    gone_s: float | None = None  # how much of the window has passed; None = as long as decisions have been made


class Ended(StrEnum):
    """How a call ended that no person answered."""

    MACHINE = "machine"  # a machine answered, and was told apart
    NO_ANSWER = "no_answer"  # it rang as long as we let it
    FAILED = "failed"  # busy, or the network said no
    GIVEN_UP = "given_up"  # it still rang when agents ran short: nobody knows what would have become of it


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAnswered:
    """A person answered after `rang_s`, and was known for a person `detected_s` later."""

    rang_s: float
    detected_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NobodyAnswered:
    """A call is over without a person."""

    age_s: float  # from the order to its end, or to the answer of a machine
    how: Ended
    detected_s: float = 0.0  # with MACHINE: how long the detector took


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """An agent has finished a contact."""

    talk_s: float
    wrap_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentWentOn:
    """What an agent did after wrapping up: `back` is true when the next contact could come."""

    back: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFound:
    """Whom an agent found on a line that had rung for `rang_s`: a person, or a machine that was taken for one."""

    rang_s: float
    person: bool


@dataclass(frozen=True, slots=True)
class InboundArrived:
    """Somebody called in."""


Fact = PersonAnswered | NobodyAnswered | Served | AgentWentOn | AgentFound | InboundArrived
