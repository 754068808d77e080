"""A PDC in memory, with all the rules of the real one: for unit tests of apps, for `dialer ivr try`, for contract tests."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dialer.domain.clock_change import instant_of
from dialer.domain.codes import APP_SYSTEM_CODES, SYSTEM_NAME_KEYS, SystemCode, name_key
from dialer.domain.ids import new_attempt_id
from pdc.contract import (
    BadValue,
    CallbackRefused,
    CompletionCode,
    Contact,
    NoSession,
    Session,
    SessionKey,
    UnassociatedCode,
    UnknownAttribute,
    UnknownCode,
    UnknownContact,
)

ANSWERED_BY = {"HUMAN": "human", "MACHINE": "machine", "NOTSURE": "silence", "FAX": "fax"}
MAX_VALUE = 1000  # characters of an attribute or a note


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeCallback:
    """What a contact was promised."""

    at: datetime  # aware UTC
    expires: datetime | None = None
    address: str = ""
    note: str = ""


@dataclass(slots=True, kw_only=True)
class FakeCall:
    """What is kept of one call; tests read it."""

    session: Session
    nonce: str
    attributes: dict[str, str]
    code: str = ""
    notes: list[str] = field(default_factory=list)
    opted_out: str | None = None  # the reason
    callback: FakeCallback | None = None
    opened: int = 0
    ended: bool = False
    error: str = ""


class FakePdc:
    """`codes` are the campaign's custom codes; `other_codes` exist in the organisation but not in the campaign.

    `any_attribute`: the contact list is taken to have every attribute that is asked for.
    """

    def __init__(self, *, codes: Collection[str] = (), other_codes: Collection[str] = (), any_attribute: bool = False) -> None:
        self._codes = {name_key(code.value): CompletionCode(name=code.value, kind="system") for code in sorted(APP_SYSTEM_CODES)}
        self._codes.update({name_key(code): CompletionCode(name=code) for code in codes})
        self._other_codes = {name_key(code) for code in other_codes}
        self._any_attribute = any_attribute
        self.calls: dict[str, FakeCall] = {}
        self.dnc: set[str] = set()
        self.saved: dict[str, dict[str, str]] = {}  # contacts that apps made: their numbers by name
        self.added: set[str] = set()  # contacts that apps put into the job
        self.counters: dict[str, int] = {}
        self._counted: set[tuple[str, str]] = set()
        self.refuses_callbacks = ""  # the reason, to see what an app does then
        self.log: list[str] = []  # every verb that was carried out, in order, as words

    def add_call(
        self,
        *,
        app: str,
        contact: Contact | None = None,
        parameters: Mapping[str, str] | None = None,
        answered_by: str = "human",
        campaign: str = "Test campaign",
        nonce: str = "nonce-of-a-test-call",
        attempt_id: str = "",
    ) -> SessionKey:
        """Prepare an answered call. Its contact list has the attributes that the contact has (an empty one counts)."""
        who = contact or Contact(user_contact_id="1", address="+15550100")
        key = SessionKey(attempt_id=attempt_id or new_attempt_id(), nonce=nonce)
        session = Session(
            attempt_id=key.attempt_id,
            campaign=campaign,
            job_id=1,
            app=app,
            answered_by=answered_by,
            contact=who,
            parameters=dict(parameters or {}),
            codes=tuple(self._codes.values()),
        )
        self.calls[key.attempt_id] = FakeCall(session=session, nonce=nonce, attributes=dict(who.attributes))
        return key

    async def open_session(self, key: SessionKey, *, amd_status: str = "", amd_cause: str = "") -> Session:
        call = self._live(key)
        call.opened += 1
        if amd_status in ANSWERED_BY:
            call.session = replace(call.session, answered_by=ANSWERED_BY[amd_status])
        return await self.session(key)

    async def session(self, key: SessionKey) -> Session:
        return replace(self._live(key).session, contact=await self.contact(key))

    async def contact(self, key: SessionKey) -> Contact:
        call = self._live(key)
        return replace(call.session.contact, attributes=dict(call.attributes))

    async def get_attribute(self, key: SessionKey, name: str) -> str:
        call = self._live(key)
        if name not in call.attributes and not self._any_attribute:
            raise UnknownAttribute(f"the contact list has no attribute {name!r}")
        return call.attributes.get(name, "")

    async def set_attribute(self, key: SessionKey, name: str, value: str) -> None:
        await self.get_attribute(key, name)
        self._live(key).attributes[name] = _storable(value)
        self.log.append(f"set_attribute {name}={value}")

    async def completion_codes(self, key: SessionKey) -> Sequence[CompletionCode]:
        return self._live(key).session.codes

    async def set_code(self, key: SessionKey, name: str) -> None:
        call = self._live(key)
        call.code = self._code(name)
        self.log.append(f"set_code {call.code}")

    async def opt_out(self, key: SessionKey, reason: str = "") -> None:
        call = self._live(key)
        call.opted_out = _storable(reason)
        call.code = SystemCode.OPTED_OUT.value
        self.log.append(f"opt_out {reason}".rstrip())

    async def note(self, key: SessionKey, text: str) -> None:
        call = self._live(key)
        if _storable(text) not in call.notes:
            call.notes.append(text)
        self.log.append(f"note {text}")

    async def is_dnc(self, key: SessionKey, address: str = "") -> bool:
        return (address or self._live(key).session.contact.address) in self.dnc

    async def add_dnc(self, key: SessionKey, address: str = "", reason: str = "") -> None:
        self.dnc.add(_international(address or self._live(key).session.contact.address))

    async def remove_dnc(self, key: SessionKey, address: str = "") -> None:
        self.dnc.discard(_international(address or self._live(key).session.contact.address))

    async def save_contact(
        self,
        key: SessionKey,
        user_contact_id: str,
        *,
        phones: Mapping[str, str],
        attributes: Mapping[str, str] | None = None,
        list_name: str = "",
    ) -> None:
        call = self._live(key)
        unknown = [name for name in attributes or {} if name not in call.attributes and not self._any_attribute]
        if unknown:
            raise UnknownAttribute(f"the contact list has no attribute {unknown[0]!r}")
        self.saved[user_contact_id] = {name: _international(number) for name, number in phones.items()}

    async def delete_contact(self, key: SessionKey, user_contact_id: str, *, list_name: str = "") -> None:
        if self._live(key).session.contact.user_contact_id == user_contact_id:
            raise BadValue("the contact of this very call cannot be deleted before it ends")
        self.saved.pop(user_contact_id, None)

    async def add_to_job(self, key: SessionKey, user_contact_id: str, *, list_name: str = "") -> None:
        self._live(key)
        if user_contact_id not in self.saved:
            raise UnknownContact(f"no contact {user_contact_id!r}")
        self.added.add(user_contact_id)

    async def count(self, key: SessionKey, name: str, amount: int = 1, *, assign: bool = False, once: str = "") -> int:
        self._live(key)
        if not name or len(name) > 80:
            raise BadValue("a counter needs a name of at most 80 characters")
        if not once or (key.attempt_id, once) not in self._counted:
            self._counted.add((key.attempt_id, once))
            self.counters[name] = amount if assign else self.counters.get(name, 0) + amount
        return self.counters.get(name, 0)

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
        call = self._live(key)
        if (at.tzinfo is None or (expires is not None and expires.tzinfo is None)) and not zone:
            raise BadValue("a moment without its offset needs a time zone")
        start, end = _instant(at, zone), None if expires is None else _instant(expires, zone)
        if start < datetime.now(UTC) or (end is not None and end <= start):
            raise BadValue("a callback lies ahead, and expires after its moment")
        if address and address != call.session.contact.address:
            raise BadValue(f"{address} is no number of this contact")
        promised = FakeCallback(at=start, expires=end, address=address, note=_storable(note))
        if self.refuses_callbacks:
            raise CallbackRefused(self.refuses_callbacks)
        call.callback = promised
        self.log.append(f"schedule_callback {start:%Y-%m-%dT%H:%M}")

    async def end_session(self, key: SessionKey, *, outcome: str = "", error: str = "") -> None:
        call = self.calls.get(key.attempt_id)
        if call is not None and call.nonce == key.nonce and call.ended:
            return
        call = self._live(key)
        if outcome:
            call.code = self._code(outcome)
        if error:
            call.error = error
            call.code = call.code or SystemCode.APPLICATION_ERROR.value
        call.ended = True
        self.log.append(f"end_session outcome={outcome} error={error}")

    async def close(self) -> None:
        return

    def _live(self, key: SessionKey) -> FakeCall:
        call = self.calls.get(key.attempt_id)
        if call is None or call.nonce != key.nonce or call.ended:
            raise NoSession("no such call, or it has ended")
        return call

    def _code(self, name: str) -> str:
        wanted = name_key(name)
        if wanted in self._codes:
            return self._codes[wanted].name
        if wanted in self._other_codes or wanted in SYSTEM_NAME_KEYS:
            raise UnassociatedCode(f"the code {name!r} does not belong to this campaign")
        raise UnknownCode(f"there is no completion code {name!r}")


def _instant(given: datetime, zone: str) -> datetime:
    try:
        ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise BadValue(f"no time zone {zone!r}") from exc
    return instant_of(given, zone) if given.tzinfo is None else given.astimezone(UTC)


def _international(number: str) -> str:
    if not re.fullmatch(r"\+[0-9]{3,15}", number):
        raise BadValue(f"{number!r} is not an international number")
    return number


def _storable(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise BadValue("not text") from exc
    if len(value) > MAX_VALUE or "\0" in value:
        raise BadValue(f"at most {MAX_VALUE} characters, and none of them NUL")
    return value
