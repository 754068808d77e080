"""What an agent can ask for at the desk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from dialer.domain.callback import CallbackType


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIn:
    """Begin to work. `force` takes over from another desk of the same agent, with the call that is up there."""

    phone: str = ""  # where the own telephone is rung; "" = as the agent is defined
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOut:
    """Go home; with a contact before you, after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoReady:
    """Take contacts. Takes back what was pending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoNotReady:
    """Take no contact from now on; with one before you, after it."""

    reason: str = ""  # one of the organisation's reasons, where it has any
    walked_away: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DialPreview:
    """Call the contact that was offered."""

    address: str = ""  # the name of one of the contact's addresses, or its number; "" = the one that was offered


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPreview:
    """Pass the contact over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Let the contact hear music."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Talk to the contact again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDigits:
    """Press keys towards the contact."""

    digits: str  # 0-9 * #


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Hang up; who was only asked for advice leaves the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapUp:
    """Say how it ended, and be free for the next."""

    code: str = ""  # "" = the campaign's default code
    note: str = ""
    next_at: datetime | None = None  # aware: the date that the contact was given, for codes that schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendWrapUp:
    """Ask for more time."""

    seconds: float | None = None  # None, and what is longer = the extension that the campaign allows


@dataclass(frozen=True, slots=True, kw_only=True)
class Consult:
    """Ask a third person while the contact is on hold: a number, or another agent's login."""

    number: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelConsult:
    """Back to the contact, without the third person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteTransfer:
    """Leave the contact with the third person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartConference:
    """Talk as three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndConference:
    """Let the third person go, and go on with the contact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOwner:
    """Make the other agent of a conference the one who ends it and says its code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redial:
    """Call the contact once more while wrapping up: a new attempt."""

    address: str = ""  # as in DialPreview


@dataclass(frozen=True, slots=True, kw_only=True)
class AddNote:
    """Write something down about the contact."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeContact:
    """Correct one of the contact's attributes."""

    attribute: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddToDnc:
    """Never call this number again; "" = the number of the call."""

    number: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleCallback:
    """Promise the contact a call. A moment without an offset is what the clocks of `zone` show."""

    at: datetime
    type: CallbackType = CallbackType.AGENT
    zone: str = ""  # "" = the contact's
    expires_at: datetime | None = None
    number: str = ""  # one of the contact's; "" = as the strategy says
    agent: str = ""  # for the personal types; "" = who promises it
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlendIn:
    """Take inbound calls, and no contacts of campaigns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlendOut:
    """Take contacts of campaigns again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferJobs:
    """Take contacts of these campaigns before others; () = as they come."""

    campaigns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualConnect:
    """The contact of a manual campaign has answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualDisconnect:
    """The contact of a manual campaign was called and not reached, or has hung up. With a code, the wrap-up is done."""

    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualRelease:
    """You hung up on the contact of a manual campaign. With a code, the wrap-up is done."""

    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualCancel:
    """Pass the contact of a manual campaign over, uncalled."""


Command: TypeAlias = (
    LogIn
    | LogOut
    | GoReady
    | GoNotReady
    | DialPreview
    | CancelPreview
    | Hold
    | Resume
    | SendDigits
    | Release
    | WrapUp
    | ExtendWrapUp
    | Consult
    | CancelConsult
    | CompleteTransfer
    | StartConference
    | EndConference
    | ChangeOwner
    | Redial
    | AddNote
    | ChangeContact
    | AddToDnc
    | ScheduleCallback
    | BlendIn
    | BlendOut
    | PreferJobs
    | ManualConnect
    | ManualDisconnect
    | ManualRelease
    | ManualCancel
)
