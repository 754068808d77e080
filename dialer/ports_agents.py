"""What the core asks of the agents' telephones: legs that stay up, joined with contacts, held, passed on and listened to.

A contact comes to the floor by an ordinary `CallOrder` with `floor`; a leg by a `LegOrder`. A leg's life:

    ring ──> LEG_UP ──> LEG_PARKED ──join──> JOINED ──┐        LEG_DOWN ends it, from anywhere
                            ^                         │
                            └── PARTED ───────────────┘        the contact left, is held, or was passed on

and a contact's, from its answer:

    CONTACT_WAITING ──join──> JOINED ──hold──> PARTED ──resume──> JOINED ...
       │        ^                │
       │        └── the agent's phone is gone: PARTED, and it waits again
       └── nobody came in time: NUISANCE, by the switch itself; then it hangs up

The contact's hang-up is told by `VoicePort`, as that of any call. Whoever is held, passed on or in a conference may also be a
caller of a queue whom an agent has taken (`QueuePort`): known by the offer, and waiting again means waiting in the queue again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from dialer.domain.ids import AttemptId, ConsultId, LegId, OfferId, PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class LegOrder:
    """An agent's phone to ring. With a trunk, `phone` is a number (E.164) behind it; without, a SIP endpoint of the switch."""

    leg_id: LegId
    phone: str
    switch: str
    trunk: str = ""
    caller_id: str = ""  # E.164, or ""
    ring_timeout_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultOrder:
    """Somebody whom an agent asks for help during a call. The contact is held meanwhile."""

    consult_id: ConsultId
    leg_id: LegId  # who asks
    number: str  # E.164
    trunk: str  # of the same switch
    caller_id: str = ""
    ring_timeout_s: float = 30.0


class AgentVoiceKind(StrEnum):
    """What can become known of legs, and of contacts on the floor."""

    LEG_UP = "leg_up"  # the agent's phone was answered
    LEG_PARKED = "leg_parked"  # the leg is idle: a contact can be joined to it from now on
    LEG_DOWN = "leg_down"  # the leg has ended, or was never answered; `cause` and `tech_cause` are the facts
    CONTACT_WAITING = "contact_waiting"  # a person has answered and nobody talks to them; with `again`: not any more
    JOINED = "joined"  # contact and agent hear each other
    PARTED = "parted"  # they do not any more; `parting` says why
    NUISANCE = "nuisance"  # nobody came in time: the switch says the nuisance message, and then hangs up
    KEY = "key"  # the contact has pressed a key, whoever hears it; told where the switch tells it
    CONSULT_UP = "consult_up"  # the third party has answered and talks with the agent
    CONSULT_DOWN = "consult_down"  # the third party has hung up, or never answered


class Parting(StrEnum):
    """Why a contact and an agent do not hear each other any more."""

    CONTACT_GONE = "contact_gone"  # the contact hung up, or was hung up
    LEG_GONE = "leg_gone"  # the agent's phone did
    HELD = "held"  # the contact hears music
    PASSED_ON = "passed_on"  # the contact talks with somebody else


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentVoiceEvent:
    """One fact. Events of one leg, and those of one contact, come in their order; any may be lost with the link to a switch."""

    kind: AgentVoiceKind
    switch: str
    at: datetime  # when we received it, aware UTC
    leg_id: LegId | None = None
    attempt_id: AttemptId | None = None
    offer: OfferId | None = None  # of a caller of a queue, instead of `attempt_id`
    consult_id: ConsultId | None = None
    parting: Parting | None = None  # with PARTED
    amd: str = ""  # with CONTACT_WAITING: the detector's word (HUMAN, NOTSURE); "" where it was not asked
    again: bool = False  # with CONTACT_WAITING: had an agent before
    key: str = field(default="", repr=False)  # with KEY: one of 0-9 * # A-D. Never logged and never kept: it may be of a card
    cause: int | None = None  # Q.850, with LEG_DOWN and CONSULT_DOWN
    tech_cause: int | None = None  # SIP status, where the switch says it


class Missing(StrEnum):
    """Who was not there any more when something was to be done. Nothing was done then."""

    CONTACT = "contact"
    LEG = "leg"
    THIRD = "third"  # the third party of a consultation


class SpyMode(StrEnum):
    """How a supervisor takes part in an agent's call."""

    LISTEN = "listen"  # hears both, is heard by nobody
    WHISPER = "whisper"  # hears both, is heard by the agent
    BARGE = "barge"  # hears both, is heard by both


class LegState(StrEnum):
    """Where a leg is now."""

    RINGING = "ringing"
    PARKED = "parked"
    TALKING = "talking"  # with a contact, a third party or another agent; in a conference
    SPYING = "spying"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLeg:
    """A leg of ours that the switch has now."""

    leg_id: LegId
    state: LegState
    attempt_id: AttemptId | None = None  # the contact with whom it talks
    offer: OfferId | None = None  # the caller of a queue with whom it talks
    age_s: float = 0.0


