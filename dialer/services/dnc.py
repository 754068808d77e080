"""Respect those who do not want to be called: the do-not-call lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from dialer.domain.dnc import MAX_DAYS, DncEntry, DncKind, end_of_days
from dialer.domain.ids import OrgId
from dialer.domain.window import zone_named
from dialer.errors import BadInput, NotFound
from dialer.services.names import NAME_LIMIT, checked_text
from dialer.services.phone import NoNumber, normalise
from dialer.store.dnc import Dnc
from dialer.store.store import Store, Tx

REASON_LIMIT = 200
EMAIL_LIMIT = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class Onto:
    """Which list is meant: the one that always applies (""), or a named one; the organisation's, or one common to all."""

    name: str = ""
    common: bool = False

    def of(self, tx: Tx, org_id: OrgId) -> Dnc:
        """The repository that speaks of this list."""
        return tx.dnc(None if self.common else org_id).on(self.name)


ALWAYS_LIST = Onto()


async def add_to_dnc(
    store: Store,
    org_id: OrgId,
    value: str,
    *,
    reason: str = "",
    region: str = "US",
    kind: DncKind = DncKind.ADDRESS,
    ends_at: datetime | None = None,
    onto: Onto = ALWAYS_LIST,
) -> tuple[str, bool]:
    """Never call this number, contact or customer again, or not before `ends_at`.

    Returns the value as it is kept (a number in E.164), and whether it is new on the list. Raises BadInput, NotFound.
    """
    kept = entry_value(value, kind, region)
    why = checked_text(reason, "reason", REASON_LIMIT)
    return kept, await store.write(lambda tx: onto.of(tx, org_id).add(kept, reason=why, kind=kind, ends_at=ends_at))


async def remove_from_dnc(
    store: Store, org_id: OrgId, value: str, *, region: str = "US", kind: DncKind = DncKind.ADDRESS, onto: Onto = ALWAYS_LIST
) -> str:
    """Allow calls again, as far as this list goes. Raises BadInput, NotFound."""
    kept = entry_value(value, kind, region)
    if not await store.write(lambda tx: onto.of(tx, org_id).remove(kept, kind=kind)):
        raise NotFound(f"{kept} is not on the DNC list")
    return kept


async def list_dnc(store: Store, org_id: OrgId, *, after: str = "", limit: int = 100, onto: Onto = ALWAYS_LIST) -> list[DncEntry]:
    """A list in the order of its values, from behind `after` on. Raises NotFound."""
    return await store.read(lambda tx: onto.of(tx, org_id).page(after=after, limit=limit))


async def count_dnc(store: Store, org_id: OrgId, *, onto: Onto = ALWAYS_LIST) -> int:
    """How many entries a list has. Raises NotFound."""
    return await store.read(lambda tx: onto.of(tx, org_id).count())


def dnc_ends_at(*, days: int | None = None, until: datetime | None = None, zone: str = "", now: datetime) -> datetime | None:
    """When a timed entry ends: at a moment, or after so many days, at midnight in `zone` (UTC if none). None = never.

    Raises BadInput.
    """
    if days is not None and until is not None:
        raise BadInput("days and a moment cannot both be given", where="until")
    there = zone_named(zone or "UTC")
    if there is None:
        raise BadInput(f"no such time zone {zone!r}", where="time zone")
    if days is not None:
        if not 1 <= days <= MAX_DAYS:
            raise BadInput(f"{days} days", where="days", mend=f"1 to {MAX_DAYS}")
        return end_of_days(days, there, now)
    if until is None:
        return None
    at = (until if until.tzinfo is not None else until.replace(tzinfo=there)).astimezone(UTC)
    if at <= now:
        raise BadInput("the moment has passed", where="until")
    return at


def entry_value(value: str, kind: DncKind, region: str) -> str:
    """The form in which an entry is kept and compared: E.164, a lower-case e-mail address, or an id as it is. Raises BadInput."""
    if kind is not DncKind.ADDRESS:
        tidy = checked_text(value, kind.value, NAME_LIMIT)
        if not tidy:
            raise BadInput("an id is missing", where=kind.value)
        return tidy
    if "@" in value:
        tidy = checked_text(value, "address", EMAIL_LIMIT).casefold()
        local, _, domain = tidy.rpartition("@")
        if not local or "." not in domain or " " in tidy:
            raise BadInput(f"{value[:80]!r} is not an e-mail address", where="address", mend="for example name@example.org")
        return tidy
    found = normalise(value, region)
    if isinstance(found, NoNumber):
        raise BadInput(
            f"{value[:80]!r} is not a telephone number: {found.reason}", where="number", mend="for example +15550100123"
        )
    return found.e164
