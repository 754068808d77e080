"""Hand out who must not be called: fit to be imported again, after a backup was restored for example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dialer.domain.dnc import DncEntry, DncList
from dialer.domain.export import ExportContent, ExportScope
from dialer.domain.ids import OrgId
from dialer.errors import BadInput
from dialer.services.sheet import Getter, Sheet, chosen_columns
from dialer.store.store import Store, Tx

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Line:
    """One entry and the list on which it stands."""

    of: DncList
    entry: DncEntry


COLUMNS: Mapping[str, Getter[Line]] = {
    "value": lambda line: line.entry.value,
    "kind": lambda line: line.entry.kind,
    "reason": lambda line: line.entry.reason,
    "until": lambda line: line.entry.ends_at,
    "added_at": lambda line: line.entry.created_at,
    "list": lambda line: line.of.name,
    "common": lambda line: "yes" if line.of.common else "no",
}


def dnc_sheet(store: Store, org_id: OrgId, content: ExportContent, scope: ExportScope) -> Sheet[Line]:
    """The entries of the organisation's DNC lists and of the common ones. Raises BadInput."""
    if scope.campaign_id is not None or scope.job_id is not None:
        raise BadInput("DNC entries belong to no campaign", where="campaign", mend="leave it out")
    return Sheet(chosen_columns(COLUMNS, tuple(COLUMNS), content.columns), _pages(store, org_id))


def _pages(store: Store, org_id: OrgId) -> Iterator[Sequence[Line]]:
    for one in store.read_now(lambda tx: tx.dnc(org_id).lists()):
        yield from _of_list(store, org_id, one)


def _of_list(store: Store, org_id: OrgId, of: DncList) -> Iterator[Sequence[Line]]:
    after = ("", "")

    def look(tx: Tx) -> list[DncEntry]:
        return tx.dnc(org_id).entries(of.id, after=after, limit=PAGE)

    while page := store.read_now(look):
        yield [Line(of, entry) for entry in page]
        after = (page[-1].value, page[-1].kind.value)