class ContactState(StrEnum):
    """Where a contact on the floor is now."""

    WAITING = "waiting"
    TALKING = "talking"
    HELD = "held"
    MESSAGE = "message"  # hears the nuisance message, or another one


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveContact:
    """A contact on the floor that the switch has now."""

    attempt_id: AttemptId
    state: ContactState
    leg_id: LegId | None = None  # the agent with whom it talks


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCaller:
    """A caller of a queue whom an agent has taken."""

    offer: OfferId
    state: ContactState  # talking or held
    leg_id: LegId | None = None  # the agent with whom the caller talks


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorSeen:
    """Everything of the floor that a switch has now: what is not here is gone."""

    legs: Sequence[LiveLeg] = ()
    contacts: Sequence[LiveContact] = ()
    callers: Sequence[LiveCaller] = ()
    consults: Sequence[ConsultId] = ()


SoundOf: TypeAlias = Callable[[str], Awaitable[str]]
"""A message for a switch: a prompt's name, or a sentence to speak, made a sound; returns its path without the ending, and "" for
"". Raises BadInput for what cannot be made one."""


async def as_it_is(message: str) -> str:
    """Where messages are names of the switch's own sounds."""
    return message


class AgentVoicePort(Protocol):
    """The agents' voice, on the switches of a `VoicePort`: started, stopped and linked with it. It never decides.

    All of it raises NotSent (surely not done), Rejected (the switch refuses, or a value cannot be used) and MaybeSent (nobody
    knows: `look`). Who has hung up meanwhile is no error: what needs them returns Missing, and what ends them is quiet.
    """

    def events(self) -> AsyncIterator[AgentVoiceEvent]:
        """Everything that happens, in the order of arrival. One reader."""

    async def ring(self, order: LegOrder) -> None:
        """Ring an agent's phone. Returns when the switch has accepted the order; LEG_UP or LEG_DOWN follows.

        Waits for its turn under the CPS caps of the trunk.
        """

    async def drop(self, leg_id: LegId) -> None:
        """End a leg; a contact who talks with it waits again."""

    async def join(self, person: PersonId, leg_id: LegId, *, tone: bool = True) -> Missing | None:
        """Let a contact and an agent talk; returns when they do. With `tone` the agent hears a zip tone first.

        The contact may be waiting, held, or with another agent, who is then parked: so a call is passed from agent to agent.
        """

    async def hold(self, person: PersonId) -> Missing | None:
        """The contact hears music, and its agent is parked.

        When that agent's leg ends, or nobody comes for ten minutes, it waits again, for `wait_s`; a caller then has two seconds
        (CONTACT_WAITING), and waits in the queue again.
        """

    async def resume(self, person: PersonId, leg_id: LegId) -> Missing | None:
        """End the hold: a join without a tone. A third party with whom the agent talks is hung up."""

    async def release(self, attempt_id: AttemptId) -> None:
        """Hang up the contact; its agent is parked."""

    async def send_digits(self, person: PersonId, digits: str) -> Missing | None:
        """Press keys (0-9 * # A-D, 32 at most) towards the contact; returns when all are sent, 0.2 s for each."""

    async def play_message(self, attempt_id: AttemptId, sound: str = "") -> Missing | None:
        """Take the contact out of whatever it is in, say a sound of the switch ("": its nuisance message), and hang up."""

    async def consult(self, person: PersonId, order: ConsultOrder) -> Missing | None:
        """Hold the contact and call a third party, who talks with the agent once they answer (CONSULT_UP)."""

    async def talk(self, leg_id: LegId, other: LegId) -> Missing | None:
        """Let two agents talk, such as for a consultation, until `park`. A contact of theirs must be held before."""

    async def cancel_consult(self, consult_id: ConsultId) -> None:
        """Hang up the third party, answered or not; the agent is parked, and the contact stays held."""

    async def transfer(self, person: PersonId, consult_id: ConsultId) -> Missing | None:
        """Let the contact talk with the third party; the agent is parked. When either hangs up, both calls end.

        A caller has left the queue, which counts the call as completed, and is not known any more; one who does not find the
        third party there waits in the queue again. A third party who has not answered yet gets a caller when they do, and hears
        no agent; until then the caller is held, and if they do not, waits in the queue again.
        """

    async def conference(self, person: PersonId, legs: Sequence[LegId], consults: Sequence[ConsultId] = ()) -> Sequence[Missing]:
        """Let all of them talk, from wherever they are. Who hangs up leaves the others in it; without a contact it ends.

        Returns who was not there; the others talk.
        """

    async def end_conference(self, person: PersonId, leg_id: LegId) -> Missing | None:
        """The contact goes on with this one agent; other agents are parked, third parties hung up."""

    async def spy(self, leg_id: LegId, on: LegId, mode: SpyMode) -> Missing | None:
        """A supervisor's leg takes part in what another leg hears and says, until `park` or the other leg's end.

        Said again it changes the mode.
        """

    async def park(self, leg_id: LegId) -> Missing | None:
        """The leg is idle again, whatever it was in: the end of spying, or of a talk with another agent (parked, too).

        A contact who talked with it waits again.
        """

    async def look(self, switch: str) -> FloorSeen:
        """What there is: for adoption after a restart or a lost link (before `VoicePort.ready`), and in every sweep.

        Raises NotSent when it cannot be had whole.
        """
