"""The PDC (Pluggable Data Connector) contract: what an IVR app may ask of the dialer about the call that it is on.

Verbs are spelled out here and nowhere else: whatever only carries them (HTTP, a thread, a dialplan) reads this file at start-up
(`pdc.verbs`). So a new verb is a method here, one in the dialer (`dialer/services/pdc_*.py`) and one in the fake
(`dialer/ivr/fake_verbs.py`). Every verb is idempotent, and a verb that raises has changed nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pdc.values import Attribute, CompletionCode, Contact, ListStatus, Phone, Session, SessionKey


class CallPdc(Protocol):
    """The verbs of one call: what `call.pdc` is to an IVR app.

    They act on the call and its contact; of another call nothing can be asked. They work also after the contact has hung up,
    until the app returns: what was answered can still be kept. Every verb raises NoSession once the call is over, and
    Unreachable where the dialer does not answer.
    """

    # ── the outcome ───────────────────────────────────────────────────────────────────────────────────────────────

    async def set_code(self, name: str) -> None:
        """Set the attempt's completion code; the last one set before the call ends wins.

        Raises UnknownCode, UnassociatedCode; then the code is what it was before.
        """

    async def completion_codes(self) -> Sequence[CompletionCode]:
        """The codes that this campaign may use."""

    async def opt_out(self, reason: str = "") -> None:
        """Never call this number again, from now on. The code becomes "Opted Out" unless another is set later.

        Raises BadValue.
        """

    async def note(self, text: str) -> None:
        """Keep a remark with the attempt (at most 1,000 characters). Raises BadValue."""

    # ── contacts: the one on the line, or another one by the user's own id ─────────────────────────────────────────

    async def contact(self, user_contact_id: str = "", *, list_name: str = "") -> Contact:
        """The contact, with the attributes as they are now (`call.contact` is as it was at the start).

        Here and below, `user_contact_id` names another contact, on the list `list_name` ("" = that of the one on the line).
        Raises UnknownContact.
        """

    async def get_attribute(self, name: str, *, user_contact_id: str = "", list_name: str = "") -> str:
        """One attribute of the contact; "" where it is empty. Raises UnknownAttribute, UnknownContact.

        Every contact also has what the dialer keeps of it: last_completion_code, last_attempt_time, last_successful_attempt_time,
        last_address, total_attempts, successful_attempts (of all campaigns; this call is not among them yet).
        """

    async def set_attribute(self, name: str, value: str, *, user_contact_id: str = "", list_name: str = "") -> None:
        """Write one attribute of the contact; it is kept in the form of its type, and "" is no value.

        Raises UnknownAttribute, UnknownContact, BadValue (also for what the dialer itself keeps).
        """

    async def phones(self, user_contact_id: str = "", *, list_name: str = "") -> Sequence[Phone]:
        """The numbers of the contact, in the order in which they were imported. Raises UnknownContact."""

    async def set_phone(
        self,
        name: str,
        number: str,
        *,
        user_contact_id: str = "",
        list_name: str = "",
        region: str = "",
        zone: str = "",
        check_patterns: bool = True,
        check_formats: bool = True,
    ) -> None:
        """Write one number of the contact; an empty `number` takes it away.

        A number is international, or one of `region` ("US"). Its time zone is `zone`, else the contact's, else what the number
        tells. The checks are those of imports: what a reject pattern matches is refused, and what is too short gets its
        country's prefix.
        Raises UnknownContact, BadValue.
        """

    async def save_contact(
        self,
        user_contact_id: str,
        *,
        phones: Mapping[str, str] | None = None,
        attributes: Mapping[str, str] | None = None,
        language: str = "",
        time_zone: str = "",
        list_name: str = "",
        region: str = "",
        check_patterns: bool = True,
        check_formats: bool = True,
    ) -> None:
        """Put a contact on a list, or change what is named of it. Numbers are read and checked as by `set_phone`.

        Raises BadValue, UnknownAttribute, UnknownContact (no such list).
        """

    async def delete_contact(self, user_contact_id: str, *, list_name: str = "") -> None:
        """Delete another contact, also from running jobs. Raises BadValue, UnknownContact (no such list)."""

    # ── contact lists ─────────────────────────────────────────────────────────────────────────────────────────────

    async def attributes(self, list_name: str = "") -> Sequence[Attribute]:
        """What contacts of a list ("" = that of the one on the line) may have. Raises UnknownContact."""

    async def list_status(self, list_name: str = "") -> ListStatus:
        """How many contacts a list ("" = that of the one on the line) has, and whether it is being emptied.

        Raises UnknownContact.
        """

    async def empty_list(self, list_name: str) -> None:
        """Delete every contact that is on a list now, also from running jobs; `list_status` says how far that is.

        Who is on a call goes when it ends; who is written again after this request stays. Raises UnknownContact.
        """

    # ── do not call ───────────────────────────────────────────────────────────────────────────────────────────────

    async def is_dnc(self, address: str = "") -> bool:
        """Whether a DNC list bars the address ("" = the dialled one) for this campaign now. Raises BadValue."""

    async def add_dnc(self, address: str = "", reason: str = "") -> None:
        """Bar an address ("" = the dialled one) for every campaign; the code stays as it is. Raises BadValue."""

    async def remove_dnc(self, address: str = "") -> None:
        """Take an address off the organisation's DNC list, if it is there. Raises BadValue."""

    # ── the campaign ──────────────────────────────────────────────────────────────────────────────────────────────

    async def add_to_job(self, user_contact_id: str, *, list_name: str = "") -> None:
        """Let this job call a contact too, within seconds. Raises UnknownContact, JobEnding."""

    async def add_list_to_job(self, list_name: str) -> None:
        """Let this job call one more list too, as far as its filter lets it. Raises UnknownContact, JobEnding."""

    async def count(self, name: str, amount: int = 1, *, assign: bool = False, once: str = "") -> int:
        """Add to a counter of the campaign (less with a negative amount), or `assign` it; returns its value. Atomic.

        The same `once` on the same call counts a single time: so may a request be repeated. Raises BadValue.
        """

    async def counters(self) -> Mapping[str, int]:
        """Every counter of the campaign by its name."""

    async def schedule_callback(
        self,
        at: datetime,
        *,
        zone: str = "",
        expires: datetime | None = None,
        address: str = "",
        note: str = "",
        type: str = "",
        agent: str = "",
    ) -> datetime:
        """Call this contact again at a moment; asked again on the same call, it replaces what was promised before.

        Moments are aware, or naive: then they are what the clocks of `zone` show. From `expires` on the promise is of no use.
        `address` is one of the contact's numbers ("" = as the strategy says). `type` says who keeps it: "campaign" (if nothing is
        said: anybody of the campaign, or its apps), "standard", or with an `agent` "agent" and "strict_agent".
        The answer is the moment (UTC) that was given: later than asked for where there are too many callbacks at that time; tell
        it to the contact. Raises BadValue, CallbackRefused.
        """

    async def cancel_callback(self) -> None:
        """Take back what the contact was promised in this job, if anything. Where this call is that callback, it stays so."""


