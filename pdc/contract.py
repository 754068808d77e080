"""The PDC (Pluggable Data Connector) contract: what an IVR app may ask of the dialer about the call that it is on.

One word of caution for implementers: every verb is idempotent, and a verb that raises has changed nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


class PdcError(Exception):
    """The root of what a verb can raise; `kind` is the word for it on the wire."""

    kind = "error"


class Unreachable(PdcError):
    """No PDC server answered: neither the primary nor the secondary URL. Nothing is known to have changed."""

    kind = "unreachable"


class NoSession(PdcError):
    """The session is unknown, its nonce is wrong, or its call has ended."""

    kind = "no_session"


class UnknownCode(PdcError):
    """No completion code of that name exists in the organisation."""

    kind = "unknown_code"


class UnassociatedCode(PdcError):
    """The completion code exists but is not associated with this campaign, or is passive."""

    kind = "unassociated_code"


class UnknownAttribute(PdcError):
    """The contact list has no attribute of that name."""

    kind = "unknown_attribute"


class UnknownContact(PdcError):
    """No such contact, or no such contact list."""

    kind = "unknown_contact"


class BadValue(PdcError):
    """A value cannot be stored: too long, or not text."""

    kind = "bad_value"


class CallbackRefused(PdcError):
    """The callback cannot be promised: too many for this contact, too near to another one, or the job is ending."""

    kind = "callback_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionKey:
    """What proves that we are on a call: the attempt's id and its one-time nonce."""

    attempt_id: str
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """The person on the line. `attributes` are text, by name; `address` is the number that was dialled, E.164."""

    user_contact_id: str
    address: str
    language: str = "en"
    time_zone: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionCode:
    """A code that this campaign may use. `kind` is "system" or "custom"."""

    name: str
    kind: str = "custom"
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One call under treatment. `app` names the IVR app to run; `answered_by` is "human", "machine", "silence", "fax" or
    "unknown". An empty `app` means that the strategy has nothing to say to whoever answered: the call is to be hung up.
    """

    attempt_id: str
    campaign: str
    job_id: int
    app: str
    answered_by: str
    contact: Contact
    parameters: Mapping[str, str] = field(default_factory=dict)  # the app's parameters from the strategy
    codes: Sequence[CompletionCode] = ()


class Pdc(Protocol):
    """The verbs. `HttpPdc` carries them over HTTP, `DirectPdc` inside the dialer, `FakePdc` in unit tests."""

    async def open_session(self, key: SessionKey, *, amd_status: str = "", amd_cause: str = "") -> Session:
        """The call is answered and wants its app. Idempotent. `amd_*` is what the switch's detector found, if it ran.

        Raises NoSession.
        """

    async def session(self, key: SessionKey) -> Session:
        """The call as it stands now. Raises NoSession."""

    async def contact(self, key: SessionKey) -> Contact:
        """The contact, with the attributes as they are now. Raises NoSession."""

    async def get_attribute(self, key: SessionKey, name: str) -> str:
        """One attribute of the contact; "" where it is empty. Raises NoSession, UnknownAttribute."""

    async def set_attribute(self, key: SessionKey, name: str, value: str) -> None:
        """Write one attribute of the contact. Raises NoSession, UnknownAttribute, BadValue."""

    async def completion_codes(self, key: SessionKey) -> Sequence[CompletionCode]:
        """The codes that this campaign may use. Raises NoSession."""

    async def set_code(self, key: SessionKey, name: str) -> None:
        """Set the attempt's completion code; the last one set before the call ends wins.

        Raises NoSession, UnknownCode, UnassociatedCode; then the code is what it was before.
        """

    async def opt_out(self, key: SessionKey, reason: str = "") -> None:
        """Put the dialled number on the DNC list, at once. The code becomes "Opted Out" unless another is set later."""

    async def note(self, key: SessionKey, text: str) -> None:
        """Keep a remark with the attempt (at most 1,000 characters). Raises NoSession, BadValue."""

    async def is_dnc(self, key: SessionKey, address: str = "") -> bool:
        """Whether a DNC list bars the address ("" = the dialled one) for this campaign now. Raises NoSession, BadValue."""

    async def add_dnc(self, key: SessionKey, address: str = "", reason: str = "") -> None:
        """Bar an address ("" = the dialled one) for every campaign; the code stays as it is. Raises NoSession, BadValue."""

    async def remove_dnc(self, key: SessionKey, address: str = "") -> None:
        """Take an address off the organisation's DNC list, if it is there. Raises NoSession, BadValue."""

    async def save_contact(
        self,
        key: SessionKey,
        user_contact_id: str,
        *,
        phones: Mapping[str, str],
        attributes: Mapping[str, str] | None = None,
        list_name: str = "",
    ) -> None:
        """Put a contact on a list ("" = that of the one on the line), or change what is named of it. Phones are international.

        Raises NoSession, BadValue, UnknownAttribute, UnknownContact (no such list).
        """

    async def delete_contact(self, key: SessionKey, user_contact_id: str, *, list_name: str = "") -> None:
        """Delete another contact, also from running jobs. Raises NoSession, BadValue, UnknownContact (no such list)."""

    async def add_to_job(self, key: SessionKey, user_contact_id: str, *, list_name: str = "") -> None:
        """Let this job call a contact too, within seconds. Raises NoSession, UnknownContact."""

    async def count(self, key: SessionKey, name: str, amount: int = 1, *, assign: bool = False, once: str = "") -> int:
        """Add to a counter of the campaign (less with a negative amount), or `assign` it; returns its value. Atomic.

        The same `once` on the same call counts a single time: so may a request be repeated. Raises NoSession, BadValue.
        """

    async def schedule_callback(
        self,
        key: SessionKey,
        at: datetime,
        *,
        zone: str = "",
        expires: datetime | None = None,
        address: str = "",
        note: str = "",
    ) -> None:
        """Call this contact again at a moment; asked again on the same call, it replaces what was promised before.

        Moments are aware, or naive: then they are what the clocks of `zone` show. From `expires` on the promise is of no use.
        `address` is one of the contact's numbers ("" = as the strategy says). Raises NoSession, BadValue, CallbackRefused.
        """

    async def end_session(self, key: SessionKey, *, outcome: str = "", error: str = "") -> None:
        """The app has returned (`outcome` is a code name or "") or failed (`error` says how). Idempotent once it succeeded.

        `outcome` is set as `set_code` would set it, so that a call needs two requests in all: this one and `open_session`.
        With `error` the code becomes "Application Error", unless the app had set one before: what the contact answered is
        not lost because the app fell over afterwards. Raises NoSession (unknown or wrong nonce), UnknownCode,
        UnassociatedCode; then the session is still open.
        """

    async def close(self) -> None:
        """Give back connections."""
