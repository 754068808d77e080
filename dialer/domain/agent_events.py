"""What an agent's desk is told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from dialer.domain.agent import AgentState
from dialer.domain.ids import AttemptId, CallbackId, ContactId, JobId


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """The agent's state, line or what is pending is another now."""

    at: datetime
    state: AgentState
    pending: str = ""  # "not_ready", "logged_out", "blended_in", "ready" (when the telephone is up); "" = nothing
    reason: str = ""  # why not ready
    line: str = ""  # "down", "ringing", "up"; "" = works without a telephone of ours
    until: datetime | None = (
        None  # when the preview or the wrap-up ends by itself; ready: when what is pending comes at the latest
    )
    blended_in: bool = False


class CallStage(StrEnum):
    """What has just become of the contact before the agent."""

    OFFERED = "offered"  # to be read about
    DIALLING = "dialling"  # being called
    JOINED = "joined"  # talking
    HELD = "held"
    RESUMED = "resumed"
    FAILED = "failed"  # not reached
    GONE = "gone"  # the talk is over; wrap up
    CLOSED = "closed"  # recorded; the contact is somebody else's, or nobody's, from now on


@dataclass(frozen=True, slots=True, kw_only=True)
class CallChanged:
    """Something became of the contact before the agent."""

    at: datetime
    stage: CallStage
    campaign: str
    job_id: JobId
    contact_id: ContactId
    kind: str  # "paced", "preview", "manual", "callback"
    attempt_id: AttemptId | None = None
    callback_id: CallbackId | None = None
    code: str = ""  # with FAILED and CLOSED
    until: datetime | None = None  # with OFFERED and GONE: when it ends by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultChanged:
    """Something became of the third person."""

    at: datetime
    stage: str  # "calling", "answered", "failed", "cancelled", "transferred", "conference", "ended", "owner", "asked"
    third: str = ""  # the number, or the agent's login
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAttached:
    """The agent may get contacts of this run from now on."""

    at: datetime
    job_id: JobId
    campaign: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetached:
    """The agent gets no more contacts of this run."""

    at: datetime
    job_id: JobId
    campaign: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactChanged:
    """What the agent sees of the contact has changed: an attribute, a note."""

    at: datetime
    contact_id: ContactId


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPressed:
    """The contact has pressed a key while you talk, where the campaign lets you know of it."""

    at: datetime
    contact_id: ContactId
    key: str = field(default="", repr=False)  # 0-9 * # A-D; "" = one that is hidden from you, or that you were too late for


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that a person should read."""

    at: datetime
    text: str


class CallerStage(StrEnum):
    """What has just become of the caller before the agent."""

    JOINED = "joined"  # talking
    HELD = "held"
    RESUMED = "resumed"
    GONE = "gone"  # the talk is over; wrap up, without a code
    CLOSED = "closed"  # free for the next


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerChanged:
    """Something became of the caller of a queue with whom a blended agent talks."""

    at: datetime
    stage: CallerStage
    queue: str
    number: str  # of the caller; "" = not told
    until: datetime | None = None  # with GONE: when the wrap-up ends by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorChanged:
    """A supervisor takes part in the agent's talk, in another way than before, or no more."""

    at: datetime
    supervisor: str
    how: str  # "whisper", "barge"; "listen" where the settings want agents to be told; "" = not any more


class ListeningStage(StrEnum):
    """What has just become of a supervisor's listening."""

    RINGING = "ringing"  # the supervisor's own telephone
    BEGAN = "began"
    CHANGED = "changed"  # another way, or another agent
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningChanged:
    """To a supervisor: something became of your listening."""

    at: datetime
    stage: ListeningStage
    agent: str
    how: str  # "listen", "whisper", "barge"
    because: str = ""  # with ENDED, where you did not ask for it


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentMoved:
    """To a supervisor: the agent to whom you listen is in another state."""

    at: datetime
    agent: str
    state: AgentState
    campaign: str = ""
    number: str = ""  # of the contact or caller before the agent, masked


AgentEvent: TypeAlias = (
    StateChanged
    | CallChanged
    | CallerChanged
    | ConsultChanged
    | JobAttached
    | JobDetached
    | ContactChanged
    | KeyPressed
    | Notice
    | SupervisorChanged
    | ListeningChanged
    | AgentMoved
)


def as_kept(event: AgentEvent) -> AgentEvent:
    """What may be kept of an event for a desktop that was cut off: never a key, which may be a digit of somebody's card."""
    return replace(event, key="") if isinstance(event, KeyPressed) else event
