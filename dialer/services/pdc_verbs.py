"""The PDC verbs that reach beyond the call: DNC lists, other contacts, the running job, the campaign's counters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime

from dialer import errors
from dialer.domain.attempt import Attempt
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.dnc import DncKind
from dialer.domain.ids import ContactId
from dialer.errors import BadInput, NotFound
from dialer.services.callbacks import Wanted, promise
from dialer.services.completion import StrategyOf
from dialer.services.contacts import contact_named
from dialer.services.dnc import entry_value
from dialer.services.phone import Rejected, normalise
from dialer.store.store import Store, Tx
from pdc import BadValue, CallbackRefused, SessionKey, UnknownAttribute, UnknownContact

MAX_COUNT = 10**15
VALUE_LIMIT = 1000  # characters of an attribute or a note


class CampaignVerbs(ABC):
    """The part of the dialer's own PDC that acts on the organisation's contacts and on the campaign."""

    _store: Store
    _now: Callable[[], datetime]
    _strategy_of: StrategyOf

    @abstractmethod
    def _open_attempt(self, tx: Tx, key: SessionKey) -> Attempt:
        """The attempt of a call that is up. Raises NoSession."""

    async def is_dnc(self, key: SessionKey, address: str = "") -> bool:
        """Whether a DNC list bars the address for this campaign now."""

        def work(tx: Tx) -> bool:
            attempt = self._open_attempt(tx, key)
            campaign_id = tx.jobs(None).get(attempt.job_id).campaign_id
            value = _address(address, attempt)
            return bool(tx.dnc(attempt.org_id).listed([value], campaign_id=campaign_id, now=self._now()))

        return await self._store.read(work)

    async def add_dnc(self, key: SessionKey, address: str = "", reason: str = "") -> None:
        """Bar an address for every campaign of the organisation."""

        def work(tx: Tx) -> None:
            attempt = self._open_attempt(tx, key)
            tx.dnc(attempt.org_id).add(_address(address, attempt), reason=reason[:200] or "on a call", now=self._now())

        await self._store.write(work)

    async def remove_dnc(self, key: SessionKey, address: str = "") -> None:
        """Take an address off the organisation's list."""

        def work(tx: Tx) -> None:
            attempt = self._open_attempt(tx, key)
            tx.dnc(attempt.org_id).remove(_address(address, attempt))

        await self._store.write(work)

    async def save_contact(
        self,
        key: SessionKey,
        user_contact_id: str,
        *,
        phones: Mapping[str, str],
        attributes: Mapping[str, str] | None = None,
        list_name: str = "",
    ) -> None:
        """Put a contact on a list, or change what is named of it."""
        if not user_contact_id or len(user_contact_id) > 80:
            raise BadValue("a contact needs an id of at most 80 characters")
        addresses = tuple(_new_address(name, number) for name, number in phones.items())

        def work(tx: Tx) -> None:
            attempt = self._open_attempt(tx, key)
            target = tx.contact_lists(attempt.org_id).by_name(self._list_name(tx, attempt, list_name))
            unknown = [name for name in attributes or {} if name not in target.attributes]
            if unknown:
                raise UnknownAttribute(f"the list {target.name!r} has no attribute {unknown[0]!r}")
            before = tx.contacts(attempt.org_id).find(target.id, user_contact_id)
            row = NewContact(
                user_contact_id=user_contact_id,
                language=before.language if before else "en",
                time_zone=before.time_zone if before else "",
                attributes=dict(attributes or {}),
                addresses=addresses,
            )
            tx.contacts(attempt.org_id).upsert_batch(target.id, [row])

        await self._write(work)

    async def delete_contact(self, key: SessionKey, user_contact_id: str, *, list_name: str = "") -> None:
        """Delete a contact, also from running jobs; one that is not there is gone already."""

        def work(tx: Tx) -> None:
            attempt = self._open_attempt(tx, key)
            target = tx.contact_lists(attempt.org_id).by_name(self._list_name(tx, attempt, list_name))
            found = tx.contacts(attempt.org_id).find(target.id, user_contact_id)
            if found is not None:
                if found.id == attempt.contact_id:
                    raise BadValue("the contact of this very call cannot be deleted before it ends")
                tx.contact_rules(attempt.org_id).remove([ContactId(found.id)])

        await self._write(work)

    async def add_to_job(self, key: SessionKey, user_contact_id: str, *, list_name: str = "") -> None:
        """Let the running job call a contact too."""

        def work(tx: Tx) -> None:
            attempt = self._open_attempt(tx, key)
            name = self._list_name(tx, attempt, list_name)
            contact = contact_named(tx, attempt.org_id, name, user_contact_id)
            tx.contact_rules(attempt.org_id).add_to_job(attempt.job_id, contact.id)

        await self._write(work)

    async def count(self, key: SessionKey, name: str, amount: int = 1, *, assign: bool = False, once: str = "") -> int:
        """Change a counter of the campaign; with the same `once` on the same call it counts a single time."""
        if not name or len(name) > 80 or abs(amount) > MAX_COUNT:
            raise BadValue("a counter has a name of at most 80 characters, and an amount within reason")

        def work(tx: Tx) -> int:
            attempt = self._open_attempt(tx, key)
            counters = tx.counters(tx.jobs(None).get(attempt.job_id).campaign_id)
            if once and any(kind == "count" and data.get("once") == once for _, kind, data in tx.attempts.events_of(attempt.id)):
                return counters.value(name)
            if once:
                tx.attempts.add_events([(attempt.id, self._now(), "count", {"once": once, "name": name})])
            return counters.assign(name, amount) if assign else counters.add(name, amount)

        return await self._store.write(work)

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
        """Call this contact again at a moment."""
        check_text(note)
        wanted = Wanted(at=at, zone=zone, expires_at=expires, number=address, note=note)

        def work(tx: Tx) -> None:
            attempt = self._open_attempt(tx, key)
            promise(
                tx,
                attempt.job_id,
                attempt.contact_id,
                wanted,
                strategy_of=self._strategy_of,
                now=self._now(),
                by=f"the app {attempt.app}" if attempt.app else "an app",
                on_attempt=attempt.id,
            )

        try:
            await self._store.write(work)
        except errors.CallbackRefused as exc:
            raise CallbackRefused(str(exc)) from exc
        except BadInput as exc:
            raise BadValue(str(exc)) from exc

    async def _write(self, work: Callable[[Tx], None]) -> None:
        try:
            await self._store.write(work)
        except NotFound as exc:
            raise UnknownContact(str(exc)) from exc

    def _list_name(self, tx: Tx, attempt: Attempt, list_name: str) -> str:
        if list_name:
            return list_name
        mine = tx.contacts(attempt.org_id).get(attempt.contact_id)
        return tx.contact_lists(attempt.org_id).get(mine.list_id).name


def _address(address: str, attempt: Attempt) -> str:
    if not address:
        return attempt.number
    try:
        return entry_value(address, DncKind.ADDRESS, "ZZ")
    except BadInput as exc:
        raise BadValue(f"not an address: {exc.what}") from exc


def _new_address(name: str, number: str) -> NewAddress:
    if not name or len(name) > 40:
        raise BadValue("an address needs a name of at most 40 characters")
    found = normalise(number, "ZZ")
    if isinstance(found, Rejected):
        raise BadValue(f"{name}: not an international number: {found.reason}")
    return NewAddress(name=name, value=found.e164, zones=found.zones)


def check_text(value: str) -> None:
    """Raises BadValue for what cannot be kept."""
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise BadValue("not text") from exc
    if len(value) > VALUE_LIMIT:
        raise BadValue(f"longer than {VALUE_LIMIT} characters")
    if any(ord(char) < 32 and char not in "\n\t" for char in value):
        raise BadValue("control characters are not text")
