"""Keep the area-code table: which time zone goes with the first digits of a number, before what the number alone tells."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

import phonenumbers

from dialer.domain.area_codes import MAX_DIGITS, MAX_STATE, AreaCode
from dialer.domain.ids import OrgId
from dialer.domain.window import zone_named
from dialer.errors import BadInput, Conflict
from dialer.services.names import checked_text
from dialer.store.store import Store, Tx

_DIGITS = re.compile(r"([0-9]+)(?: *[-\u2013] *([0-9]+))?")


def area_code(calling_code: str, digits: str, zone: str, *, state: str = "", locked: bool = False) -> AreaCode:
    """A row as people write it: `digits` is "212" or "205-209". Raises BadInput."""
    code = calling_code.strip().removeprefix("+")
    if not code.isdecimal() or len(code) > 4 or int(code) not in phonenumbers.COUNTRY_CODE_TO_REGION_CODE or code[0] == "0":
        raise BadInput(f"there is no calling code {calling_code!r}", where="calling code", mend="1 for North America, 90, ...")
    first, last = parsed_digits(digits)
    if zone_named(zone.strip()) is None:
        raise BadInput(f"no such time zone {zone!r}", where="zone", mend="a name of the IANA database, such as America/Denver")
    return AreaCode(
        calling_code=code, first=first, last=last, zone=zone.strip(), state=checked_text(state, "state", MAX_STATE), locked=locked
    )


def parsed_digits(digits: str) -> tuple[str, str]:
    """The first and the last beginning of a row. Raises BadInput."""
    mend = "the first digits of national numbers, such as 212, or a range such as 205-209"
    found = _DIGITS.fullmatch(digits.strip())
    if found is None:
        raise BadInput(f"{digits!r} are no digits", where="digits", mend=mend)
    first, last = found[1], found[2] or found[1]
    if len(first) != len(last) or first > last or len(first) > MAX_DIGITS:
        raise BadInput(f"{digits!r} is no range", where="digits", mend=f"{mend}: equally long, upwards, {MAX_DIGITS} at most")
    return first, last


def changes_clocks(zone: str, now: datetime) -> bool:
    """Whether the clocks change in this zone within a year (daylight saving)."""
    known = zone_named(zone)
    if known is None:
        return False
    offsets = {(now + timedelta(days=days)).astimezone(known).utcoffset() for days in range(0, 366, 15)}
    return len(offsets) > 1


async def list_area_codes(store: Store, org_id: OrgId, calling_code: str = "") -> list[AreaCode]:
    """The table, or one country's part of it, in the order of the digits."""
    return await store.read(lambda tx: tx.area_codes(org_id).all(calling_code.strip().removeprefix("+")))


async def add_area_code(store: Store, org_id: OrgId, row: AreaCode) -> bool:
    """Write a row; False when it takes the place of one with the same digits. Raises Conflict when it crosses another one."""

    def work(tx: Tx) -> bool:
        table = tx.area_codes(org_id)
        before = table.all(row.calling_code)
        if (other := next((one for one in before if one.crosses(row)), None)) is not None:
            raise Conflict(f"{row.digits} crosses {other.digits}: of a number in both, no rule could say where it is")
        table.put([row])
        return row.key not in {one.key for one in before}

    return await store.write(work)


async def lock_area_code(store: Store, org_id: OrgId, calling_code: str, digits: str, *, locked: bool) -> AreaCode:
    """Keep imports from changing a row and the zone of its numbers, or let them again. Raises BadInput, NotFound."""
    first, last = parsed_digits(digits)

    def work(tx: Tx) -> AreaCode:
        after = replace(tx.area_codes(org_id).get(calling_code.strip().removeprefix("+"), first, last), locked=locked)
        tx.area_codes(org_id).put([after])
        return after

    return await store.write(work)


async def remove_area_code(store: Store, org_id: OrgId, calling_code: str, digits: str) -> None:
    """Remove a row, locked or not. Raises BadInput, NotFound."""
    first, last = parsed_digits(digits)

    def work(tx: Tx) -> None:
        tx.area_codes(org_id).remove([tx.area_codes(org_id).get(calling_code.strip().removeprefix("+"), first, last)])

    await store.write(work)
