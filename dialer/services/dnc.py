"""Respect those who do not want to be called: the do-not-call list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dialer.domain.contact import DncEntry
from dialer.domain.ids import OrgId
from dialer.errors import BadInput, NotFound
from dialer.services.names import checked_text
from dialer.services.phone import Rejected, normalise
from dialer.store.store import Store

REASON_LIMIT = 200
BATCH = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class DncImport:
    """What became of the lines. `rejected` holds line number, text and reason."""

    added: int
    already: int
    rejected: tuple[tuple[int, str, str], ...]


async def add_to_dnc(store: Store, org_id: OrgId, number: str, *, reason: str = "", region: str = "US") -> tuple[str, bool]:
    """Never call this number again; returns it in E.164, and whether it is new on the list. Raises BadInput."""
    value = _e164(number, region)
    why = checked_text(reason, "reason", REASON_LIMIT)
    return value, await store.write(lambda tx: tx.dnc(org_id).add(value, reason=why))


async def remove_from_dnc(store: Store, org_id: OrgId, number: str, *, region: str = "US") -> str:
    """Allow calls to a number again. Raises BadInput, NotFound."""
    value = _e164(number, region)
    if not await store.write(lambda tx: tx.dnc(org_id).remove(value)):
        raise NotFound(f"{value} is not on the DNC list")
    return value


async def list_dnc(store: Store, org_id: OrgId, *, after: str = "", limit: int = 100) -> list[DncEntry]:
    """The list in the order of its numbers, from behind `after` on."""
    return await store.read(lambda tx: tx.dnc(org_id).page(after=after, limit=limit))


async def count_dnc(store: Store, org_id: OrgId) -> int:
    """How many numbers are on the list."""
    return await store.read(lambda tx: tx.dnc(org_id).count())


async def import_dnc(
    store: Store, org_id: OrgId, lines: Iterable[str], *, reason: str = "imported", region: str = "US"
) -> DncImport:
    """List the number at the beginning of each line (what follows a comma, semicolon or tab is ignored).

    Empty lines, lines that begin with # and a heading on the first line are passed over. Numbers are written in batches;
    doing the same import again does no harm.
    """
    why = checked_text(reason, "reason", REASON_LIMIT)
    rejected: list[tuple[int, str, str]] = []
    batch: list[tuple[str, str]] = []
    added = read = 0
    for place, line in enumerate(lines, start=1):
        text = _first_cell(line)
        if not text or text.startswith("#") or (place == 1 and not any(char.isdigit() for char in text)):
            continue
        found = normalise(text, region)
        if isinstance(found, Rejected):
            rejected.append((place, text[:80], found.reason))
            continue
        read += 1
        batch.append((found.e164, why))
        if len(batch) >= BATCH:
            added += await _add_batch(store, org_id, batch)
            batch = []
    added += await _add_batch(store, org_id, batch)
    return DncImport(added=added, already=read - added, rejected=tuple(rejected))


async def _add_batch(store: Store, org_id: OrgId, batch: list[tuple[str, str]]) -> int:
    return await store.write(lambda tx: tx.dnc(org_id).add_many(batch)) if batch else 0


def _first_cell(line: str) -> str:
    for separator in ",;\t":
        line = line.partition(separator)[0]
    return line.strip().strip('"').strip().lstrip("\ufeff")


def _e164(number: str, region: str) -> str:
    found = normalise(number, region)
    if isinstance(found, Rejected):
        raise BadInput(f"{number!r} is not a telephone number: {found.reason}", where="number", mend="for example +15550100123")
    return found.e164
