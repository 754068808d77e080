"""The verbs of the PDC in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dialer.domain.callback import CallbackType
from dialer.domain.clock_change import instant_of
from dialer.domain.codes import SYSTEM_NAME_KEYS, SystemCode, name_key
from dialer.ivr.fake_call import FakeCallback, storable
from dialer.ivr.fake_contacts import FakeContactVerbs, international
from pdc import (
    BadValue,
    CallbackRefused,
    CompletionCode,
    JobEnding,
    Session,
    UnassociatedCode,
    UnknownCode,
    UnknownContact,
)

ANSWERED_BY = {"HUMAN": "human", "MACHINE": "machine", "NOTSURE": "silence", "FAX": "fax"}


class FakeVerbs(FakeContactVerbs):
    """The verbs of one call; implements `pdc.SessionPdc`."""

    # ── the session ───────────────────────────────────────────────────────────────────────────────────────────────

    async def open_session(self, *, amd_status: str = "", amd_cause: str = "") -> Session:
        call = self._live()
        call.opened += 1
        if amd_status in ANSWERED_BY:
            call.session = replace(call.session, answered_by=ANSWERED_BY[amd_status])
        return await self.session()

    async def session(self) -> Session:
        return replace(self._live().session, contact=await self.contact())

    async def end_session(self, *, outcome: str = "", error: str = "", hung_up: bool = False, said_nothing: bool = False) -> None:
        call = self._pdc.calls.get(self._key.attempt_id)
        if call is not None and call.nonce == self._key.nonce and call.ended:
            return
        call = self._live()
        if outcome:
            call.code = self._code(outcome)
        if said_nothing:
            call.code = call.code or call.session.default_code
        if error:
            call.error = error
            call.code = call.code or SystemCode.APPLICATION_ERROR.value
        call.ended, call.hung_up = True, hung_up
        self.go_on_emptying()
        self._pdc.log.append(f"end_session outcome={outcome} error={error}")

    # ── the outcome ───────────────────────────────────────────────────────────────────────────────────────────────

    async def set_code(self, name: str) -> None:
        call = self._live()
        call.code = self._code(name)
        self._pdc.log.append(f"set_code {call.code}")

    async def completion_codes(self) -> Sequence[CompletionCode]:
        return self._live().session.codes

    async def opt_out(self, reason: str = "") -> None:
        call = self._live()
        call.opted_out = storable(reason)
        call.code = SystemCode.OPTED_OUT.value
        self._pdc.dnc.add(call.session.contact.address)
        self._pdc.log.append(f"opt_out {reason}".rstrip())

    async def note(self, text: str) -> None:
        call = self._live()
        if storable(text) not in call.notes:
            call.notes.append(text)
        self._pdc.log.append(f"note {text}")

    # ── do not call ───────────────────────────────────────────────────────────────────────────────────────────────

    async def is_dnc(self, address: str = "") -> bool:
        return international(address or self._live().session.contact.address) in self._pdc.dnc

    async def add_dnc(self, address: str = "", reason: str = "") -> None:
        self._pdc.dnc.add(international(address or self._live().session.contact.address))

    async def remove_dnc(self, address: str = "") -> None:
        self._pdc.dnc.discard(international(address or self._live().session.contact.address))

    # ── the campaign ──────────────────────────────────────────────────────────────────────────────────────────────

    async def add_to_job(self, user_contact_id: str, *, list_name: str = "") -> None:
        name = list_name or self._live().list_name
        self._check_job()
        if user_contact_id not in self._people(name):
            raise UnknownContact(f"no contact {user_contact_id!r}")
        self._pdc.added.add((name, user_contact_id))

    async def add_list_to_job(self, list_name: str) -> None:
        self._people(list_name)
        self._check_job()
        if list_name not in self._pdc.job_lists:
            self._pdc.job_lists.append(list_name)

    async def count(self, name: str, amount: int = 1, *, assign: bool = False, once: str = "") -> int:
        self._live()
        if not name or len(name) > 80:
            raise BadValue("a counter needs a name of at most 80 characters")
        counters, mark = self._pdc.counters, (self._key.attempt_id, once)
        if not once or mark not in self._pdc.counted:
            self._pdc.counted.add(mark)
            counters[name] = amount if assign else counters.get(name, 0) + amount
        return counters.get(name, 0)

    async def counters(self) -> Mapping[str, int]:
        self._live()
        return dict(self._pdc.counters)

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
        call = self._live()
        kind = type or ("agent" if agent else "campaign")
        if kind not in list(CallbackType) or CallbackType(kind).is_personal != bool(agent):
            raise BadValue(f"{kind!r} is no type of callback, or not one with this agent")
        if (at.tzinfo is None or (expires is not None and expires.tzinfo is None)) and not zone:
            raise BadValue("a moment without its offset needs a time zone")
        start, end = _instant(at, zone), None if expires is None else _instant(expires, zone)
        if start < datetime.now(UTC) or (end is not None and end <= start):
            raise BadValue("a callback lies ahead, and expires after its moment")
        if address and address not in {one.number for one in call.who.phones.values()}:
            raise BadValue(f"{address} is no number of this contact")
        promised = FakeCallback(at=start, expires=end, address=address, note=storable(note), type=kind, agent=agent)
        if self._pdc.refuses_callbacks:
            raise CallbackRefused(self._pdc.refuses_callbacks)
        call.callback = promised
        self._pdc.log.append(f"schedule_callback {start:%Y-%m-%dT%H:%M}")
        return start

    async def cancel_callback(self) -> None:
        call = self._live()
        if call.callback is not None:
            call.callback = None
            self._pdc.log.append("cancel_callback")

    # ── checks ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _check_job(self) -> None:
        self._live()
        if self._pdc.job_ending:
            raise JobEnding("the job is stopping")

    def _code(self, name: str) -> str:
        wanted = name_key(name)
        if wanted in self._pdc.codes:
            return self._pdc.codes[wanted].name
        if wanted in self._pdc.other_codes or wanted in SYSTEM_NAME_KEYS:
            raise UnassociatedCode(f"the code {name!r} does not belong to this campaign")
        raise UnknownCode(f"there is no completion code {name!r}")


def _instant(given: datetime, zone: str) -> datetime:
    try:
        ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise BadValue(f"no time zone {zone!r}") from exc
    return instant_of(given, zone) if given.tzinfo is None else given.astimezone(UTC)