class SessionPdc(CallPdc, Protocol):
    """The verbs of one call for whoever runs its treatment: those of an app, and how it begins and ends."""

    async def open_session(self, *, amd_status: str = "", amd_cause: str = "") -> Session:
        """The call is answered and wants its app. Idempotent. `amd_*` is what the switch's detector found, if it ran."""

    async def session(self) -> Session:
        """The call as it stands now."""

    async def end_session(self, *, outcome: str = "", error: str = "", hung_up: bool = False, said_nothing: bool = False) -> None:
        """The app has returned (`outcome` is a code name or "") or failed (`error` says how). Idempotent once it succeeded.

        `hung_up`: our side has ended the call, and not the contact; known where a dialplan of the switch had the call.
        `said_nothing`: it ended without an outcome. Then the code is the last one that was set, else the strategy's default.
        `outcome` is set as `set_code` would set it, so that a call needs two requests in all: this one and `open_session`.
        With `error` the code becomes "Application Error", unless the app had set one before: what the contact answered is
        not lost because the app fell over afterwards. Raises NoSession (unknown or wrong nonce), UnknownCode,
        UnassociatedCode; then the session is still open.
        """


class Pdc(Protocol):
    """The way to the verbs: `HttpPdc` over HTTP, `DirectPdc` inside the dialer, `FakePdc` in unit tests."""

    def on(self, key: SessionKey) -> SessionPdc:
        """The verbs of one call. Whether there is such a call, the verbs find out."""

    async def close(self) -> None:
        """Give back connections."""
